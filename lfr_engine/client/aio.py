"""The asyncio client.

Owns: one connection at a time, its reading task, and reconnecting. Never: Trio, numpy or any part
of the engine. Strategy: see ``core``; here only waiting is added. ``async with`` opens it, and
leaving the block closes everything.

    async with open_client(parse_address("unix:/run/lfr-engine/api.sock")) as client:
        state = await client.call(StateGet())
        async with client.subscribe(ALERTS) as alerts:
            async for item in alerts: ...
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from lfr_engine.client.core import Answer, Backoff, Core, Link
from lfr_engine.client.errors import LinkLost
from lfr_engine.client.feed import Feed, Item
from lfr_engine.client.tls import client_context
from lfr_engine.errors import LfrError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import Address, UnixAddress, parse_address
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import TopicSpec
from lfr_engine.protocol.framing import CHUNK_BYTES
from lfr_engine.protocol.proof import Token

R = TypeVar("R")
B = TypeVar("B")

IN_FLIGHT = 32
"""Calls under way at once; more wait here instead of being refused as `busy`."""
CONNECT_SECONDS = 10.0
GRACE_SECONDS = 2.0
"""How much longer than the engine the client waits for an answer."""


class Client:
    """Calls and subscriptions; made by ``open_client``."""

    def __init__(self, address: Address, core: Core, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._core = core
        self._tls = tls
        self._writer: asyncio.StreamWriter | None = None
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    @property
    def link(self) -> Link:
        """Where the connection stands."""
        return self._core.link

    @property
    def welcome(self) -> m.Welcome | None:
        """What the engine said about this caller, while connected."""
        return self._core.welcome

    async def call(self, command: Command[R], *, timeout: float = 30.0) -> R:
        """Run a command.

        Args:
            command: A record of ``lfr_engine.protocol.arguments``.
            timeout: Seconds, 0.001…600, for the engine to finish.

        Raises:
            CallRefused: The engine said no, or ran out of time (code `deadline`).
            LinkLost: Not connected (nothing was sent), or cut (the outcome is unknown).
        """
        async with self._slots:
            answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

            def done(value: Answer) -> None:
                if not answer.done():
                    answer.set_result(value)

            number = self._core.call(command, done, deadline_ms=max(1, round(timeout * 1000)))
            try:
                await self._flush()
                async with asyncio.timeout(timeout + GRACE_SECONDS):
                    result: R = (await answer).unwrap()
                    return result
            except TimeoutError as error:
                self._core.cancel(number)
                raise LinkLost(type(command).__name__, f"no answer in {timeout:g} s") from error
            except asyncio.CancelledError:
                self._core.cancel(number)
                self._write()
                raise

    @contextlib.asynccontextmanager
    async def subscribe(
        self,
        topic: TopicSpec[B],
        arguments: Any = None,
        *,
        cursor: int | None = None,
        window: int = 64,
    ) -> AsyncIterator[Subscription[B]]:
        """Receive a topic while the block lasts, across reconnections.

        Args:
            topic: Such as ``lfr_engine.protocol.commands.ALERTS``.
            arguments: The topic's filter, where it has one.
            cursor: Resume after this event; 0 for all that is kept; ``None`` for from now on.
            window: Unread events the engine may send ahead, at least 2.
        """
        changed = asyncio.Event()
        feed = Feed(topic, arguments, cursor=cursor, window=window, on_change=changed.set)
        self._core.add_feed(feed)
        await self._flush()
        try:
            yield Subscription(self, feed, changed)
        finally:
            self._core.remove_feed(feed)
            self._write()

    def _write(self) -> None:
        data = self._core.take_output()
        if data and self._writer is not None:
            self._writer.write(data)

    async def _flush(self) -> None:
        self._write()
        if self._writer is not None:
            with contextlib.suppress(OSError):  # the reading task reports a cut, once
                await self._writer.drain()

    def _taken(self, feed: Feed[Any]) -> None:
        self._core.taken(feed)
        self._write()

    async def _run(self, keepalive: float, first: asyncio.Future[None], *, patient: bool) -> None:
        backoff = Backoff(random.Random())
        while True:
            try:
                await self._one_connection(keepalive, backoff, first)
            except (OSError, TimeoutError) as error:
                cause = str(error) or "no answer"
                failure: LfrError = LinkLost(self._address, f"cannot connect or was cut: {cause}")
            except LfrError as error:
                failure = error
            self._core.lost(failure)
            if self._core.link is Link.REFUSED or not (patient or first.done()):
                if not first.done():
                    first.set_exception(failure)
                return
            await asyncio.sleep(backoff.failed())

    async def _one_connection(
        self, keepalive: float, backoff: Backoff, first: asyncio.Future[None]
    ) -> None:
        self._core.connecting()
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, self._writer = await self._open()
        try:
            silent = 0
            while True:
                try:
                    async with asyncio.timeout(keepalive):
                        data = await reader.read(CHUNK_BYTES)
                    silent = 0
                except TimeoutError as error:
                    silent += 1
                    if silent > 2 or self._core.link is not Link.OPEN:
                        raise LinkLost(self._address, "the engine is silent") from error
                    self._core.ping(silent)
                    data = None
                if data is not None:
                    self._core.receive(data)
                await self._flush()
                if self._core.link is Link.OPEN:
                    backoff.succeeded()
                    if not first.done():
                        first.set_result(None)
        finally:
            writer, self._writer = self._writer, None
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._address, UnixAddress):
            return await asyncio.open_unix_connection(self._address.path)
        return await asyncio.open_connection(
            self._address.host, self._address.port, ssl=self._tls or client_context()
        )

    async def _goodbye(self) -> None:
        self._core.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._flush()


class Subscription(Generic[B]):
    """An async iterator of what arrives, notices included."""

    def __init__(self, client: Client, feed: Feed[B], changed: asyncio.Event) -> None:
        self._client = client
        self._feed = feed
        self._changed = changed

    @property
    def cursor(self) -> int | None:
        """The newest durable event that arrived; what to resume after."""
        return self._feed.cursor

    async def receive(self) -> Item[B]:
        """The next item.

        Raises:
            CallRefused: The engine refused the subscription.
            StopAsyncIteration: The client was closed.
        """
        while (item := self._feed.take()) is None:
            if self._feed.error is not None:
                raise self._feed.error
            if self._feed.ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        self._client._taken(self._feed)  # noqa: SLF001 - one class in two halves
        return item

    def __aiter__(self) -> Subscription[B]:
        return self

    async def __anext__(self) -> Item[B]:
        return await self.receive()


@contextlib.asynccontextmanager
async def open_client(
    address: Address | str,
    *,
    name: str = "python-asyncio",
    token: Token | None = None,
    role: str | None = None,
    tls: ssl.SSLContext | None = None,
    patient: bool = False,
    keepalive: float = 5.0,
    on_link: Callable[[Link], None] = lambda _: None,
) -> AsyncIterator[Client]:
    """Connect, and stay connected while the block lasts.

    Args:
        address: ``unix:/path/api.sock`` or ``tls://host:port``.
        name: What this program calls itself, up to 64 characters.
        token: Where the engine asks for one.
        role: The role to act in; the caller's first role when ``None``.
        tls: For TCP; the system's trusted authorities when ``None``.
        patient: Enter the block at once and keep trying; otherwise the first connection must work.
        keepalive: Seconds of silence before a ping; after three of them the link counts as lost.
        on_link: Told of every change of the link.

    Raises:
        LinkLost: Nobody listens there (unless ``patient``).
        CallRefused: The engine does not accept this caller.
        InputError: The address is not one.
    """
    if isinstance(address, str):
        address = parse_address(address)
    client = Client(address, Core(name, address, token=token, role=role, on_link=on_link), tls)
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(client._run(keepalive, first, patient=patient))  # noqa: SLF001 - see above
    try:
        if not patient:
            await asyncio.wait({first, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not first.done():
                running.result()
            first.result()
        yield client
    finally:
        await client._goodbye()  # noqa: SLF001 - see above
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        if first.done() and not first.cancelled():
            first.exception()
