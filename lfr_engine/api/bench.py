"""How fast the socket is by itself: requests a second, and what it adds to an alert's latency.

Owns: two measurements against a real server in another process, whose engine does nothing. Never:
a verdict; figures are printed, not asserted. Strategy: both processes read the same monotonic
clock, so an alert carries the instant of its publication and its reader subtracts.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from lfr_engine.api.callers import ApiSettings
from lfr_engine.api.guard import Bounds
from lfr_engine.api.port import Caller, CallRecord, Item, Page, TopicReader
from lfr_engine.api.server import serve_api
from lfr_engine.client import trio_client
from lfr_engine.client.core import Link
from lfr_engine.client.feed import Delivery
from lfr_engine.clock import Clock, SystemClock
from lfr_engine.errors import EngineError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.arguments import Command, StateGet
from lfr_engine.protocol.commands import ALERTS, CommandSpec, TopicSpec
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.framing import CHUNK_BYTES
from lfr_engine.protocol.machine import Phase, Role
from lfr_engine.runtime.flow import Broadcast

IN_FLIGHT = 32
ALERTS_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class ApiFigures:
    """What was measured.

    Args:
        raw_per_second: Requests a second on one connection, written by a client that only counts.
        client_per_second: The same through ``client.trio_client``, results built and checked.
        subscribers: Connections that followed the alerts.
        alerts: Deliveries measured over all subscribers.
        p50_ms: Publication to built record in the subscriber, milliseconds.
        p99_ms: The same.
        worst_ms: The same.
    """

    raw_per_second: float
    client_per_second: float
    subscribers: int
    alerts: int
    p50_ms: float
    p99_ms: float
    worst_ms: float

    def lines(self) -> list[str]:
        """For people."""
        latency = (
            f"p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms, worst {self.worst_ms:.2f} ms"
        )
        amount = f"{self.alerts} deliveries, {self.subscribers} subscribers"
        return [
            f"requests on one connection   {self.raw_per_second:,.0f} a second",
            f"… through the Python client  {self.client_per_second:,.0f} a second",
            f"alert to socket to record    {latency} ({amount}, {ALERTS_PER_SECOND} a second)",
        ]


class _Idle:
    """An engine that answers at once and raises an alert every so often."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._alerts: Broadcast[Item] = Broadcast(128)
        self._number = 0

    async def raise_alerts(self) -> None:
        while True:
            await trio.sleep(1 / ALERTS_PER_SECOND)
            self._number += 1
            body = s.Alert(
                alert=f"A{self._number}",
                reference="A1B2C3",
                entry="E1",
                category="C2",
                camera="north",
                site="gate",
                captured="2026-01-01T12:00:00Z",
                raised=str(self._clock.monotonic_ns()),
                state="generated",
            )
            self._alerts.publish(Item(body, self._number))

    async def execute(self, spec: CommandSpec, arguments: Command[Any], caller: Caller) -> Any:
        _ = (arguments, caller)
        await trio.lowlevel.checkpoint()
        if spec.result is not s.EngineState:
            raise EngineError(spec.name, "not part of the bench")
        return s.EngineState(mode="exercise", version="0", started="-", now="-")

    async def head(self, topic: TopicSpec[Any]) -> int:
        _ = topic
        await trio.lowlevel.checkpoint()
        return self._number

    async def read(self, topic: TopicSpec[Any], after: int, limit: int, caller: Caller) -> Page:
        _ = (topic, limit, caller)
        await trio.lowlevel.checkpoint()
        return Page([], after)

    async def snapshot(self, topic: TopicSpec[Any], arguments: Any, caller: Caller) -> Any:
        _ = (arguments, caller)
        await trio.lowlevel.checkpoint()
        raise EngineError(topic.name, "not part of the bench")

    @contextmanager
    def subscribe(
        self, topic: TopicSpec[Any], arguments: Any, caller: Caller
    ) -> Iterator[TopicReader]:
        _ = (topic, arguments, caller)
        with self._alerts.subscribe() as reader:
            yield reader


