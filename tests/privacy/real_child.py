"""The same as ``canary_child`` with real networks and a real video at its own pace.

    python -m tests.privacy.real_child FOLDER VIDEO PORTRAIT

What the embedder was given and what it answered is noted in ``crops`` and ``templates``, written
from where it lies, so that taking the note leaves no copy in memory.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.embedder import FaceEmbedder
from lfr_engine.alerts.adjudication import Person
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.deployment_settings import Models
from lfr_engine.app.parts import PackRequest, open_networks
from lfr_engine.app.plan import CameraPlan
from lfr_engine.enrolment.register import Row, register
from lfr_engine.identity import calibration
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.runtime.hardening import forbid_core_dumps
from lfr_engine.sources.reader import Pace, ReaderSettings, read_video
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import ByteArray, FloatArray
from tests.app.deployment_rig import Rig
from tests.identity.lists import fields
from tests.privacy.canary import write_memory

OLGA = Person("Olga", "operator")


class Noted:
    """An embedder whose crops and templates are noted in files."""

    def __init__(self, embedder: FaceEmbedder, folder: Path) -> None:
        self._embedder = embedder
        self._crops = os.open(folder / "crops", os.O_WRONLY | os.O_CREAT, 0o600)
        self._templates = os.open(folder / "templates", os.O_WRONLY | os.O_CREAT, 0o600)

    def embed(self, crops: ByteArray) -> FloatArray:
        os.write(self._crops, crops.data)
        templates = self._embedder.embed(crops)
        os.write(self._templates, templates.data)
        return templates


@dataclass
class RealRig(Rig):
    """One real person on the list, one real video."""

    video: Path = Path()
    portrait: Path = Path()

    def fill(self, stored: StoredWatchlist) -> None:
        opened = open_networks(PackRequest(), ModelStore(data_folder()))
        today = self.clock.utc().date()
        row = Row("one", fields(id="one", last_checked=today.isoformat()), (self.portrait,))
        done = register(stored, [row], opened.pack, today)
        assert len(done.added) == 1, done.rejects
        stored.commit(stored.watchlist.by("analyst-3"))

    def models(self) -> Models:
        opened = open_networks(PackRequest(), ModelStore(data_folder()))
        contract = opened.pack.contract
        networks: Any = opened.networks
        fresh = networks.open_embedder
        noted = type(networks)(
            networks.open_detector,
            lambda: Noted(fresh(), self.data.parent),
            networks.cropper,
            networks.detector,
            networks.embedder,
        )
        return Models(noted, contract, calibration.shipped(contract))

    def plan(self, name: str, walks: object) -> CameraPlan:
        address = parse_address(str(self.video))
        reading = ReaderSettings(pace=Pace.LIVE)
        return CameraPlan(
            CameraSettings(name, address, reading),
            lambda deliver, stop, on_open: read_video(
                name, address, reading, self.clock, deliver, stop, on_open
            ),
            fast=False,
        )


async def run(rig: RealRig) -> None:
    async with (
        open_deployment(rig.settings(), rig.models, rig.clock) as session,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(session.run)
        with trio.fail_after(60):
            while not await session.alerts():
                await trio.sleep(0.05)
            (alert, *_) = await session.alerts()
            await session.display(OLGA, alert.reference)
            shown = await session.pictures(OLGA, alert.reference)
            await session.decide(OLGA, alert.reference, "passed", ["likeness"])
            while session.engine.watches("door"):
                await trio.sleep(0.1)
        stages = session.telemetry.stages
        for name in ("capture to alert", "erase"):
            sys.stdout.write(f"{name}: {stages[name].summary()}\n")
        sys.stdout.write(f"{alert.entry} {len(shown.portrait)} {session.state().passes} passes\n")
        await session.end(OLGA)


def main() -> None:
    folder, video, portrait = (Path(word) for word in sys.argv[1:4])
    forbid_core_dumps()
    rig = RealRig(folder / "data", walks={"door": []}, video=video, portrait=portrait)
    rig.build()
    trio.run(run, rig)
    with (folder / "templates").open("rb", buffering=0) as file:
        planted = file.read(512)  # the first template, so that the search is proven in this run
    write_memory(folder / "memory")
    sys.stdout.write(f"{len(planted)} bytes planted\n")


if __name__ == "__main__":
    main()
