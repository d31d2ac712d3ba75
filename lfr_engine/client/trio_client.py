"""The Trio client.

Owns: one connection at a time, its reading task, and reconnecting. Never: asyncio or any part of
the engine. Strategy: see ``core``; here only waiting is added. Same words as ``aio``.
"""

from __future__ import annotations

import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

import trio

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


class _Doorbell:
    """Wakes whoever waits; remembers a ring that nobody heard."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event = trio.Event()


class Client:
    """Calls and subscriptions; made by ``open_client``."""

    def __init__(self, address: Address, core: Core, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._core = core
        self._tls = tls
        self._slots = trio.Semaphore(IN_FLIGHT)
        self._output = _Doorbell()
        self.opened = trio.Event()
        self.failure: LfrError | None = None

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
            answers: list[Answer] = []
            answered = trio.Event()

            def done(value: Answer) -> None:
                answers.append(value)
                answered.set()

            number = self._core.call(command, done, deadline_ms=max(1, round(timeout * 1000)))
            self._output.ring()
            try:
                with trio.move_on_after(timeout + GRACE_SECONDS):
                    await answered.wait()
            finally:
                if not answers:
                    self._core.cancel(number)
                    self._output.ring()
            if not answers:
                raise LinkLost(type(command).__name__, f"no answer in {timeout:g} s")
            result: R = answers[0].unwrap()
            return result

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
        changed = _Doorbell()
        feed = Feed(topic, arguments, cursor=cursor, window=window, on_change=changed.ring)
        self._core.add_feed(feed)
        self._output.ring()
        try:
            yield Subscription(self, feed, changed)
        finally:
            self._core.remove_feed(feed)
            self._output.ring()

    def _taken(self, feed: Feed[Any]) -> None:
        self._core.taken(feed)
        self._output.ring()

    async def _run(self, keepalive: float, *, patient: bool) -> None:
        backoff = Backoff(random.Random())
        while True:
            try:
                await self._one_connection(keepalive, backoff)
            except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
                cause = str(error.__cause__ or error) or "no answer"
                self.failure = LinkLost(self._address, f"cannot connect or was cut: {cause}")
            except LfrError as error:
                self.failure = error
            if self.failure is not None:
                self._core.lost(self.failure)
            if self._core.link is Link.REFUSED or not (patient or self.opened.is_set()):
                self.opened.set()
                return
            await trio.sleep(backoff.failed())

    async def _one_connection(self, keepalive: float, backoff: Backoff) -> None:
        self._core.connecting()
        with trio.fail_after(CONNECT_SECONDS):
            stream = await self._open()
        failures: list[Exception] = []
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, stream, failures, nursery.cancel_scope)
                try:
                    await self._read(stream, keepalive, backoff)
                except (LfrError, trio.BrokenResourceError) as error:
                    failures.append(error)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)
        if failures:
            raise failures[0]

    async def _read(self, stream: trio.abc.Stream, keepalive: float, backoff: Backoff) -> None:
        silent = 0
        while True:
            data = None
            with trio.move_on_after(keepalive):
                data = await stream.receive_some(CHUNK_BYTES)
            if data is not None:
                silent = 0
                self._core.receive(bytes(data))
            else:
                silent += 1
                if silent > 2 or self._core.link is not Link.OPEN:
                    raise LinkLost(self._address, "the engine is silent")
                self._core.ping(silent)
            self._output.ring()
            if self._core.link is Link.OPEN:
                backoff.succeeded()
                self.failure = None
                self.opened.set()

    async def _write(
        self, stream: trio.abc.Stream, failures: list[Exception], scope: trio.CancelScope
    ) -> None:
        """The only writer, so that bytes leave in the order they were made."""
        try:
            while True:
                await self._output.wait()
                data = self._core.take_output()
                if data:
                    await stream.send_all(data)
        except trio.BrokenResourceError as error:
            failures.append(error)
            scope.cancel()
        except trio.Cancelled:
            with trio.move_on_after(1, shield=True), contextlib.suppress(trio.BrokenResourceError):
                await stream.send_all(self._core.take_output())
            raise

    async def _open(self) -> trio.abc.Stream:
        if isinstance(self._address, UnixAddress):
            return await trio.open_unix_socket(self._address.path)
        return await trio.open_ssl_over_tcp_stream(
            self._address.host,
            self._address.port,
            https_compatible=True,
            ssl_context=self._tls or client_context(),
        )


class Subscription(Generic[B]):
    """An async iterator of what arrives, notices included."""

    def __init__(self, client: Client, feed: Feed[B], changed: _Doorbell) -> None:
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
            trio.EndOfChannel: The client was closed.
        """
        while (item := self._feed.take()) is None:
            if self._feed.error is not None:
                raise self._feed.error
            if self._feed.ended:
                raise trio.EndOfChannel
            await self._changed.wait()
        self._client._taken(self._feed)  # noqa: SLF001 - one class in two halves
        return item

    def __aiter__(self) -> Subscription[B]:
        return self

    async def __anext__(self) -> Item[B]:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


@contextlib.asynccontextmanager
async def open_client(
    address: Address | str,
    *,
    name: str = "python-trio",
    token: Token | None = None,
    role: str | None = None,
    tls: ssl.SSLContext | None = None,
    patient: bool = False,
    keepalive: float = 5.0,
    on_link: Callable[[Link], None] = lambda _: None,
) -> AsyncIterator[Client]:
    """Connect, and stay connected while the block lasts; see ``aio.open_client``.

    Raises:
        LinkLost: Nobody listens there (unless ``patient``).
        CallRefused: The engine does not accept this caller.
    """
    if isinstance(address, str):
        address = parse_address(address)
    client = Client(address, Core(name, address, token=token, role=role, on_link=on_link), tls)
    stopped: BaseException | None = None
    entered = False
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            await client._run(keepalive, patient=patient)  # noqa: SLF001 - see above

        nursery.start_soon(run)
        try:
            if not patient:
                await client.opened.wait()
            if client.failure is None or patient:
                entered = True
                yield client
        except BaseException as error:  # noqa: BLE001 - raised below, outside the nursery's group
            stopped = error
        finally:
            client._core.close()  # noqa: SLF001 - see above
            nursery.cancel_scope.cancel()
    if stopped is not None:
        raise stopped
    if not entered and client.failure is not None:
        raise client.failure
