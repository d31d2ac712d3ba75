"""The whole engine on files, against the bound set by the decoder and the detector alone.

Owns: what is measured and in which order. Never: a verdict. Strategy: bound and engine are measured
in turn several times in one process, because machines drift; the ratio of neighbours is quoted. The
bound is what this machine could do if everything between libav and OpenVINO cost nothing: with D
frames/s when it only decodes and I frames/s when it only infers, both with every core, it is
1 / (1/D + 1/I).
"""

from __future__ import annotations

import dataclasses
import statistics
import threading
import time
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
from lfr_engine.app.engine import Engine
from lfr_engine.app.parts import Opened, exercise_matching
from lfr_engine.app.plan import CameraPlan
from lfr_engine.clock import Clock
from lfr_engine.evaluation.bench.peers import Peer, PeerFigures
from lfr_engine.evaluation.bench.process import ThreadTimes, resident_mb
from lfr_engine.identity.coarse import coarse_for
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.template import normalised
from lfr_engine.inference.session import Session
from lfr_engine.journal.events.fields import Event
from lfr_engine.kernels.compiled import Absent, kernels
from lfr_engine.priority import stand_back
from lfr_engine.runtime.memory import give_back_large_blocks
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import ReaderSettings, read_video
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import Frame, Planes

NOBODY_SCORES = 0.99
"""Threshold over random templates: the matcher works in full, and nobody is alerted."""
_FIRST_LOOK_S, _LOOK_EVERY_S = 0.02, 0.5


class Round(msgspec.Struct, frozen=True):
    """One turn: frames a second of all streams together; and ``…_cpu_ms``, what a frame cost of all
    processors together, in milliseconds.
    """

    decode_only: float
    infer_only: float
    bound: float
    engine: float
    ratio: float
    decode_cpu_ms: float
    infer_cpu_ms: float
    engine_cpu_ms: float


class PipelineFigures(msgspec.Struct, frozen=True):
    """What ``lfr bench --source`` measured.

    cpu_ms: milliseconds of processor a frame by kind of thread; stages: milliseconds; drops: frames
    and views by reason; all of the last round. memory_mb: resident before the engine of the
    first round began (after the decoder alone, which leaves some behind), and at most.
    compiled_kernels: whether the engine had them (``kernels``). peers: medians of all rounds.
    """

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
    cpu_ms: dict[str, float]
    drops: dict[str, dict[str, int]]
    embedded: int
    memory_mb: tuple[float, float]
    compiled_kernels: bool
    peers: list[PeerFigures]


@dataclass(frozen=True, slots=True)
class PipelineBench:
    """How to measure. seconds: length of each part of a round, at most; the engine runs the clip
    through.
    """

    clip: Path
    streams: int = 4
    templates: int = 20_000
    rounds: int = 3
    seconds: float = 4.0


