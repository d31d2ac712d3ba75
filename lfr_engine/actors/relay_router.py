"""The relay's own actor: one owner of the table, the outbox and the clock of deadlines.

Owns: the RelayTable, the store, the hand-over of orders to the bearers, the feed of the journal and
of officers' decisions. Never: a port or a socket; a bearer that is slow or gone blocks nothing.
Strategy: pumps put everything that happens into one inbox; the owner applies what waits there,
saves all changes in one transaction, and only then acknowledges, hands over and tells.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import trio

from lfr_engine.errors import LfrError, RuleError
from lfr_engine.relay.asked import OfficerReply, Request
from lfr_engine.relay.delivery import Change
from lfr_engine.relay.outbox import OutboxStore
from lfr_engine.relay.port import BearerEvent, Moments, Order
from lfr_engine.relay.settings import RelaySettings
from lfr_engine.relay.table import RelayTable
from lfr_engine.runtime.lanes import Lane, open_lane

_INBOX = 256
"""News waiting for the owner: more than every bearer's window and receipts in a busy second."""

_BATCH = 64
_COMMAND_POLL_S = 0.5
_FORGET_EVERY_S = 60.0
_LONGEST_SLEEP_S = 3600.0

Record = Callable[[Sequence[Change]], Awaitable[None]]
Decide = Callable[[OfficerReply], Awaitable[None]]
Refuse = Callable[[Request, str], Awaitable[None]]


@dataclass(slots=True)
class Ask:
    """Something to do with the table, in its owner's task; durable once ``post`` returns.

    ``error``: what ``act`` raised.
    """

    act: Callable[[RelayTable, float], object]
    error: LfrError | None = None


@dataclass(slots=True)
class Gate:
    """Whether anything may be sent. ``reason``: why nothing may; "" while it may (R17)."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Admission:
    request: Request | Ask
    acknowledge: Callable[[], None] | None


@dataclass(frozen=True, slots=True)
class _Commands:
    rows: list[tuple[int, str, str]]
    carried_out: trio.Event


_News = _Admission | _Commands | BearerEvent


class Requests:
    """Where alerts go in: straight to the owner's inbox, because a cue lives for seconds."""

    def __init__(self, inbox: trio.MemorySendChannel[_News]) -> None:
        self._inbox = inbox

    async def post(self, request: Request | Ask) -> None:
        """Return once it is durable in the outbox.

        Raises:
            trio.BrokenResourceError: The relay ended.
        """
        durable = trio.Event()
        await self._inbox.send(_Admission(request, durable.set))
        await durable.wait()

    def offer(self, request: Request | Ask) -> bool:
        """Hand it over without waiting for anything; False where there is no room now."""
        try:
            self._inbox.send_nowait(_Admission(request, None))
        except (trio.WouldBlock, trio.BrokenResourceError):
            return False
        return True