def _serve(path: str) -> None:
    """The server's process."""

    async def record(_: CallRecord) -> None:
        await trio.lowlevel.checkpoint()

    async def main() -> None:
        clock = SystemClock()
        engine = _Idle(clock)
        bounds = Bounds(connections=200, per_origin=200, requests_per_second=1_000_000)
        settings = ApiSettings((UnixAddress(Path(path)),), bounds=bounds)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.raise_alerts)
            await serve_api(settings, engine, clock=clock, record=record)

    trio.run(main)


@contextmanager
def _served() -> Iterator[UnixAddress]:
    with tempfile.TemporaryDirectory(prefix="lfr-bench-") as folder:
        address = UnixAddress(Path(folder) / "api.sock")
        process = multiprocessing.get_context("spawn").Process(
            target=_serve, args=(str(address.path),), daemon=True
        )
        process.start()
        try:
            yield address
        finally:
            process.terminate()
            process.join()


async def _wait_for(address: UnixAddress) -> None:
    """A patient client finds the server as soon as it listens."""
    opened = trio.Event()

    def tell(link: Link) -> None:
        if link is Link.OPEN:
            opened.set()

    with trio.fail_after(30):
        async with trio_client.open_client(address, patient=True, on_link=tell):
            await opened.wait()


async def _raw(address: UnixAddress, clock: Clock, seconds: float) -> float:
    connection = Connection(Role.CLIENT)
    async with await trio.open_unix_socket(address.path) as stream:
        asked = answered = 0
        began = ended = clock.monotonic_ns()
        while ended - began < seconds * 1e9:
            connection.receive_data(bytes(await stream.receive_some(CHUNK_BYTES)))
            answers = 0
            while (message := connection.next_message()) is not None:
                if isinstance(message, m.Challenge):
                    hello = m.Hello(version=1, client="bench")
                    await stream.send_all(connection.send(hello))
                answers += isinstance(message, m.Response)
            if connection.phase is not Phase.OPEN:
                continue
            if not asked:
                began = clock.monotonic_ns()
            answered += answers
            more = b""
            while connection.requests_in_flight < IN_FLIGHT:
                asked += 1
                more += connection.send(m.Request(id=asked, command="state.get"))
            if more:
                await stream.send_all(more)
            ended = clock.monotonic_ns()
        return answered / ((ended - began) / 1e9)


async def _through_client(address: UnixAddress, clock: Clock, seconds: float) -> float:
    done = 0
    async with trio_client.open_client(address) as client:
        began = clock.monotonic_ns()

        async def caller() -> None:
            nonlocal done
            while clock.monotonic_ns() - began < seconds * 1e9:
                await client.call(StateGet())
                done += 1

        async with trio.open_nursery() as nursery:
            for _ in range(IN_FLIGHT):
                nursery.start_soon(caller)
        return done / ((clock.monotonic_ns() - began) / 1e9)


async def _latencies(
    address: UnixAddress, clock: Clock, seconds: float, subscribers: int
) -> list[float]:
    """Milliseconds from publication to the built record, over all subscribers."""
    measured: list[float] = []

    async def follow() -> None:
        async with (
            trio_client.open_client(address, role="operator") as client,
            client.subscribe(ALERTS) as feed,
        ):
            while True:
                item = await feed.receive()
                if isinstance(item, Delivery):
                    measured.append((clock.monotonic_ns() - int(item.body.raised)) / 1e6)

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for _ in range(subscribers):
                nursery.start_soon(follow)
    return sorted(measured)


def measure_api(clock: Clock, *, seconds: float = 5.0, subscribers: int = 4) -> ApiFigures:
    """Measure for about three times ``seconds``.

    Args:
        clock: The machine's monotonic clock, which the server's process reads too.
        seconds: For each of the three measurements.
        subscribers: How many connections follow the alerts at once, at least 1.
    """

    async def main(address: UnixAddress) -> ApiFigures:
        await _wait_for(address)
        raw = await _raw(address, clock, seconds)
        client = await _through_client(address, clock, seconds)
        times = await _latencies(address, clock, seconds, subscribers)
        if not times:
            raise EngineError("bench", "no alert arrived")
        return ApiFigures(
            raw_per_second=raw,
            client_per_second=client,
            subscribers=subscribers,
            alerts=len(times),
            p50_ms=times[len(times) // 2],
            p99_ms=times[min(len(times) - 1, int(len(times) * 0.99))],
            worst_ms=times[-1],
        )

    with _served() as address:
        return trio.run(main, address)
