"""The whole engine for long and under too much: nothing is lost, nothing grows.

Painted people, real actors. The hour is simulated: recorded scene time, run as fast as it goes.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import trio

from lfr_engine.actors.detector import DetectorSettings
from lfr_engine.actors.events import AlertTold, PassEnded
from lfr_engine.app.plan import CameraPlan, Networks
from lfr_engine.clock import Clock, SystemClock
from lfr_engine.evaluation.bench.process import resident_mb
from lfr_engine.sources.reader import Deliver, OnOpen, StreamFacts
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Frame, Picture
from tests.app.test_engine import Stage
from tests.support import painted
from tests.support.painted import PaintedDetector, Walk

FPS = 20.0
CAMERAS = ("door", "gate", "hall", "yard")
LISTED = ("ann", "bob", "cid", "dee")
SECONDS = 16.0

HOUR_S = 3600.0
HOUR_FPS = 2.5
STRANGER_EVERY_S = 12
LISTED_EVERY_S = 300
GROWTH_MB = 8.0
"""Noise of an allocator over half an hour of scene; one leaked frame a second would be 200 MB."""


class HalfAsQuick(PaintedDetector):
    """Looks at half of what the cameras send, two pictures at once."""

    def detect(self, picture: Picture) -> Faces:
        time.sleep(2 * 2 / (FPS * len(CAMERAS)))
        return super().detect(picture)


def _paced(
    camera: str, walks: Sequence[Walk], clock: Clock
) -> Callable[[Deliver, threading.Event, OnOpen], None]:
    """A live camera: pictures come when they are due, whether or not anybody is ready."""

    def read(deliver: Deliver, stop: threading.Event, on_open: OnOpen) -> None:
        on_open(StreamFacts("painted", painted.WIDTH, painted.HEIGHT, FPS, "none"))
        began_ns = clock.monotonic_ns()
        for number in range(round(SECONDS * FPS)):
            due_s = number / FPS - (clock.monotonic_ns() - began_ns) / 1e9
            if stop.wait(max(0.0, due_s)):
                return
            time_s = number / FPS
            frame = Frame(
                camera, number, clock.monotonic_ns(), time_s, painted.paint(walks, time_s)
            )
            deliver(frame)

    return read


@pytest.mark.slow
def test_twice_the_load_costs_frames_and_no_alert() -> None:
    walks = {
        camera: [Walk(name, 1 + 2 * number, 7 + 2 * number), Walk("ann", 20, 21, row=150)]
        for number, (camera, name) in enumerate(zip(CAMERAS, LISTED, strict=True))
    }
    stage = Stage({}, listed=LISTED, detector=HalfAsQuick())
    engine = stage.engine()
    clock = engine.telemetry.clock
    engine.live = True
    engine.networks = Networks(
        lambda: stage.detector,
        lambda: stage.embedder,
        painted.CROPPER,
        detector=DetectorSettings(requests=2),
    )
    assert engine.matching is not None
    alerting = replace(engine.matching.alerting, recorded=False)
    engine.matching = replace(engine.matching, alerting=alerting)
    template = Stage({"x": []}).engine().cameras[0]
    for camera in CAMERAS:
        settings = replace(template.settings, camera=camera)
        engine.add_camera(CameraPlan(settings, _paced(camera, walks[camera], clock), fast=False))

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.run)
            await trio.sleep(SECONDS + 1)
            engine.finish()

    trio.run(scenario)
    drops = engine.telemetry.drops
    detected = [engine.telemetry.counts[f"detected {camera}"] for camera in CAMERAS]
    assert sum(detected) < 0.7 * SECONDS * FPS * len(CAMERAS), "there was no overload"
    assert min(detected) >= 0.8 * sum(detected) / len(CAMERAS)
    for camera, seen in zip(CAMERAS, detected, strict=True):
        frames = sum(drops[camera][why] for why in ("slot", "age", "cadence", "device"))
        assert abs(engine.reports[camera].frames - seen - frames) <= 3
    assert sorted(stage.alerts) == sorted(zip(LISTED, CAMERAS, strict=True))
    assert engine.telemetry.stages["wait for detector"].maximum <= 0.6


def _hour(phase: float) -> list[Walk]:
    """An hour at one camera: mostly strangers, now and then somebody listed."""
    walks = [
        Walk("cid", at + phase, at + phase + 8, row=150)
        for at in range(5, round(HOUR_S) - 10, STRANGER_EVERY_S)
    ]
    return walks + [
        Walk("ann", at + phase, at + phase + 8)
        for at in range(30, round(HOUR_S) - 10, LISTED_EVERY_S)
    ]


def _played(
    camera: str, walks: Sequence[Walk], clock: Clock
) -> Callable[[Deliver, threading.Event, OnOpen], None]:
    """As ``painted.reader``, looking only at the walks of the minute."""

    def read(deliver: Deliver, stop: threading.Event, on_open: OnOpen) -> None:
        on_open(StreamFacts("painted", painted.WIDTH, painted.HEIGHT, HOUR_FPS, "none"))
        for number in range(round(HOUR_S * HOUR_FPS)):
            if stop.is_set():
                return
            time_s = number / HOUR_FPS
            near = [walk for walk in walks if walk.begin_s <= time_s < walk.end_s]
            deliver(
                Frame(camera, number, clock.monotonic_ns(), time_s, painted.paint(near, time_s))
            )

    return read


@pytest.mark.soak
def test_an_hour_leaves_no_task_no_thread_and_no_memory_behind() -> None:
    stage = Stage({}, listed=("ann",))
    engine = stage.engine()
    clock = SystemClock()
    template = Stage({"x": []}).engine().cameras[0]
    for number, camera in enumerate(("door", "gate")):
        settings = replace(template.settings, camera=camera)
        read = _played(camera, _hour(3.0 * number), clock)
        engine.add_camera(CameraPlan(settings, read, fast=True))
    looks: list[tuple[float, float, int, int]] = []  # scene second, MB, tasks, threads

    async def look(every_s: float) -> None:
        due = every_s
        while True:
            await trio.sleep(0.05)
            scene_s = min((r.last_media_s for r in engine.reports.values()), default=0.0)
            if scene_s >= due:
                due += every_s
                for name, (held, bound) in engine.links().items():
                    engine.telemetry.peak(name, held, bound)
                gc.collect()
                tasks = trio.lowlevel.current_statistics().tasks_living
                looks.append((scene_s, resident_mb(), tasks, threading.active_count()))

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look, HOUR_S / 12)
            await engine.run()
            nursery.cancel_scope.cancel()

    trio.run(scenario)
    told = [t for t in stage.told if isinstance(t, AlertTold) and t.new]
    passes = [t for t in stage.told if isinstance(t, PassEnded) and t.confirmed]
    listed = len(range(30, round(HOUR_S) - 10, LISTED_EVERY_S))
    strangers = len(range(5, round(HOUR_S) - 10, STRANGER_EVERY_S))
    assert len(told) == listed, "both cameras see one person: one alert a walk"
    assert len(passes) == 2 * (listed + strangers)
    counts = engine.telemetry.counts
    assert counts["erased templates"] == counts["embedded"] > 0
    assert len(looks) >= 10
    later = [look for look in looks if look[0] >= HOUR_S / 2]
    assert later[-1][1] - later[0][1] <= GROWTH_MB, looks
    assert {tasks for _, _, tasks, _ in later} == {later[0][2]}, looks
    assert max(threads for *_, threads in later) <= looks[0][3] + 1, looks
    for link, (peak, bound) in engine.telemetry.peaks.items():
        assert peak <= bound, link
        print(f"{link}: fullest {peak} of {bound}")
