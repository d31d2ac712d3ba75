"""The alerting actor: one per engine. Sightings become alerts, or reasons why not.

Owns: the evidence of live tracks and the alert table. Never: an alert told before its event is
recorded, a template or a picture. Strategy: ``alerts`` decides, this shell gives it time, records
what it says and then tells it; in recorded material time is the scene's own, so that cooldowns and
passes do not depend on how quickly a file is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import trio

from lfr_engine.actors.events import AlertChanged, AlertTold, EngineEvent, PassEnded
from lfr_engine.actors.messages import Question, Scored, ToAlerting, TrackClosed
from lfr_engine.alerts.adjudication import AdjudicationSettings
from lfr_engine.alerts.evidence import Evidence, EvidenceSettings, Verdict
from lfr_engine.alerts.policy import EntryFacts, PolicySettings
from lfr_engine.alerts.table import AlertTable, declined
from lfr_engine.clock import Stamp
from lfr_engine.journal.events.alerts import AlertExpired, AlertGenerated, AlertUpdated
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.telemetry import TO_DECISION, Telemetry
from lfr_engine.vision.pictures import Exposure

Record = Callable[[Sequence[Event]], Awaitable[None]]
"""Makes events durable; returns once they are."""


@dataclass(frozen=True, slots=True)
class AlertingSettings:
    """What makes an alert.

    facts: of every entry of the gallery. stricter: entries with a threshold of their own, above the
    list's (R5). recorded: time is the scene's. restore: what the journal holds of this deployment,
    each event with the stamp of its record.
    """

    adjudication: AdjudicationSettings
    evidence: EvidenceSettings
    facts: Mapping[str, EntryFacts]
    site: str
    stricter: Mapping[str, float] = field(default_factory=dict)
    policy: PolicySettings = field(default_factory=PolicySettings)
    exercise: bool = False
    recorded: bool = False
    restore: Sequence[tuple[Event, Stamp]] = ()


async def run_alerting(
    settings: AlertingSettings,
    receive: trio.MemoryReceiveChannel[ToAlerting],
    record: Record,
    publish: Callable[[EngineEvent], None],
    telemetry: Telemetry,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Decide until the sightings' channel ends. ``publish`` must not block."""
    desk = _Desk(settings, telemetry)
    task_status.started()
    async with receive:
        async for item in receive:
            if isinstance(item, Question):
                await _answer(item, desk, record, publish)
                continue
            events, told = desk.take(item)
            if events:
                await record(events)
            for one in told:
                publish(one)


async def _answer(
    question: Question, desk: _Desk, record: Record, publish: Callable[[EngineEvent], None]
) -> None:
    """Errors of the question go back to who asked; an error of recording ends the engine."""
    try:
        question.events, told = desk.ask(question)
    except Exception as error:  # noqa: BLE001 - it is handed to who asked, whatever it is
        question.error = error
    else:
        if question.events:
            await record(question.events)
        for one in told:
            publish(one)
    question.done.set()


class _Desk:
    """What the actor owns: evidence, table and the scene's clock."""

    def __init__(self, settings: AlertingSettings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._evidence = Evidence(settings.evidence)
        self._table = AlertTable(settings.adjudication, settings.policy, exercise=settings.exercise)
        self._began = telemetry.clock.utc()
        for event, at in settings.restore:
            self._table.apply(event, at)

    def take(self, item: Scored | TrackClosed) -> tuple[Sequence[Event], list[EngineEvent]]:
        """The events to record and what to tell once they are."""
        return self._closed(item) if isinstance(item, TrackClosed) else self._scored(item)

    def ask(self, question: Question) -> tuple[Sequence[Event], list[EngineEvent]]:
        """Put a question to the table; the alerts it changed are told."""
        clock = self._telemetry.clock
        events = question.act(self._table, Stamp(clock.monotonic_ns(), clock.utc()))
        changed = dict.fromkeys(
            reference
            for event in events
            if (reference := getattr(event, "alert", None)) is not None
        )
        return events, [AlertChanged(self._table[reference]) for reference in changed]

    def _scored(self, scored: Scored) -> tuple[Sequence[Event], list[EngineEvent]]:
        settings = self._settings
        candidate = scored.sighting.fused.entry
        facts = settings.facts.get(candidate) if candidate is not None else None
        own = settings.stricter.get(candidate) if candidate is not None else None
        finding = self._evidence.add(scored.sighting, own)
        self._telemetry.since(TO_DECISION, scored.captured_ns, scored.sighting.track.camera)
        if finding.verdict is not Verdict.MATCH or facts is None:
            _erase(scored.exposure)
            return (), []
        age_s = (self._telemetry.clock.monotonic_ns() - scored.captured_ns) / 1e9
        events = self._table.offer(
            finding,
            facts,
            settings.site,
            self._now(finding.captured_ns, age_s),
            threshold=max(settings.evidence.threshold, own or -1.0),
            age_ms=age_s * 1e3,
        )
        told: list[EngineEvent] = []
        for event in events:
            if isinstance(event, AlertGenerated | AlertUpdated):
                new = isinstance(event, AlertGenerated)
                if new:
                    self._telemetry.observe("capture to alert", age_s)
                alert = self._table[event.alert]
                exposure = scored.exposure if new else None
                told.append(AlertTold(alert, new, age_s, finding.captured_ns / 1e9, exposure))
            elif isinstance(event, AlertExpired):
                told.append(AlertChanged(self._table[event.alert]))
        if not any(isinstance(one, AlertTold) and one.new for one in told):
            _erase(scored.exposure)
        return events, told

    def _closed(self, closed: TrackClosed) -> tuple[Sequence[Event], list[EngineEvent]]:
        finding = self._evidence.close(closed.track)
        reason = (
            declined(finding, self._settings.adjudication.deployment)
            if finding is not None and closed.confirmed
            else None
        )
        ended = PassEnded(closed.track, closed.confirmed, closed.reason, finding)
        return (reason,) if reason is not None else (), [ended]

    def _now(self, scene_ns: int, age_s: float) -> Stamp:
        """The present; in recorded material the moment in the scene."""
        clock = self._telemetry.clock
        if not self._settings.recorded:
            return Stamp(clock.monotonic_ns(), clock.utc())
        now_ns = scene_ns + round(age_s * 1e9)
        return Stamp(now_ns, self._began + dt.timedelta(microseconds=now_ns / 1000))


def _erase(exposure: Exposure | None) -> None:
    if exposure is not None:
        exposure.erase()
