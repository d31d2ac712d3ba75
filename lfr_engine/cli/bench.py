"""``lfr bench``: how fast this machine runs the engine, with ratios that can be compared.

Owns: options and the table. Never: a verdict, or a figure that was not measured in this run.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import trio
from rich.console import Console
from rich.table import Table

from lfr_engine import __version__
from lfr_engine.app.parts import PackRequest, choose_threshold, enrol_folder, open_networks
from lfr_engine.cli.output import write_whole
from lfr_engine.clock import SystemClock
from lfr_engine.evaluation.bench.live import LiveBench, bench_live
from lfr_engine.evaluation.bench.peers import PeerFigures, opencv_loop, openvino_loop
from lfr_engine.evaluation.bench.pipeline import PipelineBench, PipelineFigures, bench_pipeline
from lfr_engine.inference.store import ModelStore, data_folder


@click.group(name="bench")
def command() -> None:
    """Measure speed: ratios within one run, because machines drift.

    Run it on a machine that does nothing else.
    """


@command.command()
@click.argument("clip", type=click.Path(path_type=Path))
@click.option("--streams", default=4, show_default=True, type=click.IntRange(1, 32))
@click.option("--templates", default=20_000, show_default=True, type=click.IntRange(1, 2_000_000))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 20))
@click.option("--requests", default=2, show_default=True, type=click.IntRange(1, 32))
@click.option("--pack", default="", help="Model pack; the default pack if left out.")
@click.option("--peers", is_flag=True, help="Run the OpenCV and the plain OpenVINO loop as well.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def pipeline(
    clip: Path,
    streams: int,
    templates: int,
    rounds: int,
    requests: int,
    pack: str,
    peers: bool,
    json_file: Path | None,
) -> None:
    """The whole engine on CLIP as fast as possible, against the bound of decoder and detector.

    `lfr simulate walkby FACES --duration 24 --out DIR` makes a clip.
    """
    clock, store = SystemClock(), ModelStore(data_folder())
    console = Console(highlight=False)
    opened = open_networks(PackRequest(pack=pack, requests=requests), store)
    bench = PipelineBench(clip, streams, templates, rounds)
    with console.status("measuring") as status:
        figures = bench_pipeline(bench, opened, clock, status.update)
        others: list[PeerFigures] = []
        if peers:
            status.update("peers: OpenCV loop")
            others.append(opencv_loop(clip, store, clock))
            for name in ("opencv-zoo", "omz"):
                if store.installed(name):
                    status.update(f"peers: plain OpenVINO loop, {name}")
                    alone = open_networks(PackRequest(pack=name, requests=1), store).pack
                    told = openvino_loop(clip, alone, clock)
                    others.append(msgspec.structs.replace(told, name=f"{told.name}, {name}"))
    _show(console, figures, others)
    if json_file is not None:
        told_all: dict[str, Any] = {"lfr": __version__, "pipeline": figures, "peers": others}
        write_whole(json_file, msgspec.json.format(msgspec.json.encode(told_all)) + b"\n")


@command.command()
@click.argument("clip", type=click.Path(path_type=Path))
@click.option(
    "--watchlist",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder with one picture, or one folder of pictures, a person.",
)
@click.option("--streams", default=4, show_default=True, type=click.IntRange(1, 32))
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(8, 86400))
@click.option("--pack", default="", help="Model pack; the default pack if left out.")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the figures here."
)
def live(
    clip: Path, watchlist: Path, streams: int, seconds: float, pack: str, json_file: Path | None
) -> None:
    """Cameras at their own pace: drops by reason, lateness, memory and its slope.

    Every camera plays CLIP at its frame rate, over and over. A soak is a long one:
    `--seconds 600` tells whether memory grows by more than its own noise.
    """
    opened = open_networks(PackRequest(pack=pack), ModelStore(data_folder()))
    gallery = enrol_folder(watchlist, opened.pack, lambda *_: None).gallery
    threshold, _ = choose_threshold(gallery, 0.001)
    bench = LiveBench(clip, gallery, threshold, streams, seconds)
    figures = trio.run(bench_live, bench, opened, SystemClock())
    console = Console(highlight=False)
    for camera in figures.cameras:
        drops = ", ".join(f"{reason} {count}" for reason, count in camera.drops.items()) or "none"
        console.print(
            f"{camera.camera}: {camera.fps:.1f} frames/s, {camera.detected_fps:.1f} detected/s; "
            f"not used: {drops}",
            soft_wrap=True,
        )
    console.print(
        f"{figures.uncounted} frames unaccounted for; {figures.passes} passes, "
        f"{figures.alerts} alerts; resident {figures.memory_mb:.0f} MB, "
        f"growth {figures.growth_mb:+.1f} MB (noise {figures.noise_mb:.1f} MB, slope "
        f"{figures.slope_mb_per_hour:+.0f} MB/h) over {figures.seconds:.0f} s",
        soft_wrap=True,
    )
    console.print(
        f"tasks {figures.tasks[0]} → {figures.tasks[1]}, "
        f"threads {figures.threads[0]} → {figures.threads[1]}; fullest links: "
        + ", ".join(f"{link} {peak} of {bound}" for link, (peak, bound) in figures.peaks.items()),
        soft_wrap=True,
    )
    _stages(console, figures.stages)
    if json_file is not None:
        write_whole(json_file, msgspec.json.format(msgspec.json.encode(figures)) + b"\n")


@command.command()
@click.option("--rows", default=20_000, show_default=True, type=click.IntRange(1, 2_000_000))
@click.option("--dimension", default=128, show_default=True, type=click.IntRange(8, 1024))
def matcher(rows: int, dimension: int) -> None:
    """Exact 1:N search, one probe at a time; every answer is checked against brute force."""
    from lfr_engine.identity.bench import bench_matcher  # noqa: PLC0415 - one bench at a time

    click.echo(bench_matcher(SystemClock(), rows, dimension=dimension))


@command.command()
@click.option("--seconds", default=5.0, show_default=True, type=click.FloatRange(0.5, 600))
@click.option("--subscribers", default=4, show_default=True, type=click.IntRange(1, 100))
def api(seconds: float, subscribers: int) -> None:
    """Requests a second and alert latency through the socket API."""
    from lfr_engine.api.bench import measure_api  # noqa: PLC0415 - one bench at a time

    for line in measure_api(SystemClock(), seconds=seconds, subscribers=subscribers).lines():
        click.echo(line)


def _show(console: Console, figures: PipelineFigures, peers: list[PeerFigures]) -> None:
    console.print(
        f"lfr {__version__}, Python {sys.version.split()[0]}; pack {figures.pack} "
        f"({figures.precision}), {figures.requests} requests; {figures.streams} streams of "
        f"{figures.clip} ({figures.size[0]}×{figures.size[1]}); {figures.templates} templates"
    )
    table = Table(title="Frames a second, all streams", title_justify="left")
    for heading in ("round", "decode only", "infer only", "bound", "engine", "engine / bound"):
        table.add_column(heading, justify="right")
    for number, one in enumerate(figures.rounds, 1):
        values = (one.decode_only, one.infer_only, one.bound, one.engine)
        table.add_row(str(number), *(f"{value:.1f}" for value in values), f"{one.ratio:.3f}")
    console.print(table)
    console.print(f"median: {figures.engine:.1f} of {figures.bound:.1f}, ratio {figures.ratio:.3f}")
    _stages(console, figures.stages)
    for peer in peers:
        console.print(
            f"{peer.name}: {peer.fps:.1f} frames/s with {peer.faces_per_frame:.1f} faces a frame; "
            f"the engine is {figures.engine / peer.fps:.1f} times as fast"
        )


def _stages(console: Console, stages: dict[str, dict[str, float | int]]) -> None:
    table = Table(title="Stages, milliseconds", title_justify="left")
    for heading in ("stage", "count", "p50", "p95", "p99"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, told in stages.items():
        shares = (f"{told[share]:.2f}" for share in ("p50_ms", "p95_ms", "p99_ms"))
        table.add_row(name, str(told["count"]), *shares)
    console.print(table)
