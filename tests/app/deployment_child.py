"""A deployment in a process of its own, to be killed at any moment.

python -m tests.app.deployment_child FOLDER run      prints "ready", then "SEQ HASH" a record
python -m tests.app.deployment_child FOLDER after    opens it again two days later
"""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from typing import TextIO

import trio

from lfr_engine.alerts.adjudication import Person
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.deployment_session import Session
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.lines import Record
from lfr_engine.runtime.flow import Lagged, Subscription
from tests.app.deployment_rig import MovableClock, Rig
from tests.support.painted import Walk

OLGA = Person("Olga", "operator")


def rig(folder: Path, clock: MovableClock) -> Rig:
    walks = {"door": [Walk("ann", 0.0, 1.5), Walk("bob", 0.3, 2, row=150), Walk("cid", 1, 3)]}
    made = Rig(folder / "data", clock=clock, walks=walks)
    made.changes = {"summary_every": dt.timedelta(seconds=0.2), "decide_within_s": 1.0}
    return made


async def tell(heard: Subscription[Record], told: TextIO) -> None:
    while True:
        record = await heard.receive()
        assert not isinstance(record, Lagged)
        told.write(f"{record.seq} {record.hash}\n")
        told.flush()


async def decide(session: Session) -> None:
    """Whatever is raised is passed at once."""
    while True:
        for alert in await session.alerts():
            try:
                await session.display(OLGA, alert.reference)
                await session.pictures(OLGA, alert.reference)
                await session.decide(OLGA, alert.reference, "passed", ["likeness"])
            except (InputError, RuleError):
                continue  # decided before, or expired
        await trio.sleep(0.05)


async def deploy(made: Rig, told: TextIO) -> None:
    async with (
        open_deployment(made.settings(), made.models, made.clock) as session,
        trio.open_nursery() as nursery,
    ):
        with session.journaler.committed.subscribe() as heard:
            await nursery.start(session.run)
            nursery.start_soon(tell, heard, told)
            nursery.start_soon(decide, session)
            await trio.sleep(60)


def main() -> None:
    """One deployment, in a process of its own, for each folder named on the input."""
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            folder = Path(line.strip())
            with (folder / "told").open("w") as told:
                trio.run(deploy, rig(folder, MovableClock()), told)
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()
        os.waitpid(process, 0)


if __name__ == "__main__":
    main()
