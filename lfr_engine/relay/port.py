"""The Bearer port: what the relay tells a bearer, and what a bearer tells the relay.

Owns: the messages of that conversation. Never: a transport. Strategy: a bearer is an actor
``async def run_<kind>(settings, orders, reports, clock, …)``; it takes ``Order``s one by one and
ends each with exactly one final ``Progress``. Everything it hears from officers comes back as
``Receipt`` or ``Answer``, addressed by what it knows: an address and a reference.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

from lfr_engine.clock import Clock
from lfr_engine.errors import Fault, LfrError
from lfr_engine.relay.cue import Cue
from lfr_engine.relay.delivery import Happening


class BearerLost(LfrError):
    """A bearer's line or server went away; trying again may help."""

    fault = Fault.NETWORK


class Reply(enum.StrEnum):
    """What an officer can answer; the words of the alert's life cycle."""

    SEEN = "seen"
    ENGAGED = "engaged"
    LOST = "lost"
    NO_ACTION = "no_action"


@dataclass(frozen=True, slots=True)
class Order:
    """One message to send: one cue, or several for one address coalesced into one line.

    Args:
        number: Names the order in its Progress; unique while the engine runs.
        alerts: The alerts' identifiers, in the order of ``cues``.
        recipient: Identifier of the recipient.
        address: The bearer's own address of the recipient.
        text: The line to send; made when the order is, so that the journal's digest is of it.
        reference: 1…255; the same for every repetition of a message.
        deadline: Seconds since 1970; the bearer must not send after it.
    """

    number: int
    alerts: tuple[str, ...]
    recipient: str
    address: str
    group: bool
    cues: tuple[Cue, ...]
    text: str
    reference: int
    deadline: float


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of an order so far; ``final`` once the bearer is done with it."""

    bearer: str
    number: int
    happening: Happening
    reason: str = ""
    final: bool = True


@dataclass(frozen=True, slots=True)
class Receipt:
    """The far end reported a message: RECEIPT, SEEN, or TROUBLE and REFUSED from the network."""

    bearer: str
    address: str
    reference: int
    happening: Happening
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An officer answered. ``reference`` is the cue's public one, "" when the bearer has none."""

    bearer: str
    address: str
    reply: Reply
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A bearer came up or went down, with a line for the status board."""

    bearer: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A bearer's actor ended; its orders have an unknown fate.

    ``noted`` is called once they are queued again, so that the actor may start afresh.
    """

    bearer: str
    reason: str
    noted: Callable[[], None]


BearerEvent = Progress | Receipt | Answer | Link | Ended


class Moments:
    """Seconds since 1970 that never step: the wall clock read once, carried on by the monotonic.

    Deadlines outlive a restart, so they are kept in these seconds; a wall clock that is set while
    the engine runs moves none of them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._origin = clock.utc().timestamp() - clock.monotonic_ns() / 1e9

    def now(self) -> float:
        """Seconds since 1970."""
        return self._origin + self._clock.monotonic_ns() / 1e9

    def utc(self) -> dt.datetime:
        """The same moment, aware."""
        return dt.datetime.fromtimestamp(self.now(), dt.UTC)


_REFERENCE = re.compile(r"#([A-Z0-9]{4,8})\b", re.ASCII)

REPLY_WORDS: dict[str, Reply] = {
    "SEEN": Reply.SEEN,
    "ROGER": Reply.SEEN,
    "OK": Reply.SEEN,
    "ENGAGED": Reply.ENGAGED,
    "STOPPED": Reply.ENGAGED,
    "LOST": Reply.LOST,
    "GONE": Reply.LOST,
    "NO": Reply.NO_ACTION,
    "NOACTION": Reply.NO_ACTION,
}


def read_reply(text: str) -> tuple[Reply, str] | None:
    """An officer's line such as ``#A1B2C3 engaged`` as (reply, reference), None if not an answer.

    Without a reference the second part is "". The first word that is an answer decides.
    """
    upper = text.upper()
    found = _REFERENCE.search(upper)
    reference = found[1] if found else ""
    for word in re.findall(r"[A-Z]+", _REFERENCE.sub(" ", upper)):
        if word in REPLY_WORDS:
            return REPLY_WORDS[word], reference
    return None
