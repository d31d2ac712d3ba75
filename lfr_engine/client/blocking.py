"""The blocking client: for scripts and for programs without an event loop.

Owns: one socket. Never: threads; bytes move only while one of its methods runs, so one client
belongs to one thread. Strategy: see ``core``. A cut is noticed by the next call or ``receive``,
which connects again; a call that was already sent is never sent twice.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from lfr_engine.client.core import Answer, Backoff, Core, Link
from lfr_engine.client.errors import LinkLost
from lfr_engine.client.feed import Feed, Item
from lfr_engine.client.tls import client_context
from lfr_engine.clock import Clock, SystemClock
from lfr_engine.errors import LfrError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import Address, UnixAddress, parse_address
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import TopicSpec
from lfr_engine.protocol.framing import CHUNK_BYTES
from lfr_engine.protocol.proof import Token

R = TypeVar("R")
B = TypeVar("B")

CONNECT_SECONDS = 10.0
GRACE_SECONDS = 2.0
"""How much longer than the engine the client waits for an answer."""


class Client:
    """Calls and subscriptions; made by ``open_client``."""

    def __init__(
        self,
        address: Address,
        core: Core,
        tls: ssl.SSLContext | None,
        clock: Clock,
        keepalive: float,
    ) -> None:
        self._address = address
        self._core = core
        self._tls = tls
        self._clock = clock
        self._keepalive = keepalive
        self._silent = 0
        self._socket: socket.socket | None = None
        self._backoff = Backoff(random.Random())

    @property
    def link(self) -> Link:
        """Where the connection stands, as far as is known."""
        return self._core.link

    @property
    def welcome(self) -> m.Welcome | None:
        """What the engine said about this caller, while connected."""
        return self._core.welcome

    def call(self, command: Command[R], *, timeout: float = 30.0) -> R:
        """Run a command.

        Args:
            command: A record of ``lfr_engine.protocol.arguments``.
            timeout: Seconds, 0.001…600, for the engine to finish.

        Raises:
            CallRefused: The engine said no, or ran out of time (code `deadline`).
            LinkLost: Cannot connect (nothing was sent), or cut (the outcome is unknown).
        """
        self._look()
        self._connect()
        answers: list[Answer] = []
        number = self._core.call(command, answers.append, deadline_ms=max(1, round(timeout * 1000)))
        limit = self._now() + timeout + GRACE_SECONDS
        while not answers:
            left = limit - self._now()
            if left <= 0:
                self._core.cancel(number)
                self._move(0)
                raise LinkLost(type(command).__name__, f"no answer in {timeout:g} s")
            try:
                self._move(left)
            except LfrError:
                if not answers:
                    raise
        result: R = answers[0].unwrap()
        return result

    @contextlib.contextmanager
    def subscribe(
        self,
        topic: TopicSpec[B],
        arguments: Any = None,
        *,
        cursor: int | None = None,
        window: int = 64,
    ) -> Iterator[Subscription[B]]:
        """Receive a topic while the block lasts, across reconnections; see ``aio``."""
        feed = Feed(topic, arguments, cursor=cursor, window=window)
        self._connect()
        self._core.add_feed(feed)
        self._move(0)
        try:
            yield Subscription(self, feed)
        finally:
            self._core.remove_feed(feed)
            with contextlib.suppress(LfrError):
                self._move(0)

    def close(self) -> None:
        """Say goodbye and close the socket."""
        self._core.close()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.settimeout(1)
                self._socket.sendall(self._core.take_output())
            self._socket.close()
            self._socket = None

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def _is_open(self) -> bool:
        return self._core.link is Link.OPEN

    def _connect(self) -> None:
        """Be connected: at once when it is, else one attempt."""
        if self._is_open():
            return
        if self._core.link is Link.REFUSED and self._core.refusal is not None:
            raise self._core.refusal
        self._core.connecting()
        limit = self._now() + CONNECT_SECONDS
        try:
            self._socket = self._open()
        except OSError as error:
            failure = LinkLost(self._address, f"cannot connect: {error}")
            self._core.lost(failure)
            raise failure from error
        while not self._is_open():
            left = limit - self._now()
            if left <= 0:
                failure = LinkLost(self._address, "the engine is silent")
                self._drop(failure)
                raise failure
            self._move(left)
        self._backoff.succeeded()

    def _listen(self, seconds: float) -> None:
        """As ``_move``, and notice a link that died without a word."""
        if self._move(min(seconds, self._keepalive)):
            self._silent = 0
        elif seconds >= self._keepalive:
            self._silent += 1
            if self._silent > 2:
                failure = LinkLost(self._address, "the engine is silent")
                self._drop(failure)
                raise failure
            self._core.ping(self._silent)

    def _move(self, seconds: float) -> bool:
        """Write what is to be written, then take what comes within ``seconds``, once.

        Returns whether anything came.
        """
        connected = self._socket
        if connected is None:
            raise LinkLost(self._address, "not connected")
        try:
            broken = self._speak(connected)
            data = self._receive(connected, seconds)
            if data is not None:
                self._core.receive(data)
                self._speak(connected)  # a line that breaks now is noticed at the next turn
            elif broken is not None:
                raise broken
        except OSError as error:
            failure = LinkLost(self._address, f"the connection was cut: {error}")
            self._drop(failure)
            raise failure from error
        except LfrError as error:
            self._drop(error)
            raise
        return data is not None

    def _speak(self, connected: socket.socket) -> OSError | None:
        """Write what is to be written; where the line broke, who hung up may have said why."""
        connected.settimeout(CONNECT_SECONDS)
        try:
            connected.sendall(self._core.take_output())
        except OSError as error:
            return error
        return None

    def _receive(self, connected: socket.socket, seconds: float) -> bytes | None:
        connected.settimeout(seconds)
        try:
            return connected.recv(CHUNK_BYTES)
        except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
            return None

    def _look(self) -> None:
        """Notice a cut, and answer pings, before a call is sent."""
        if self._core.link is Link.OPEN:
            with contextlib.suppress(LfrError):
                self._move(0)

    def _drop(self, error: LfrError) -> None:
        self._core.lost(error)
        self._silent = 0
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if isinstance(self._address, UnixAddress):
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                plain.settimeout(CONNECT_SECONDS)
                plain.connect(os.fspath(self._address.path))
            except OSError:
                plain.close()
                raise
            return plain
        host = self._address.host
        plain = socket.create_connection((host, self._address.port), CONNECT_SECONDS)
        try:
            return (self._tls or client_context()).wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    def _next(self, feed: Feed[B], timeout: float | None) -> Item[B] | None:
        limit = None if timeout is None else self._now() + timeout
        while (item := feed.take()) is None:
            if feed.error is not None:
                raise feed.error
            if feed.ended:
                return None
            left = 60.0 if limit is None else limit - self._now()
            if left <= 0:
                return None
            try:
                self._connect()
                self._listen(left)
            except LinkLost:
                pause = self._backoff.failed()
                threading.Event().wait(min(pause, left))
        self._core.taken(feed)
        return item


class Subscription(Generic[B]):
    """An iterator of what arrives, notices included."""

    def __init__(self, client: Client, feed: Feed[B]) -> None:
        self._client = client
        self._feed = feed

    @property
    def cursor(self) -> int | None:
        """The newest durable event that arrived; what to resume after."""
        return self._feed.cursor

    def receive(self, timeout: float | None = None) -> Item[B] | None:
        """The next item, or ``None`` after ``timeout`` seconds or once the client is closed.

        Reconnects by itself while it waits.

        Raises:
            CallRefused: The engine refused the subscription or the connection.
        """
        return self._client._next(self._feed, timeout)  # noqa: SLF001 - one class in two halves

    def __iter__(self) -> Iterator[Item[B]]:
        while (item := self.receive()) is not None:
            yield item


@contextlib.contextmanager
def open_client(
    address: Address | str,
    *,
    name: str = "python",
    token: Token | None = None,
    role: str | None = None,
    tls: ssl.SSLContext | None = None,
    keepalive: float = 5.0,
    clock: Clock | None = None,
) -> Iterator[Client]:
    """Connect; leaving the block closes the connection. See ``aio.open_client``.

    keepalive: while waiting for a topic, as in ``aio``; at other times nobody listens.

    Raises:
        LinkLost: Nobody listens there.
        CallRefused: The engine does not accept this caller.
    """
    if isinstance(address, str):
        address = parse_address(address)
    core = Core(name, address, token=token, role=role)
    client = Client(address, core, tls, clock or SystemClock(), keepalive)
    try:
        client._connect()  # noqa: SLF001 - see above
        yield client
    finally:
        client.close()
