"""``lfr simulate``: make material whose truth is known.

Owns: options, and what the user is told. Never: pixels. Strategy: parse, call
``lfr_engine.evaluation``, say what was made and what was left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from lfr_engine.enrolment.image import Enrolled, enrol_image
from lfr_engine.evaluation.people import hold_out, read_people
from lfr_engine.evaluation.progress import progress_bars
from lfr_engine.evaluation.walkby.head import centred_face, detected_face
from lfr_engine.evaluation.walkby.script import WalkbySettings
from lfr_engine.evaluation.walkby.simulate import WalkbyResult, simulate_walkby
from lfr_engine.inference.pack import OpenPack, open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import ModelStore, data_folder

SHOWN_REASONS = 5


def _pair(mark: str, form: str) -> Callable[..., tuple[float, float] | None]:
    """A callback that reads two numbers with ``mark`` between them."""

    def read(
        _ctx: click.Context, _option: click.Parameter, value: str | None
    ) -> tuple[float, float] | None:
        if value is None:
            return None
        first, _, second = value.lower().partition(mark)
        try:
            return float(first), float(second)
        except ValueError:
            raise click.BadParameter(f"{value!r} is not of the form {form}") from None

    return read


@click.group()
def command() -> None:
    """Make material whose truth is known."""


@command.command()
@click.argument("faces", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--passes", type=int, help="Walks to simulate. Default: one for each person.")
@click.option("--people", type=int, help="Use only this many people.")
@click.option("--duration", type=float, help="Seconds of video; people come until then.")
@click.option("--watchlist", type=int, default=0, help="Enrol this many: one picture each.")
@click.option(
    "--enrolled-share",
    type=float,
    default=0.2,
    show_default=True,
    help="Share of the passes that enrolled people walk.",
)
@click.option("--cameras", type=click.IntRange(1, 2), default=1, show_default=True)
@click.option(
    "--density", type=float, default=4.0, show_default=True, help="People in view, on average."
)
@click.option("--size", callback=_pair("x", "WxH"), default="1920x1080", show_default=True)
@click.option("--fps", type=float, default=25.0, show_default=True)
@click.option(
    "--face-px",
    callback=_pair(":", "FAR:NEAR"),
    metavar="FAR:NEAR",
    help="Width of a face where people appear and leave. Default: 30:180 at 1080 lines.",
)
@click.option("--crf", type=int, default=23, show_default=True, help="H.264 quality, 0 to 51.")
@click.option("--seed", type=int, default=1, show_default=True)
def walkby(
    faces: Path,
    out: Path,
    passes: int | None,
    people: int | None,
    duration: float | None,
    watchlist: int,
    enrolled_share: float,
    cameras: int,
    density: float,
    size: tuple[float, float],
    fps: float,
    face_px: tuple[float, float] | None,
    crf: int,
    seed: int,
) -> None:
    """Video of the people in FACES walking toward one or two cameras, with exact truth.

    FACES holds one folder a person, or loose pictures, one a person. Faces are found by the default
    model pack; without one installed they are taken to be in the middle, as in LFW. Writes
    camera-1.mp4, truth.jsonl and, with --watchlist, the enrolled pictures: none of them is shown in
    the video.
    """
    cast = read_people(faces)[:people]
    settings = WalkbySettings(
        seed=seed,
        size=(round(size[0]), round(size[1])),
        fps=fps,
        cameras=cameras,
        passes=len(cast) if passes is None and duration is None else passes,
        duration_s=duration,
        density=density,
        enrolled_share=enrolled_share,
        face_px=face_px,
        crf=crf,
    )
    pack = _default_pack()
    finder = detected_face(pack.detector) if pack else centred_face
    with progress_bars() as tell:
        chosen = hold_out(cast, watchlist, seed, _enrollable(pack))
        result = simulate_walkby(chosen, out, settings, finder=finder, progress=tell)
    _report(result)


def _default_pack() -> OpenPack | None:
    """The default pack where it is installed; None, and a word about it, where it is not."""
    store = ModelStore(data_folder())
    if not store.installed(store.packs.default):
        click.echo("no model pack: faces are taken to be in the middle of the pictures", err=True)
        return None
    return open_pack(store.open(store.packs.default), DeviceOptions())


def _enrollable(pack: OpenPack | None) -> Callable[[Path], bool]:
    """Whether a picture passes the enrolment gate; any does without a pack."""
    return lambda path: pack is None or isinstance(enrol_image(path, pack), Enrolled)


def _report(result: WalkbyResult) -> None:
    click.echo(
        f"{result.passes} passes ({result.enrolled_passes} of enrolled people), "
        f"{result.duration_s:.0f} s, {len(result.videos)} camera(s)"
    )
    for path in (*result.videos, result.truth, result.watchlist):
        if path is not None:
            click.echo(f"  {path}")
    if result.left_out:
        click.echo(f"{len(result.left_out)} pictures left out:")
        for reason in result.left_out[:SHOWN_REASONS]:
            click.echo(f"  {reason}")
