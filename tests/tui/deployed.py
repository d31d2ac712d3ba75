"""A real deployment on painted people, served on a socket, in a process of its own.

``python -m tests.tui.deployed FOLDER`` builds a signed authority and a sealed watchlist there, runs
the engine under them with its journal, and listens on ``FOLDER/e``.
"""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from pathlib import Path

import structlog
import trio

from lfr_engine.api.callers import ApiSettings
from lfr_engine.api.server import serve_api
from lfr_engine.clock import SystemClock
from lfr_engine.protocol.address import UnixAddress
from tests.app.api_rig import deployment_stage
from tests.app.deployment_rig import Rig
from tests.support.painted import Walk

WALKS = [Walk("ann", 3.0 + 30 * turn, 12.0 + 30 * turn) for turn in range(20)]


async def serve(folder: Path) -> None:
    """Until cancelled."""
    rig = Rig(folder / "data", walks={"door": WALKS}).build()
    async with deployment_stage(rig) as made, trio.open_nursery() as nursery:
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
        listen = partial(serve_api, clock=SystemClock(), record=made.engine.record)
        await nursery.start(listen, ApiSettings((UnixAddress(folder / "e"),)), made.engine)
        await trio.sleep_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(serve, Path(sys.argv[1]))
