"""The tracker actor: tracks end in time, with or without pictures, and no number is used twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from lfr_engine.actors.feeds import Feed, Feeds
from lfr_engine.actors.messages import Shot, TrackClosed
from lfr_engine.actors.preview import PreviewPort
from lfr_engine.actors.tracker import Cropper, TrackingSettings, TrackNumbers, run_tracker
from lfr_engine.clock import ManualClock
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.health import CameraHealth
from lfr_engine.vision.frame import ByteArray, FloatArray, Frame, Picture
from tests.support import painted
from tests.support.painted import PaintedDetector, Walk

PERIOD_S = 0.1
WALKS = [Walk("ann", 0, 60)]


@dataclass
class Scene:
    """One camera's tracker, its pictures put in by hand and its messages taken out."""

    recorded: bool = False
    cropper: Cropper = painted.CROPPER
    embed_s: float = 0.0
    numbers: TrackNumbers = field(default_factory=TrackNumbers)
    shots: list[Shot] = field(default_factory=list)
    ended: list[tuple[float, TrackClosed]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(ManualClock())
        self.feed: Feed
        self.feeds: Feeds
        self._sequence = 0

    async def walk(self, seconds: float) -> None:
        """Show the walkers for so long."""
        for _ in range(round(seconds / PERIOD_S)):
            time_s = self._sequence * PERIOD_S
            planes = painted.paint(WALKS, time_s)
            now_ns = round(trio.current_time() * 1e9)
            frame = Frame("door", self._sequence, now_ns, time_s, planes)
            self._sequence += 1
            faces = PaintedDetector().detect(planes)
            self.feed.slot.put(frame)
            pick = self.feeds.pick()
            if pick is not None:
                pick.deliver(faces)
            await trio.sleep(PERIOD_S)

    async def run(self) -> None:
        """The actor, until its feed ends or it fails."""
        send, shots = trio.open_memory_channel[Shot](1)
        say, endings = trio.open_memory_channel[TrackClosed](64)

        async def hear() -> None:
            async for closed in endings:
                self.ended.append((trio.current_time(), closed))

        async def take() -> None:
            async for shot in shots:
                self.shots.append(shot)
                await trio.sleep(self.embed_s)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear)
            nursery.start_soon(take)
            await run_tracker(
                TrackingSettings(), self.feed, self.cropper, None, send, say,
                self.telemetry, PreviewPort(), CameraHealth(), self.numbers,
            )  # fmt: skip

    def play(self, act: Callable[[], Awaitable[None]]) -> None:
        """Run the actor, do something, and end its feed."""

        async def scenario() -> None:
            self.feeds = Feeds(self.telemetry)
            with self.feeds.open("door", wait=self.recorded) as self.feed:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.run)
                    await act()
                    self.feed.slot.close()

        trio.run(scenario, clock=MockClock(autojump_threshold=0))

    @property
    def reasons(self) -> list[str]:
        return [closed.reason for _, closed in self.ended]


def test_a_silent_camera_ends_its_tracks_in_time() -> None:
    scene = Scene()
    last: list[float] = []

    async def act() -> None:
        await scene.walk(1.0)
        last.append(trio.current_time() - PERIOD_S)
        await trio.sleep(30)
        assert scene.reasons == ["silent"]
        await scene.walk(1.0)

    scene.play(act)
    at, closed = scene.ended[0]
    assert at - last[0] == pytest.approx(TrackingSettings().silence_s)
    assert closed.confirmed
    assert closed.shots > 0
    assert scene.reasons == ["silent", "closed"]
    assert [closed.track.number for _, closed in scene.ended] == [1, 2]
    assert sum(closed.shots for _, closed in scene.ended) == len(scene.shots)


def test_a_gap_that_a_walker_may_go_unseen_ends_nothing() -> None:
    scene = Scene()

    async def act() -> None:
        await scene.walk(1.0)
        await trio.sleep(TrackingSettings().silence_s - 0.2)
        await scene.walk(1.0)

    scene.play(act)
    assert "silent" not in scene.reasons


def test_recorded_material_may_wait_for_the_engine() -> None:
    scene = Scene(recorded=True)

    async def act() -> None:
        await scene.walk(1.0)
        await trio.sleep(30)
        assert scene.ended == []

    scene.play(act)
    assert scene.reasons == ["closed"]


def test_what_waited_for_a_busy_embedder_is_sent_before_the_ending_counts_it() -> None:
    scene = Scene(embed_s=10)

    async def act() -> None:
        await scene.walk(7.0)
        await trio.sleep(30)

    scene.play(act)
    assert scene.telemetry.drops["door"]["embedder busy"] > 0
    ((_, closed),) = scene.ended
    assert closed.shots == len(scene.shots) > 1


def test_a_tracker_that_fails_ends_its_tracks_and_its_successor_counts_on() -> None:
    broken = False

    def crop(picture: Picture, landmarks: FloatArray) -> ByteArray:
        if broken:
            raise RuntimeError("a bad picture")
        return painted.crop(picture, landmarks)

    scene = Scene(cropper=Cropper(crop, painted.EYES_PX))

    async def fails() -> None:
        nonlocal broken
        await scene.walk(0.5)
        broken = True
        await scene.walk(3.0)

    with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
        scene.play(fails)
    assert scene.reasons == ["restart"]
    after = Scene(numbers=scene.numbers)
    after.play(lambda: after.walk(0.5))
    assert [closed.track.number for _, closed in scene.ended + after.ended] == [1, 2]
