"""From an alert to its bytes at the modem, through a running deployment under load.

``python -m tests.simulators.relay_wired_bench [CAMERAS] [ALERTS]``: real networks on that many real
recordings at their own pace, a real journal, a real outbox, the modem simulated in a process of its
own. Alerts are raised in the alert table's own task; the pace of the modem is off, so that only the
way is measured: journal, book of cues, outbox, router, serial line. Needs ../shared and a pack.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import structlog
import trio

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.alerts.table import AlertTable
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.deployment_session import Session
from lfr_engine.app.deployment_settings import Models
from lfr_engine.app.parts import PackRequest, open_networks
from lfr_engine.app.plan import CameraPlan
from lfr_engine.clock import Stamp
from lfr_engine.identity import calibration
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.journal.events.fields import Event
from lfr_engine.sources.reader import Pace, ReaderSettings, read_video
from lfr_engine.sources.spec import parse_address
from tests.actors.relay_rig import radio_settings, simulated_modem
from tests.privacy.real_child import RealRig

SHARED = Path(__file__).parents[3] / "shared" / "data"
SETTLE_S = 5.0


class LoadedRig(RealRig):
    """Real networks, and recordings that begin again."""

    def models(self) -> Models:
        opened = open_networks(PackRequest(), ModelStore(data_folder()))
        contract = opened.pack.contract
        return Models(opened.networks, contract, calibration.shipped(contract))

    def plan(self, name: str, walks: object) -> CameraPlan:
        address = parse_address(str(self.video))
        reading = ReaderSettings(pace=Pace.LIVE, repeat=True)
        return CameraPlan(
            CameraSettings(name, address, reading),
            lambda deliver, stop, on_open: read_video(
                name, address, reading, self.clock, deliver, stop, on_open
            ),
            fast=False,
        )


async def raise_alert(session: Session, reference: str, entry: str, camera: str) -> float:
    """An alert as the table raises it; the moment it was, on the monotonic clock."""
    raised: list[float] = []

    def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
        raised.append(time.monotonic())
        event = AlertGenerated(
            deployment=session.deployment, alert=reference, entry=entry, category="wanted",
            site="square", camera=camera, track=f"{camera}-{reference}", captured=now.utc,
            age_ms=1.0, late=False, score=0.9, threshold=0.5, sightings=2,
        )  # fmt: skip
        table.apply(event, now)
        return (event,)

    await session.engine.ask(act)
    return raised[0]


async def measure(folder: Path, cameras: int, alerts: int) -> tuple[list[float], float]:
    """Milliseconds from raised to the modem's last byte, and pictures detected a second."""
    names = [f"door{number}" for number in range(cameras)]
    rig = LoadedRig(
        folder / "data",
        walks={name: [] for name in names},
        video=SHARED / "clips" / "hamilton.mp4",
        portrait=SHARED / "portraits" / "obama.jpg",
    )
    rig.build()
    async with simulated_modem(folder) as modem:
        await modem.do("radio", issi="1234567")
        relay = radio_settings(modem.port, review="before", radio={"every_s": 0.0})
        settings = replace(rig.settings(), relay=relay, decide_within_s=3600.0, presence_s=3600.0)
        async with (
            open_deployment(settings, rig.models, rig.clock) as session,
            trio.open_nursery() as nursery,
        ):
            await nursery.start(session.run)
            await modem.wait("command", line="AT+CTSDS=12,0,0,0,0")
            await trio.sleep(SETTLE_S)
            counts = session.telemetry.counts
            before, began = sum(counts[f"detected {n}"] for n in names), time.monotonic()
            took: list[float] = []
            for number in range(alerts):
                at = await raise_alert(session, f"A{number:05d}", "one", names[0])
                written = await modem.wait("written", number + 1, service=12)
                took.append(1000 * (written["at"] - at))
                await trio.sleep(0.12)
            lasted = time.monotonic() - began
            rate = (sum(counts[f"detected {n}"] for n in names) - before) / lasted
            session.leave()
    return took, rate


def main(cameras: int, alerts: int) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory() as folder:
        took, rate = trio.run(measure, Path(folder), cameras, alerts)
    p50, p95, worst = np.percentile(took, [50, 95, 100])
    load = os.getloadavg()[0]
    sys.stdout.write(
        f"{alerts} alerts beside {cameras} cameras ({rate:.0f} pictures detected a second), load"
        f" {load:.1f}: raised to serial bytes p50 {p50:.1f} ms, p95 {p95:.1f} ms,"
        f" worst {worst:.1f} ms\n"
    )


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    main(*(words + [4, 100][len(words) :]))