async def run_router(
    settings: RelaySettings,
    store: OutboxStore,
    bearers: Mapping[str, trio.MemorySendChannel[Order]],
    reports: trio.MemoryReceiveChannel[BearerEvent],
    moments: Moments,
    gate: Gate,
    *,
    record: Record,
    decide: Decide,
    refuse: Refuse,
    task_status: trio.TaskStatus[Router] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Relay alerts until cancelled.

    Args:
        settings: Checked settings.
        store: Used from a lane of width 1 only.
        bearers: Where each bearer takes its orders; each buffers at least its desk's window.
        reports: What all bearers say.
        moments: The relay's seconds.
        gate: Closed by whoever stops; what was not handed over by then is not sent.
        record: Journals changes; called in order, at least once, also after a crash.
        decide: Told of every officer's answer.
        refuse: Told of a request that reaches nobody, or that a rule forbids to relay.
        task_status: Started with the owner once the outbox is loaded.

    Raises:
        LfrError: The store failed: no outbox, no relay.
    """
    async with open_lane("outbox", width=1) as lane:
        stored = await lane.run(store.load)
        table = RelayTable(settings, moments.now(), stored)
        send, receive = trio.open_memory_channel[_News](_INBOX)
        requests = Requests(send.clone())
        router = Router(table, requests, store, lane, bearers, moments, gate, decide, refuse)
        task_status.started(router)
        async with trio.open_nursery() as nursery:
            with send:
                nursery.start_soon(_pump_reports, reports, send.clone())
                nursery.start_soon(_poll_commands, store, lane, send.clone())
            nursery.start_soon(_feed_journal, store, lane, router, record)
            await router.own(receive)


async def _pump_reports(
    reports: trio.MemoryReceiveChannel[BearerEvent], inbox: trio.MemorySendChannel[_News]
) -> None:
    with inbox, reports:
        async for event in reports:
            await inbox.send(event)


async def _poll_commands(
    store: OutboxStore, lane: Lane, inbox: trio.MemorySendChannel[_News]
) -> None:
    """Commands that ``lfr relay`` left in the store."""
    with inbox:
        while True:
            await trio.sleep(_COMMAND_POLL_S)
            rows = await lane.run(store.commands)
            if rows:
                carried_out = trio.Event()
                await inbox.send(_Commands(rows, carried_out))
                await carried_out.wait()
                await lane.run(store.done, rows[-1][0])


async def _feed_journal(store: OutboxStore, lane: Lane, router: Router, record: Record) -> None:
    """Give the journal every change in order; a crash in between gives the last ones again."""
    while True:
        changed = router.changed
        batch = await lane.run(store.unjournalled, _BATCH)
        if batch:
            await record([change for _, change in batch])
            await lane.run(store.journalled, batch[-1][0])
        else:
            router.journalled.set()
            await changed.wait()


class Router:
    """The owner of the table.

    ``requests`` is where alerts go in. ``table`` may be looked at from any task of the loop, and
    changed by none. ``journalled`` is set while the journal holds every change.
    """

    def __init__(
        self,
        table: RelayTable,
        requests: Requests,
        store: OutboxStore,
        lane: Lane,
        bearers: Mapping[str, trio.MemorySendChannel[Order]],
        moments: Moments,
        gate: Gate,
        decide: Decide,
        refuse: Refuse,
    ) -> None:
        self.changed = trio.Event()
        self.journalled = trio.Event()
        self.table = table
        self.requests = requests
        self._gate = gate
        self._store = store
        self._lane = lane
        self._bearers = bearers
        self._moments = moments
        self._decide = decide
        self._refuse = refuse
        self._forget_at = moments.now() + _FORGET_EVERY_S

    async def own(self, inbox: trio.MemoryReceiveChannel[_News]) -> None:
        """Serve the inbox for ever."""
        with inbox:
            while True:
                now = self._moments.now()
                wake = min(self.table.wake_at(now), self._forget_at)
                news: list[_News] = []
                with trio.move_on_after(min(max(0.0, wake - now), _LONGEST_SLEEP_S)):
                    news.append(await inbox.receive())
                while len(news) < _BATCH:
                    try:
                        news.append(inbox.receive_nowait())
                    except trio.WouldBlock:
                        break
                await self._turn(news)

    async def _turn(self, news: list[_News]) -> None:
        now = self._moments.now()
        after: list[Callable[[], None]] = []
        for item in news:
            match item:
                case _Admission(request, acknowledge):
                    await self._admit(request, now)
                    if acknowledge is not None:
                        after.append(acknowledge)
                case _Commands(rows, carried_out):
                    for _, verb, alert in rows:
                        act = self.table.cancel if verb == "cancel" else self.table.resend
                        act(alert, now)
                    after.append(carried_out.set)
                case _:
                    self.table.event(item, now)
        self.table.tick(now)
        orders = []
        if self._gate.reason:
            self.table.finish_all(self._gate.reason, now)
        else:
            orders = self.table.take(now)
        await self._save(now)
        for tell in after:
            tell()
        for order in orders:
            if self._gate.reason:  # closed while the disk worked; the bearers' ends free the orders
                break
            # a desk never has more orders under way than its channel buffers
            self._bearers[self.table.bearer_of(order)].send_nowait(order)
        replies, self.table.replies = self.table.replies, []
        for reply in replies:
            await self._decide(reply)

    async def _admit(self, request: Request | Ask, now: float) -> None:
        if isinstance(request, Ask):
            try:
                request.act(self.table, now)
            except LfrError as error:
                request.error = error
            return
        withdrawn = request.cue.withdrawn
        if self._gate.reason and not withdrawn:
            await self._refuse(request, self._gate.reason)
            return
        try:
            many = self.table.admit(request, now)
        except RuleError as error:
            await self._refuse(request, str(error))
        else:
            if not many and not withdrawn:
                await self._refuse(request, "no route names anybody for it")

    async def _save(self, now: float) -> None:
        deliveries, changes = self.table.drain()
        if deliveries or changes:
            await self._lane.run(self._store.save, deliveries, changes)
            changed, self.changed = self.changed, trio.Event()
            self.journalled = trio.Event()
            changed.set()
        if now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY_S
            await self._lane.run(self._store.forget, self.table.forget(now))
