"""Tracking metrics: by hand, and on a case whose figures TrackEval 1.3.0 gave."""

from __future__ import annotations

import math

import pytest

from lfr_engine.evaluation.tracking import Box, Placed, Scene, score_tracks


def _box(x: float, y: float = 0.0, side: float = 40.0) -> Box:
    return (x, y, x + side, y + side)


def _one(identity: str, x: float = 0.0) -> list[Placed]:
    return [Placed(identity, _box(x))]


def test_a_perfect_tracker_scores_one() -> None:
    scores = score_tracks(Scene(_one("p"), [], _one("t")) for _ in range(10))
    assert (scores.idf1, scores.recall, scores.precision) == (1, 1, 1)
    assert (scores.switches, scores.fragmentations) == (0, 0)


def test_a_switch_halfway_halves_identity_but_not_recall() -> None:
    scores = score_tracks(
        Scene(_one("p"), [], _one("t1" if frame < 5 else "t2")) for frame in range(10)
    )
    assert (scores.switches, scores.recall, scores.idf1) == (1, 1, 0.5)


def test_lost_and_found_is_a_fragmentation_and_no_switch() -> None:
    scores = score_tracks(
        Scene(_one("p"), [], _one("t") if frame not in (4, 5) else []) for frame in range(10)
    )
    assert (scores.switches, scores.fragmentations) == (0, 1)
    assert scores.recall == pytest.approx(0.8)


def test_a_track_on_an_ignored_face_counts_for_nothing() -> None:
    scene = Scene(_one("p"), [_box(200)], [*_one("t"), *_one("far", 200)])
    scores = score_tracks([scene])
    assert (scores.precision, scores.tracks) == (1, 1)


def test_a_track_of_nobody_costs_precision() -> None:
    scores = score_tracks([Scene(_one("p"), [], [*_one("t"), *_one("ghost", 200)])])
    assert scores.precision == 0.5


def test_nothing_at_all_is_no_error() -> None:
    assert score_tracks([]).idf1 == 1.0


def _crossing(frame: int) -> Scene:
    """Five people, sine paths, tracks that jitter, swap, die, come back and invent one."""
    truth, tracks = [], []
    for person in range(5):
        if not person * 7 <= frame < 90 + person * 5:
            continue
        x = 60 * person + 50 * math.sin(frame / 9 + person)
        y = 30 * math.cos(frame / 13 + 2 * person)
        truth.append(Placed(f"p{person}", _box(x, y)))
        if (frame * 13 + person * 29) % 17 == 0:
            continue
        jitter = 7 * math.sin(frame * 1.7 + person * 3)
        name = f"t{person}" if frame < 50 else f"t{(person + 1) % 5}"
        if person == 3 and frame > 80:
            name = "late"
        tracks.append(Placed(name, _box(x + jitter, y - jitter / 2)))
    if frame % 11 == 0:
        tracks.append(Placed("ghost", _box(900)))
    return Scene(truth, [], tracks)


def test_the_reference_case() -> None:
    scores = score_tracks(_crossing(frame) for frame in range(110))
    assert {
        "switches": scores.switches,
        "fragmentations": scores.fragmentations,
        "truth_boxes": scores.truth_boxes,
        "track_boxes": scores.track_boxes,
        "recall": pytest.approx(scores.recall, abs=1e-9),
        "precision": pytest.approx(scores.precision, abs=1e-9),
        "idf1": pytest.approx(scores.idf1, abs=1e-9),
        "id_precision": pytest.approx(scores.id_precision, abs=1e-9),
        "id_recall": pytest.approx(scores.id_recall, abs=1e-9),
    } == REFERENCE


REFERENCE = {  # TrackEval 1.3.0, CLEAR and Identity at 0.5, on the scenes of _crossing
    "switches": 6,
    "fragmentations": 25,
    "truth_boxes": 430,
    "track_boxes": 414,
    "recall": 0.9395348837209302,
    "precision": 0.9758454106280193,
    "idf1": 0.504739336492891,
    "id_precision": 0.5144927536231884,
    "id_recall": 0.49534883720930234,
}