@dataclass(frozen=True, slots=True)
class _Rate:
    """fps: frames a second. cpu_ms: of processor, a frame."""

    fps: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the engine. seconds: of processor, by kind of thread."""

    frames: int
    elapsed_s: float
    seconds: dict[str, float]
    memory_mb: tuple[float, float]
    telemetry: Telemetry

    @property
    def fps(self) -> float:
        return self.frames / self.elapsed_s

    @property
    def cpu_ms(self) -> dict[str, float]:
        return {kind: seconds * 1e3 / self.frames for kind, seconds in self.seconds.items()}


def bench_pipeline(
    bench: PipelineBench,
    opened: Opened,
    peers: Sequence[Peer],
    clock: Clock,
    tell: Callable[[str], None],
) -> PipelineFigures:
    """Measure; ``tell`` hears what is going on.

    Raises:
        SourceRefused: The clip cannot be read.
    """
    give_back_large_blocks()  # as the engine will: the decoder alone is to leave nothing behind
    picture = _first_picture(bench.clip, clock)
    gallery = random_crowd(bench.templates, opened)
    rounds, runs, beside = [], [], []
    for number in range(bench.rounds):
        turn = f"round {number + 1} of {bench.rounds}"
        tell(f"{turn}: decoder alone")
        decode = _decode_only(bench, clock)
        tell(f"{turn}: detector alone")
        infer = _infer_only(opened, picture, bench.seconds, clock)
        tell(f"{turn}: the engine")
        run = trio.run(_engine, bench, opened, gallery, Telemetry(clock))
        for peer in peers:
            tell(f"{turn}: {peer.name}")
            beside.append(peer.measure(bench.clip, 2 * bench.seconds, clock))
        bound = 1 / (1 / decode.fps + 1 / infer.fps)
        rounds.append(
            Round(
                decode_only=decode.fps,
                infer_only=infer.fps,
                bound=bound,
                engine=run.fps,
                ratio=run.fps / bound,
                decode_cpu_ms=decode.cpu_ms,
                infer_cpu_ms=infer.cpu_ms,
                engine_cpu_ms=sum(run.cpu_ms.values()),
            )
        )
        runs.append(run)
    last = runs[-1]
    return PipelineFigures(
        clip=bench.clip.name,
        size=(picture.width, picture.height),
        streams=bench.streams,
        requests=opened.networks.detector.requests,
        pack=opened.name,
        precision=opened.precision,
        templates=bench.templates,
        rounds=rounds,
        ratio=statistics.median(one.ratio for one in rounds),
        engine=statistics.median(one.engine for one in rounds),
        bound=statistics.median(one.bound for one in rounds),
        stages={name: histogram.summary() for name, histogram in last.telemetry.stages.items()},
        cpu_ms=last.cpu_ms,
        drops={camera: dict(drops) for camera, drops in last.telemetry.drops.items()},
        embedded=last.telemetry.counts["embedded"],
        memory_mb=runs[0].memory_mb,
        compiled_kernels=not isinstance(kernels(), Absent),
        peers=[_median_of(peer.name, beside) for peer in peers],
    )


def _median_of(name: str, measured: Sequence[PeerFigures]) -> PeerFigures:
    own = [one for one in measured if one.name == name]
    return PeerFigures(
        name,
        statistics.median(one.fps for one in own),
        statistics.median(one.faces_per_frame for one in own),
    )


def _first_picture(clip: Path, clock: Clock) -> Planes:
    found: list[Planes] = []
    stop = threading.Event()

    def deliver(frame: Frame) -> None:
        found.append(frame.planes)
        stop.set()

    read_video("bench", parse_address(str(clip)), ReaderSettings(), clock, deliver, stop)
    return found[0]


def random_crowd(templates: int, opened: Opened) -> Gallery:
    """A watchlist of random people: as much work as real ones, and nobody's face."""
    contract = opened.pack.contract
    rows = np.random.default_rng(1).normal(size=(templates, contract.dimension))
    names = [f"person-{number}" for number in range(templates)]
    unit = normalised(rows.astype(np.float32))
    owners = np.arange(templates)
    return Gallery.build(names, names, unit, owners, contract, coarse=coarse_for(unit))


def _together(work: Sequence[Callable[[], int]], clock: Clock) -> _Rate:
    """Run every piece of work in its own thread, ranked as the engine's are: the rate of what they
    count together.
    """
    counts: list[int] = []

    def body(one: Callable[[], int]) -> None:
        stand_back()
        counts.append(one())

    threads = [threading.Thread(target=body, args=(one,)) for one in work]
    began, cpu_s = clock.monotonic_ns(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed_s = (clock.monotonic_ns() - began) / 1e9
    frames = max(1, sum(counts))
    return _Rate(frames / elapsed_s, (time.process_time() - cpu_s) * 1e3 / frames)


def _decode_only(bench: PipelineBench, clock: Clock) -> _Rate:
    address = parse_address(str(bench.clip))

    def decode() -> int:
        count = 0

        def deliver(_: Frame) -> None:
            nonlocal count
            count += 1

        read_video("bench", address, ReaderSettings(), clock, deliver, threading.Event())
        return count

    return _together([decode] * bench.streams, clock)


def _infer_only(opened: Opened, planes: Planes, seconds: float, clock: Clock) -> _Rate:
    """The detector's network alone, as many threads as requests, on a picture made before."""
    session: Session = opened.pack.detector.session
    picture = np.resize(planes.y.ravel(), session.input_shape)
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
) -> _Run:
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

    pack = opened.pack
    networks = dataclasses.replace(  # compiled before, as those of the bound are
        opened.networks,
        open_detector=lambda: pack.detector,
        open_embedder=lambda: pack.embedder,
    )
    engine = Engine(cameras, networks, matching, telemetry, record, publish)
    times, before_mb = ThreadTimes(), resident_mb()
    most_mb = before_mb
    began = clock.monotonic_ns()

    async def look() -> None:
        nonlocal most_mb
        pause_s = _FIRST_LOOK_S  # threads of a short clip are soon gone
        while True:
            times.look()
            most_mb = max(most_mb, resident_mb())
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LOOK_EVERY_S)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await engine.run()
        nursery.cancel_scope.cancel()
    elapsed_s = (clock.monotonic_ns() - began) / 1e9
    times.look()
    frames = sum(report.frames for report in engine.reports.values())
    return _Run(max(1, frames), elapsed_s, times.told(), (before_mb, most_mb), telemetry)
