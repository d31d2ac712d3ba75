"""What ``lfr bench`` prints.

Owns: tables and sentences. Never: a figure of its own, or a verdict.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from lfr_engine import __version__
from lfr_engine.evaluation.bench.live import LiveFigures
from lfr_engine.evaluation.bench.pipeline import PipelineFigures
from lfr_engine.identity.bench import MatcherFigures


def show_pipeline(console: Console, figures: PipelineFigures) -> None:
    """The engine on files, and its bound."""
    console.print(
        f"lfr {__version__}, Python {sys.version.split()[0]}; pack {figures.pack} "
        f"({figures.precision}), {figures.requests} requests, "
        f"{'compiled kernels' if figures.compiled_kernels else 'no compiled kernels'}; "
        f"{figures.streams} streams of "
        f"{figures.clip} ({figures.size[0]}×{figures.size[1]}); {figures.templates} templates",
        soft_wrap=True,
    )
    table = Table(title="Frames a second, all streams", title_justify="left")
    for heading in ("round", "decode only", "infer only", "bound", "engine", "engine / bound"):
        table.add_column(heading, justify="right")
    for number, one in enumerate(figures.rounds, 1):
        values = (one.decode_only, one.infer_only, one.bound, one.engine)
        table.add_row(str(number), *(f"{value:.1f}" for value in values), f"{one.ratio:.3f}")
    console.print(table)
    console.print(f"median: {figures.engine:.1f} of {figures.bound:.1f}, ratio {figures.ratio:.3f}")
    _processor(console, figures)
    _stages(console, figures.stages)
    for camera, drops in figures.drops.items():
        console.print(f"{camera}: not used: {_reasons(drops)}", soft_wrap=True)
    before_mb, most_mb = figures.memory_mb
    console.print(
        f"{figures.embedded} views embedded; resident {before_mb:.0f} MB before the engine began, "
        f"{most_mb:.0f} MB at most",
        soft_wrap=True,
    )
    for peer in figures.peers:
        console.print(
            f"{peer.name}: {peer.fps:.1f} frames/s with {peer.faces_per_frame:.1f} faces a frame; "
            f"the engine is {figures.engine / peer.fps:.1f} times as fast",
            soft_wrap=True,
        )


def show_live(console: Console, figures: LiveFigures) -> None:
    """Cameras at their own pace."""
    for camera in figures.cameras:
        console.print(
            f"{camera.camera}: {camera.fps:.1f} frames/s, {camera.detected_fps:.1f} detected/s; "
            f"not used: {_reasons(camera.drops)}",
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


def show_matcher(console: Console, figures: MatcherFigures) -> None:
    """The exact search."""
    console.print(
        f"{figures.rows} templates of {figures.dimension} floats, {figures.probes} probes one at a "
        f"time: p50 {figures.p50_ms:.2f} ms, p95 {figures.p95_ms:.2f} ms",
        soft_wrap=True,
    )
    console.print(
        f"{figures.right_entries} of {figures.probes} answers are those of brute force; no score "
        f"differs by more than {figures.largest_score_error:.1e}",
        soft_wrap=True,
    )
    console.print(
        f"snapshot built in {figures.build_s:.2f} s, one entry withdrawn in "
        f"{figures.withdraw_ms:.2f} ms"
    )


def _processor(console: Console, figures: PipelineFigures) -> None:
    last = figures.rounds[-1]
    table = Table(title="Processor, milliseconds a frame, last round", title_justify="left")
    table.add_column("of the engine")
    table.add_column("ms", justify="right")
    for kind, milliseconds in figures.cpu_ms.items():
        table.add_row(kind, f"{milliseconds:.2f}")
    table.add_row("together", f"{last.engine_cpu_ms:.2f}")
    table.add_section()
    table.add_row("bound: decoder alone", f"{last.decode_cpu_ms:.2f}")
    table.add_row("bound: detector alone", f"{last.infer_cpu_ms:.2f}")
    console.print(table)


def _stages(console: Console, stages: dict[str, dict[str, float | int]]) -> None:
    table = Table(title="Stages, milliseconds", title_justify="left")
    for heading in ("stage", "count", "p50", "p95", "p99"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, told in stages.items():
        shares = (f"{told[share]:.2f}" for share in ("p50_ms", "p95_ms", "p99_ms"))
        table.add_row(name, str(told["count"]), *shares)
    console.print(table)


def _reasons(drops: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in drops.items()) or "nothing"
