"""``lfr exercise``: the full pipeline on recorded video, everything marked EXERCISE.

Owns: options, signals and exit statuses. Never: how it looks (``exercise_view``) or what runs
(``app.exercise``).
"""

from __future__ import annotations

import signal
from pathlib import Path

import click
import msgspec
import trio

from lfr_engine.app.exercise import ExerciseRequest, check_sources, run_exercise
from lfr_engine.app.report import ExerciseReport
from lfr_engine.cli.ending import INTERRUPTED, leave, leaving
from lfr_engine.cli.exercise_view import ExerciseView
from lfr_engine.cli.output import write_whole
from lfr_engine.clock import SystemClock
from lfr_engine.inference.store import ModelStore, data_folder


@click.command(name="exercise")
@click.option(
    "--source",
    "sources",
    multiple=True,
    required=True,
    metavar="CLIP",
    help="Recorded video, or a folder of images; once for each camera.",
)
@click.option(
    "--watchlist",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder with one picture, or one folder of pictures, a person.",
)
@click.option("--pack", help="Model pack (see: lfr models list); the default pack if left out.")
@click.option("--device", default="CPU", show_default=True, help="CPU, GPU, NPU or AUTO.")
@click.option(
    "--fpir",
    default=0.001,
    show_default=True,
    type=click.FloatRange(0, 0.5, min_open=True),
    help="Stated false-positive rate the calibrated threshold is chosen for.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(-1, 1),
    help="Cosine threshold of your own instead of the calibrated one.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write a report here.")
def command(
    sources: tuple[str, ...],
    watchlist: Path,
    pack: str | None,
    device: str,
    fpir: float,
    threshold: float | None,
    json_file: Path | None,
) -> None:
    """Run the full pipeline on recorded video: decode, detect, track, embed, match, alert.

    Needs no authority, because nobody is watched: live sources are refused, and every line says
    EXERCISE. Exit status 0 when every source was read to its end, 2 when one could not be (the
    others still ran), 130 after Ctrl-C.
    """
    request = ExerciseRequest(sources, watchlist, pack, device, fpir, threshold)
    with leaving():
        status = perform(request, json_file)
    if status:
        leave(status)


def perform(request: ExerciseRequest, json_file: Path | None) -> int:
    """Run an exercise with its view; returns the exit status."""
    check_sources(request.sources)
    view = ExerciseView()
    with view:
        report, interrupted = trio.run(_exercise, request, view)
    if report is not None:
        view.summary(report)
        if json_file is not None:
            write_whole(json_file, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if interrupted:
        if report is None:
            click.echo("lfr: interrupted before the first frame", err=True)
        return INTERRUPTED
    failed = [camera for camera in report.cameras if camera.error] if report else []
    for camera in failed:
        click.echo(f"lfr: {camera.error}", err=True)
    return 2 if failed else 0


async def _exercise(
    request: ExerciseRequest, view: ExerciseView
) -> tuple[ExerciseReport | None, bool]:
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_hear_signals, stopping)
        store = ModelStore(data_folder())
        report = await run_exercise(
            request, SystemClock(), store, view.tell, view.progress, stopping
        )
        nursery.cancel_scope.cancel()
    return report, stopping.is_set()


async def _hear_signals(stopping: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stopping.set()
