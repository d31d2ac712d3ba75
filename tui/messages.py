"""What may change the state of the terminal UI: one small record for each thing that happens.

Owns: the messages that ``state.reduce`` takes. Never: behaviour. Strategy: whoever hears something
(the link, a clock, a finished call) says it as a record with the local monotonic time at which it
was heard; nothing else changes the state.
"""

from __future__ import annotations

from dataclasses import dataclass

from lfr_engine.protocol import shapes as s


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection that carries the board went to ``word`` (``client.core.Link``)."""

    at_ns: int
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """What the connection in one role stands at; ``caller`` is our name while it is open."""

    role: str
    word: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class BoardCame:
    """A whole board."""

    at_ns: int
    board: s.Board


@dataclass(frozen=True, slots=True)
class AlertCame:
    """An alert was raised or updated."""

    at_ns: int
    alert: s.Alert


@dataclass(frozen=True, slots=True)
class AlertsListed:
    """Alerts as the engine keeps them, asked for at start and after a cut."""

    at_ns: int
    alerts: tuple[s.Alert, ...]


@dataclass(frozen=True, slots=True)
class AlertAnswered:
    """What the engine says of one alert after we acted on it: newer than what is known."""

    at_ns: int
    alert: s.Alert


@dataclass(frozen=True, slots=True)
class DecisionCame:
    """Somebody took an alert one step further."""

    at_ns: int
    transition: s.Transition


@dataclass(frozen=True, slots=True)
class LogCame:
    """One line of the engine's log."""

    log: s.LogLine


@dataclass(frozen=True, slots=True)
class EventsMissed:
    """So many events of a topic were not seen: this program was too slow, or was cut off."""

    topic: str
    count: int


@dataclass(frozen=True, slots=True)
class OtherJournal:
    """The engine came back with another journal: alerts of before are not its own."""


@dataclass(frozen=True, slots=True)
class WatchlistCame:
    """The loaded list's sizes."""

    status: s.WatchlistStatus


@dataclass(frozen=True, slots=True)
class EntriesCame:
    """Entries of the list; a first page replaces, a later one is added."""

    page: s.WatchlistPage
    first: bool


@dataclass(frozen=True, slots=True)
class JournalCame:
    """Lines of the journal with the check of its chain."""

    page: s.JournalPage
    check: s.JournalCheck | None
    first: bool


@dataclass(frozen=True, slots=True)
class StopWanted:
    """The big red stop was confirmed and has not reached the engine yet, or no longer is so."""

    pending: bool


@dataclass(frozen=True, slots=True)
class Noticed:
    """A sentence for the person at the keys; ``level`` is good, warn or bad."""

    at_ns: int
    text: str
    level: str = "good"


Message = (
    LinkChanged
    | RoleChanged
    | BoardCame
    | AlertCame
    | AlertsListed
    | AlertAnswered
    | DecisionCame
    | LogCame
    | EventsMissed
    | OtherJournal
    | WatchlistCame
    | EntriesCame
    | JournalCame
    | StopWanted
    | Noticed
)
"""Anything that may change the state."""
