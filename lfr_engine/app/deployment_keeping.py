"""What the engine tells in passing and must be kept: alert pictures, cameras lost and found.

Owns: the short queue between the engine, which must not wait, and the vault and the journal, which
take their time; and which alerts' pictures are still on their way. Never: a picture of consenting
staff (R9); an array that is not overwritten where there was no room. Strategy: bounded; a picture
that finds no room is counted and erased, and its alert goes on without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio

from lfr_engine.actors.events import AlertTold
from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.alerts.table import AlertTable
from lfr_engine.app import deployment_pictures as alert_pictures
from lfr_engine.app.deployment_opening import Opened
from lfr_engine.app.deployment_refusal import plain
from lfr_engine.clock import Stamp
from lfr_engine.identity.evidence_store import new_name
from lfr_engine.journal.events.engine import CameraDown as DownEvent
from lfr_engine.journal.events.engine import CameraUp as UpEvent
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.lanes import Lane
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.condition import CameraDown, CameraUp

ASIDE = 64
"""Pictures and camera events waiting to be kept; alerts come a few a minute."""

Act = Callable[[AlertTable, Stamp], Sequence[Event]]
Ask = Callable[[Act], Awaitable[None]]
Record = Callable[[Sequence[Event]], Awaitable[None]]


class Keeping:
    """See the module.

    Args:
        opened: The deployment; its evidence store and authority.
        lane: Where pictures are encoded and encrypted.
        telemetry: Counts what was not kept.
        record: Journals camera events.
        ask: Puts a change to the alert table.
    """

    def __init__(
        self, opened: Opened, lane: Lane, telemetry: Telemetry, record: Record, ask: Ask
    ) -> None:
        self._opened = opened
        self._lane = lane
        self._telemetry = telemetry
        self._record = record
        self._ask = ask
        self._pending: dict[str, trio.Event] = {}
        self._aside, self._to_keep = trio.open_memory_channel[AlertTold | CameraDown | CameraUp](
            ASIDE
        )

    def take(self, told: AlertTold) -> None:
        """An alert was told, perhaps with pictures; must not wait."""
        if told.exposure is not None and told.alert.state is AlertState.BLUE:
            told.exposure.erase()  # of staff nothing is kept (R9)
        elif told.exposure is not None:
            self._pending[told.alert.reference] = trio.Event()
            if not self._put(told):
                told.exposure.erase()
                self._pending.pop(told.alert.reference).set()

    def note(self, event: CameraDown | CameraUp) -> None:
        """A camera was lost or found; must not wait."""
        self._put(event)

    async def run(self) -> None:
        """Pictures become evidence, camera events become records, until cancelled."""
        deployment = self._opened.deployment
        async for item in self._to_keep:
            if isinstance(item, AlertTold):
                await self._keep(item)
            elif isinstance(item, CameraDown):
                down = DownEvent(
                    camera=item.camera, cause=plain(item.reason), deployment=deployment
                )
                await self._record([down])
            else:
                up = UpEvent(camera=item.camera, outage_s=item.outage_s, deployment=deployment)
                await self._record([up])

    async def kept(self, reference: str) -> None:
        """Wait until the pictures of an alert are kept, if they are on their way."""
        pending = self._pending.get(reference)
        if pending is not None:
            await pending.wait()

    async def all_kept(self) -> None:
        """Wait until nothing is on its way."""
        for reference in list(self._pending):
            await self.kept(reference)

    def until(self, table: AlertTable, reference: str, name: str, now: Stamp) -> Event:
        """How long the pictures are kept, by the alert's state and the profile (R19); applied."""
        discounted = table[reference].state is AlertState.DISCOUNTED
        event = alert_pictures.retained(
            self._opened.live,
            self._opened.deployment,
            reference,
            name,
            "discounted_evidence" if discounted else "alert_evidence",
            now.utc,
        )
        table.apply(event, now)
        return event

    async def _keep(self, told: AlertTold) -> None:
        assert told.exposure is not None
        reference, name = told.alert.reference, new_name()
        try:
            await self._lane.run(alert_pictures.keep, self._opened.evidence, name, told.exposure)
            await self._ask(lambda table, now: (self.until(table, reference, name, now),))
        finally:
            self._pending.pop(reference).set()

    def _put(self, item: AlertTold | CameraDown | CameraUp) -> bool:
        try:
            self._aside.send_nowait(item)
        except trio.WouldBlock:
            self._telemetry.counts["not kept"] += 1
            return False
        return True
