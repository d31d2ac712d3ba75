"""A deployment that raises an alert every tenth of a second and serves its socket, to be killed.

python -m tests.app.emitting_child FOLDER      prints "ready" once it listens
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import trio

from lfr_engine.api.callers import ApiSettings
from lfr_engine.api.server import serve_api
from lfr_engine.app.engine_api import LiveEngine
from lfr_engine.clock import SystemClock
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.protocol.address import Address, UnixAddress
from tests.app.api_rig import deployment_stage
from tests.app.deployment_rig import Rig

EVERY_S = 0.1


def rig(folder: Path) -> Rig:
    """Nobody walks past: the alerts are this program's own."""
    return Rig(folder / "data", walks={"door": []})


async def emit(folder: Path) -> None:
    made = rig(folder)
    raised = sum(isinstance(event, AlertGenerated) for event in made.events(AlertGenerated))
    async with deployment_stage(made) as stage, trio.open_nursery() as nursery:
        engine, session = stage.engine, stage.running.session
        assert session is not None

        async def serve(task_status: trio.TaskStatus[list[Address]]) -> None:
            settings = ApiSettings((UnixAddress(folder / "s" / "api.sock"),))
            await serve_api(
                settings,
                LiveEngine(stage.running),
                clock=SystemClock(),
                record=engine.record,
                task_status=task_status,
            )

        await nursery.start(serve)
        print("ready", flush=True)
        while True:
            raised += 1
            alert = stage.generated(
                deployment=session.deployment,
                alert=f"{raised:06X}",
                captured=dt.datetime.now(dt.UTC),
            )
            await session.journaler.record([alert])
            await trio.sleep(EVERY_S)


if __name__ == "__main__":
    trio.run(emit, Path(sys.argv[1]))
