"""A deployment under way: what it does by itself as time passes, and how its parts are joined.

Owns: the stop machine, the ceiling, the blue list and the clock guard of one deployment; the engine
is its servant. Never: waits for the journal before it makes capture safe; goes on past the
authority's end. Strategy: whatever must be quick (pause, end) acts first, in one step of the loop,
and is journalled at once after. Alerts are changed in their owner's task only (``Engine.ask``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import msgspec
import trio

from lfr_engine.actors.alerting import AlertingSettings
from lfr_engine.actors.events import AlertChanged, AlertTold, EngineEvent, PassEnded
from lfr_engine.actors.journaler import Journaler
from lfr_engine.alerts.adjudication import AdjudicationSettings, Person
from lfr_engine.alerts.bluelist import BlueList, BlueSettings
from lfr_engine.alerts.ceiling import Ceiling, CeilingSettings
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.alerts.stop import Capture, StopMachine, StopSettings
from lfr_engine.alerts.table import AlertCounts, AlertTable
from lfr_engine.app import deployment_pictures as alert_pictures
from lfr_engine.app.deployment_figures import Figures
from lfr_engine.app.deployment_keeping import Act, Keeping
from lfr_engine.app.deployment_opening import Opened, stamped
from lfr_engine.app.deployment_settling import due_records, settle
from lfr_engine.app.engine import Engine
from lfr_engine.app.plan import CameraPlan, Matching
from lfr_engine.app.relaying import Relaying, Said
from lfr_engine.clock import Clock, Stamp, stamp
from lfr_engine.deployment.clockguard import ClockGuard
from lfr_engine.deployment.intervals import clopper_pearson
from lfr_engine.errors import InputError
from lfr_engine.journal import viewing
from lfr_engine.journal.events.alerts import AlertViewed, ExpiryReason
from lfr_engine.journal.events.deployment import DeploymentEnded
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.flow import Broadcast
from lfr_engine.runtime.lanes import Lane
from lfr_engine.runtime.telemetry import Telemetry

TICK_S = 0.25
"""How often time is looked at; a camera outlives its authority by no more."""
SETTLE_S = 600.0
READERS_S = 0.5
"""How often readers' notes are taken; somebody at a terminal waits for it."""
TOLD = 256
DRAIN_S = 1.0
"""For what became of messages to come to the journal."""
STOPPED = "the red stop was pressed"

EXPIRES_AS: Mapping[str, ExpiryReason] = {
    "authority_end": "authority_end",
    "operator": "ended",
    "stop": "ended",
    "refused": "refused",
    "fault": "refused",
}
"""Why what is undecided expires when a deployment ends for this reason."""

AlertNews = AlertTold | AlertChanged


