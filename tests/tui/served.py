"""A fake engine in a process of its own, which tests may kill; and a cockpit without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from textual.pilot import Pilot

from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import CallerRole
from tui.app import Cockpit, CockpitSettings
from tui.link import DEFAULT_ROLES, LinkSettings

PATIENCE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def engine(socket: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a fake engine until the block ends; ready when it listens."""
    command = [sys.executable, "-m", "tests.tui.engine", str(socket), *words]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            wait_for(socket.exists)
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Poll until ``condition`` holds; returns the seconds it took."""
    import time

    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "never happened"
        time.sleep(0.02)
    return time.monotonic() - begun


async def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> float:
    """Let everything run until ``condition`` holds; returns the seconds it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
    return loop.time() - begun


@contextlib.asynccontextmanager
async def linked(
    socket: Path,
    size: tuple[int, int] = (80, 24),
    roles: tuple[CallerRole, ...] = DEFAULT_ROLES,
) -> AsyncIterator[tuple[Cockpit, Pilot[None]]]:
    """A real cockpit, linked to the engine behind ``socket``, without a terminal."""
    app = Cockpit(CockpitSettings(LinkSettings(UnixAddress(socket), roles)))
    async with app.run_test(size=size) as pilot:
        yield app, pilot
