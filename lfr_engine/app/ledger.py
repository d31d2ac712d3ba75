"""Alerts and decisions as subscribers follow them, folded from the journal's events.

Owns: the two durable topics, their cursors, and what each role may see. Never: a score before
one's own opinion (R10), a blue-list alert for an officer (R9), an alert for an officer that nobody
decided (R2). Strategy: the same fold over the same events in every mode, so that a client resumes
after a restart with the cursor it had; in an exercise, which keeps no journal, the cursor counts
the events of this run.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from lfr_engine.alerts.adjudication import AdjudicationSettings, score_shown
from lfr_engine.alerts.lifecycle import OPEN, Alert, AlertState, applied, generated
from lfr_engine.api.port import Caller, Item, NotFound, Page, TopicReader
from lfr_engine.app.board import moment
from lfr_engine.clock import Stamp
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertDisplayed,
    AlertExpired,
    AlertGenerated,
    AlertOpinion,
    AlertOutcome,
    AlertUpdated,
)
from lfr_engine.journal.events.fields import Event, PersonEvent
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import ALERTS, DECISIONS, CallerRole
from lfr_engine.runtime.flow import Broadcast, Lagged, Subscription

MOST_ALERTS = 10_000
MOST_EVENTS = 20_000
HEARD = 128
"""Events queued for each subscriber, from ``docs/architecture.md``."""

_STEPS = (AlertDisplayed, AlertDecided, AlertOutcome, AlertExpired)
_DECIDED_AGAINST = frozenset({AlertState.DISCOUNTED, AlertState.EXPIRED})


@dataclass(frozen=True, slots=True)
class EntryWords:
    """What is said of an entry beside its alert."""

    label: str = ""
    expected_action: str = ""


@dataclass(slots=True)
class _Kept:
    alert: Alert
    event: AlertGenerated
    cursor: int
    history: list[s.Transition] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One event of a topic; ``step`` where it is a decision."""

    cursor: int
    alert: str
    step: s.Transition | None = None


@dataclass(slots=True)
class _Topic:
    entries: deque[_Entry] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    head: int = 0
    kept_after: int = 0
    live: Broadcast[_Entry] = field(default_factory=lambda: Broadcast(HEARD))

    def add(self, entry: _Entry) -> None:
        if len(self.entries) == self.entries.maxlen:
            self.kept_after = self.entries[0].cursor
        self.entries.append(entry)
        self.head = entry.cursor
        self.live.publish(entry)


