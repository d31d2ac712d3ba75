"""A deployment as people use it: see, decide, stop, withdraw, end.

Owns: what every call checks and journals. Never: a step of an alert without a named person; a
picture shown that was not journalled as viewed. Strategy: whatever must be quick (stop, pause) acts
first and is journalled at once after; everything that allows more (resume, a camera added) is
journalled first. Whoever calls was told apart by ``api``; what the rules ask of a role is asked
again here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lfr_engine.actors.camera import CameraReport
from lfr_engine.alerts.adjudication import (
    Decision,
    Opinion,
    Outcome,
    Person,
)
from lfr_engine.alerts.bluelist import Source
from lfr_engine.alerts.ceiling import Reading
from lfr_engine.alerts.lifecycle import Alert, AlertState
from lfr_engine.alerts.stop import Capture
from lfr_engine.alerts.table import AlertCounts, AlertTable
from lfr_engine.app import deployment_pictures as alert_pictures
from lfr_engine.app.deployment_core import SessionCore, with_pictures
from lfr_engine.app.deployment_figures import TO_OPERATOR
from lfr_engine.app.deployment_opening import plain
from lfr_engine.app.deployment_pictures import AlertPictures
from lfr_engine.app.engine import CameraPlan
from lfr_engine.clock import Stamp, stamp
from lfr_engine.deployment.authority import Authority
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity.watchlist import Watchlist
from lfr_engine.journal.events.alerts import AlertViewed
from lfr_engine.journal.events.deployment import (
    DeploymentStopped,
    OutcomeEntered,
    SignageConfirmed,
)
from lfr_engine.journal.events.engine import CameraChanged
from lfr_engine.journal.events.fields import Event, Name, Text
from lfr_engine.journal.events.watchlist import EntryWithdrawn, EvidenceHeld
from lfr_engine.journal.lines import Record

SEE_PICTURES = frozenset({"operator", "officer", "ao"})
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


class Session(SessionCore):
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
        listed.withdrawn(entry, _text(reason))  # refused now, before anything changed
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
        facts = self.opened.facts.get(entry)
        if facts is None or not facts.blue:
            raise InputError(f"entry {entry:.64}", "is not on the blue list")
        if camera not in self.engine.reports:
            raise InputError(f"camera {camera:.40}", "there is no such camera")
        _name(person.name)
        await self._record(
            self._blue.register(person, entry, camera, self._clock.utc(), source, group)
        )

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
