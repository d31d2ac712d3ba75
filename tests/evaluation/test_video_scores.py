"""Alerts against truth: who was it about, was it right, was it said before."""

from __future__ import annotations

import pytest

from lfr_engine.errors import InputError
from lfr_engine.evaluation.tracking import Box
from lfr_engine.evaluation.video_scores import AlertSeen, score_alerts
from lfr_engine.evaluation.walkby.truth import (
    AppearanceTruth,
    CameraTruth,
    PersonTruth,
    Truth,
    TruthHeader,
)

FPS = 10.0


def _box(x: float, side: float = 50) -> Box:
    return (x, 100, x + side, 100 + side)


def _appearance(
    pass_id: str, person: str, x: float, *, camera: str = "north", first: int = 0, side: float = 50
) -> AppearanceTruth:
    return AppearanceTruth(
        pass_id, person, camera, first, (_box(x, side),) * 30, (1.0,) * 30, (0,) * 30
    )


TRUTH = Truth(
    TruthHeader(
        1, 1,
        tuple(CameraTruth(name, f"{name}.mp4", 640, 480, FPS, 1000) for name in ("north", "south")),
        (PersonTruth("ann", "ann.jpg"), PersonTruth("bob", "bob.jpg"), PersonTruth("eve")),
    ),
    (
        _appearance("p1", "ann", 0),
        _appearance("p2", "eve", 200),
        _appearance("p3", "bob", 400, first=100, side=90),
        _appearance("p1", "ann", 0, camera="south", first=200),
    ),
)  # fmt: skip


def test_a_right_alert_counts_its_pass_and_its_times() -> None:
    scores = score_alerts(TRUTH, [AlertSeen("ann", "north", 1.0, _box(3))])
    assert (scores.tpir.events, scores.tpir.trials) == (1, 2)
    assert (scores.false_alerts.events, scores.false_alerts.trials) == (0, 3)
    assert scores.precision.value == 1
    assert scores.time_to_alert.p50 == pytest.approx(1.0)
    assert scores.lead_time.p50 == pytest.approx(1.9)
    assert scores.missed == ("bob (p3)",)


def test_the_same_pass_told_twice_is_a_duplicate_even_on_the_other_camera() -> None:
    scores = score_alerts(
        TRUTH,
        [AlertSeen("ann", "north", 1.0, _box(0)), AlertSeen("ann", "south", 21.0, _box(0))],
    )
    assert (scores.duplicates, scores.tpir.events, scores.precision.value) == (1, 1, 1)


def test_an_update_is_no_duplicate_and_counts_for_its_camera() -> None:
    scores = score_alerts(
        TRUTH,
        [
            AlertSeen("ann", "north", 1.0, _box(0)),
            AlertSeen("ann", "south", 21.0, _box(0), new=False),
        ],
    )
    assert scores.duplicates == 0
    assert [(c.camera, c.tpir.events, c.tpir.trials) for c in scores.by_camera] == [
        ("north", 1, 2),
        ("south", 1, 1),
    ]


def test_the_right_name_on_the_wrong_face_is_a_false_alert() -> None:
    scores = score_alerts(TRUTH, [AlertSeen("ann", "north", 1.0, _box(200))])
    assert scores.tpir.events == 0
    assert scores.false_alerts.events == scores.nonmated_fpir.events == 1
    assert scores.wrong == ("north 1.00 s: eve (p2) as ann",)


def test_where_one_face_hides_another_the_alert_is_about_the_one_in_front() -> None:
    hidden = AppearanceTruth("p4", "eve", "north", 0, (_box(2),) * 30, (0.2,) * 30, (0,) * 30)
    truth = Truth(TRUTH.header, (*TRUTH.appearances, hidden))
    behind = AlertSeen("ann", "north", 1.0, _box(2))  # nearer to the hidden face's box
    assert score_alerts(truth, [behind]).tpir.events == 1
    gone = AppearanceTruth("p5", "eve", "north", 0, (_box(600),) * 30, (0.0,) * 30, (0,) * 30)
    truth = Truth(TRUTH.header, (*TRUTH.appearances, gone))
    assert score_alerts(truth, [AlertSeen("eve", "north", 1.0, _box(600))]).nobody == 1


def test_an_alert_where_nobody_is_is_false_and_said_so() -> None:
    scores = score_alerts(
        TRUTH,
        [AlertSeen("ann", "north", 1.0, _box(550)), AlertSeen("ann", "north", 50.0, _box(0))],
    )
    assert (scores.nobody, scores.false_alerts.events) == (2, 2)
    assert str(scores.nonmated_fpir).startswith("1 of 1")  # held against the passes of others


def test_one_enrolled_person_taken_for_another_is_false() -> None:
    scores = score_alerts(TRUTH, [AlertSeen("ann", "north", 11.0, _box(400, 90))])
    assert scores.false_alerts.events == 1
    assert scores.nonmated_fpir.events == 0  # bob is enrolled, but not as ann


def test_an_alert_whose_face_was_not_found_is_about_nobody_even_where_the_named_person_is() -> None:
    scores = score_alerts(TRUTH, [AlertSeen("ann", "north", 1.0, None)])
    assert (scores.tpir.events, scores.nobody, scores.false_alerts.events) == (0, 1, 1)


def test_face_sizes_are_told_apart() -> None:
    scores = score_alerts(TRUTH, [AlertSeen("bob", "north", 11.0, _box(400, 90))])
    sizes = {s.from_px: (s.tpir.events, s.tpir.trials) for s in scores.by_face_size}
    assert sizes == {0: (0, 2), 60: (1, 1), 100: (0, 0), 140: (0, 0)}


def test_a_camera_that_is_not_in_the_truth_is_named() -> None:
    with pytest.raises(InputError, match="camera west: is not in the truth"):
        score_alerts(TRUTH, [AlertSeen("ann", "west", 1.0, None)])


def test_no_alert_at_all() -> None:
    scores = score_alerts(TRUTH, [])
    assert scores.tpir.value == 0
    assert scores.precision.value is None
    assert scores.time_to_alert.count == 0