class AlertLedger:
    """The alerts of one run as clients see them.

    Args:
        adjudication: When a score may be shown, and how long a decision may take.
        words: What is said of an entry.
    """

    def __init__(
        self, adjudication: AdjudicationSettings, words: Callable[[str], EntryWords]
    ) -> None:
        self._settings = adjudication
        self._words = words
        self._kept: dict[str, _Kept] = {}
        self._taken = trio.Event()
        self._topics = {ALERTS.name: _Topic(), DECISIONS.name: _Topic()}

    @property
    def open_alerts(self) -> int:
        """Alerts that nobody decided yet."""
        return sum(kept.alert.state in OPEN for kept in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    def take(self, cursor: int, event: Event, at: Stamp) -> None:
        """Fold in one event that is durable, written at ``at``; cursors rise."""
        self._fold(cursor, event, at)
        taken, self._taken = self._taken, trio.Event()
        taken.set()

    async def reached(self, alert: Alert) -> None:
        """Wait until this ledger has seen what was done to ``alert``."""
        while True:
            kept = self._kept.get(alert.reference)
            if kept is not None and _as_far(kept.alert, alert):
                return
            await self._taken.wait()

    def _fold(self, cursor: int, event: Event, at: Stamp) -> None:
        if isinstance(event, AlertGenerated):
            self._make_room()
            self._kept[event.alert] = _Kept(generated(event, at), event, cursor)
            self._topics[ALERTS.name].add(_Entry(cursor, event.alert))
            return
        kept = self._kept.get(getattr(event, "alert", ""))
        if kept is None:
            return
        if isinstance(event, AlertUpdated):
            kept.alert, kept.cursor = applied(kept.alert, event, at), cursor
            self._topics[ALERTS.name].add(_Entry(cursor, event.alert))
        elif isinstance(event, AlertOpinion):
            kept.alert = applied(kept.alert, event, at)
        elif isinstance(event, _STEPS):
            before = kept.alert.state
            kept.alert = applied(kept.alert, event, at)
            step = _transition(event, before, kept.alert.state, at.utc)
            kept.history.append(step)
            self._topics[DECISIONS.name].add(_Entry(cursor, event.alert, step))
            if kept.alert.state is AlertState.PASSED:
                # From now on it concerns officers, who have not heard of it.
                self._topics[ALERTS.name].add(_Entry(cursor, event.alert))

    def head(self, topic: str) -> int:
        """Cursor of the newest event of a topic; 0 where there is none."""
        return self._topics[topic].head

    def read(self, topic: str, after: int, limit: int, caller: Caller) -> Page:
        """Events with cursors above ``after``, as ``caller`` may see them."""
        stored = self._topics[topic]
        items: list[Item] = []
        for entry in stored.entries:
            if entry.cursor <= after:
                continue
            item = self._item(entry, caller)
            if item is None:
                continue
            items.append(item)
            if len(items) == limit:
                return Page(items, entry.cursor, stored.kept_after)
        return Page(items, max(after, stored.head), stored.kept_after)

    @contextmanager
    def subscribe(self, topic: str, caller: Caller) -> Iterator[TopicReader]:
        """What is folded in from now on, as ``caller`` may see it."""
        with self._topics[topic].live.subscribe() as subscription:
            yield _Reader(self, subscription, caller)

    def get(self, reference: str, caller: Caller) -> s.Alert:
        """One alert. Raises ``NotFound``, also where the caller may not know of it."""
        kept = self._kept.get(reference)
        if kept is None or not visible(kept.alert, caller.role):
            raise NotFound(f"alert {reference:.20}", "there is no such alert")
        return self._shape(kept, caller)

    def page(
        self,
        states: Sequence[str],
        camera: str | None,
        older: int | None,
        limit: int,
        caller: Caller,
    ) -> s.AlertPage:
        """Alerts, newest first."""
        found: list[s.Alert] = []
        last: int | None = None
        for kept in reversed(self._kept.values()):
            if older is not None and kept.cursor >= older:
                continue
            alert = kept.alert
            if (
                not visible(alert, caller.role)
                or (states and alert.state.value not in states)
                or (camera is not None and camera not in {name for name, _ in alert.tracks})
            ):
                continue
            if len(found) == limit:
                return s.AlertPage(alerts=found, older=last)
            found.append(self._shape(kept, caller))
            last = kept.cursor
        return s.AlertPage(alerts=found)

    def _item(self, entry: _Entry, caller: Caller) -> Item | None:
        kept = self._kept.get(entry.alert)
        if kept is None or not visible(kept.alert, caller.role):
            return None
        return Item(entry.step or self._shape(kept, caller), entry.cursor)

    def _shape(self, kept: _Kept, caller: Caller) -> s.Alert:
        alert, event = kept.alert, kept.event
        shown = score_shown(alert, self._settings, caller.name)
        words = self._words(alert.entry)
        open_until = alert.touched.utc + dt.timedelta(seconds=self._settings.decide_within_s)
        return s.Alert(
            alert=alert.reference,
            reference=alert.reference,
            entry=alert.entry,
            category=alert.category,
            camera=alert.camera,
            site=alert.site,
            captured=moment(event.captured),
            raised=moment(alert.raised.utc),
            state=alert.state.value,
            label=words.label,
            priority=alert.priority,
            expected_action=words.expected_action,
            age_ms=round(event.age_ms, 1),
            late=alert.late,
            exercise=event.exercise,
            blue=event.blue,
            score=round(alert.score, 4) if shown else None,
            margin=round(alert.margin, 4) if shown and alert.margin is not None else None,
            threshold=round(alert.threshold, 4) if shown else None,
            updates=alert.updates,
            decide_by=moment(open_until) if alert.state in OPEN else None,
            history=list(kept.history),
        )

    def _make_room(self) -> None:
        if len(self._kept) < MOST_ALERTS:
            return
        for reference, kept in self._kept.items():
            if kept.alert.state not in OPEN and kept.alert.state is not AlertState.PASSED:
                del self._kept[reference]
                return


class _Reader:
    """One subscriber's end; what it may not see is passed over."""

    def __init__(
        self, ledger: AlertLedger, subscription: Subscription[_Entry], caller: Caller
    ) -> None:
        self._ledger = ledger
        self._subscription = subscription
        self._caller = caller

    async def receive(self) -> Item | Lagged:
        """The next event this caller may see, or how many were missed."""
        while True:
            entry = await self._subscription.receive()
            if isinstance(entry, Lagged):
                return entry
            item = self._ledger._item(entry, self._caller)  # noqa: SLF001 - one class in two halves
            if item is not None:
                return item


def _as_far(known: Alert, alert: Alert) -> bool:
    return known.state is alert.state and known.opinions == alert.opinions


def visible(alert: Alert, role: CallerRole) -> bool:
    """Whether a role may know of an alert as it stands."""
    if alert.state is AlertState.BLUE:
        return role not in {CallerRole.OFFICER, CallerRole.INTEGRATOR}
    if role is CallerRole.OFFICER:
        return alert.state not in OPEN and alert.state not in _DECIDED_AGAINST
    return True


def _transition(
    event: Event, before: AlertState, after: AlertState, at: dt.datetime
) -> s.Transition:
    actor, role = (event.actor, event.role) if isinstance(event, PersonEvent) else ("engine",) * 2
    reason, note = getattr(event, "reason", None), getattr(event, "note", None)
    reasons = getattr(event, "reasons", None) or ([reason] if reason else [])
    return s.Transition(
        alert=getattr(event, "alert", ""),
        came_from=before.value,
        went_to=after.value,
        at=moment(at),
        actor=actor,
        role=role,
        reasons=list(reasons),
        note=note or "",
    )
