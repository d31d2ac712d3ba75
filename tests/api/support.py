"""A server on a real socket, in one line, and raw connections to misbehave with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog.testing
import trio

from lfr_engine.api.callers import ALL_ROLES, ApiSettings
from lfr_engine.api.guard import Bounds, Guard
from lfr_engine.api.server import serve_api
from lfr_engine.clock import ManualClock, SystemClock
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import Address, UnixAddress
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.machine import Role
from tests.api.fake_engine import FakeEngine

__all__ = ["ALL_ROLES", "Running", "Wire", "dial", "running", "wait_until"]


@dataclass
class Running:
    """A served fake engine."""

    engine: FakeEngine
    guard: Guard
    addresses: list[Address] = field(default_factory=list)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    @property
    def path(self) -> Path:
        address = self.addresses[0]
        assert isinstance(address, UnixAddress)
        return address.path


@asynccontextmanager
async def running(
    settings: ApiSettings | Path,
    engine: FakeEngine | None = None,
    clock: ManualClock | SystemClock | None = None,
) -> AsyncIterator[Running]:
    """Serve while the block lasts; an error in the log fails the test."""
    if isinstance(settings, Path):
        bounds = Bounds(
            connections=512, per_origin=512, handshakes=512, refusals=10_000, new_in_a_burst=512
        )
        settings = ApiSettings((UnixAddress(settings / "api.sock"),), bounds=bounds)
    engine = engine or FakeEngine()
    clock = clock or SystemClock()
    served = Running(engine, Guard(settings.bounds, clock))
    with structlog.testing.capture_logs() as lines:
        async with _served(settings, engine, clock, served):
            yield served
    assert [line for line in lines if line["log_level"] in {"error", "critical"}] == []


@asynccontextmanager
async def _served(
    settings: ApiSettings,
    engine: FakeEngine,
    clock: ManualClock | SystemClock,
    served: Running,
) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:

        async def serve(task_status: trio.TaskStatus[list[Address]]) -> None:
            with served.scope:
                await serve_api(
                    settings,
                    engine,
                    clock=clock,
                    record=engine.record,
                    guard=served.guard,
                    task_status=task_status,
                )

        served.addresses = await nursery.start(serve)
        yield
        served.scope.cancel()


class Wire:
    """A client that says exactly what it is told to."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.connection = Connection(Role.CLIENT)
        self.sent = bytearray()

    async def say(self, message: m.Message) -> None:
        data = self.connection.send(message)
        self.sent += data
        await self.stream.send_all(data)

    async def raw(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def hear(self) -> Any:
        """The next message, or ``None`` when the server closed."""
        while (message := self.connection.next_message()) is None:
            if self.connection.ended:
                return None
            try:
                data = await self.stream.receive_some(65_536)
            except trio.BrokenResourceError:
                data = b""
            self.connection.receive_data(bytes(data))
        return message

    async def open(self, role: str | None = None) -> m.Welcome:
        challenge = await self.hear()
        assert isinstance(challenge, m.Challenge)
        await self.say(m.Hello(version=1, client="wire", role=role))
        welcome = await self.hear()
        assert isinstance(welcome, m.Welcome), welcome
        return welcome


@asynccontextmanager
async def dial(served: Running) -> AsyncIterator[Wire]:
    """Connect to the Unix socket."""
    stream = await trio.open_unix_socket(served.path)
    async with stream:
        yield Wire(stream)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Let everybody run until ``condition`` holds, at most 5 s."""
    with trio.fail_after(5):
        while not condition():
            await trio.sleep(0.002)
