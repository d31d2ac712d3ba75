"""The engine on video: what fits, what is followed, what an alert was about."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import cv2
import numpy as np
import pytest

from lfr_engine.actors.events import AlertTold, PassEnded
from lfr_engine.alerts.evidence import Finding, Track, Verdict
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.clock import ManualClock, Stamp
from lfr_engine.errors import InputError, SourceRefused
from lfr_engine.evaluation import video
from lfr_engine.evaluation.follow import Followed, Wanted, check_video, follow
from lfr_engine.evaluation.people import Person
from lfr_engine.evaluation.progress import tell_nobody
from lfr_engine.evaluation.video_scores import score_alerts
from lfr_engine.evaluation.walkby.script import WalkbySettings
from lfr_engine.evaluation.walkby.simulate import WalkbyResult, simulate_walkby
from lfr_engine.evaluation.walkby.truth import CameraTruth, Truth, TruthHeader, read_truth
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import Picture, Planes

NOW = Stamp(0, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


class GreenDetector:
    """Finds the green faces of ``walked`` in the chroma planes."""

    def detect(self, picture: Picture) -> Faces:
        """The face's part of each green head, with made-up landmarks."""
        assert isinstance(picture, Planes)
        green = ((picture.u < 105) & (picture.v < 110)).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(green)
        boxes = [
            [2 * x + 0.32 * w, 2 * y + 0.55 * h, 2 * x + 1.68 * w, 2 * y + 1.87 * h]
            for x, y, w, h, area in stats[1:count].tolist()
            if area > 30
        ]
        if not boxes:
            return no_faces()
        rows = np.array(boxes, np.float32)
        return Faces(rows, np.ones(len(rows), np.float32), np.zeros((len(rows), 5, 2), np.float32))


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> WalkbyResult:
    """One enrolled person with a green head walks by, 320×240."""
    folder = tmp_path_factory.mktemp("walk")
    picture = folder / "green.png"
    cv2.imwrite(str(picture), np.full((250, 250, 3), (40, 200, 40), np.uint8))
    settings = WalkbySettings(seed=3, passes=1, size=(320, 240), fps=12.5, face_px=(14, 60), crf=15)
    person = Person("ann", (picture,), picture)
    return simulate_walkby([person], folder / "out", settings)


def _alert(entry: str, camera: str, track: int, at_s: float, *, new: bool = True) -> AlertTold:
    alert = Alert(
        "1", entry, "site", camera, "wanted", 1, NOW, NOW, NOW, 0, 0, 0.7, 0.2, 0.5, False, 3,
        tracks=frozenset({(camera, f"{camera}#{track}")}),
    )  # fmt: skip
    return AlertTold(alert, new, 0.1, at_s)


def test_a_walker_is_followed_and_the_alert_lands_on_his_face(walked: WalkbyResult) -> None:
    truth = read_truth(walked.truth)
    (camera,) = truth.header.cameras
    (row,) = truth.appearances
    middle = (row.first_frame + len(row.boxes) // 2) / camera.fps
    followed = Followed()
    address = parse_address(str(walked.videos[0]))
    first = Wanted(camera.name, 1, middle)
    follow(followed, camera, address, truth, GreenDetector(), [first], ManualClock(), tell_nobody)
    assert followed.scores.passes == 1
    assert followed.scores.switches == 0
    (name, track), on = next(iter(followed.on.items()))
    assert (name, followed.appearance(name, track)) == (camera.name, 0)
    assert on[0] > 10
    assert followed.appearance(camera.name, 999) is None

    told = _alert("ann", camera.name, track, middle)
    follow(
        followed, camera, address, truth, GreenDetector(),
        [Wanted(camera.name, track, middle)], ManualClock(), tell_nobody,
    )  # fmt: skip
    (seen,) = video._alerts_seen([told], followed)
    assert seen.box is not None
    scores = score_alerts(truth, [seen])
    assert (scores.tpir.events, scores.false_alerts.events) == (1, 0)

    finding = Finding(
        Track(camera.name, track), Verdict.MATCH, "ann", 0.7, None, None, 3, 4, 0.9, 0, 0
    )
    ended = PassEnded(Track(camera.name, track), True, "lost", finding)
    views = video._by_sightings(truth, [ended], scores, followed)
    assert {v.from_sightings: (v.tpir.events, v.tpir.trials) for v in views if v.tpir.trials} == {
        3: (1, 1)
    }


def test_the_alert_of_an_unseen_track_has_no_box() -> None:
    (seen,) = video._alerts_seen([_alert("ann", "north", 4, 1.0)], Followed())
    assert (seen.camera, seen.box, seen.entry) == ("north", None, "ann")
    assert video._alerts_seen([_alert("ann", "north", 4, 1.0)], None)[0].box is None


def test_a_video_of_another_size_or_rate_is_refused(walked: WalkbyResult) -> None:
    address = parse_address(str(walked.videos[0]))
    right = read_truth(walked.truth).header.cameras[0]
    check_video(right, address, ManualClock())
    for width, fps, cause in ((640, 12.5, "is 320×240"), (320, 25.0, "has 12.5 frames")):
        wrong = CameraTruth("camera-1", "camera-1.mp4", width, 240, fps, right.frames)
        with pytest.raises(InputError, match=cause):
            check_video(wrong, address, ManualClock())
    with pytest.raises(SourceRefused):
        check_video(right, parse_address(str(walked.truth)), ManualClock())


def test_sources_are_matched_by_file_name(tmp_path: Path) -> None:
    cameras = tuple(CameraTruth(n, f"{n}.mp4", 320, 240, 25.0, 10) for n in ("north", "south"))
    truth = Truth(TruthHeader(1, 1, cameras, ()), ())
    north, south, west = (
        parse_address(str(tmp_path / f"{name}.mp4")) for name in ("north", "south", "west")
    )
    assert [c.name for c in video.match_sources(truth, [south, north])] == ["south", "north"]
    with pytest.raises(InputError, match=r"not in the truth – its videos are north\.mp4, south"):
        video.match_sources(truth, [west])
    with pytest.raises(InputError, match="is named twice"):
        video.match_sources(truth, [north, north])
