"""Engines that are silent, lie or vanish, as each client meets them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from lfr_engine.client import aio, blocking, trio_client
from lfr_engine.client.core import Link
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.errors import ProtocolError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import ALERTS
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.machine import Role
from tests.api.support import running, wait_until
from tests.client.support import server_thread
from tests.protocol.support import NONCE, WELCOME


@contextmanager
def impostor(path: Path, after_welcome: Callable[[socket.socket], None]) -> Iterator[None]:
    """A server that greets well and then does what a test wants."""
    stop = threading.Event()

    def greet(connected: socket.socket) -> None:
        end = Connection(Role.SERVER)
        connected.sendall(end.send(m.Challenge(versions=[1], nonce=NONCE)))
        while end.next_message() is None:
            end.receive_data(connected.recv(4_096))
        connected.sendall(end.send(WELCOME))
        after_welcome(connected)
        stop.wait(10)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def serve() -> None:
            connected, _ = listening.accept()
            with connected:
                greet(connected)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(5)


def mute(_: socket.socket) -> None:
    """Say nothing more."""


def lie(connected: socket.socket) -> None:
    connected.recv(1)  # the first ping or request: the welcome was heard
    connected.sendall(b"\x00\x00\x00\x01\xc1")


async def asyncio_links(path: Path, until: Link, links: list[Link], keepalive: float) -> None:
    async with (
        asyncio.timeout(10),
        aio.open_client(UnixAddress(path), keepalive=keepalive, on_link=links.append),
    ):
        while until not in links:
            await asyncio.sleep(0.005)


async def trio_links(path: Path, until: Link, links: list[Link], keepalive: float) -> None:
    with trio.fail_after(10):
        async with trio_client.open_client(
            UnixAddress(path), keepalive=keepalive, on_link=links.append
        ):
            while until not in links:
                await trio.sleep(0.005)


RUNS: list[Any] = [
    lambda *args: asyncio.run(asyncio_links(*args)),
    lambda *args: trio.run(trio_links, *args),
]


@pytest.mark.parametrize("run", RUNS, ids=["asyncio", "trio"])
@pytest.mark.parametrize(("deed", "until"), [(mute, Link.LOST), (lie, Link.REFUSED)])
def test_a_silent_engine_is_lost_and_a_lying_one_is_left(
    run: Any, deed: Any, until: Link, tmp_path: Path
) -> None:
    links: list[Link] = []
    with impostor(tmp_path / "s", deed):
        # the liar answers the first ping, and on a busy machine that takes its time
        run(tmp_path / "s", until, links, 0.02 if deed is mute else 0.3)
    assert links[:3] == [Link.CONNECTING, Link.OPEN, until]


def test_the_blocking_client_gives_a_silent_engine_its_time_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "GRACE_SECONDS", 0.05)
    with (
        impostor(tmp_path / "s", mute),
        blocking.open_client(UnixAddress(tmp_path / "s")) as client,
        pytest.raises(LinkLost, match=r"no answer in 0\.05 s"),
    ):
        client.call(a.StateGet(), timeout=0.05)


def test_the_blocking_client_leaves_a_liar(tmp_path: Path) -> None:
    with (
        impostor(tmp_path / "s", lie),
        blocking.open_client(UnixAddress(tmp_path / "s")) as client,
    ):
        with pytest.raises(LinkLost, match="no answer came"):
            client.call(a.StateGet())
        assert client.link is Link.REFUSED
        with pytest.raises(ProtocolError):
            client.call(a.StateGet())


def test_async_clients_give_up_on_an_answer_that_never_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio, "GRACE_SECONDS", 0.02)
    monkeypatch.setattr(trio_client, "GRACE_SECONDS", 0.02)

    async def asyncio_main() -> None:
        async with aio.open_client(UnixAddress(tmp_path / "a")) as client:
            with pytest.raises(LinkLost, match="no answer in"):
                await client.call(a.StateGet(), timeout=0.02)

    async def trio_main() -> None:
        async with trio_client.open_client(UnixAddress(tmp_path / "t")) as client:
            with pytest.raises(LinkLost, match="no answer in"):
                await client.call(a.StateGet(), timeout=0.02)

    with impostor(tmp_path / "a", mute):
        asyncio.run(asyncio_main())
    with impostor(tmp_path / "t", mute):
        trio.run(trio_main)


def test_cancelling_a_trio_call_cancels_it_in_the_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            running(tmp_path) as served,
            trio_client.open_client(served.addresses[0], role="auditor") as client,
        ):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(client.call, a.JournalVerify())
                    await wait_until(lambda: bool(served.engine.calls))
                    scope.cancel()
            await wait_until(lambda: served.engine.cancelled == 1)
            await client.call(a.StateGet())

    trio.run(scenario)


def test_cancelling_an_asyncio_call_cancels_it_in_the_engine(tmp_path: Path) -> None:
    with server_thread(tmp_path) as server:

        async def main() -> None:
            path = UnixAddress(tmp_path / "api.sock")
            async with aio.open_client(path, role="auditor") as client:
                call = asyncio.create_task(client.call(a.JournalVerify()))
                while not server.engine.calls:
                    await asyncio.sleep(0.005)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
                async with asyncio.timeout(5):
                    while not server.engine.cancelled:
                        await asyncio.sleep(0.005)
                await client.call(a.StateGet())

        asyncio.run(main())


def test_the_blocking_client_waits_no_longer_than_asked(tmp_path: Path) -> None:
    with (
        server_thread(tmp_path),
        blocking.open_client(UnixAddress(tmp_path / "api.sock"), role="operator") as client,
        client.subscribe(ALERTS) as feed,
    ):
        assert feed.receive(0.02) is None
        with pytest.raises(CallRefused):
            client.call(a.CamerasAdd(camera="x", address="y"))
