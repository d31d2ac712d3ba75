"""The alert table: every alert of a deployment, owned by one actor.

Owns: which alerts exist, and what was last seen of each (entry, site). Never: a change without a
journal event; a template or a picture. Strategy: every method decides by the pure functions of
``policy`` and ``adjudication``, returns the events to journal, and changes itself only through
``apply``, so that ``apply`` over the journal's events after a crash gives the same table.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from lfr_engine.alerts import adjudication
from lfr_engine.alerts.adjudication import AdjudicationSettings, Decision, Opinion, Outcome, Person
from lfr_engine.alerts.evidence import Finding, Verdict
from lfr_engine.alerts.lifecycle import ENGAGED, OPEN, Alert, AlertState, applied, generated
from lfr_engine.alerts.policy import (
    Answer,
    Before,
    EntryFacts,
    PolicySettings,
    SuppressReason,
    choose,
)
from lfr_engine.clock import Stamp
from lfr_engine.errors import InputError
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertDeleted,
    AlertDisplayed,
    AlertExpired,
    AlertGenerated,
    AlertOpinion,
    AlertOutcome,
    AlertRetained,
    AlertSuppressed,
    AlertUpdated,
    ExpiryReason,
    RecognitionDeclined,
)
from lfr_engine.journal.events.deployment import OutcomeEntered
from lfr_engine.journal.events.fields import Event

Key = tuple[str, str]
"""(entry, site)."""

_OF_ONE_ALERT = (
    AlertUpdated,
    AlertDisplayed,
    AlertOpinion,
    AlertDecided,
    AlertOutcome,
    AlertExpired,
    AlertRetained,
    AlertDeleted,
)


@dataclass(slots=True)
class _History:
    """What is known of one (entry, site)."""

    newest: str = ""
    seen_ns: int = 0
    discounts: int = 0
    told: set[tuple[str, str]] = field(default_factory=set)  # (track, reason) already journalled


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """How alerts stand, blue list left out (R9). false_alerts: discounted or confirmed false."""

    alerts: int
    undecided: int
    false_alerts: int
    engaged: int
    confirmed_true: int


class AlertTable:
    """Alerts by reference.

    Args:
        adjudication: How alerts are decided; names the deployment.
        policy: When the same person may be alerted again.
        exercise: Mark every alert EXERCISE (R27).
        most_alerts: Alerts kept in memory; the oldest that need nobody any more make room. The
            journal keeps all.
    """

    def __init__(
        self,
        adjudication: AdjudicationSettings,
        policy: PolicySettings,
        *,
        exercise: bool = False,
        most_alerts: int = 10_000,
    ) -> None:
        self.adjudication = adjudication
        self.policy = policy
        self._exercise = exercise
        self._most = most_alerts
        self._alerts: dict[str, Alert] = {}
        self._histories: dict[Key, _History] = {}
        self._raised = 0
        self._forgotten: Counter[AlertState] = Counter()

    def __len__(self) -> int:
        return len(self._alerts)

    def __iter__(self) -> Iterator[Alert]:
        return iter(self._alerts.values())

    def __getitem__(self, reference: str) -> Alert:
        """The alert called ``reference``. Raises ``InputError`` where there is none."""
        alert = self._alerts.get(reference)
        if alert is None:
            raise InputError(f"alert {reference:.20}", "there is no such alert")
        return alert

    @property
    def counts(self) -> AlertCounts:
        """Alerts of the whole deployment, also those no longer in memory."""
        states = self._forgotten + Counter(alert.state for alert in self)
        return AlertCounts(
            alerts=sum(states.values()) - states[AlertState.BLUE],
            undecided=sum(states[state] for state in OPEN),
            false_alerts=states[AlertState.DISCOUNTED] + states[AlertState.CONFIRMED_FALSE],
            engaged=sum(states[state] for state in ENGAGED),
            confirmed_true=states[AlertState.CONFIRMED_TRUE],
        )

    def offer(
        self,
        finding: Finding,
        facts: EntryFacts,
        site: str,
        now: Stamp,
        *,
        threshold: float,
        age_ms: float | None = None,
    ) -> tuple[Event, ...]:
        """What a finding whose verdict is ``MATCH`` becomes, as events to journal; none at times.

        threshold: that it was judged by, for the record. age_ms: since capture; measured from
        ``now`` where None (a replay that keeps the recording's time gives it).
        """
        if finding.verdict is not Verdict.MATCH:
            raise ValueError("only a match may become an alert")
        history = self._histories.setdefault((facts.entry, site), _History())
        before = Before(self._alerts.get(history.newest), history.seen_ns, history.discounts)
        answer, reason = choose(finding, facts, before, self.policy, now.monotonic_ns)
        events: list[Event] = []
        if answer is Answer.REPLACE:
            assert before.newest is not None
            events.append(adjudication.expire(before.newest, "newer_pass", self.adjudication, now))
        if answer in (Answer.RAISE, Answer.REPLACE):
            events.append(self._raise(finding, facts, site, now, threshold, age_ms))
        elif answer is Answer.UPDATE:
            events.append(self._update(finding, history.newest, now))
        elif answer is Answer.SUPPRESS:
            assert reason is not None
            events += self._suppress(finding, site, facts.entry, history, reason)
        for event in events:
            self.apply(event, now)
        history.seen_ns = max(history.seen_ns, finding.captured_ns)
        return tuple(events)

    def displayed(self, reference: str, person: Person, now: Stamp) -> AlertDisplayed:
        """A person sees it. Raises as ``adjudication.display``."""
        event = adjudication.display(self[reference], person, self.adjudication, now)
        self.apply(event, now)
        return event

    def opinion(self, reference: str, person: Person, opinion: Opinion, now: Stamp) -> AlertOpinion:
        """A person's opinion. Raises as ``adjudication.give_opinion``."""
        event = adjudication.give_opinion(self[reference], person, opinion, self.adjudication)
        self.apply(event, now)
        return event

    def decide(
        self,
        reference: str,
        person: Person,
        decision: Decision,
        reasons: Sequence[str],
        now: Stamp,
        note: str = "",
    ) -> AlertDecided:
        """The named decision. Raises as ``adjudication.decide``."""
        event = adjudication.decide(
            self[reference], person, decision, reasons, self.adjudication, note
        )
        self.apply(event, now)
        return event

    def outcome(
        self,
        reference: str,
        person: Person,
        outcome: Outcome,
        reasons: Sequence[str],
        now: Stamp,
        note: str = "",
    ) -> AlertOutcome:
        """What officers did or found. Raises as ``adjudication.record_outcome``."""
        event = adjudication.record_outcome(
            self[reference], person, outcome, reasons, self.adjudication, note
        )
        self.apply(event, now)
        return event

    def entered(
        self, person: Person, outcome: str, count: int, reference: str | None, note: str = ""
    ) -> OutcomeEntered:
        """A count that officers enter, of one alert or none. Raises as ``adjudication.enter``."""
        alert = None if reference is None else self[reference]
        return adjudication.enter(alert, person, outcome, count, self.adjudication, note)

    def tick(self, now: Stamp) -> tuple[AlertExpired, ...]:
        """Let what nobody decided in time expire; call it about once a second."""
        due = [
            event
            for alert in self._alerts.values()
            if (event := adjudication.overdue(alert, self.adjudication, now))
        ]
        for event in due:
            self.apply(event, now)
        return tuple(due)

    def withdraw(self, entry: str, now: Stamp) -> tuple[AlertExpired, ...]:
        """An entry left the list: its undecided alerts expire at once (R15)."""
        mine = [alert for alert in self._alerts.values() if alert.entry == entry]
        return self._expire(mine, "withdrawn", now)

    def close(self, reason: ExpiryReason, now: Stamp) -> tuple[AlertExpired, ...]:
        """The deployment ends: what is undecided expires, because nobody may decide any more."""
        return self._expire(self._alerts.values(), reason, now)

    def _expire(
        self, alerts: Iterable[Alert], reason: ExpiryReason, now: Stamp
    ) -> tuple[AlertExpired, ...]:
        due = [
            adjudication.expire(alert, reason, self.adjudication, now)
            for alert in alerts
            if alert.state in OPEN
        ]
        for event in due:
            self.apply(event, now)
        return tuple(due)

    def apply(self, event: Event, at: Stamp) -> None:
        """Change the table by one journalled event, written at ``at``; others are ignored.

        Restoring: make ``at`` from the record's time with ``stamp_of``.
        """
        if isinstance(event, AlertGenerated):
            self._apply_generated(event, at)
        elif isinstance(event, AlertSuppressed):
            history = self._histories.setdefault((event.entry, event.site), _History())
            history.seen_ns = max(history.seen_ns, at.monotonic_ns)
        elif isinstance(event, _OF_ONE_ALERT) and event.alert in self._alerts:
            alert = applied(self._alerts[event.alert], event, at)
            self._alerts[event.alert] = alert
            self._apply_history(alert, event)

    def _apply_generated(self, event: AlertGenerated, at: Stamp) -> None:
        self._make_room()
        alert = generated(event, at)
        self._alerts[alert.reference] = alert
        self._raised += 1
        history = self._histories.setdefault((alert.entry, alert.site), _History())
        history.newest = alert.reference
        history.seen_ns = max(history.seen_ns, alert.captured_ns)
        history.told.clear()

    def _apply_history(self, alert: Alert, event: Event) -> None:
        history = self._histories.setdefault((alert.entry, alert.site), _History())
        history.seen_ns = max(history.seen_ns, alert.seen_ns)
        if isinstance(event, AlertDecided):
            history.discounts = history.discounts + 1 if event.decision == "discounted" else 0

    def _raise(
        self,
        finding: Finding,
        facts: EntryFacts,
        site: str,
        now: Stamp,
        threshold: float,
        age_ms: float | None,
    ) -> AlertGenerated:
        age = (now.monotonic_ns - finding.captured_ns) / 1e6 if age_ms is None else age_ms
        return AlertGenerated(
            deployment=self.adjudication.deployment,
            alert=self._next_reference(),
            entry=facts.entry,
            category=facts.category,
            site=site,
            camera=finding.track.camera,
            track=str(finding.track),
            captured=_captured(finding, now),
            age_ms=age,
            late=age > self.policy.late_s * 1000,
            score=finding.score,
            threshold=threshold,
            sightings=finding.agreeing,
            margin=finding.margin,
            second_entry=finding.second_entry,
            quality=finding.quality,
            priority=facts.priority or None,
            blue=facts.blue,
            exercise=self._exercise,
        )

    def _update(self, finding: Finding, reference: str, now: Stamp) -> AlertUpdated:
        return AlertUpdated(
            deployment=self.adjudication.deployment,
            alert=reference,
            camera=finding.track.camera,
            track=str(finding.track),
            captured=_captured(finding, now),
            score=finding.score,
            sightings=finding.agreeing,
        )

    def _suppress(
        self, finding: Finding, site: str, entry: str, history: _History, reason: SuppressReason
    ) -> list[AlertSuppressed]:
        """Said once for a track and a reason: who stands in view must not fill the journal."""
        track = str(finding.track)
        if (track, reason) in history.told:
            return []
        if len(history.told) >= 64:
            history.told.clear()
        history.told.add((track, reason))
        return [
            AlertSuppressed(
                deployment=self.adjudication.deployment,
                entry=entry,
                site=site,
                camera=finding.track.camera,
                reason=reason,
                alert=history.newest or None,
                track=track,
            )
        ]

    def _next_reference(self) -> str:
        """Six hexadecimal digits, unlike their neighbours so that they are not misheard.

        An odd multiplier permutes the 2^24 numbers, so none repeats within a deployment.
        """
        start = crc32(self.adjudication.deployment.encode())
        return f"{(start + (self._raised + 1) * 0x9E3779) & 0xFFFFFF:06X}"

    def _make_room(self) -> None:
        if len(self._alerts) < self._most:
            return
        newest = {history.newest for history in self._histories.values()}
        for reference, alert in self._alerts.items():
            if alert.state not in OPEN and alert.state is not AlertState.PASSED:
                if reference in newest:
                    del self._histories[alert.entry, alert.site]
                self._forgotten[alert.state] += 1
                del self._alerts[reference]
                return


def declined(finding: Finding, deployment: str) -> RecognitionDeclined | None:
    """Why a track that came near an entry gave no alert, for the journal, when the track ends.

    None where nobody was near (that is not a decision about anybody) or where it matched.
    """
    if finding.verdict in (Verdict.MATCH, Verdict.NOBODY_NEAR):
        return None
    return RecognitionDeclined(
        deployment=deployment,
        camera=finding.track.camera,
        reason=finding.verdict.value.replace(" ", "_"),
        sightings=finding.sightings,
        best_quality=finding.quality,
    )


def stamp_of(written: dt.datetime, now: Stamp) -> Stamp:
    """The stamp of a journal record written at ``written``, on the clock of ``now``."""
    ago_ns = round((now.utc - written).total_seconds() * 1e9)
    return Stamp(now.monotonic_ns - ago_ns, written)


def _captured(finding: Finding, now: Stamp) -> dt.datetime:
    ago = dt.timedelta(microseconds=(now.monotonic_ns - finding.captured_ns) / 1000)
    return now.utc - ago
