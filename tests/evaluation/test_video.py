"""The engine on video: what fits, what is followed, what an alert was about."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from lfr_engine.actors.events import AlertTold, FacesFollowed, PassEnded
from lfr_engine.alerts.evidence import Finding, Track, Verdict
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.app.exercise import Ready
from lfr_engine.clock import ManualClock, Stamp
from lfr_engine.errors import InputError, SourceRefused
from lfr_engine.evaluation import video
from lfr_engine.evaluation.follow import Follower, check_video
from lfr_engine.evaluation.people import Person
from lfr_engine.evaluation.progress import tell_nobody
from lfr_engine.evaluation.tracking import Box
from lfr_engine.evaluation.video_scores import score_alerts
from lfr_engine.evaluation.walkby.script import WalkbySettings
from lfr_engine.evaluation.walkby.simulate import WalkbyResult, simulate_walkby
from lfr_engine.evaluation.walkby.truth import (
    AppearanceTruth,
    CameraTruth,
    PersonTruth,
    Truth,
    TruthHeader,
    read_truth,
)
from lfr_engine.sources.spec import parse_address

NOW = Stamp(0, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


FPS = 10.0


def _box(x: float) -> Box:
    return (x, 100, x + 40, 150)


def _walk(pass_id: str, person: str, x: float, *, first: int = 0) -> AppearanceTruth:
    """Thirty frames, two pixels a frame to the right."""
    boxes = tuple(_box(x + 2 * n) for n in range(30))
    return AppearanceTruth(pass_id, person, "north", first, boxes, (1.0,) * 30, (0,) * 30)


CAMERA = CameraTruth("north", "north.mp4", 640, 480, FPS, 100)
TRUTH = Truth(
    TruthHeader(1, 1, (CAMERA,), (PersonTruth("ann", "ann.jpg"), PersonTruth("eve"))),
    (_walk("p1", "ann", 0), _walk("p2", "eve", 300), _walk("p3", "ann", 100, first=60)),
)
NAMES = {"north-2": CAMERA}  # as the engine names it


def _followed(tracks: dict[int, int], frames: range = range(100)) -> Follower:
    """A follower told of ``frames``, in which the n-th appearance is the given track."""
    follower = Follower(TRUTH, NAMES, tell_nobody)
    for frame in frames:
        here = [
            (track, TRUTH.appearances[index].boxes[frame - TRUTH.appearances[index].first_frame])
            for index, track in tracks.items()
            if 0 <= frame - TRUTH.appearances[index].first_frame < 30
        ]
        boxes = np.array([box for _, box in here], np.float32).reshape(-1, 4)
        numbers = np.array([track for track, _ in here], np.intp)
        follower.take(FacesFollowed("north-2", frame / FPS, boxes, numbers))
    return follower


def _told(follower: Follower, *alerts: AlertTold) -> video._Told:
    told = video._Told(TRUTH, follower, NAMES)
    for alert in alerts:
        told.take(alert)
    return told


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> WalkbyResult:
    """One enrolled person with a green head walks by, 320×240."""
    folder = tmp_path_factory.mktemp("walk")
    picture = folder / "green.png"
    cv2.imwrite(str(picture), np.full((250, 250, 3), (40, 200, 40), np.uint8))
    settings = WalkbySettings(seed=3, passes=1, size=(320, 240), fps=12.5, face_px=(14, 60), crf=15)
    person = Person("ann", (picture,), picture)
    return simulate_walkby([person], folder / "out", settings)


def _alert(entry: str, camera: str, track: int, at_s: float, *, reference: str = "1") -> AlertTold:
    alert = Alert(
        reference, entry, "site", camera, "wanted", 1, NOW, NOW, NOW, 0, 0, 0.7, 0.2, 0.5, False, 3,
        tracks=frozenset({(camera, f"{camera}#{track}")}),
    )  # fmt: skip
    return AlertTold(alert, True, 0.1, at_s)


def test_tracks_are_held_against_the_truth_as_the_engine_tells_of_them() -> None:
    follower = _followed({0: 7, 1: 8, 2: 9})
    assert (follower.scores.passes, follower.scores.idf1, follower.scores.switches) == (3, 1, 0)
    assert [follower.appearance("north-2", track) for track in (7, 8, 9, 5)] == [0, 1, 2, None]
    assert follower.box("north-2", 7, 1.0) == _box(20)
    assert follower.box("north-2", 9, 1.0) is None  # not yet there


def test_a_track_that_goes_over_to_somebody_else_is_a_switch_and_halves_identity() -> None:
    follower = _followed({0: 7, 1: 8, 2: 7})
    assert follower.scores.switches == 0
    assert follower.scores.idf1 == pytest.approx(2 / 3)


def test_frames_that_were_not_decoded_are_not_scored() -> None:
    assert _followed({0: 7, 1: 8}, range(0, 30, 3)).scores.truth_boxes == 20


def test_an_alert_is_about_the_face_that_decided_it_whoever_else_is_there() -> None:
    follower = _followed({0: 7, 1: 8})
    told = _told(
        follower,
        _alert("ann", "north-2", 7, 1.0),
        _alert("ann", "north-2", 8, 1.1, reference="2"),
    )
    assert [(a.camera, a.box) for a in told.alerts] == [("north", _box(20)), ("north", _box(322))]
    scores = score_alerts(TRUTH, told.alerts)
    assert (scores.tpir.events, scores.nonmated_fpir.events, scores.nobody) == (1, 1, 0)
    assert scores.wrong == ("north 1.10 s: eve (p2) as ann",)


def test_an_update_is_placed_on_the_track_the_alert_has_grown_by() -> None:
    first = _alert("ann", "north-2", 7, 1.0)
    grown = dataclasses.replace(first.alert, tracks=first.alert.tracks | {("north-2", "north-2#8")})
    told = _told(_followed({0: 7, 1: 8}), first, AlertTold(grown, False, 0.1, 1.2))
    assert [a.box for a in told.alerts] == [_box(20), _box(324)]


def test_the_alert_of_an_unseen_track_has_no_face_and_is_about_nobody() -> None:
    told = _told(_followed({0: 7}), _alert("ann", "north-2", 4, 1.0))
    assert told.alerts[0].box is None
    assert score_alerts(TRUTH, told.alerts).nobody == 1


def test_passes_count_by_how_many_views_there_were() -> None:
    follower = _followed({0: 7, 1: 8})
    told = _told(follower, _alert("ann", "north-2", 7, 1.0))
    finding = Finding(Track("north-2", 7), Verdict.MATCH, "ann", 0.7, None, None, 3, 4, 0.9, 0, 0)
    told.take(PassEnded(Track("north-2", 7), True, "lost", finding))
    told.take(PassEnded(Track("north-2", 8), False, "unconfirmed", None))
    scores = score_alerts(TRUTH, told.alerts)
    views = video._by_sightings(TRUTH, told.passes, scores, follower)
    found = {v.from_sightings: (v.tpir.events, v.tpir.trials) for v in views if v.tpir.trials}
    assert found == {0: (0, 1), 3: (1, 1)}


def _ready(*names: str, rejected: tuple[str, ...] = ()) -> Ready:
    return Ready(
        len(names), len(names), ("north-2",), 0.5, 0.001, "CPU", "bf16", "a pack", names, rejected
    )


def test_a_list_that_does_not_fit_the_truth_is_said_in_words() -> None:
    assert video.list_problems(TRUTH, _ready("ann", "zoe")) == ()  # zoe never walks by
    assert video.list_problems(TRUTH, _ready("ann", "eve")) == (
        "on the list, but not by the truth, so alerts are false: eve",
    )
    with pytest.raises(InputError, match="has none of the 1 people whom the truth names"):
        video.list_problems(TRUTH, _ready("bob"))
    header = msgspec.structs.replace(
        TRUTH.header, people=(*TRUTH.header.people, PersonTruth("bob", "bob.jpg"))
    )
    two = dataclasses.replace(TRUTH, header=header)
    assert video.list_problems(two, _ready("ann", rejected=("bob.jpg: shows no face",))) == (
        "bob.jpg: shows no face",
        "not on the list, so their passes count as missed: bob",
    )


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
