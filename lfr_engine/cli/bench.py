"""``lfr bench``: how fast this machine runs the engine, with ratios that can be compared.

Owns: options, and what they ask for together. Never: a verdict, or a figure that was not measured
in this run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import trio
from click.core import ParameterSource
from rich.console import Console

from lfr_engine import __version__
from lfr_engine.app.parts import (
    Opened,
    PackRequest,
    choose_threshold,
    enrol_folder,
    open_networks,
)
from lfr_engine.cli import bench_view
from lfr_engine.cli.output import write_whole
from lfr_engine.clock import SystemClock
from lfr_engine.config import REQUESTS
from lfr_engine.evaluation.bench.live import LiveBench, bench_live
from lfr_engine.evaluation.bench.peers import Peer, opencv_loop, openvino_loop
from lfr_engine.evaluation.bench.pipeline import (
    NOBODY_SCORES,
    PipelineBench,
    bench_pipeline,
    random_crowd,
)
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.sources.spec import parse_address, require_file

_JSON = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="Write the figures here, too.",
)


@click.group(name="bench", invoke_without_command=True)
@click.option("--source", type=click.Path(path_type=Path), help="The clip every stream plays.")
@click.option("--streams", default=4, show_default=True, type=click.IntRange(1, 32))
@click.option("--live", is_flag=True, help="At the clip's own pace, as cameras.")
@click.option(
    "--watchlist",
    type=click.Path(path_type=Path),
    help="Folder with one picture, or one folder of pictures, a person: whom to look for.",
)
@click.option(
    "--watchlist-size",
    default=20_000,
    show_default=True,
    type=click.IntRange(1, 2_000_000),
    help="Random people to compare with, who are never met, where there is no --watchlist.",
)
@click.option(
    "--peer",
    "peers",
    multiple=True,
    type=click.Choice(["opencv", "openvino"]),
    help="Run this loop in every round, too; may be given twice.",
)
@click.option(
    "--rounds",
    default=3,
    show_default=True,
    type=click.IntRange(1, 20),
    help="Turns of bound and engine on files.",
)
@click.option(
    "--seconds",
    default=60.0,
    show_default=True,
    type=click.FloatRange(8, 86400),
    help="How long --live lasts.",
)
@click.option(
    "--requests",
    default=REQUESTS,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Frames in the detector at once.",
)
@click.option("--pack", default="", help="Model pack; the default pack if left out.")
@_JSON
@click.pass_context
def command(
    context: click.Context,
    source: Path | None,
    streams: int,
    live: bool,
    watchlist: Path | None,
    watchlist_size: int,
    peers: tuple[str, ...],
    rounds: int,
    seconds: float,
    requests: int,
    pack: str,
    json_file: Path | None,
) -> None:
    """Measure speed: ratios within one run, because machines drift.

    `lfr bench --source CLIP` runs the whole engine on the clip as fast as possible, in turn with
    the decoder alone and the detector alone, which bound what this machine could do. With `--live`
    every stream plays the clip at its own pace, over and over: drops by reason, lateness, memory
    and its slope (`--seconds 600` is a soak).

    `lfr simulate walkby FACES --duration 24 --out DIR` makes a clip. Run this on a machine that
    does nothing else.
    """
    if context.invoked_subcommand is not None:
        if source is not None:
            raise click.UsageError(f"--source is not for {context.invoked_subcommand}")
        return
    if source is None:
        raise click.UsageError("what to measure? --source CLIP, matcher or api")
    if live and peers:
        raise click.UsageError("a --peer has no pace of its own: leave out --live")
    if watchlist is not None and not live:
        raise click.UsageError("--watchlist is for --live; --watchlist-size is for files")
    _refuse_idle_options(context, "rounds" if live else "seconds", "files" if live else "--live")
    require_file(parse_address(str(source)))
    console, store = Console(highlight=False), ModelStore(data_folder())
    opened = open_networks(PackRequest(pack=pack, requests=requests), store)
    figures: Any
    if live:
        bench = _live_bench(source, watchlist, watchlist_size, opened, streams, seconds)
        figures = trio.run(bench_live, bench, opened, SystemClock())
        bench_view.show_live(console, figures)
    else:
        plan = PipelineBench(source, streams, watchlist_size, rounds)
        with console.status("measuring") as status:
            loops = _loops(peers, store)
            figures = bench_pipeline(plan, opened, loops, SystemClock(), status.update)
        bench_view.show_pipeline(console, figures)
    _write(json_file, figures)


def _refuse_idle_options(context: click.Context, option: str, purpose: str) -> None:
    """An option that would be ignored was meant otherwise."""
    if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
        raise click.UsageError(f"--{option} is for {purpose}")


@command.command()
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(1, 2_000_000))
@click.option("--dimension", default=128, show_default=True, type=click.IntRange(8, 1024))
@_JSON
def matcher(rows: int, dimension: int, json_file: Path | None) -> None:
    """Exact 1:N search, one probe at a time; every answer is checked against brute force."""
    from lfr_engine.identity.bench import bench_matcher  # noqa: PLC0415 - one bench at a time

    figures = bench_matcher(SystemClock(), rows, dimension=dimension)
    bench_view.show_matcher(Console(highlight=False), figures)
    _write(json_file, figures)


@command.command()
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.5, 600))
@click.option("--subscribers", default=4, show_default=True, type=click.IntRange(1, 100))
@_JSON
def api(seconds: float, subscribers: int, json_file: Path | None) -> None:
    """Requests a second and alert latency through the socket API."""
    from lfr_engine.api.bench import measure_api  # noqa: PLC0415 - one bench at a time

    figures = measure_api(SystemClock(), seconds=seconds, subscribers=subscribers)
    for line in figures.lines():
        click.echo(line)
    _write(json_file, figures)


def _live_bench(
    source: Path,
    watchlist: Path | None,
    watchlist_size: int,
    opened: Opened,
    streams: int,
    seconds: float,
) -> LiveBench:
    if watchlist is None:
        crowd = random_crowd(watchlist_size, opened)
        return LiveBench(source, crowd, NOBODY_SCORES, streams, seconds)
    gallery = enrol_folder(watchlist, opened.pack, lambda *_: None).gallery
    threshold, _ = choose_threshold(gallery, 0.001)
    return LiveBench(source, gallery, threshold, streams, seconds)


def _loops(peers: Sequence[str], store: ModelStore) -> list[Peer]:
    """The peers asked for, ready to run; the OpenVINO loop once for each pack that is installed."""
    loops: list[Peer] = []
    if "opencv" in peers:
        loops.append(opencv_loop(store))
    if "openvino" in peers:
        for name in ("opencv-zoo", "omz"):
            if store.installed(name):
                pack = open_networks(PackRequest(pack=name, requests=1), store).pack
                loops.append(openvino_loop(name, pack))
    return loops


def _write(json_file: Path | None, figures: Any) -> None:
    if json_file is not None:
        told = {"lfr": __version__, **msgspec.to_builtins(figures)}
        write_whole(json_file, msgspec.json.format(msgspec.json.encode(told)) + b"\n")
