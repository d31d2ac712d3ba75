"""Cameras at their own pace: what is dropped and why, how late decisions are, what memory it takes.

Owns: paced cameras made of one clip, and the figures of a run. Never: a verdict. Strategy: each
camera plays the clip at its frame rate, over and over, stamped when due; the engine treats it as
live, so it drops and coarsens as it would in the street. Memory is read once a second, so that its
slope over the run can be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import trio

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.events import AlertTold, EngineEvent, PassEnded
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.app.engine import CameraPlan, Engine
from lfr_engine.app.parts import Opened, exercise_matching
from lfr_engine.clock import Clock
from lfr_engine.identity.matcher import Gallery
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import Pace, ReaderSettings
from lfr_engine.sources.spec import parse_address

WARM_UP_S = 5.0
"""The first seconds open decoders and fill caches; memory is compared from here on."""


class LiveCamera(msgspec.Struct, frozen=True):
    """One camera. fps and detected_fps: a second. drops: frames and views, by reason."""

    camera: str
    fps: float
    detected_fps: float
    drops: dict[str, int]


class LiveFigures(msgspec.Struct, frozen=True):
    """What ``lfr bench live`` measured.

    memory_mb: resident, at the end. slope_mb_per_hour: of memory over the run after the warm-up,
    by least squares. peaks: fullest each link ever was, of its bound.
    """

    clip: str
    seconds: float
    cameras: list[LiveCamera]
    uncounted: int
    alerts: int
    passes: int
    stages: dict[str, dict[str, float | int]]
    memory_mb: float
    slope_mb_per_hour: float
    peaks: dict[str, tuple[int, int]]


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
    memory: list[tuple[float, float]] = []
    began = clock.monotonic_ns()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run)
        while (elapsed := (clock.monotonic_ns() - began) / 1e9) < bench.seconds:
            memory.append((elapsed, resident_mb()))
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
        memory_mb=memory[-1][1],
        slope_mb_per_hour=_slope(memory),
        peaks=dict(telemetry.peaks),
    )


def _accounted(telemetry: Telemetry, camera: str) -> int:
    """Frames whose fate is known; up to three more may be under way when the run ends."""
    drops: Mapping[str, int] = telemetry.drops.get(camera, {})
    frames = ("slot", "age", "cadence", "device", "paused")
    return telemetry.counts[f"detected {camera}"] + sum(drops.get(one, 0) for one in frames) + 3


def resident_mb() -> float:
    """Resident memory of this process in MB; 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/statm").read_text("ascii").split()
    except OSError:
        return 0.0
    return int(fields[1]) * 4096 / 1e6


def _slope(memory: list[tuple[float, float]]) -> float:
    """Least-squares slope in MB an hour of what came after the warm-up; 0 for a short run."""
    later = np.array([row for row in memory if row[0] >= WARM_UP_S])
    if len(later) < 3:
        return 0.0
    return float(np.polyfit(later[:, 0] / 3600, later[:, 1], 1)[0])
