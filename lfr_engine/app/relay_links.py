"""How each bearer fares: up or down, what it carries, its last trouble.

Owns: the links' state for the board and their lines in the journal. Never: a delivery; it counts
what the relay's table shows. Strategy: bearers tell of every try; only a change between up and down
is journalled, once it is known to last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from lfr_engine.app.deployment_refusal import plain
from lfr_engine.clock import Clock
from lfr_engine.journal.events.access import BearerChanged
from lfr_engine.journal.events.fields import Event
from lfr_engine.protocol import shapes as s
from lfr_engine.relay.delivery import Change, Happening, State
from lfr_engine.relay.settings import RelaySettings
from lfr_engine.relay.table import RelayTable
from lfr_engine.runtime.telemetry import Telemetry

log = structlog.get_logger("lfr_engine.relay")

_TROUBLE = {Happening.TROUBLE.value, Happening.REFUSED.value}


@dataclass(slots=True)
class _Link:
    up: bool = False
    told: bool | None = None  # as journalled
    detail: str = "not tried yet"
    trouble: str = ""
    since_ns: int = 0


class Links:
    """Every bearer's link.

    Args:
        deployment: For the journal.
    """

    def __init__(self, settings: RelaySettings, clock: Clock, deployment: str | None) -> None:
        self._clock = clock
        self._deployment = deployment
        self._links = {bearer.name: _Link() for bearer in settings.bearers}
        self._test = {bearer.name: bearer.test for bearer in settings.bearers}
        self._news = trio.Event()

    def hear(self, bearer: str, up: bool, detail: str) -> None:
        """A bearer came up, or could not."""
        link = self._links[bearer]
        if up is not link.up or link.told is None:
            link.since_ns = self._clock.monotonic_ns()
            self._news.set()
            say = log.info if up else log.warning
            say("bearer", bearer=bearer, up=up, detail=detail)
        link.up, link.detail = up, detail
        if not up:
            link.trouble = detail

    def count(self, changes: Sequence[Change]) -> None:
        """Remember the last trouble of each bearer."""
        for change in changes:
            if change.happening in _TROUBLE:
                self._links[change.key.bearer].trouble = change.reason

    async def keep_journal(self, record: Callable[[Sequence[Event]], Awaitable[None]]) -> None:
        """Journal changes between up and down, until cancelled."""
        down_ns: dict[str, int] = {}
        while True:
            await self._news.wait()
            self._news = trio.Event()
            events: list[Event] = []
            for name, link in self._links.items():
                if link.told is link.up or (link.told is None and not link.trouble and not link.up):
                    continue
                outage_s = 0.0
                if link.up and name in down_ns:
                    outage_s = (link.since_ns - down_ns.pop(name)) / 1e9
                elif not link.up:
                    down_ns[name] = link.since_ns
                link.told = link.up
                events.append(
                    BearerChanged(
                        bearer=name,
                        up=link.up,
                        cause=plain(link.detail) if not link.up else None,
                        outage_s=round(outage_s, 3),
                        deployment=self._deployment,
                    )
                )
            if events:
                await record(events)

    def states(
        self, table: RelayTable | None, telemetry: Telemetry, stopped: str
    ) -> list[s.BearerState]:
        """Every bearer as people see it."""
        return [self._state(name, table, telemetry, stopped) for name in self._links]

    def _state(
        self, name: str, table: RelayTable | None, telemetry: Telemetry, stopped: str
    ) -> s.BearerState:
        link = self._links[name]
        desk = None if table is None else table.desks[name]
        many = Counter(delivery.state for delivery in (desk.all() if desk is not None else ()))
        reached = many[State.DELIVERED] + many[State.READ] + many[State.ANSWERED]
        state = "down"
        if stopped:
            state = "off"
        elif link.up:
            state = "busy" if desk is not None and desk.busy else "ready"
        timed = telemetry.stages.get(f"relay {name}")
        mark = "TEST " if self._test[name] else ""
        return s.BearerState(
            bearer=name,
            state=state,
            queued=many[State.QUEUED],
            sent=many[State.ACCEPTED] + many[State.SENT] + reached,
            delivered=reached,
            failed=many[State.FAILED],
            expired=many[State.EXPIRED],
            detail=mark + (stopped or link.detail),
            last_error=link.trouble,
            p95_ms=None if timed is None else round(timed.percentile(0.95) * 1e3, 1),
        )
