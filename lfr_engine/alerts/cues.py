"""What officers must be told of alerts, folded from the journal's events.

Owns: from an alert's event to the cue that may leave (R18), and when one follows, is taken back or
needs no further sending. Never: a recipient, a bearer, a delivery (``relay.table`` has them); a
name, an entry's id or a free text in a cue. Strategy: a table from where an alert stands with its
officers and what happened to it; the same fold over the journal gives the same cues after a crash.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

import msgspec

from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertExpired,
    AlertGenerated,
    AlertOutcome,
)
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import EntryWithdrawn
from lfr_engine.relay.asked import Request
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.settings import RelaySettings

MOST_ALERTS = 10_000
"""As many as the alert table keeps; the oldest make room."""

UNRANKED = 5
"""Priority of an alert whose entry has none, in the middle of 1 … 9."""


class Stand(enum.Enum):
    """What officers were to be told of an alert so far."""

    SILENT = "silent"  # nothing
    UNREVIEWED = "unreviewed"  # a cue marked "?"
    REVIEWED = "reviewed"  # a cue marked "!"
    BACK = "taken back"  # that the cue no longer holds
    OVER = "over"  # nothing more


class Turn(enum.Enum):
    """What happens to an alert, as far as officers are concerned."""

    PASSED = "passed"
    DROPPED = "dropped"  # discounted, expired, or its entry withdrawn
    DONE = "done"  # officers said what came of it


TABLE: dict[tuple[Stand, Turn], Stand] = {
    (Stand.SILENT, Turn.PASSED): Stand.REVIEWED,
    (Stand.SILENT, Turn.DROPPED): Stand.OVER,
    (Stand.UNREVIEWED, Turn.PASSED): Stand.REVIEWED,
    (Stand.UNREVIEWED, Turn.DROPPED): Stand.BACK,
    (Stand.REVIEWED, Turn.DROPPED): Stand.BACK,
    (Stand.REVIEWED, Turn.DONE): Stand.OVER,
}
"""Anything else leaves an alert where it stands."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Send nothing more of an alert, and tell nobody: why."""

    alert: str
    reason: str


News = Request | Finish


@dataclass(slots=True)
class _Known:
    cue: Cue
    entry: str
    priority: int
    stand: Stand
    reason: str = ""


class CueBook:
    """The cues of one run.

    Args:
        settings: Policy (``review``) and the codes of places and categories.
    """

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._known: dict[str, _Known] = {}
        self._fresh: dict[str, None] = {}  # alerts with news, oldest first; the newest news counts

    def take(self, event: Event) -> None:
        """Fold one journalled event in."""
        match event:
            case AlertGenerated():
                self._begin(event)
            case AlertDecided():
                turn = Turn.PASSED if event.decision == "passed" else Turn.DROPPED
                self._turn(event.alert, turn, event.decision)
            case AlertExpired():
                self._turn(event.alert, Turn.DROPPED, "expired")
            case AlertOutcome():
                self._turn(event.alert, Turn.DONE, event.outcome.replace("_", " "))
            case EntryWithdrawn():
                for alert, known in list(self._known.items()):
                    if known.entry == event.entry:
                        self._turn(alert, Turn.DROPPED, "entry withdrawn")

    def news(self) -> list[News]:
        """What is new since the last call."""
        fresh, self._fresh = self._fresh, {}
        return [news for alert in fresh if (news := self._news(alert)) is not None]

    def again(self, news: News) -> None:
        """It could not be told: it is new again, unless something newer happened to the alert."""
        self._fresh[news.alert] = None

    def standing(self, now: dt.datetime) -> list[News]:
        """All that must hold now, for a relay that starts: what was already told changes nothing.

        What is past its deadline is left out.
        """
        self._fresh.clear()
        oldest = now - dt.timedelta(seconds=self._settings.deadline_s)
        return [
            news
            for alert, known in self._known.items()
            if known.cue.captured > oldest and (news := self._news(alert)) is not None
        ]

    def shows(self, alert: str) -> bool:
        """Whether an alert's picture may be fetched by an officer now."""
        known = self._known.get(alert)
        return known is not None and known.stand in {Stand.UNREVIEWED, Stand.REVIEWED}

    def _begin(self, event: AlertGenerated) -> None:
        if event.alert in self._known:
            return
        while len(self._known) >= MOST_ALERTS:
            oldest = next(iter(self._known))
            del self._known[oldest]
            self._fresh.pop(oldest, None)
        early = self._settings.review == "before"
        stand = Stand.UNREVIEWED if early else Stand.SILENT
        self._known[event.alert] = _Known(
            cue_of(event, self._settings), event.entry, event.priority or UNRANKED, stand
        )
        if early:
            self._fresh[event.alert] = None

    def _turn(self, alert: str, turn: Turn, reason: str) -> None:
        known = self._known.get(alert)
        if known is None:
            return
        stand = TABLE.get((known.stand, turn), known.stand)
        if stand is not known.stand:
            if known.stand is not Stand.SILENT or stand is not Stand.OVER:
                self._fresh[alert] = None
            known.stand, known.reason = stand, reason

    def _news(self, alert: str) -> News | None:
        known = self._known[alert]
        match known.stand:
            case Stand.SILENT:
                return None
            case Stand.OVER:
                return Finish(alert, known.reason)
            case stand:
                cue = msgspec.structs.replace(
                    known.cue,
                    reviewed=stand is Stand.REVIEWED,
                    withdrawn=stand is Stand.BACK,
                )
                return Request(alert=alert, cue=cue, priority=known.priority)


def cue_of(event: AlertGenerated, settings: RelaySettings) -> Cue:
    """An alert as far as it may leave; the score only where policy shows it.

    A cosine below 0 is shown as 0. The time is the capture's, in UTC.
    """
    score = min(1.0, max(0.0, event.score)) if settings.show_score else None
    return Cue(
        reference=event.alert,
        place=settings.place_code(event.camera),
        category=settings.category_code(event.category),
        captured=event.captured.astimezone(dt.UTC),
        reviewed=False,
        score=score,
        caution=settings.caution(event.category),
        marking=Marking.EXERCISE if event.exercise else Marking.LIVE,
        blue_list=event.blue,
    )