class SessionCore:
    """The half of a session that needs nobody. Use ``deployment_session.Session``."""

    def __init__(self, opened: Opened, journaler: Journaler, lane: Lane, clock: Clock) -> None:
        settings, authority = opened.settings, opened.live.authority
        self.opened = opened
        self.deployment = opened.deployment
        self.journaler = journaler
        self.telemetry = Telemetry(clock)
        self.told: Broadcast[AlertNews] = Broadcast(TOLD)
        self.ended = False
        self._clock = clock
        self._lane = lane
        self._stop = StopMachine(
            StopSettings(self.deployment, settings.presence_s), clock.monotonic_ns()
        )
        self._ceiling = Ceiling(
            self.deployment,
            CeilingSettings(authority.false_alert_ceiling, pause_on_red=settings.pause_on_red),
            clopper_pearson,
        )
        self._blue = BlueList(BlueSettings(self.deployment))
        self._figures = Figures(self.deployment, self.telemetry, clock.utc())
        self._guard = ClockGuard(stamp(clock))
        self._counts = AlertCounts(0, 0, 0, 0, 0)
        self._gallery = opened.gallery
        self._keeping = Keeping(opened, lane, self.telemetry, self._record, self._ask)
        self._over = trio.Event()
        self._running = False
        self._ending: DeploymentEnded | None = None
        self._last_words: list[Event] = []
        past = [event for event, _ in opened.past]
        for event in past:
            self._stop.apply(event)
            self._blue.apply(event)
        self._figures.restore(past)
        self.relaying = self._relay(past)
        plans = [with_pictures(plan) for plan in settings.cameras]
        self._held = plans if self._stop.state is Capture.STOPPED else []
        self.engine = Engine(
            [] if self._held else plans,
            opened.models.networks,
            Matching(opened.gallery, self._alerting()),
            self.telemetry,
            self._record_alerts,
            self._hear,
            live=True,
            capturing=self._stop.may_capture,
        )

    def _relay(self, past: Sequence[Event]) -> Relaying | None:
        opened = self.opened
        if opened.settings.relay is None or opened.outbox is None:
            return None
        relaying = Relaying(
            opened.settings.relay,
            opened.outbox,
            self._clock,
            self.telemetry,
            self.journaler.record,
            self._said,
            self._picture_for,
            deployment=self.deployment,
            stopped=STOPPED if self._stop.state is Capture.STOPPED else "",
        )
        relaying.restore(past)
        return relaying

    def _alerting(self) -> AlertingSettings:
        opened, settings = self.opened, self.opened.settings
        return AlertingSettings(
            AdjudicationSettings(
                self.deployment,
                blind=settings.blind,
                two_person=settings.two_person,
                decide_within_s=settings.decide_within_s,
            ),
            EvidenceSettings(
                opened.threshold, settings.agree, margin=settings.margin, alone=settings.alone
            ),
            opened.facts,
            settings.site,
            stricter=opened.thresholds,
            policy=settings.policy,
            exercise=opened.live.exercise,
            restore=stamped(opened.past, self._clock),
        )

    # what it does by itself ----------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until the authority ends, somebody ends it, or ``leave``. Started when it watches.

        Raises:
            ExceptionGroup: Of ``LfrError``: an actor failed for good, or the journal did.
        """
        try:
            async with trio.open_nursery() as telling, trio.open_nursery() as running:
                if self.relaying is not None:
                    await telling.start(self.relaying.run)
                await running.start(self.engine.run)
                self._running = True
                async with trio.open_nursery() as tending:
                    for task in (
                        self._watch_time,
                        self._watch_alerts,
                        self._keeping.run,
                        self._summarise,
                        self._settle,
                        self._hear_readers,
                    ):
                        tending.start_soon(task)
                    task_status.started()
                    await self._over.wait()
                    await self._wind_up()
                    if self.relaying is not None:
                        with trio.move_on_after(DRAIN_S):
                            await self.relaying.drain()
                        telling.cancel_scope.cancel()
                    tending.cancel_scope.cancel()  # whoever asks the engine leaves before it does
                self._running = False
                self.engine.finish()
        finally:
            self._running = False
            if not self.journaler.failed:
                with trio.move_on_after(3, shield=True):
                    await self._last_record()
            self.told.close()

    async def _watch_time(self) -> None:
        """Authority, clock, list and operator, four times a second."""
        authority = self.opened.live.authority
        before_ns = self._clock.monotonic_ns()
        while True:
            now = stamp(self._clock)
            self._figures.watched(self.engine.reports, (now.monotonic_ns - before_ns) / 1e9)
            before_ns = now.monotonic_ns
            wrong = self._guard.check(now, self.deployment)
            if wrong is not None and self._ending is None:  # once: it takes seconds to wind up
                self._last_words.append(wrong)
                self._close("refused", note=f"the clock was {wrong.cause} (R3)")
            elif now.utc >= authority.end:
                self._close("authority_end")
            elif now.utc >= self.opened.stored.vault.facts.expires:
                self._close("refused", note="the watchlist expired (R4)")
            events = self._stop.tick(now)
            if events:
                self.engine.capture(False)
                await self._record(events)
            left_s = (authority.end - self._clock.utc()).total_seconds()
            await trio.sleep(min(TICK_S, max(left_s, 0.001)) if not self._over.is_set() else TICK_S)

    async def _watch_alerts(self) -> None:
        while True:
            await self._ask(lambda table, now: table.tick(now))
            await self._judge()
            await trio.sleep(TICK_S)

    async def _summarise(self) -> None:
        every_s = self.opened.settings.summary_every.total_seconds()
        while True:
            await trio.sleep(every_s)
            await self._summary()

    async def _summary(self) -> None:
        events = self._figures.summaries(list(self.engine.reports), self._clock.utc())
        for start in range(0, len(events), 10):
            await self._record(events[start : start + 10])

    async def _settle(self) -> None:
        """Erase what falls due while this runs."""
        data, loop = self.opened.settings.data, trio.lowlevel.current_trio_token()

        def write(events: Sequence[Event]) -> None:
            for event in events:
                trio.from_thread.run(self.journaler.record, [event], trio_token=loop)

        while True:
            await trio.sleep(SETTLE_S)
            records = await self.journaler.use(due_records)
            await self._lane.run(settle, records, data, self._clock, write, self.deployment)

    async def _hear_readers(self) -> None:
        """Who looks at the journal file while this runs is recorded in it (R16)."""
        while True:
            await trio.sleep(READERS_S)
            notes = await self.journaler.use(lambda journal: viewing.waiting_notes(journal.path))
            if notes:
                await self._record([view for _, view in notes])
                viewing.done(notes)

    def _hear(self, event: EngineEvent) -> None:
        """The engine tells; this must not wait."""
        if isinstance(event, PassEnded):
            self._figures.ended(event)
        elif isinstance(event, AlertTold):
            self._keeping.take(event)
            self.told.publish(dataclasses.replace(event, exposure=None))
        elif isinstance(event, AlertChanged):
            self.told.publish(event)
        else:
            self._keeping.note(event)

    async def _judge(self) -> None:
        """Look at the false-alert ceiling (R6)."""
        event = self._ceiling.update(self._counts.false_alerts, self._figures.passes)
        if event is None:
            return
        events: list[Event] = [event]
        if event.paused:
            self.engine.capture(False)
            paused = self._stop.pause("ceiling")
            events += [paused] if paused is not None else []
        await self._record(events)

    # ending --------------------------------------------------------------------------------------

    def _close(self, reason: str, actor: str | None = None, note: str | None = None) -> None:
        """Cameras close now; ``run`` does the rest."""
        if self._ending is None:
            self._ending = msgspec.convert(
                {"deployment": self.deployment, "reason": reason, "actor": actor, "note": note},
                DeploymentEnded,
            )
            self._stop.apply(self._ending)
        self.engine.capture(False)
        self.engine.stop()
        if self.relaying is not None:
            self.relaying.stop(f"the deployment ended: {reason.replace('_', ' ')}")
        self._over.set()

    async def _wind_up(self) -> None:
        """What is under way reaches its end, and nobody is asked to decide any more."""
        self.engine.stop()
        await self._cameras_gone(1.0)
        with trio.move_on_after(2.0):
            await self._keeping.all_kept()
        if self._ending is not None:
            reason = EXPIRES_AS[self._ending.reason]
            await self._ask(lambda table, now: table.close(reason, now))

    async def _last_record(self) -> None:
        await self._summary()
        if self._ending is not None:
            await self._record([*self._last_words, self._ending])
            self.ended = True

    # helpers -------------------------------------------------------------------------------------

    async def _record_alerts(self, events: Sequence[Event]) -> None:
        """Alert events of the engine, with the blue-list hits they mean."""
        hits = [hit for event in events for hit in self._blue.recognised(event)]
        await self._record([*events, *hits])

    async def _record(self, events: Sequence[Event]) -> None:
        await self.journaler.record(events)
        if self.relaying is not None:
            self.relaying.take(events)  # durable now, so it may leave

    async def _said(self, person: Person, reference: str, said: Said, note: str) -> None:
        """An officer answered a cue: a step of the alert, by them (R2)."""
        await self._changed(
            reference, lambda table, now: (table.outcome(reference, person, said, (), now, note),)
        )
        await self._judge()

    async def _picture_for(self, reference: str, recipient: str) -> bytes | None:
        """An alert's scene for an officer, the look journalled first (R16)."""
        await self._keeping.kept(reference)
        found: list[str] = []
        await self._look(lambda table: found.append(table[reference].pictures))
        if not found[0]:
            return None
        await self._record(
            [
                AlertViewed(
                    actor=recipient, role="officer", deployment=self.deployment, alert=reference
                )
            ]
        )
        return await self._lane.run(alert_pictures.scene, self.opened.evidence, found[0])

    async def _ask(self, act: Act) -> None:
        self._require_running()

        def counted(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events = act(table, now)
            self._counts = table.counts
            return events

        try:
            await self.engine.ask(counted)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as exc:
            raise InputError(f"deployment {self.deployment}", "has ended") from exc

    def _require_running(self) -> None:
        if not self._running:
            raise InputError(f"deployment {self.deployment}", "is not running")

    async def _look(self, read: Callable[[AlertTable], object]) -> None:
        def act(table: AlertTable, _: Stamp) -> Sequence[Event]:
            read(table)
            return ()

        await self._ask(act)

    async def _changed(self, reference: str, act: Act) -> Alert:
        found: list[Alert] = []

        def and_look(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events = act(table, now)
            found.append(table[reference])
            return events

        await self._ask(and_look)
        return found[0]

    async def _cameras_gone(self, within_s: float) -> None:
        with trio.move_on_after(within_s):
            while self.engine.watching:  # noqa: ASYNC110 - cameras leave one by one
                await trio.sleep(0.005)


def with_pictures(plan: CameraPlan) -> CameraPlan:
    """A camera that also makes what an alert shows."""
    tracking = dataclasses.replace(plan.tracking, pictures=True)
    return dataclasses.replace(plan, tracking=tracking)
