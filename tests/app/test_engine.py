"""The whole engine on painted people: who is alerted, how often, and what is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import trio

from lfr_engine.actors.alerting import AlertingSettings
from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.events import (
    AlertChanged,
    AlertTold,
    EngineEvent,
    FacesFollowed,
    PassEnded,
)
from lfr_engine.actors.preview import Preview
from lfr_engine.actors.tracker import TrackingSettings
from lfr_engine.alerts.adjudication import AdjudicationSettings
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.app.engine import Engine
from lfr_engine.app.plan import CameraPlan, Matching, Networks
from lfr_engine.clock import SystemClock, stamp
from lfr_engine.errors import ConfigError, EngineError, InputError, SourceRefused
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.condition import CameraState
from lfr_engine.sources.reader import Deliver, OnOpen
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Frame, Picture
from lfr_engine.vision.pictures import developed
from tests.support import painted
from tests.support.painted import PaintedDetector, PaintedEmbedder, Walk


@dataclass
class Stage:
    """One run of the engine and all it said."""

    cameras: dict[str, list[Walk]]
    listed: tuple[str, ...] = ("ann", "bob")
    seconds: float = 10.0
    detector: PaintedDetector = field(default_factory=PaintedDetector)
    matching: bool = True
    told: list[EngineEvent] = field(default_factory=list)
    recorded: list[Event] = field(default_factory=list)
    embedder: PaintedEmbedder = field(default_factory=PaintedEmbedder)

    def engine(self) -> Engine:
        clock = SystemClock()
        gallery = painted.gallery(*self.listed)
        alerting = AlertingSettings(
            AdjudicationSettings("test"),
            EvidenceSettings(0.6),
            {name: EntryFacts(name, "wanted") for name in self.listed},
            "square",
            exercise=True,
            recorded=True,
        )
        plans = [
            CameraPlan(
                CameraSettings(name, parse_address(f"{name}.mp4")),
                painted.reader(name, walks, clock, seconds=self.seconds),
                fast=True,
            )
            for name, walks in self.cameras.items()
        ]
        return Engine(
            plans,
            Networks(lambda: self.detector, lambda: self.embedder, painted.CROPPER),
            Matching(gallery, alerting) if self.matching else None,
            Telemetry(clock),
            self.record,
            self.told.append,
        )

    async def record(self, events: Sequence[Event]) -> None:
        self.recorded.extend(events)
        await trio.lowlevel.checkpoint()

    def run(self) -> Engine:
        engine = self.engine()
        trio.run(engine.run)
        return engine

    @property
    def alerts(self) -> list[tuple[str, str]]:
        alerts = (t for t in self.told if isinstance(t, AlertTold))
        return [(t.alert.entry, t.alert.camera) for t in alerts if t.new]

    @property
    def passes(self) -> list[PassEnded]:
        return [t for t in self.told if isinstance(t, PassEnded) and t.confirmed]


def _new(told: EngineEvent) -> bool:
    return isinstance(told, AlertTold) and told.new


def test_a_listed_walker_is_alerted_once_and_a_stranger_never() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6), Walk("cid", 2, 8, row=150)]})
    engine = stage.run()
    assert stage.alerts == [("ann", "door")]
    assert len(stage.passes) == 2
    assert engine.telemetry.counts["erased templates"] == engine.telemetry.counts["embedded"] > 0
    assert engine.reports["door"].condition.state is CameraState.ENDED


def test_two_cameras_that_see_one_person_make_one_alert() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6)], "gate": [Walk("ann", 2, 7)]})
    stage.run()
    assert len(stage.alerts) == 1
    assert len(stage.passes) == 2
    last = [t for t in stage.told if isinstance(t, AlertTold)][-1]
    assert {camera for camera, _ in last.alert.tracks} == {"door", "gate"}


def test_a_second_wanted_person_is_not_hidden_by_the_first() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6), Walk("bob", 1.5, 7, row=150)]})
    stage.run()
    assert sorted(stage.alerts) == [("ann", "door"), ("bob", "door")]


@pytest.mark.slow
def test_who_returns_much_later_is_a_new_pass_and_a_new_alert() -> None:
    walks = [Walk("ann", 1, 5), Walk("ann", 100, 105, backwards=True)]
    stage = Stage({"door": walks}, seconds=107)
    stage.run()
    assert [entry for entry, _ in stage.alerts] == ["ann", "ann"]
    assert len(stage.passes) == 2


def test_people_who_cross_keep_their_names() -> None:
    walks = [Walk("ann", 1, 7, row=60), Walk("cid", 1, 7, row=100, backwards=True)]
    stage = Stage({"door": walks}, listed=("ann",))
    stage.run()
    assert stage.alerts == [("ann", "door")]


def test_whose_every_face_is_can_be_followed_and_an_alert_finds_its_face_there() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6), Walk("cid", 2, 8, row=150)]})
    engine = stage.engine()
    seen: list[FacesFollowed] = []
    engine.follow = seen.append
    trio.run(engine.run)
    assert len(seen) == engine.reports["door"].frames
    told = next(t for t in stage.told if isinstance(t, AlertTold))
    (_, track) = next(iter(told.alert.tracks))
    (frame,) = [f for f in seen if abs(f.scene_s - told.scene_s) < 1e-6]
    (place,) = np.flatnonzero(frame.tracks == int(track.rpartition("#")[2]))
    assert frame.boxes[place, 1] < 100  # ann's row, not cid's


def test_an_alert_is_recorded_before_it_is_told() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6)]})
    order: list[str] = []

    async def record(events: Sequence[Event]) -> None:
        await trio.sleep(0.01)
        order.append("recorded")

    engine = stage.engine()
    engine.record = record
    engine.publish = lambda event: order.append("told") if _new(event) else None
    trio.run(engine.run)
    assert order[:2] == ["recorded", "told"]


def test_commissioning_templates_nobody() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6)]}, matching=False)
    engine = stage.run()
    assert stage.embedder.calls == 0
    assert engine.telemetry.counts["detected door"] == 100
    health = engine.reports["door"].health_now(SystemClock().monotonic_ns() / 1e9)
    assert health.opportunities_per_minute == 1
    assert health.faces_per_minute >= 40
    assert health.face_px == pytest.approx((60, 60, 60), abs=2)


def test_a_refused_source_is_reported_and_the_other_runs_on() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6)], "gate": []})
    engine = stage.engine()

    def refuse(*_: object) -> None:
        raise SourceRefused("gate.mp4", "no such file")

    engine.cameras[1] = CameraPlan(engine.cameras[1].settings, refuse, fast=True)
    trio.run(engine.run)
    assert stage.alerts == [("ann", "door")]
    assert engine.reports["gate"].condition.state is CameraState.REFUSED
    assert engine.reports["gate"].error == "gate.mp4: no such file"


def test_a_stop_drains_what_is_under_way() -> None:
    stage = Stage({"door": [Walk("ann", 0, 600)]}, seconds=600)
    engine = stage.engine()

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.run)
            while not stage.alerts:
                await trio.sleep(0.001)
            engine.stop()
            with trio.fail_after(5):
                while nursery.child_tasks:
                    await trio.sleep(0.001)

    trio.run(scenario)
    assert 0 < engine.reports["door"].frames < 6000
    assert len(stage.passes) == 1
    assert engine.telemetry.counts["erased templates"] == engine.telemetry.counts["embedded"]


class Flaky(PaintedDetector):
    """Fails now and then, or always."""

    def __init__(self, fail_at: set[int] | None) -> None:
        self.calls = 0
        self.fail_at = fail_at

    def detect(self, picture: Picture) -> Faces:
        self.calls += 1
        if self.fail_at is None or self.calls in self.fail_at:
            raise RuntimeError("the device is on fire")
        return super().detect(picture)


def test_a_detector_that_fails_is_opened_again_and_the_lost_frames_are_counted() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6)]}, detector=Flaky({20, 40}))
    engine = stage.run()
    assert stage.alerts == [("ann", "door")]
    assert 2 <= engine.telemetry.drops["door"]["device"] <= 4


def test_a_detector_that_always_fails_ends_the_engine_loudly() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6)]}, detector=Flaky(None))
    with pytest.RaisesGroup(EngineError, allow_unwrapped=True, flatten_subgroups=True) as caught:
        stage.run()
    assert caught.value is not None


async def until(true: Callable[[], bool], seconds: float = 5) -> None:
    with trio.fail_after(seconds):
        while not true():
            await trio.sleep(0.002)


def live_stage() -> tuple[Stage, Engine]:
    stage = Stage({"door": [Walk("ann", 0, 6000)]}, seconds=6000)
    engine = stage.engine()
    engine.live = True
    return stage, engine


def test_a_withdrawn_person_stops_alerting_and_questions_reach_the_table() -> None:
    stage, engine = live_stage()

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await until(lambda: bool(stage.alerts))
            assert engine.matching is not None
            await engine.swap_gallery(engine.matching.gallery.without(["ann"]))
            expired = await engine.ask(lambda table, now: table.withdraw("ann", now))
            assert [type(event).__name__ for event in expired] == ["AlertExpired"]
            assert stage.recorded[-1] is expired[-1]
            assert isinstance(stage.told[-1], AlertChanged)
            with pytest.raises(InputError, match="no such alert"):
                await engine.ask(lambda table, _: table.withdraw(table["FFFFFF"].entry, _))
            engine.finish()

    trio.run(scenario)
    assert len(stage.alerts) == 1


def test_cameras_come_go_pause_stop_and_start_while_running() -> None:
    _, engine = live_stage()
    gate = CameraPlan(
        CameraSettings("gate", parse_address("gate.mp4")),
        painted.reader("gate", [Walk("bob", 0, 6000)], SystemClock(), seconds=6000),
        fast=True,
    )
    detected = engine.telemetry.counts

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            engine.add_camera(gate)
            with pytest.raises(ConfigError, match="is there already"):
                engine.add_camera(gate)
            await until(lambda: detected["detected gate"] > 5 and detected["detected door"] > 5)
            await engine.remove_camera("gate")
            assert set(engine.reports) == {"door"}
            engine.capture(False)
            await until(lambda: "paused" in engine.telemetry.drops.get("door", ()))
            engine.stop()
            await trio.sleep(0.05)
            before = engine.reports["door"].frames
            await trio.sleep(0.05)
            assert engine.reports["door"].frames == before
            engine.capture(True)
            engine.start()
            seen = detected["detected door"]
            await until(lambda: detected["detected door"] > seen + 5)
            engine.finish()

    trio.run(scenario)


def test_who_stands_before_a_camera_that_goes_silent_is_forgotten() -> None:
    stage, engine = live_stage()
    silent = threading.Event()
    plan = engine.cameras[0]

    def read(deliver: Deliver, stop: threading.Event, on_open: OnOpen) -> None:
        def unless_silent(frame: Frame) -> None:
            while silent.is_set() and not stop.wait(0.01):
                pass
            deliver(frame)
            stop.wait(0.02)

        plan.read(unless_silent, stop, on_open)

    tracking = TrackingSettings(silence_s=0.2)
    engine.cameras[0] = CameraPlan(plan.settings, read, fast=False, tracking=tracking)
    counts = engine.telemetry.counts

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await until(lambda: bool(stage.alerts))
            silent.set()
            await until(lambda: [one.reason for one in stage.passes] == ["silent"])
            assert counts["erased templates"] == counts["embedded"] > 0
            assert engine.watches("door")
            silent.clear()
            await until(lambda: counts["embedded"] > counts["erased templates"])
            await engine.remove_camera("door")
            engine.add_camera(replace(plan, fast=True))
            await until(lambda: "door" in engine.reports)
            await until(lambda: counts["embedded"] > counts["erased templates"])
            engine.finish()

    trio.run(scenario)
    numbers = [one.track.number for one in stage.told if isinstance(one, PassEnded)]
    assert numbers == [1, 2, 3]  # not even a camera that was put in anew begins at 1
    assert counts["erased templates"] == counts["embedded"]


def test_a_resumed_run_numbers_its_tracks_behind_those_of_the_journal() -> None:
    before = Stage({"door": [Walk("ann", 1, 6)], "gate": []})
    before.run()
    past = [event for event in before.recorded if isinstance(event, AlertGenerated)]
    after = Stage({"door": [Walk("cid", 1, 6)], "gate": [Walk("bob", 1, 6)]})
    engine = after.engine()
    assert engine.matching is not None
    alerting = replace(
        engine.matching.alerting, restore=[(event, stamp(SystemClock())) for event in past]
    )
    engine.matching = replace(engine.matching, alerting=alerting)
    trio.run(engine.run)
    assert {str(one.track) for one in after.passes} == {"door#2", "gate#1"}


def test_pictures_go_with_a_new_alert_and_are_erased_otherwise() -> None:
    stage = Stage({"door": [Walk("ann", 1, 6), Walk("cid", 2, 8, row=150)]})
    engine = stage.engine()
    plan = engine.cameras[0]
    engine.cameras[0] = CameraPlan(
        plan.settings, plan.read, fast=True, tracking=TrackingSettings(pictures=True)
    )
    trio.run(engine.run)
    told = [one for one in stage.told if isinstance(one, AlertTold)]
    assert told[0].exposure is not None
    pictures = developed(told[0].exposure)
    assert pictures.portrait.shape == (256, 256, 3)
    assert pictures.context.any()
    assert all(one.exposure is None for one in told[1:])


def test_a_preview_shows_the_scene_with_every_face_in_mosaic() -> None:
    _, engine = live_stage()
    shown: list[Preview] = []

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            await until(lambda: "door" in engine.previews)
            shown.append(await engine.previews["door"].next())
            engine.finish()

    trio.run(scenario)
    preview = shown[0]
    assert preview.picture.shape == (360, 640, 3)
    assert preview.boxes.shape == (1, 4)
    x0, y0, x1, y1 = (preview.boxes[0] * [480, 360, 480, 360]).astype(int)
    face = preview.picture[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4, 0]
    assert len(np.unique(face)) <= 40
