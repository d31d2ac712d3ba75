"""A served fake engine in another thread, for clients that are not Trio's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from tests.api.fake_engine import FakeEngine
from tests.api.support import Running, running


class ServerThread:
    """Served in its own thread; ``do`` runs a function in it."""

    def __init__(self, folder: Path, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self._folder = folder
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: trio.run(self._main))

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._stop = trio.Event()
        async with running(self._folder, self.engine) as self.served:
            self._ready.set()
            await self._stop.wait()

    def do(self, work: Callable[[Running], object]) -> None:
        trio.from_thread.run_sync(work, self.served, trio_token=self._token)

    def alerts(self, number: int) -> None:
        for _ in range(number):
            self.do(lambda served: served.engine.raise_alert())

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(5)

    def stop(self) -> None:
        self._token.run_sync_soon(self._stop.set)
        self._thread.join(5)
        assert not self._thread.is_alive()


@contextmanager
def server_thread(folder: Path, engine: FakeEngine | None = None) -> Iterator[ServerThread]:
    """Serve while the block lasts."""
    server = ServerThread(folder, engine)
    server.start()
    try:
        yield server
    finally:
        server.stop()
