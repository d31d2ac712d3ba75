"""Adjudication in an exercise: the same steps as in a deployment, kept in memory only.

Owns: the exercise's "journal" (a count), its alert pictures, and the desk people act at. Never: a
picture on disk, or of anybody without an alert. Strategy: every event of the alert table is folded
into the ledger the moment it happens; the newest pictures are kept, encoded, until newer ones
need the room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
import trio

from lfr_engine.actors.events import AlertTold, EngineEvent
from lfr_engine.alerts.adjudication import Decision, Opinion, Outcome, Person
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.alerts.table import AlertTable
from lfr_engine.api.port import Conflict, NotFound
from lfr_engine.app.deployment_pictures import fitted, jpeg
from lfr_engine.app.engine import Engine
from lfr_engine.app.ledger import AlertLedger
from lfr_engine.app.relaying import Relaying, Said
from lfr_engine.clock import Clock, Stamp, stamp
from lfr_engine.enrolment.decode import decode, read_picture_file
from lfr_engine.enrolment.folder import people_in
from lfr_engine.enrolment.rejection import Refused
from lfr_engine.errors import LfrError
from lfr_engine.journal.events.fields import Event
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.lanes import Lane
from lfr_engine.vision.pictures import PORTRAIT_PX, Exposure, developed

log = structlog.get_logger("lfr_engine.app")

MOST_PICTURES = 64
"""Alerts whose pictures are kept: some 3 MB of JPEG."""
WAITING = 16
TICK_S = 1.0


class ExerciseDesk:
    """See the module.

    Args:
        ledger: Where every event goes.
        clock: Stamps them.
        lane: Encodes pictures.
        folder: The watchlist, for reference pictures.
        expires: Undecided alerts expire; not where files are read faster than time passes.
    """

    def __init__(
        self, ledger: AlertLedger, clock: Clock, lane: Lane, folder: Path, *, expires: bool
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lane = lane
        self._folder = folder
        self._expires = expires
        self.relaying: Relaying | None = None
        self._recorded = 0
        self._engine: Engine | None = None
        self._shown: OrderedDict[str, s.AlertPictures] = OrderedDict()
        self._pending: dict[str, trio.Event] = {}
        self._fresh, self._to_encode = trio.open_memory_channel[AlertTold](WAITING)

    def attach(self, engine: Engine) -> None:
        """The engine whose alerts these are."""
        self._engine = engine

    async def record(self, events: Sequence[Event]) -> None:
        """What the engine would journal: folded into the ledger, and forgotten with the run."""
        await trio.lowlevel.checkpoint()
        now = stamp(self._clock)
        for event in events:
            self._recorded += 1
            self._ledger.take(self._recorded, event, now)
        if self.relaying is not None:
            self.relaying.take(events)

    def hear(self, event: EngineEvent) -> None:
        """Take the pictures that come with a new alert."""
        if isinstance(event, AlertTold) and event.exposure is not None:
            try:
                self._fresh.send_nowait(event)
            except trio.WouldBlock:
                event.exposure.erase()
            else:
                self._pending[event.alert.reference] = trio.Event()

    async def tend(self) -> None:
        """Encode pictures, and let what nobody decided expire, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._encode_pictures)
            if self._expires:
                nursery.start_soon(self._watch_time)

    async def display(self, person: Person, reference: str) -> Alert:
        """It is before a person's eyes."""
        return await self._do(reference, lambda table, now: table.displayed(reference, person, now))

    async def opinion(self, person: Person, reference: str, opinion: Opinion) -> Alert:
        """A first opinion."""
        return await self._do(
            reference, lambda table, now: table.opinion(reference, person, opinion, now)
        )

    async def decide(
        self,
        person: Person,
        reference: str,
        decision: Decision,
        reasons: Sequence[str],
        note: str = "",
    ) -> Alert:
        """The named decision."""
        return await self._do(
            reference,
            lambda table, now: table.decide(reference, person, decision, reasons, now, note),
        )

    async def outcome(
        self,
        person: Person,
        reference: str,
        outcome: Outcome,
        reasons: Sequence[str],
        note: str = "",
        *,
        arrest: bool = False,
    ) -> Alert:
        """What officers would have found; nobody can be arrested in an exercise."""
        if arrest:
            raise Conflict("exercise", "nobody is arrested in an exercise")
        return await self._do(
            reference,
            lambda table, now: table.outcome(reference, person, outcome, reasons, now, note),
        )

    async def said(self, person: Person, reference: str, said: Said, note: str) -> None:
        """An officer answered a cue by radio."""
        await self.outcome(person, reference, said, (), note)

    async def picture_for(self, reference: str, recipient: str) -> bytes | None:
        """An alert's scene for an officer's handset."""
        shown = await self.show(Person(recipient, "officer"), reference)
        return shown.context

    async def show(self, person: Person, reference: str) -> s.AlertPictures:  # noqa: ARG002 - every desk names it
        """The pictures of one alert, while they are kept."""
        await trio.lowlevel.checkpoint()
        if reference in self._pending:
            await self._pending[reference].wait()
        found = self._shown.get(reference)
        if found is None:
            raise NotFound(f"alert {reference:.20}", "its pictures are not kept any more")
        return found

    async def _do(self, reference: str, act: Callable[[AlertTable, Stamp], Event]) -> Alert:
        assert self._engine is not None, "attach() comes before the first step"
        found: list[Alert] = []

        def and_look(table: AlertTable, now: Stamp) -> Sequence[Event]:
            event = act(table, now)
            found.append(table[reference])
            return (event,)

        try:
            await self._engine.ask(and_look)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
            raise Conflict("exercise", "is over") from error
        return found[0]

    async def _watch_time(self) -> None:
        assert self._engine is not None
        while True:
            await trio.sleep(TICK_S)
            await self._engine.ask(lambda table, now: table.tick(now))

    async def _encode_pictures(self) -> None:
        async for told in self._to_encode:
            assert told.exposure is not None
            alert = told.alert
            try:
                self._shown[alert.reference] = await self._lane.run(
                    self._encoded, alert.reference, alert.entry, told.exposure
                )
            except (LfrError, Refused, KeyError) as error:  # the folder was changed meanwhile
                log.warning("no pictures", alert=alert.reference, cause=str(error))
            self._pending.pop(alert.reference).set()
            while len(self._shown) > MOST_PICTURES:
                self._shown.popitem(last=False)

    def _encoded(self, reference: str, entry: str, exposure: Exposure) -> s.AlertPictures:
        pictures = developed(exposure)
        try:
            known = decode(read_picture_file(people_in(self._folder)[entry][0]))
            return s.AlertPictures(
                alert=reference,
                probe=jpeg(pictures.portrait),
                reference=jpeg(fitted(known, PORTRAIT_PX)),
                context=jpeg(pictures.context),
            )
        finally:
            pictures.erase()
