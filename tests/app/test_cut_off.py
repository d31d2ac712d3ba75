"""Subscribers cut off for a whole minute while the engine goes on, dies and comes back.

Everything is real: processes, sockets, the journal on disk and the seconds. The cut is a black
hole: nothing passes and nobody is told, as when a router dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from lfr_engine.client import aio, blocking, trio_client
from lfr_engine.client.feed import Delivery
from lfr_engine.errors import LfrError
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import ALERTS
from tests.app.emitting_child import EVERY_S, rig

ROOT = Path(__file__).parents[2]
BEFORE_S, CUT_S, KILLED_AFTER_S = 3.0, 60.0, 20.0
KEEPALIVE_S = 2.0


class Link:
    """Carries bytes between clients and the engine until it is cut."""

    def __init__(self, near: Path, far: Path) -> None:
        self.near, self._far = near, far
        self._whole = threading.Event()
        self._whole.set()
        self._over = False
        self._open: list[socket.socket] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(near))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing passes; what was open never hears of it."""
        self._whole.clear()

    def mend(self) -> None:
        """New connections pass; those that were cut stay dead."""
        self._whole.set()

    def close(self) -> None:
        """Nothing passes any more, and every socket is closed."""
        self._over = True
        for one in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while not self._over:
            try:
                one, _ = self._listening.accept()
            except OSError:
                return
            self._open.append(one)
            far = socket.socket(socket.AF_UNIX)
            self._open.append(far)
            if not self._whole.is_set() or far.connect_ex(str(self._far)):
                one.close()
                continue
            for source, target in ((one, far), (far, one)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := source.recv(65_536)) and self._whole.is_set():
                target.sendall(data)
        if self._whole.is_set():
            for one in (source, target):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The engine until the block ends, by kill -9."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.app.emitting_child", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


Take = Callable[[int, str], None]


def with_asyncio(path: Path, take: Take, over: threading.Event) -> None:
    async def main() -> None:
        async with (
            aio.open_client(UnixAddress(path), role="operator", keepalive=KEEPALIVE_S) as client,
            client.subscribe(ALERTS, cursor=0) as feed,
        ):
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        item = await feed.receive()
                        if isinstance(item, Delivery):
                            take(item.cursor or 0, item.body.reference)

    asyncio.run(main())


def with_trio(path: Path, take: Take, over: threading.Event) -> None:
    async def main() -> None:
        async with (
            trio_client.open_client(
                UnixAddress(path), role="operator", keepalive=KEEPALIVE_S
            ) as client,
            client.subscribe(ALERTS, cursor=0) as feed,
        ):
            while not over.is_set():
                with trio.move_on_after(0.5):
                    item = await feed.receive()
                    if isinstance(item, Delivery):
                        take(item.cursor or 0, item.body.reference)

    trio.run(main)


def with_blocking(path: Path, take: Take, over: threading.Event) -> None:
    with (
        blocking.open_client(UnixAddress(path), role="operator", keepalive=KEEPALIVE_S) as client,
        client.subscribe(ALERTS, cursor=0) as feed,
    ):
        while not over.is_set():
            item = feed.receive(KEEPALIVE_S + 0.5)
            if isinstance(item, Delivery):
                take(item.cursor or 0, item.body.reference)


@pytest.mark.long
def test_a_minute_without_a_link_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rig(tmp_path).build()
    over = threading.Event()
    taken: list[list[tuple[int, str]]] = []
    threads = []
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(engine(tmp_path))
        link = Link(tmp_path / "link.sock", tmp_path / "s" / "api.sock")
        stack.callback(link.close)
        for way in (with_asyncio, with_trio, with_blocking):
            mine: list[tuple[int, str]] = []
            taken.append(mine)

            def follow(way: Callable[..., None] = way, mine: list[tuple[int, str]] = mine) -> None:
                with contextlib.suppress(LfrError):
                    way(link.near, lambda *one: mine.append(one), over)

            threads.append(threading.Thread(target=follow, daemon=True))
            threads[-1].start()
        time.sleep(BEFORE_S)
        assert all(taken)
        began = time.monotonic()
        link.cut()
        time.sleep(1.0)  # what was under way arrives
        seen = [len(mine) for mine in taken]
        time.sleep(KILLED_AFTER_S)
        running.kill()
        running.wait()
        stack.enter_context(engine(tmp_path))
        time.sleep(max(0.0, CUT_S - (time.monotonic() - began)))
        assert [len(mine) for mine in taken] == seen
        link.mend()
        time.sleep(10.0)  # a client tries again after 5 s at most
        over.set()
        for thread in threads:
            thread.join(15)
    raised = [
        one.alert for one in rig(tmp_path).events(AlertGenerated) if isinstance(one, AlertGenerated)
    ]
    assert len(raised) > (CUT_S - 20) / EVERY_S / 2
    for mine in taken:
        references = [reference for _, reference in mine]
        cursors = [cursor for cursor, _ in mine]
        # the engine goes on while they leave, so the very last ones are nobody's
        assert len(references) >= len(raised) - 5 / EVERY_S
        assert references == raised[: len(references)]
        assert cursors == sorted(set(cursors))
