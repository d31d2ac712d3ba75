"""A deployment as people use it: look, stop, pause, resume, withdraw, end.

Owns: what every call on capture, cameras and list checks and journals; alerts are
``deployment_desk``'s. Never: a stop that is refused (R17). Strategy: whatever must be quick (stop,
pause) acts first and is journalled at once after; everything that allows more (resume, a camera
added) is journalled first. Whoever calls was told apart by ``api``; what the rules ask of a role is
asked again here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import trio

from lfr_engine.actors.camera import CameraReport
from lfr_engine.alerts.adjudication import Person
from lfr_engine.alerts.bluelist import Source, Walked
from lfr_engine.alerts.ceiling import Reading
from lfr_engine.alerts.stop import Capture
from lfr_engine.alerts.table import AlertCounts, AlertTable
from lfr_engine.app.deployment_core import STOPPED, with_pictures
from lfr_engine.app.deployment_desk import AlertSession, named, sentence
from lfr_engine.app.deployment_refusal import plain
from lfr_engine.app.plan import CameraPlan
from lfr_engine.clock import Stamp, stamp
from lfr_engine.deployment.authority import Authority
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity.watchlist import Watchlist
from lfr_engine.journal.events.deployment import (
    DeploymentStopped,
    SignageConfirmed,
)
from lfr_engine.journal.events.engine import CameraChanged
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import EntryWithdrawn
from lfr_engine.journal.lines import Record

CLOSING_S = 0.6
"""How long a stop waits for readers to leave; no frame is used meanwhile. What is left of a second
is for the journal, so that the answer comes in time on a starved machine too.
"""
RECORDED_S = 10.0
"""Bounds the recording of a stop; a journal that hangs ends the engine sooner than that."""
END_BY_HAND = frozenset({"operator", "ao"})


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


class Session(AlertSession):
    """A deployment. Made by ``open_deployment``; ``run`` it once.

    ``journaler.committed`` tells every journalled record, ``told`` every alert as it stands after
    a change (pictures are asked for with ``pictures``). Methods raise ``RuleError`` where a rule
    forbids and ``InputError`` where what is named does not exist or does not fit.
    """

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

    async def journal(
        self, after: int = 0, limit: int = 100, kinds: Sequence[str] = ()
    ) -> list[Record]:
        """Records behind a cursor, as ``Journal.read``."""
        return await self.journaler.use(lambda journal: journal.read(after, limit, kinds))

    async def head(self) -> int:
        """Number of the newest record."""
        return await self.journaler.use(lambda journal: journal.head.seq)

    # what people do with capture -----------------------------------------------------------------

    async def stop(self, person: Person, reason: str) -> DeploymentStopped:
        """The big red stop (R17): no frame is used from this very moment, and cameras close.

        Returns once the readers are gone or ``CLOSING_S`` have passed, and it is journalled.
        """
        pressed_ns = self._clock.monotonic_ns()
        who = Person(person.name.strip()[:80] or "not named", person.role)  # never refused (R17)
        event = self._stop.stop(who, plain(reason))
        self.engine.capture(False)
        self.engine.stop()
        if self.relaying is not None:
            self.relaying.stop(STOPPED)
        # whoever pressed may be gone already: what was stopped is recorded all the same
        with trio.move_on_after(RECORDED_S, shield=True):
            return await self._stopped(event, pressed_ns)
        return event

    async def _stopped(self, event: DeploymentStopped, pressed_ns: int) -> DeploymentStopped:
        await self._cameras_gone(CLOSING_S)
        last_ns = max((r.last_frame_ns for r in self.engine.reports.values()), default=pressed_ns)
        event = msgspec.structs.replace(
            event, capture_ended_ms=max(0.0, (last_ns - pressed_ns) / 1e6)
        )
        await self._record([event])
        return event

    async def pause(self, person: Person, note: str | None = None) -> None:
        """Let capture stand still; connections stay."""
        name = named(person.name)
        event = self._stop.pause("operator", name, sentence(note) if note else None)
        self.engine.capture(self._stop.may_capture)
        if event is not None:
            await self._record([event])

    async def resume(self, person: Person, note: str | None = None) -> None:
        """A named person lets capture go on after a pause or a stop (R17)."""
        was_stopped = self._stop.state is Capture.STOPPED
        event = self._stop.resume(person, stamp(self._clock), sentence(note) if note else None)
        await self._record([event])
        if not self._stop.may_capture:
            return  # somebody stopped it meanwhile
        self.engine.capture(True)
        if was_stopped and self.relaying is not None:
            self.relaying.go_on()
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
        self._close("operator", named(person.name), sentence(note) if note else None)

    def leave(self) -> None:
        """The process ends, the deployment does not: it may be resumed until the authority ends."""
        self.engine.capture(False)
        self._over.set()

    async def confirm_signage(self, person: Person, note: str | None = None) -> None:
        """Somebody saw that the signs stand."""
        await self._record(
            [
                SignageConfirmed(
                    actor=named(person.name),
                    role=person.role,
                    deployment=self.deployment,
                    note=sentence(note) if note else None,
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
            self._held.append(with_pictures(plan))
        else:
            self.engine.add_camera(with_pictures(plan))

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
        self._require_running()
        began_ns = self._clock.monotonic_ns()
        stored = self.opened.stored
        listed = stored.watchlist
        listed.withdrawn(entry, sentence(reason))  # refused now, before anything changed
        name = named(person.name)
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
        # The document as it is then: another withdrawal may have been quicker to the vault.
        await self._lane.run(lambda: stored.commit(stored.watchlist.withdrawn(entry, reason)))
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
        await self.blue_passes(person, [Walked(entry, camera, self._clock.utc(), group)], source)

    async def blue_passes(self, person: Person, walked: Sequence[Walked], source: Source) -> None:
        """Consenting staff walked past (R9): all of it is registered, or none."""
        named(person.name)
        began, now = self.opened.live.authority.start, self._clock.utc()
        for walk in walked:
            facts = self.opened.facts.get(walk.entry)
            if facts is None or not facts.blue:
                raise InputError(f"entry {walk.entry:.64}", "is not on the blue list")
            if walk.camera not in self.engine.reports:
                raise InputError(f"camera {walk.camera:.40}", "there is no such camera")
            if not began <= walk.at <= now:
                raise InputError(
                    f"pass of {walk.entry:.64}", f"{walk.at:%Y-%m-%d %H:%M:%S} is not in this run"
                )
        events: list[Event] = []
        for walk in walked:
            events += self._blue.register(
                person, walk.entry, walk.camera, walk.at, source, walk.group
            )
        await self._record(events)

    async def _camera_changed(self, person: Person, camera: str, change: str) -> None:
        event = msgspec.convert(
            {
                "actor": named(person.name),
                "role": person.role,
                "camera": camera,
                "change": change,
                "deployment": self.deployment,
            },
            CameraChanged,
        )
        await self._record([event])
