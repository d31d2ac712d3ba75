"""The whole engine on files, against the bound set by the decoder and the detector alone.

Owns: what is measured and in which order. Never: a verdict. Strategy: bound and engine are measured
in turn several times in one process, because machines drift; the ratio of neighbours is quoted. The
bound is what this machine could do if everything between libav and OpenVINO cost nothing: with D
frames/s when it only decodes and I frames/s when it only infers, both with every core, it is
1 / (1/D + 1/I).
"""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import trio

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.events import EngineEvent
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.app.engine import CameraPlan, Engine
from lfr_engine.app.parts import Opened, exercise_matching
from lfr_engine.clock import Clock
from lfr_engine.identity.coarse import coarse_for
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.template import normalised
from lfr_engine.inference.session import Session
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import ReaderSettings, read_video
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import Frame, Planes

NOBODY_SCORES = 0.99
"""Threshold over random templates: the matcher works in full, and nobody is alerted."""


class Round(msgspec.Struct, frozen=True):
    """One turn. All in frames a second, of all streams together."""

    decode_only: float
    infer_only: float
    bound: float
    engine: float
    ratio: float


class PipelineFigures(msgspec.Struct, frozen=True):
    """What ``lfr bench pipeline`` measured. stages: of the last round, milliseconds."""

    clip: str
    size: tuple[int, int]
    streams: int
    requests: int
    pack: str
    precision: str
    templates: int
    rounds: list[Round]
    ratio: float
    engine: float
    bound: float
    stages: dict[str, dict[str, float | int]]
    drops: dict[str, dict[str, int]]
    embedded: int


@dataclass(frozen=True, slots=True)
class PipelineBench:
    """How to measure. seconds: length of each part of a round; the engine runs the clip through."""

    clip: Path
    streams: int = 4
    templates: int = 20_000
    rounds: int = 3
    seconds: float = 4.0


def bench_pipeline(
    bench: PipelineBench, opened: Opened, clock: Clock, tell: Callable[[str], None]
) -> PipelineFigures:
    """Measure; ``tell`` hears what is going on.

    Raises:
        SourceRefused: The clip cannot be read.
    """
    sample = _first_frames(bench.clip, clock, 8)
    gallery = _crowd(bench.templates, opened)
    rounds, telemetry = [], Telemetry(clock)
    for number in range(bench.rounds):
        tell(f"round {number + 1} of {bench.rounds}: decoder alone")
        decode = _decode_only(bench, clock)
        tell(f"round {number + 1} of {bench.rounds}: detector alone")
        infer = _infer_only(opened, sample, bench.seconds, clock)
        tell(f"round {number + 1} of {bench.rounds}: the engine")
        telemetry = Telemetry(clock)
        engine = trio.run(_engine, bench, opened, gallery, telemetry)
        bound = 1 / (1 / decode + 1 / infer)
        rounds.append(Round(decode, infer, bound, engine, engine / bound))
    planes = sample[0]
    return PipelineFigures(
        clip=bench.clip.name,
        size=(planes.width, planes.height),
        streams=bench.streams,
        requests=opened.networks.detector.requests,
        pack=opened.name,
        precision=opened.precision,
        templates=bench.templates,
        rounds=rounds,
        ratio=statistics.median(one.ratio for one in rounds),
        engine=statistics.median(one.engine for one in rounds),
        bound=statistics.median(one.bound for one in rounds),
        stages={name: histogram.summary() for name, histogram in telemetry.stages.items()},
        drops={camera: dict(drops) for camera, drops in telemetry.drops.items()},
        embedded=telemetry.counts["embedded"],
    )


def _first_frames(clip: Path, clock: Clock, count: int) -> list[Planes]:
    frames: list[Planes] = []
    stop = threading.Event()

    def deliver(frame: Frame) -> None:
        frames.append(frame.planes)
        if len(frames) == count:
            stop.set()

    read_video("bench", parse_address(str(clip)), ReaderSettings(), clock, deliver, stop)
    return frames


def _crowd(templates: int, opened: Opened) -> Gallery:
    """A watchlist of random people: as much work as real ones, and nobody's face."""
    contract = opened.pack.contract
    rows = np.random.default_rng(1).normal(size=(templates, contract.dimension))
    names = [f"person-{number}" for number in range(templates)]
    unit = normalised(rows.astype(np.float32))
    owners = np.arange(templates)
    return Gallery.build(names, names, unit, owners, contract, coarse=coarse_for(unit))


def _together(work: Sequence[Callable[[], int]], clock: Clock) -> float:
    """Run every piece of work in its own thread; the sum of what they count, per second."""
    counts: list[int] = []
    threads = [threading.Thread(target=lambda w=one: counts.append(w())) for one in work]
    began = clock.monotonic_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / ((clock.monotonic_ns() - began) / 1e9)


def _decode_only(bench: PipelineBench, clock: Clock) -> float:
    address = parse_address(str(bench.clip))

    def decode() -> int:
        count = 0

        def deliver(_: Frame) -> None:
            nonlocal count
            count += 1

        read_video("bench", address, ReaderSettings(), clock, deliver, threading.Event())
        return count

    return _together([decode] * bench.streams, clock)


def _infer_only(opened: Opened, sample: list[Planes], seconds: float, clock: Clock) -> float:
    """The detector's network alone, as many threads as requests, on a picture made before."""
    session: Session = opened.pack.detector.session
    picture = np.zeros(session.input_shape, np.uint8)
    height, width = picture.shape[1:3]
    luma = sample[0].y[:height, :width]
    picture[0, : luma.shape[0], : luma.shape[1]] = luma[..., None]
    until = clock.monotonic_ns() + round(seconds * 1e9)

    def infer() -> int:
        count = 0
        while clock.monotonic_ns() < until:
            session.run(picture)
            count += 1
        return count

    return _together([infer] * opened.networks.detector.requests, clock)


async def _engine(
    bench: PipelineBench, opened: Opened, gallery: Gallery, telemetry: Telemetry
) -> float:
    clock = telemetry.clock
    address = parse_address(str(bench.clip))
    cameras = [
        CameraPlan(
            CameraSettings(f"stream-{number + 1}", address),
            reader_for(f"stream-{number + 1}", address, ReaderSettings(), clock),
            fast=True,
        )
        for number in range(bench.streams)
    ]
    matching = exercise_matching(
        gallery, gallery.entries, EvidenceSettings(NOBODY_SCORES), site="bench", recorded=True
    )

    async def record(_: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()

    def publish(_: EngineEvent | Any) -> None:
        """Nobody listens."""

    engine = Engine(cameras, opened.networks, matching, telemetry, record, publish)
    began = clock.monotonic_ns()
    await engine.run()
    frames = sum(report.frames for report in engine.reports.values())
    return frames / ((clock.monotonic_ns() - began) / 1e9)
