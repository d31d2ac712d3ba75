"""The camera actor on sources made by hand: states, retries, the operator's word, no secrets."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import trio

from lfr_engine.clock import SystemClock
from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.priority import processors
from lfr_engine.runtime import supervise
from lfr_engine.sources.condition import CameraDown, CameraState, CameraUp
from lfr_engine.sources.reader import Deliver, OnOpen, StreamFacts
from lfr_engine.vision.frame import Frame, Planes
from tests.servers.rig import Rig

LIVE, LOST = CameraState.LIVE, CameraState.LOST
ADDRESS = "rtsp://name:s3cret@camera/1"
CLOCK = SystemClock()
SOONER = 0.01
"""Back-off in tests, as a part of its length in life."""


class Script:
    """A source of 100 pictures a second. Each session ends with the next fault; None plays on."""

    def __init__(self, *faults: Exception | None, frames: int = 5) -> None:
        self.faults = list(faults)
        self.frames = frames
        self.sessions = 0
        self.open = 0
        self.silent = threading.Event()
        self.skipped = 0

    def read(self, deliver: Deliver, stop: threading.Event, on_open: OnOpen) -> None:
        self.sessions += 1
        self.open += 1
        try:
            fault = self.faults.pop(0) if self.faults else None
            on_open(StreamFacts("painted", 64, 4, 100.0, "none"))
            number = 0
            while not stop.wait(0.01):
                if fault is not None and number >= self.frames:
                    raise fault
                if not self.silent.is_set():
                    deliver(_frame(number + self.skipped))
                    number += 1
        finally:
            self.open -= 1


def _frame(number: int) -> Frame:
    luma = np.full((4, 64), 20 + number % 200, np.uint8)
    chroma = np.full((2, 32), 128, np.uint8)
    planes = Planes(luma, chroma, chroma)
    return Frame("door", number, CLOCK.monotonic_ns(), number / 100, planes)


@pytest.fixture(autouse=True)
def _sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    real = supervise.Backoff.next_s
    monkeypatch.setattr(supervise.Backoff, "next_s", lambda self: real(self) * SOONER)


def lost(words: str = "gone") -> SourceLost:
    return SourceLost("***@camera", words)


def test_a_source_that_is_lost_is_read_again_until_it_stays() -> None:
    async def scenario() -> None:
        rig, script = Rig(), Script(lost(), lost(), lost(), None)
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read)
            await rig.until(lambda: script.sessions == 4)
            await rig.until_frames("door", 20)
            await rig.until_state("door", LIVE)
            assert rig.events == []  # each break was shorter than the debounce time
            assert rig.reports["door"].error == ""

    trio.run(scenario)


def test_an_outage_is_one_down_and_one_up_however_often_it_is_tried() -> None:
    async def scenario() -> None:
        rig = Rig()
        script = Script(lost(), *(lost(f"try {n}") for n in range(60)), None, frames=0)
        script.faults[0] = lost("first")
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read, debounce_s=0.1)
            await rig.until(lambda: rig.told("door") == [CameraDown])
            script.faults.clear()
            await rig.until(lambda: rig.told("door") == [CameraDown, CameraUp])
            await rig.until_frames("door", 20)
            assert rig.told("door") == [CameraDown, CameraUp]

    trio.run(scenario)


def test_silence_is_a_stall_by_the_age_of_the_last_frame_then_a_loss() -> None:
    async def scenario() -> None:
        rig, script = Rig(), Script()
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read, stall_s=0.2, lost_s=0.6)
            await rig.until_frames("door", 5)
            script.silent.set()
            await rig.until_state("door", CameraState.STALLED)
            await rig.until(lambda: script.sessions == 2)
            assert "no frame for" in rig.reports["door"].condition.reason
            script.silent.clear()
            await rig.until_state("door", LIVE)
            assert rig.states["door"][:4] == [
                CameraState.CONNECTING,
                LIVE,
                CameraState.STALLED,
                LOST,
            ]
            await rig.until(lambda: script.open == 1)

    trio.run(scenario)


def test_a_refused_source_is_tried_only_at_the_operators_word() -> None:
    async def scenario() -> None:
        rig = Rig()
        refusals = [SourceRefused("***@camera", "wrong password") for _ in range(2)]
        script = Script(*refusals, None, frames=0)
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read)
            await rig.until_state("door", CameraState.REFUSED)
            await trio.sleep(0.3)
            assert script.sessions == 1
            rig.controls["door"].retry()
            await rig.until(lambda: script.sessions == 2)
            await rig.until_state("door", CameraState.REFUSED)
            rig.controls["door"].retry()
            await rig.until_frames("door", 5)
            await rig.until_state("door", LIVE)

    trio.run(scenario)


def test_a_disabled_camera_is_closed_without_an_event_and_opens_again() -> None:
    async def scenario() -> None:
        rig, script = Rig(), Script()
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read, debounce_s=0.1)
            await rig.until_frames("door", 5)
            rig.controls["door"].disable()
            await rig.until_state("door", CameraState.DISABLED)
            await rig.until(lambda: script.open == 0)
            await trio.sleep(0.3)
            assert script.sessions == 1
            rig.controls["door"].enable()
            await rig.until_frames("door", 5)
            await rig.until_state("door", LIVE)
            assert rig.events == []

    trio.run(scenario)


def test_a_word_cuts_a_long_back_off_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise.Backoff, "next_s", lambda self: 3600.0)

    async def scenario() -> None:
        rig, script = Rig(), Script(lost(), None)
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read)
            await rig.until_state("door", LOST)
            rig.controls["door"].retry()
            await rig.until_state("door", LIVE)

    trio.run(scenario)


def test_a_task_that_crashes_six_times_ends_crashed_and_the_others_go_on() -> None:
    async def scenario() -> None:
        rig = Rig()
        bad = Script(*(ZeroDivisionError("a defect") for _ in range(20)))
        good = Script()
        async with rig.running():
            rig.watch("door", ADDRESS, read=bad.read)
            rig.watch("gate", ADDRESS, read=good.read)
            await rig.until_state("door", CameraState.CRASHED)
            assert bad.sessions == 6
            assert rig.reports["door"].error == "ZeroDivisionError: a defect"
            await rig.until_frames("gate", 20)
            assert good.sessions == 1
            await rig.until(lambda: rig.told("door") == [CameraDown])
            bad.faults.clear()
            rig.controls["door"].retry()
            await rig.until(lambda: rig.told("door") == [CameraDown, CameraUp])

    trio.run(scenario)


def test_a_thread_that_was_given_up_delivers_nothing_more() -> None:
    """A reader stuck in native code wakes up after another has taken its place."""
    release, late = threading.Event(), threading.Event()
    sessions: list[int] = []

    def read(deliver: Deliver, stop: threading.Event, on_open: OnOpen) -> None:
        sessions.append(len(sessions))
        if len(sessions) == 1:
            deliver(_frame(0))
            release.wait(10)
            try:
                deliver(_frame(777_777))
            finally:
                late.set()
        number = 0
        while not stop.wait(0.01):
            deliver(_frame(number))
            number += 1

    async def scenario() -> None:
        rig = Rig()
        async with rig.running():
            rig.watch("door", ADDRESS, read=read, stall_s=0.1, lost_s=0.3)
            await rig.until(lambda: len(sessions) == 2)
            release.set()
            await rig.until(late.is_set)
            await rig.until_frames("door", 10)
            assert all(number != 777_777 for number, _, _ in rig.seen["door"].frames)
            assert rig.drops("door")["decode"] == 0

    trio.run(scenario)


def test_recordings_give_their_turn_back_however_they_end() -> None:
    """More of them than there are processors, and the first ones fail while they decode."""

    async def scenario() -> None:
        rig, count = Rig(), processors() + 2
        scripts = [
            Script(SourceRefused("clip.mp4", "is damaged") if number < count // 2 else lost())
            for number in range(count)
        ]
        async with rig.running():
            for number, script in enumerate(scripts):
                rig.watch(f"c{number}", "clip.mp4", read=script.read, recorded=True)
            for number in range(count // 2, count):
                await rig.until_frames(f"c{number}", 30)
            assert 0 < rig.turns_held <= processors()
            for number in range(count):
                rig.controls[f"c{number}"].disable()
            await rig.until(lambda: not any(script.open for script in scripts))
            await rig.until(lambda: rig.turns_held == 0)
            for name, seen in rig.seen.items():
                assert rig.drops(name).total() == 0
                assert [number for number, _, _ in seen.frames[:5]] == list(range(5))

    trio.run(scenario)


def test_pictures_that_were_not_decoded_are_counted() -> None:
    async def scenario() -> None:
        rig, script = Rig(), Script()
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read)
            await rig.until_frames("door", 5)
            script.skipped = 40
            await rig.until_frames("door", 5)
            assert rig.drops("door")["decode"] == 40

    trio.run(scenario)


def test_no_secret_is_in_what_a_camera_shows() -> None:
    async def scenario() -> None:
        rig, script = Rig(), Script(lost(), None)
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read, stall_s=0.1, lost_s=0.2)
            await rig.until_frames("door", 3)
            script.silent.set()
            await rig.until_state("door", LOST)
            await rig.until(lambda: bool(rig.events))
            assert "s3cret" not in repr((rig.reports, rig.events))
            assert "***@camera" in rig.reports["door"].source

    trio.run(scenario)


def test_health_says_why_within_five_seconds() -> None:
    async def scenario() -> None:
        rig, script = Rig(), Script()
        async with rig.running():
            rig.watch("door", ADDRESS, read=script.read, stall_s=0.3, lost_s=30.0)
            report = rig.reports["door"]

            def problem() -> str:
                return report.health_now(CLOCK.monotonic_ns() / 1e9).problem

            await rig.until_state("door", LIVE)
            await rig.until(lambda: report.health_now(0).fps is not None, within=5)
            health = report.health_now(CLOCK.monotonic_ns() / 1e9)
            assert health.problem == ""
            assert health.fps is not None
            assert health.detected_fps is not None
            assert 40 < health.detected_fps <= health.fps < 110
            script.silent.set()
            await rig.until(lambda: "no picture comes: it is stalled" in problem(), within=5)

    trio.run(scenario)
