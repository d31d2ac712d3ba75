"""The table of kinds: what may be journalled, and the check at the door.

Owns: ``KINDS`` and ``checked``. Never: lets through what the table does not name; in particular
nothing that could be biometric (R1, R16). Strategy: the event types in ``journal/events`` are the
table; a body is converted to its type and back, so what is written is exactly what was checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from lfr_engine.errors import EngineError

# each import enters its events in the registry
from lfr_engine.journal.events import access, alerts, deployment, engine, watchlist  # noqa: F401
from lfr_engine.journal.events.fields import REGISTRY, Event

KINDS: Mapping[str, type[Event]] = REGISTRY
"""Kind → event type. ``docs/journal.md`` is drawn from it."""

_NAMES = {event: name for name, event in REGISTRY.items()}


def item(event: Event) -> tuple[str, dict[str, Any]]:
    """Kind and body of a typed event: ``journal.append(*item(event))``."""
    return _NAMES[type(event)], msgspec.to_builtins(event)


def checked(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """``body`` as plain JSON values, after the check against its kind.

    Raises:
        EngineError: The kind is unknown, or a field is unknown, missing, of another type, too
            long or not finite. The message names the field and never repeats the value.
    """
    event_type = KINDS.get(kind)
    if event_type is None:
        raise EngineError(f"journal {kind:.40}", "this kind of event is not in the table")
    try:
        event = msgspec.convert(dict(body), event_type)  # str is accepted for a time, as read back
    except (msgspec.ValidationError, TypeError) as exc:
        raise _misfit(kind, exc) from None
    built: dict[str, Any] = msgspec.to_builtins(event)
    return built


def typed(kind: str, body: Mapping[str, Any]) -> Event:
    """The event of a record that was read back; the inverse of ``checked``.

    Raises:
        EngineError: As ``checked``.
    """
    event_type = KINDS.get(kind)
    if event_type is None:
        raise EngineError(f"journal {kind:.40}", "this kind of event is not in the table")
    try:
        return msgspec.convert(body, event_type)
    except msgspec.ValidationError as exc:
        raise _misfit(kind, exc) from None


def _misfit(kind: str, exc: Exception) -> EngineError:
    # msgspec names fields and types, and repeats a value only when it is not in its list
    what = str(exc)
    if what.startswith("Invalid enum value"):
        what = f"a value that is not in its list - at {what.rpartition(' - at ')[2]}"
    return EngineError(f"journal {kind}", f"the event does not fit its kind: {what}")
