"""Cameras at their own pace: what is dropped and why, how late decisions are, what memory it takes.

Owns: paced cameras made of one clip, and the figures of a run. Never: a verdict. Strategy: each
camera plays the clip at its frame rate, over and over, stamped when due; the engine treats it as
live, so it drops and coarsens as it would in the street. Memory is read once a second, so that its
slope over the run can be told.
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import trio

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.events import AlertTold, EngineEvent, PassEnded
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.app.engine import Engine
from lfr_engine.app.parts import Opened, exercise_matching
from lfr_engine.app.plan import CameraPlan
from lfr_engine.clock import Clock
from lfr_engine.evaluation.bench.process import resident_mb
from lfr_engine.identity.matcher import Gallery
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import Pace, ReaderSettings
from lfr_engine.sources.spec import parse_address

WARM_UP_S = 5.0
WARM_UP_SHARE = 0.2
"""The beginning opens decoders and fills caches; memory is compared from the later of both on."""


class LiveCamera(msgspec.Struct, frozen=True):
    """One camera. fps and detected_fps: a second. drops: frames and views, by reason."""

    camera: str
    fps: float
    detected_fps: float
    drops: dict[str, int]


class LiveFigures(msgspec.Struct, frozen=True):
    """What ``lfr bench --live`` measured.

    memory_mb: resident, at the end. growth_mb: from the median of the first tenth after the warm-up
    to that of the last. noise_mb: half of memory's range within a tenth of the run, so what a
    growth must exceed to mean anything. slope_mb_per_hour: after the warm-up, by least squares.
    tasks, threads: living after the warm-up, and at the end. peaks: fullest each link ever was, of
    its bound.
    """

    clip: str
    seconds: float
    cameras: list[LiveCamera]
    uncounted: int
    alerts: int
    passes: int
    stages: dict[str, dict[str, float | int]]
    memory_mb: float
    growth_mb: float
    noise_mb: float
    slope_mb_per_hour: float
    tasks: tuple[int, int]
    threads: tuple[int, int]
    peaks: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the process. second: of the run. memory_mb: resident."""

    second: float
    memory_mb: float
    tasks: int
    threads: int


@dataclass(frozen=True, slots=True)
class LiveBench:
    """How to measure. gallery: whom to look for; threshold: at which cosine."""

    clip: Path
    gallery: Gallery
    threshold: float
    streams: int = 4
    seconds: float = 60.0


async def bench_live(bench: LiveBench, opened: Opened, clock: Clock) -> LiveFigures:
    """Run for ``seconds`` and tell what happened.

    Raises:
        EngineError: An actor failed for good.
    """
    telemetry = Telemetry(clock)
    alerts, passes = 0, 0

    def publish(event: EngineEvent) -> None:
        nonlocal alerts, passes
        alerts += isinstance(event, AlertTold) and event.new
        passes += isinstance(event, PassEnded) and event.confirmed

    async def record(_: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()

    address = parse_address(str(bench.clip))
    settings = ReaderSettings(pace=Pace.LIVE, repeat=True)
    plans = [
        CameraPlan(
            CameraSettings(name, address, settings),
            reader_for(name, address, settings, clock),
            fast=False,
        )
        for name in (f"camera-{number + 1}" for number in range(bench.streams))
    ]
    matching = exercise_matching(
        bench.gallery,
        bench.gallery.entries,
        EvidenceSettings(bench.threshold),
        site="bench",
        recorded=False,
    )
    engine = Engine(plans, opened.networks, matching, telemetry, record, publish, live=True)
    looks: list[Look] = []
    began = clock.monotonic_ns()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run)
        while (elapsed := (clock.monotonic_ns() - began) / 1e9) < bench.seconds:
            for link, (held, bound) in engine.links().items():
                telemetry.peak(link, held, bound)
            tasks = trio.lowlevel.current_statistics().tasks_living
            looks.append(Look(elapsed, resident_mb(), tasks, threading.active_count()))
            await trio.sleep(1.0)
        reports = dict(engine.reports)
        engine.finish()
    cameras = [
        LiveCamera(
            name,
            report.frames / bench.seconds,
            telemetry.counts[f"detected {name}"] / bench.seconds,
            dict(telemetry.drops.get(name, {})),
        )
        for name, report in reports.items()
    ]
    warm_s = max(WARM_UP_S, WARM_UP_SHARE * bench.seconds)
    later = [look for look in looks if look.second >= warm_s] or looks[-1:]
    return LiveFigures(
        clip=bench.clip.name,
        seconds=bench.seconds,
        cameras=cameras,
        uncounted=sum(
            max(0, report.frames - _accounted(telemetry, name)) for name, report in reports.items()
        ),
        alerts=alerts,
        passes=passes,
        stages={name: histogram.summary() for name, histogram in telemetry.stages.items()},
        memory_mb=looks[-1].memory_mb,
        growth_mb=growth_mb(later),
        noise_mb=noise_mb(later),
        slope_mb_per_hour=_slope(later),
        tasks=(later[0].tasks, later[-1].tasks),
        threads=(later[0].threads, later[-1].threads),
        peaks=dict(telemetry.peaks),
    )


def _accounted(telemetry: Telemetry, camera: str) -> int:
    """Frames whose fate is known; up to three more may be under way when the run ends."""
    drops: Mapping[str, int] = telemetry.drops.get(camera, {})
    frames = ("slot", "age", "cadence", "device", "paused")
    return telemetry.counts[f"detected {camera}"] + sum(drops.get(one, 0) for one in frames) + 3


def growth_mb(looks: Sequence[Look]) -> float:
    """From the median memory of the first tenth of ``looks`` to that of the last, MB."""
    tenth = max(1, len(looks) // 10)
    memory = [look.memory_mb for look in looks]
    return statistics.median(memory[-tenth:]) - statistics.median(memory[:tenth])


def noise_mb(looks: Sequence[Look]) -> float:
    """Half the range of memory within a tenth of ``looks``, the median tenth's, MB."""
    tenth = max(1, len(looks) // 10)
    memory = [look.memory_mb for look in looks]
    parts = [memory[start : start + tenth] for start in range(0, len(memory), tenth)]
    return statistics.median((max(part) - min(part)) / 2 for part in parts)


def _slope(looks: Sequence[Look]) -> float:
    """Least-squares slope of memory in MB an hour; 0 for a short run."""
    if len(looks) < 3:
        return 0.0
    hours = np.array([look.second for look in looks]) / 3600
    return float(np.polyfit(hours, [look.memory_mb for look in looks], 1)[0])
