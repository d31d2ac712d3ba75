"""What became of messages, in the journal's words and in the protocol's shapes.

Owns: the translation. Never: a text, a decision. Strategy: pure functions of the relay's changes
and deliveries.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from lfr_engine.app.board import moment
from lfr_engine.app.deployment_refusal import plain
from lfr_engine.journal.events.access import RelayCoalesced, RelayState
from lfr_engine.journal.events.fields import Event
from lfr_engine.protocol import shapes as s
from lfr_engine.relay.delivery import OVER, Change, Delivery, Happening, Key

_GONE = {Happening.TAKEN.value, Happening.LEFT.value}
MOST_TIMED = 4096
"""Messages whose way to the bearer is being timed; more are not timed."""


def journalled(change: Change, deployment: str | None) -> list[Event]:
    """One change as lines of the journal."""
    key = change.key
    events: list[Event] = [
        RelayState(
            alert=key.alert,
            recipient=key.recipient,
            bearer=key.bearer,
            state=change.after.value,
            before=change.before.value,
            happening=change.happening,
            deployment=deployment,
            digest=change.digest or None,
            reference=change.reference or None,
            cause=plain(change.reason) if change.reason else None,
        )
    ]
    if change.carried > 1:
        events.append(
            RelayCoalesced(
                bearer=key.bearer,
                recipient=key.recipient,
                count=change.carried,
                deployment=deployment,
            )
        )
    return events


def times_to_bearer(
    changes: Sequence[Change], queued: dict[Key, float]
) -> Iterator[tuple[str, float]]:
    """Seconds from queued until a modem or server took each message for the first time.

    ``queued`` keeps the moments of those that wait between calls.
    """
    for change in changes:
        if change.happening == "queued":
            if len(queued) < MOST_TIMED:
                queued[change.key] = change.at
        elif change.happening in _GONE or change.after in OVER:
            began = queued.pop(change.key, None)
            if began is not None and change.happening in _GONE:
                yield change.key.bearer, change.at - began


def item_name(key: Key) -> str:
    """What commands call one message."""
    return f"{key.alert}:{key.recipient}:{key.bearer}"


def item_key(name: str) -> Key | None:
    """The message a command names; None where it names an alert."""
    parts = name.split(":")
    return Key(*parts) if len(parts) == 3 else None


def item(delivery: Delivery) -> s.RelayItem:
    """One message in the protocol's shape."""
    key = delivery.key
    return s.RelayItem(
        item=item_name(key),
        alert=key.alert,
        bearer=key.bearer,
        recipient=key.recipient,
        state=delivery.state.value,
        deadline=moment(dt.datetime.fromtimestamp(delivery.deadline, dt.UTC)),
        detail=delivery.reason,
    )
