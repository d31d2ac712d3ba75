"""A deployment under way: what people may do with it, and what it does by itself as time passes.

Owns: the stop machine, the ceiling, the blue list and the clock guard of one deployment; the engine
is its servant. Never: waits for the journal before it makes capture safe; goes on past the
authority's end; a step of an alert without a named person. Strategy: whatever must be quick (stop,
pause, end) acts first, in one step of the loop, and is journalled at once after; everything that
allows more (resume, withdraw from the vault) is journalled first. Alerts are changed in their
owner's task only (``Engine.ask``).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import trio

from lfr_engine.actors.alerting import AlertingSettings
from lfr_engine.actors.camera import CameraReport
from lfr_engine.actors.events import AlertChanged, AlertTold, EngineEvent, PassEnded
from lfr_engine.actors.journaler import Journaler
from lfr_engine.alerts import adjudication
from lfr_engine.alerts.adjudication import (
    AdjudicationSettings,
    Decision,
    Opinion,
    Outcome,
    Person,
)
from lfr_engine.alerts.bluelist import BlueList, BlueSettings, Source
from lfr_engine.alerts.ceiling import Ceiling, CeilingSettings, Reading
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.alerts.lifecycle import OPEN, Alert, AlertState
from lfr_engine.alerts.stop import Capture, StopMachine, StopSettings
from lfr_engine.alerts.table import AlertCounts, AlertTable
from lfr_engine.app import deployment_pictures as alert_pictures
from lfr_engine.app.deployment_figures import TO_OPERATOR, Figures
from lfr_engine.app.deployment_opening import Opened, plain, stamped
from lfr_engine.app.deployment_pictures import AlertPictures
from lfr_engine.app.deployment_settling import due_records, settle
from lfr_engine.app.engine import CameraPlan, Engine, Matching
from lfr_engine.clock import Clock, Stamp, stamp
from lfr_engine.deployment.authority import Authority
from lfr_engine.deployment.clockguard import ClockGuard
from lfr_engine.deployment.intervals import clopper_pearson
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity.evidence_store import new_name
from lfr_engine.identity.watchlist import Watchlist
from lfr_engine.journal.events.alerts import AlertExpired, AlertViewed
from lfr_engine.journal.events.deployment import (
    DeploymentEnded,
    DeploymentStopped,
    OutcomeEntered,
    SignageConfirmed,
)
from lfr_engine.journal.events.engine import CameraChanged
from lfr_engine.journal.events.engine import CameraDown as DownEvent
from lfr_engine.journal.events.engine import CameraUp as UpEvent
from lfr_engine.journal.events.fields import Event, Name, Text
from lfr_engine.journal.events.watchlist import EntryWithdrawn, EvidenceHeld
from lfr_engine.journal.lines import Record
from lfr_engine.runtime.flow import Broadcast
from lfr_engine.runtime.lanes import Lane
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.condition import CameraDown, CameraUp

TICK_S = 0.25
"""How often time is looked at; a camera outlives its authority by no more."""
SETTLE_S = 600.0
ASIDE = 64
"""Pictures and camera events waiting to be kept; alerts come a few a minute."""
TOLD = 256
SEE_PICTURES = frozenset({"operator", "officer", "ao"})
END_BY_HAND = frozenset({"operator", "ao"})

Act = Callable[[AlertTable, Stamp], Sequence[Event]]
AlertNews = AlertTold | AlertChanged


@dataclass(frozen=True, slots=True)
class SessionState:
    """Where a deployment stands, read at once.

    remaining: until the cameras close. counts: as of the last tick (a quarter of a second). blue:
    hits and passes by camera; never to be shown without their interval (R8).
    """

    deployment: str
    authority: Authority
    exercise: bool
    resumed: bool
    remaining: dt.timedelta
    capture: Capture
    capture_reason: str
    present: bool
    ceiling: Reading
    counts: AlertCounts
    passes: int
    blue: dict[str, tuple[int, int]]
    watchlist: Watchlist
    threshold: float
    stated_fpir: float
    cameras: dict[str, CameraReport]


class Session:
    """A deployment. Made by ``open_deployment``; ``run`` it once.

    ``journaler.committed`` tells every journalled record, ``told`` every alert as it stands after
    a change (pictures are asked for with ``pictures``). Methods raise ``RuleError`` where a rule
    forbids and ``InputError`` where what is named does not exist or does not fit.
    """

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
        self._pending: dict[str, trio.Event] = {}
        self._aside, self._to_keep = trio.open_memory_channel[AlertTold | CameraDown | CameraUp](
            ASIDE
        )
        self._over = trio.Event()
        self._running = False
        self._ending: DeploymentEnded | None = None
        self._last_words: list[Event] = []
        past = [event for event, _ in opened.past]
        for event in past:
            self._stop.apply(event)
            self._blue.apply(event)
        self._figures.restore(past)
        plans = [_with_pictures(plan) for plan in settings.cameras]
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

    # what people see -----------------------------------------------------------------------------

    def state(self) -> SessionState:
        """Everything a screen shows of the deployment."""
        opened = self.opened
        return SessionState(
            self.deployment,
            opened.live.authority,
            opened.live.exercise,
            opened.started.resumed,
            opened.live.remaining(self._clock.utc()),
            self._stop.state,
            self._stop.reason,
            self._stop.present,
            self._ceiling.reading,
            self._counts,
            self._figures.passes,
            self._blue.rates,
            opened.stored.watchlist,
            opened.threshold,
            opened.started.stated_fpir,
            dict(self.engine.reports),
        )

    async def alerts(self) -> list[Alert]:
        """Every alert in memory, oldest first."""
        found: list[Alert] = []
        await self._look(found.extend)
        return found

    async def alert(self, reference: str) -> Alert:
        """One alert as it stands."""
        found: list[Alert] = []
        await self._look(lambda table: found.append(table[reference]))
        return found[0]

    async def pictures(self, person: Person, reference: str) -> AlertPictures:
        """An alert's pictures; that they were looked at is journalled first (R16)."""
        if person.role not in SEE_PICTURES:
            raise RuleError(
                "R16", f"alert {reference:.20}", f"as {person.role} nobody may see its pictures"
            )
        pending = self._pending.get(reference)
        if pending is not None:
            await pending.wait()
        alert = await self.alert(reference)
        if not alert.pictures:
            raise InputError(f"alert {reference:.20}", "has no pictures")
        await self._record(
            [
                AlertViewed(
                    actor=_name(person.name),
                    role=person.role,
                    deployment=self.deployment,
                    alert=alert.reference,
                )
            ]
        )
        stored = self.opened.stored
        return await self._lane.run(
            alert_pictures.show,
            self.opened.evidence,
            alert.pictures,
            stored,
            stored.watchlist.entry(alert.entry),
        )

    async def journal(
        self, after: int = 0, limit: int = 100, kinds: Sequence[str] = ()
    ) -> list[Record]:
        """Records behind a cursor, as ``Journal.read``."""
        return await self.journaler.use(lambda journal: journal.read(after, limit, kinds))

    async def head(self) -> int:
        """Number of the newest record."""
        return await self.journaler.use(lambda journal: journal.head.seq)

    # what people do with alerts ------------------------------------------------------------------

    async def display(self, person: Person, reference: str) -> Alert:
        """The alert is before a person's eyes."""
        _name(person.name)

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            first = table[reference].state is AlertState.GENERATED
            event = table.displayed(reference, person, now)
            if first:
                self.telemetry.observe(TO_OPERATOR, event.after_ms / 1e3)
            return (event,)

        return await self._changed(reference, act)

    async def opinion(self, person: Person, reference: str, opinion: Opinion) -> Alert:
        """A first opinion; the score may be shown afterwards (R10)."""
        _name(person.name)
        return await self._changed(
            reference, lambda table, now: (table.opinion(reference, person, opinion, now),)
        )

    async def decide(
        self,
        person: Person,
        reference: str,
        decision: Decision,
        reasons: Sequence[str],
        note: str = "",
    ) -> Alert:
        """The named decision (R2)."""
        _name(person.name)
        _note(note)

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events: list[Event] = [table.decide(reference, person, decision, reasons, now, note)]
            pictures = table[reference].pictures
            if decision == "discounted" and pictures:
                events.append(self._keep_until(table, reference, pictures, now))
            return events

        alert = await self._changed(reference, act)
        await self._judge()
        return alert

    async def outcome(
        self,
        person: Person,
        reference: str,
        outcome: Outcome,
        reasons: Sequence[str] = (),
        note: str = "",
        *,
        arrest: bool = False,
    ) -> Alert:
        """What officers did or found; ``arrest`` is counted in the record (R7)."""
        _name(person.name)
        _note(note)

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events: list[Event] = [table.outcome(reference, person, outcome, reasons, now, note)]
            if arrest:
                events.append(
                    OutcomeEntered(
                        actor=person.name,
                        role=person.role,
                        deployment=self.deployment,
                        outcome="arrest",
                        count=1,
                        alert=reference,
                    )
                )
            return events

        alert = await self._changed(reference, act)
        await self._judge()
        return alert

    async def hold(self, person: Person, reference: str, reason: str) -> None:
        """Keep an alert's pictures beyond their time (R19)."""
        alert = await self.alert(reference)
        if not alert.pictures:
            raise InputError(f"alert {reference:.20}", "has no pictures to keep")
        await self._record(
            [
                EvidenceHeld(
                    actor=_name(person.name),
                    role=person.role,
                    item=alert.pictures,
                    reason=_text(reason),
                    deployment=self.deployment,
                )
            ]
        )

    # what people do with capture -----------------------------------------------------------------

    async def stop(self, person: Person, reason: str) -> DeploymentStopped:
        """The big red stop (R17): no frame is used from this very moment, and cameras close.

        Returns once the readers are gone or 0.9 s have passed, and it is journalled.
        """
        pressed_ns = self._clock.monotonic_ns()
        who = Person(person.name.strip()[:80] or "not named", person.role)  # never refused (R17)
        event = self._stop.stop(who, plain(reason))
        self.engine.capture(False)
        self.engine.stop()
        await self._cameras_gone(0.9)
        last_ns = max((r.last_frame_ns for r in self.engine.reports.values()), default=pressed_ns)
        event = msgspec.structs.replace(
            event, capture_ended_ms=max(0.0, (last_ns - pressed_ns) / 1e6)
        )
        await self._record([event])
        return event

    async def pause(self, person: Person, note: str | None = None) -> None:
        """Let capture stand still; connections stay."""
        name = _name(person.name)
        event = self._stop.pause("operator", name, _text(note) if note else None)
        self.engine.capture(self._stop.may_capture)
        if event is not None:
            await self._record([event])

    async def resume(self, person: Person, note: str | None = None) -> None:
        """A named person lets capture go on after a pause or a stop (R17)."""
        was_stopped = self._stop.state is Capture.STOPPED
        event = self._stop.resume(person, stamp(self._clock), _text(note) if note else None)
        await self._record([event])
        if not self._stop.may_capture:
            return  # somebody stopped it meanwhile
        self.engine.capture(True)
        if was_stopped:
            await self._cameras_gone(5.0)
            self.engine.cameras.extend(self._held)
            self._held = []
            self.engine.start()

    async def heartbeat(self) -> dt.datetime | None:
        """An operator is there; returns by when the next is due, None without an interlock."""
        event = self._stop.heartbeat(stamp(self._clock))
        if event is not None:
            await self._record([event])
        limit = self.opened.settings.presence_s
        return None if limit is None else self._clock.utc() + dt.timedelta(seconds=limit)

    async def end(self, person: Person, note: str | None = None) -> None:
        """End the deployment in good order before its time; the list is erased with it (R4)."""
        if person.role not in END_BY_HAND:
            raise RuleError("R17", f"deployment {self.deployment}", f"{person.role} may not end it")
        self._close("operator", _name(person.name), _text(note) if note else None)

    def leave(self) -> None:
        """The process ends, the deployment does not: it may be resumed until the authority ends."""
        self.engine.capture(False)
        self._over.set()

    async def confirm_signage(self, person: Person, note: str | None = None) -> None:
        """Somebody saw that the signs stand."""
        await self._record(
            [
                SignageConfirmed(
                    actor=_name(person.name),
                    role=person.role,
                    deployment=self.deployment,
                    note=_text(note) if note else None,
                )
            ]
        )

    # cameras, list, blue list --------------------------------------------------------------------

    async def add_camera(self, person: Person, plan: CameraPlan) -> None:
        """Watch one camera more; the authority must name it (R3)."""
        name = plan.settings.camera
        authority = self.opened.live.authority
        if name not in authority.cameras:
            raise RuleError(
                "R3", authority.id, f"it does not cover camera {name}", "ask for one that names it"
            )
        await self._camera_changed(person, name, "added")
        if self._stop.state is Capture.STOPPED:
            self._held.append(_with_pictures(plan))
        else:
            self.engine.add_camera(_with_pictures(plan))

    async def remove_camera(self, person: Person, name: str) -> None:
        """Watch a camera no longer."""
        if all(plan.settings.camera != name for plan in self.engine.cameras):
            raise InputError(f"camera {name:.40}", "there is no such camera")
        await self.engine.remove_camera(name)
        await self._camera_changed(person, name, "removed")

    async def withdraw(self, person: Person, entry: str, reason: str) -> EntryWithdrawn:
        """An entry stops alerting within a second, and its undecided alerts expire (R15).

        effective_ms of the returned event: from this call until the matcher had the new list.
        """
        began_ns = self._clock.monotonic_ns()
        listed = self.opened.stored.watchlist
        changed = listed.withdrawn(entry, _text(reason))
        name = _name(person.name)
        self._gallery = self._gallery.without([entry])
        await self.engine.swap_gallery(self._gallery)
        effective_ms = (self._clock.monotonic_ns() - began_ns) / 1e6
        event = EntryWithdrawn(
            actor=name,
            role=person.role,
            watchlist=listed.id,
            entry=entry,
            reason=reason,
            deployment=self.deployment,
            effective_ms=round(effective_ms),
        )

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            facts = self.opened.facts
            facts[entry] = dataclasses.replace(facts[entry], withdrawn=True)
            return (event, *table.withdraw(entry, now))

        await self._ask(act)
        await self._lane.run(self.opened.stored.commit, changed)
        return event

    async def blue_pass(
        self,
        person: Person,
        entry: str,
        camera: str,
        source: Source = "api",
        group: str | None = None,
    ) -> None:
        """Consenting staff walked past a camera just now (R9)."""
        facts = self.opened.facts.get(entry)
        if facts is None or not facts.blue:
            raise InputError(f"entry {entry:.64}", "is not on the blue list")
        if camera not in self.engine.reports:
            raise InputError(f"camera {camera:.40}", "there is no such camera")
        _name(person.name)
        await self._record(
            self._blue.register(person, entry, camera, self._clock.utc(), source, group)
        )

    # what it does by itself ----------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until the authority ends, somebody ends it, or ``leave``. Started when it watches.

        Raises:
            ExceptionGroup: Of ``LfrError``: an actor failed for good, or the journal did.
        """
        try:
            async with trio.open_nursery() as tending:
                async with trio.open_nursery() as running:
                    await running.start(self.engine.run)
                    self._running = True
                    for task in (
                        self._watch_time,
                        self._watch_alerts,
                        self._keep,
                        self._summarise,
                        self._settle,
                    ):
                        tending.start_soon(task)
                    task_status.started()
                    await self._over.wait()
                    await self._wind_up()
                    self._running = False
                    self.engine.finish()
                tending.cancel_scope.cancel()
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
            if wrong is not None:
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
        data = self.opened.settings.data

        def write(events: Sequence[Event]) -> None:
            for event in events:
                trio.from_thread.run(self.journaler.record, [event])

        while True:
            await trio.sleep(SETTLE_S)
            records = await self.journaler.use(due_records)
            await self._lane.run(settle, records, data, self._clock, write)

    async def _keep(self) -> None:
        """Pictures become evidence, camera events become records."""
        async for item in self._to_keep:
            if isinstance(item, AlertTold):
                await self._keep_pictures(item)
            elif isinstance(item, CameraDown):
                await self._record(
                    [
                        DownEvent(
                            camera=item.camera,
                            cause=plain(item.reason),
                            deployment=self.deployment,
                        )
                    ]
                )
            else:
                await self._record(
                    [
                        UpEvent(
                            camera=item.camera,
                            outage_s=item.outage_s,
                            deployment=self.deployment,
                        )
                    ]
                )

    async def _keep_pictures(self, told: AlertTold) -> None:
        assert told.pictures is not None
        reference, name = told.alert.reference, new_name()
        try:
            await self._lane.run(alert_pictures.keep, self.opened.evidence, name, told.pictures)
            await self._ask(lambda table, now: (self._keep_until(table, reference, name, now),))
        finally:
            self._pending.pop(reference).set()

    def _keep_until(self, table: AlertTable, reference: str, name: str, now: Stamp) -> Event:
        discounted = table[reference].state is AlertState.DISCOUNTED
        event = alert_pictures.retained(
            self.opened.live,
            self.deployment,
            reference,
            name,
            "discounted_evidence" if discounted else "alert_evidence",
            now.utc,
        )
        table.apply(event, now)
        return event

    def _hear(self, event: EngineEvent) -> None:
        """The engine tells; this must not wait."""
        if isinstance(event, PassEnded):
            self._figures.ended(event)
        elif isinstance(event, AlertTold):
            self._hear_alert(event)
        elif isinstance(event, AlertChanged):
            self.told.publish(event)
        else:
            self._put_aside(event)

    def _hear_alert(self, told: AlertTold) -> None:
        if told.pictures is not None and told.alert.state is AlertState.BLUE:
            told.pictures.erase()  # of staff nothing is kept (R9)
        elif told.pictures is not None:
            self._pending[told.alert.reference] = trio.Event()
            if not self._put_aside(told):
                told.pictures.erase()
                self._pending.pop(told.alert.reference).set()
        self.told.publish(dataclasses.replace(told, pictures=None))

    def _put_aside(self, item: AlertTold | CameraDown | CameraUp) -> bool:
        try:
            self._aside.send_nowait(item)
        except trio.WouldBlock:
            self.telemetry.counts["not kept"] += 1
            return False
        return True

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
        self._over.set()

    async def _wind_up(self) -> None:
        """What is under way reaches its end, and nobody is asked to decide any more."""
        self.engine.stop()
        await self._cameras_gone(1.0)
        with trio.move_on_after(2.0):
            while self._pending:  # noqa: ASYNC110 - pictures come one by one
                await trio.sleep(0.01)
        if self._ending is not None:
            await self._ask(_expire_open)

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

    async def _ask(self, act: Act) -> None:
        if not self._running:
            raise InputError(f"deployment {self.deployment}", "is not running")

        def counted(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events = act(table, now)
            self._counts = table.counts
            return events

        try:
            await self.engine.ask(counted)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as exc:
            raise InputError(f"deployment {self.deployment}", "has ended") from exc

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

    async def _camera_changed(self, person: Person, camera: str, change: str) -> None:
        event = msgspec.convert(
            {
                "actor": _name(person.name),
                "role": person.role,
                "camera": camera,
                "change": change,
                "deployment": self.deployment,
            },
            CameraChanged,
        )
        await self._record([event])

    async def _cameras_gone(self, within_s: float) -> None:
        with trio.move_on_after(within_s):
            while self.engine.watching:  # noqa: ASYNC110 - cameras leave one by one
                await trio.sleep(0.005)


def _expire_open(table: AlertTable, now: Stamp) -> Sequence[Event]:
    due: list[AlertExpired] = [
        adjudication.expire(alert, table.adjudication, now)
        for alert in table
        if alert.state in OPEN
    ]
    for event in due:
        table.apply(event, now)
    return due


def _with_pictures(plan: CameraPlan) -> CameraPlan:
    tracking = dataclasses.replace(plan.tracking, pictures=True)
    return dataclasses.replace(plan, tracking=tracking)


def _name(text: str) -> str:
    try:
        return msgspec.convert(text, Name)
    except msgspec.ValidationError as exc:
        raise InputError("name", "is empty or longer than 80 characters") from exc


def _text(text: str) -> str:
    try:
        return msgspec.convert(text, Text)
    except msgspec.ValidationError as exc:
        raise InputError(
            "reason",
            "is empty, longer than 500 characters or one long word",
            "say it in a sentence",
        ) from exc


def _note(text: str) -> None:
    """A note is optional, and other reasons are written beside it."""
    if text and len(_text(text)) > 250:
        raise InputError("note", "is longer than 250 characters")
