"""The field types an event may have, and the registry of kinds.

Owns: the types from which every journal event is built. Never: a type that could carry a picture
or a template (R1, R16): there is no bytes type, no list of numbers, and no unbroken text longer
than 80 characters except digests and signatures of fixed length and alphabet. Strategy: msgspec
structs, so that writers and readers are checked by mypy and bodies are checked at the append.

Growing: a new field is optional, a field is never renamed or given another meaning, a kind is
never reused. So every engine can read every older journal.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec

LONGEST_WORD = 80  # a 128-byte template needs 172 base64 characters; names and ids stay below 80
_NO_LONG_WORD = rf"(?s)\A(?!.*\S{{{LONGEST_WORD + 1}}})"

Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_WORD, pattern=r"\A\S+\Z")]
"""An identifier or a code: no spaces."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_WORD)]
"""A person, a place, a setting's value: one short line."""
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_NO_LONG_WORD)]
"""A sentence or a few, written by or for people."""
Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""A SHA-256 in lower-case hexadecimal."""
TextDigest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
"""The first half of a SHA-256 in hexadecimal: enough to prove which text was sent."""
Signature = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{128}\Z")]
"""An Ed25519 signature in lower-case hexadecimal."""
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # exact in every JSON reader
Number = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Time = Annotated[dt.datetime, msgspec.Meta(tz=True)]
Refs = Annotated[list[Ref], msgspec.Meta(max_length=500)]
Counts = Annotated[dict[Ref, Count], msgspec.Meta(max_length=100)]
"""Totals by a code: a reason, a category, a camera."""
Role = Literal["engineer", "operator", "officer", "integrator", "ao", "auditor", "engine"]
Mode = Literal["commissioning", "exercise", "deployment"]


class Event(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of every event; the journal adds number, time and hashes."""


class PersonEvent(Event, frozen=True, kw_only=True):
    """Something a person (or the engine, by name) did: who, and in which role."""

    actor: Name
    role: Role


REGISTRY: dict[str, type[Event]] = {}
"""Kind → event type; filled by ``kind`` when the event modules are imported."""

E = TypeVar("E", bound=type[Event])


def kind(name: str) -> Callable[[E], E]:
    """Enter an event type in the registry under ``name``; a name is given once."""

    def enter(event: E) -> E:
        if name in REGISTRY:
            raise ValueError(f"two events are called {name}")
        REGISTRY[name] = event
        return event

    return enter
