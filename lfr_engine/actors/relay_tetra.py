"""The TETRA bearer: one modem on one serial port, from finding it to losing it.

Owns: the port and the modem's state. Never: an order after its deadline, a second program on the
port. Strategy: probe speeds and flow control until a modem answers; then one task owns the modem
and reads an inbox that two pumps fill with bytes and orders; whatever ends it is ``BearerLost``,
and the supervisor starts it again, which is how an unplugged modem comes back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from lfr_engine.actors.relay_serial import SerialPort, open_serial
from lfr_engine.errors import ConfigError
from lfr_engine.relay.bearer_settings import TetraSettings
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import BearerEvent, BearerLost, Link, Moments, Order, Progress
from lfr_engine.relay.tetra.at import subscriber
from lfr_engine.relay.tetra.effects import (
    Effect,
    Failed,
    Heard,
    Left,
    Lost,
    Ready,
    Taken,
    Unconfirmed,
    Write,
)
from lfr_engine.relay.tetra.hearing import hear, order_message, status_message
from lfr_engine.relay.tetra.modem import Modem, Phase

_INBOX = 16  # pieces of up to 4096 bytes, and orders, of which the desk allows one


async def run_tetra(
    settings: TetraSettings,
    addresses: Iterable[str],
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Find the modem, say it is up, carry orders; returns when ``orders`` is closed.

    Args:
        settings: Of this bearer.
        addresses: Every recipient's address here, to know who reports.
        orders: One order at a time.
        reports: Where progress, receipts, answers and the link's state go.
        moments: The relay's seconds.
        task_status: Started once the modem is set up.

    Raises:
        BearerLost: The port or the modem went away, or was not found.
    """
    async with _find_modem(settings) as (port, modem, how):
        keeper = _Keeper(settings, addresses, port, modem, reports, moments)
        await reports.send(Link(settings.name, up=True, detail=keeper.describe(how)))
        task_status.started()
        send, receive = trio.open_memory_channel[bytes | Order](_INBOX)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_pump_bytes, port, send.clone())
            nursery.start_soon(_pump_orders, orders, send, nursery.cancel_scope)
            await keeper.serve(receive)


@asynccontextmanager
async def _find_modem(settings: TetraSettings) -> AsyncIterator[tuple[SerialPort, Modem, str]]:
    """Try every speed, without and with flow control, until a modem is set up."""
    reason = BearerLost(settings.port, "no modem answers at any speed")
    for speed in settings.speeds:
        for flow_control in (False, True):
            async with open_serial(settings.port, speed, flow_control=flow_control) as port:
                modem = Modem(settings.largest_bits)
                try:
                    ready = await _set_up(port, modem)
                except BearerLost as error:
                    reason = error
                    continue
                if ready is not None:
                    flow = "RTS/CTS" if flow_control else "no flow control"
                    lacks = f", lacks {'; '.join(ready.lacks)}" if ready.lacks else ""
                    yield port, modem, f"{speed} bit/s, {flow}{lacks}"
                    return
    raise reason


async def _set_up(port: SerialPort, modem: Modem) -> Ready | None:
    """Take a modem through its set-up; None when it falls silent."""
    effects = modem.open(trio.current_time())
    while True:
        for effect in effects:
            if isinstance(effect, Write):
                await port.send(effect.data)
            elif isinstance(effect, Ready):
                return effect
        if modem.phase is Phase.LOST or modem.wake_at is None:
            return None
        with trio.move_on_at(modem.wake_at):
            effects = modem.receive(await port.receive(), trio.current_time())
            continue
        effects = modem.tick(trio.current_time())


async def _pump_bytes(port: SerialPort, inbox: trio.MemorySendChannel[bytes | Order]) -> None:
    with inbox:
        while True:
            await inbox.send(await port.receive())


async def _pump_orders(
    orders: trio.MemoryReceiveChannel[Order],
    inbox: trio.MemorySendChannel[bytes | Order],
    scope: trio.CancelScope,
) -> None:
    """Orders go through the inbox; when no more can come the bearer is done."""
    with inbox:
        async for order in orders:
            await inbox.send(order)
    scope.cancel()


class _Keeper:
    """The one task that touches the modem."""

    def __init__(
        self,
        settings: TetraSettings,
        addresses: Iterable[str],
        port: SerialPort,
        modem: Modem,
        reports: trio.MemorySendChannel[BearerEvent],
        moments: Moments,
    ) -> None:
        for status in filter(None, [settings.fallback_status]):
            if len(status) != 4 or not set(status) <= set("0123456789ABCDEFabcdef"):
                raise ConfigError(
                    f"bearer {settings.name}", "fallback_status is not four hex digits"
                )
        self._settings = settings
        self._addresses = {subscriber(address): address for address in addresses}
        self._port = port
        self._modem = modem
        self._reports = reports
        self._moments = moments
        self._waiting: Order | None = None
        self._order: Order | None = None
        self._fell_back = False

    def describe(self, how: str) -> str:
        """The line for the board: settings found, own number, signal."""
        facts = [f"{prefix[1:]} {body}" for prefix, body in sorted(self._modem.facts.items())]
        return ", ".join([how, *facts])

    async def serve(self, inbox: trio.MemoryReceiveChannel[bytes | Order]) -> None:
        """Carry orders until the port is lost or the inbox is closed."""
        with inbox:
            while True:
                if self._modem.idle and self._waiting is not None:
                    await self._submit(self._waiting)
                    continue
                wake = self._modem.wake_at
                with trio.move_on_at(trio.current_time() + 1.0 if wake is None else wake):
                    try:
                        item = await inbox.receive()
                    except trio.EndOfChannel:
                        return
                    if isinstance(item, Order):
                        self._waiting = item
                    else:
                        await self._do(self._modem.receive(item, trio.current_time()))
                    continue
                await self._do(self._modem.tick(trio.current_time()))

    async def _submit(self, order: Order) -> None:
        self._waiting = None
        now = self._moments.now()
        if now >= order.deadline:
            await self._progress(order.number, Happening.DEADLINE, "deadline passed")
            return
        self._order, self._fell_back = order, False
        message = order_message(order, self._settings, now)
        await self._do(self._modem.submit(message, trio.current_time()))

    async def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write(data):
                    await self._port.send(data)
                case Taken(number) if number:
                    await self._progress(number, Happening.TAKEN, final=False)
                case Left(number) if number:
                    await self._progress(number, Happening.LEFT)
                case Unconfirmed(number) if number:
                    await self._progress(number, Happening.TAKEN, "the modem did not say sent")
                case Failed() if effect.number:
                    await self._failed(effect)
                case Heard(incoming):
                    hearing = hear(incoming, self._settings, self._addresses)
                    if hearing.event is not None:
                        await self._reports.send(hearing.event)
                    if hearing.answer is not None:
                        answer = self._modem.acknowledge(hearing.answer, trio.current_time())
                        await self._do(answer)
                case Lost(why):
                    raise BearerLost(self._settings.port, why)

    async def _failed(self, failed: Failed) -> None:
        order, status = self._order, self._settings.fallback_status
        if order is None or failed.again or status is None or self._fell_back:
            happening = Happening.TROUBLE if failed.again else Happening.REFUSED
            await self._progress(failed.number, happening, failed.why)
            return
        self._fell_back = True
        message = status_message(order, status)
        await self._do(self._modem.submit(message, trio.current_time()))

    async def _progress(
        self, number: int, happening: Happening, reason: str = "", *, final: bool = True
    ) -> None:
        event = Progress(self._settings.name, number, happening, reason, final)
        await self._reports.send(event)
