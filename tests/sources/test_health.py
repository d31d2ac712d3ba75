"""Camera health: every cause is told in a plain sentence within five seconds, and only then."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from lfr_engine.sources.condition import CameraState
from lfr_engine.sources.health import SAMPLE_EVERY_S, CameraHealth, HealthReport
from lfr_engine.sources.look import PictureSample

LIVE = CameraState.LIVE


@dataclass
class Life:
    """A camera's life in half seconds."""

    health: CameraHealth = field(default_factory=CameraHealth)
    now_s: float = 100.0
    frames: float = 0.0
    detected: float = 0.0
    number: int = 0
    state: CameraState = LIVE

    def live(
        self,
        seconds: float,
        *,
        fps: float = 25.0,
        detected: float = 25.0,
        brightness: float = 110.0,
        edge_px: float | None = 2.5,
        frozen: bool = False,
        late_s: float = 0.02,
        faces: tuple[float, ...] = (),
    ) -> HealthReport:
        for _ in range(round(seconds / SAMPLE_EVERY_S)):
            self.now_s += SAMPLE_EVERY_S
            self.frames += fps * SAMPLE_EVERY_S
            self.detected += detected * SAMPLE_EVERY_S
            self.health.counted(self.now_s, round(self.frames), round(self.detected), late_s)
            if fps:
                self.number += not frozen
                sample = PictureSample(brightness, edge_px, str(self.number).encode())
                self.health.pictured(self.now_s, sample)
            self.health.faces_seen(self.now_s, faces)
        return self.health.report(self.now_s, self.state)


def test_a_healthy_camera_has_its_figures_and_no_problem() -> None:
    life = Life()
    life.health.opportunity(100.0)
    report = life.live(20, faces=(40.0, 60.0, 80.0))
    assert report.problem == ""
    assert report.fps == pytest.approx(25, abs=1)
    assert report.detected_fps == pytest.approx(25, abs=1)
    assert report.brightness == pytest.approx(110)
    assert report.edge_px == pytest.approx(2.5)
    assert report.face_px == pytest.approx((40, 60, 80))
    assert report.faces_per_minute == 120
    assert report.opportunities_per_minute == 1


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ({"brightness": 5.0}, "its picture is dark (brightness 5 of 255)"),
        ({"brightness": 250.0}, "its picture is overexposed"),
        ({"edge_px": 12.0}, "its picture is blurred (edges 12 pixels wide)"),
        ({"frozen": True}, "its picture has not changed for"),
        ({"fps": 4.0, "detected": 4.0}, "pictures a second come, and 12.5 are needed"),
        ({"late_s": 1.4}, "this machine decodes its pictures 1.4 s late"),
        ({"detected": 2.0}, "this machine looks at only"),
        ({"faces": (14.0,) * 40}, "faces are too small (14 pixels wide, and 30 are needed)"),
    ],
)
def test_a_cause_is_told_within_five_seconds_and_forgotten_after(
    cause: dict[str, float], words: str
) -> None:
    life = Life()
    assert life.live(20).problem == ""
    problem = life.live(5, **cause).problem  # type: ignore[arg-type]
    assert problem.startswith("this camera cannot meet its target, because ")
    assert words in problem
    assert life.live(65).problem == ""


def test_an_absent_camera_says_its_state_and_reason_and_nothing_else() -> None:
    life = Life()
    life.live(20)
    life.state = CameraState.STALLED
    life.live(5, fps=0.0, detected=0.0)
    report = life.health.report(life.now_s, CameraState.STALLED, "no frame for 2.0 s")
    assert report.problem.endswith("no picture comes: it is stalled (no frame for 2.0 s)")


@pytest.mark.parametrize("state", [CameraState.DISABLED, CameraState.ENDED])
def test_a_camera_that_is_meant_to_be_silent_has_no_problem(state: CameraState) -> None:
    life = Life()
    life.live(20)
    life.health.restarted()
    assert life.health.report(life.now_s + 60, state).problem == ""


def test_nothing_is_claimed_before_it_is_known() -> None:
    report = CameraHealth().report(0.0, LIVE)
    assert (report.fps, report.brightness, report.edge_px, report.face_px) == (None,) * 4
    assert report.problem == ""


def test_a_low_rate_is_not_claimed_of_a_camera_that_just_came_back() -> None:
    life = Life()
    life.live(20)
    life.health.restarted()
    assert life.live(1.0).problem == ""
    assert life.live(5.0).problem == ""


def test_what_is_remembered_is_bounded() -> None:
    life = Life()
    for _ in range(300):
        life.live(0.5, faces=(50.0,) * 40)
    report = life.health.report(life.now_s, LIVE)
    assert report.faces_per_minute <= 1024
