from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lfr_engine.vision.motion import (
    BoolArray,
    DoubleArray,
    Motion,
    MotionSettings,
    assigned,
    boxes_of,
    measured_boxes,
)


def face(x: float, y: float, size: float) -> DoubleArray:
    return np.array([[x, y, np.log(size)]])


SURE = np.zeros(1, np.bool_)


def test_the_speed_of_a_walker_is_learnt() -> None:
    motion = Motion(MotionSettings())
    motion.begin(face(100, 50, 40))
    for i in range(1, 20):
        motion.advance(0.08)
        motion.correct([0], face(100 + 8 * i, 50, 40 * 1.01**i), SURE)
    assert motion.ahead(0.4)[0, 0] == pytest.approx(100 + 8 * 24, abs=4)
    assert motion.ahead(0.0)[0, 2] == pytest.approx(np.log(40 * 1.01**19), abs=0.02)


def test_the_same_walk_at_ten_times_the_size_is_followed_the_same_way() -> None:
    results = []
    for scale in (1.0, 10.0):
        motion = Motion(MotionSettings())
        motion.begin(face(10 * scale, 5 * scale, 4 * scale))
        for i in range(1, 8):
            motion.advance(0.1)
            motion.correct([0], face((10 + i) * scale, 5 * scale, 4 * scale), SURE)
        results.append(motion.ahead(0.5)[0, :2] / scale)
    assert results[0] == pytest.approx(results[1])


def test_two_half_steps_are_one_step() -> None:
    whole, halves = Motion(MotionSettings()), Motion(MotionSettings())
    for motion, steps in ((whole, [0.2]), (halves, [0.1, 0.1])):
        motion.begin(face(0, 0, 50))
        motion.advance(0.1)
        motion.correct([0], face(20, 0, 50), SURE)
        for step in steps:
            motion.advance(step)
    assert whole.ahead(0.0) == pytest.approx(halves.ahead(0.0))
    probe = face(60, 5, 50)
    assert whole.costs(probe)[0] == pytest.approx(halves.costs(probe)[0])


def test_a_faint_face_moves_a_walker_less() -> None:
    places = []
    for faint in (False, True):
        motion = Motion(MotionSettings())
        motion.begin(face(0, 0, 50))
        motion.correct([0], face(10, 0, 50), np.array([faint]))
        places.append(motion.ahead(0.0)[0, 0])
    assert 0 < places[1] < places[0] < 10


def test_who_was_not_seen_for_long_may_be_farther_but_never_beyond_reach() -> None:
    motion = Motion(MotionSettings(reach=2.0))
    motion.begin(face(0, 0, 50))
    near, far, too_far = face(15, 0, 50), face(80, 0, 50), face(120, 0, 50)
    assert [motion.costs(f)[1].item() for f in (near, far, too_far)] == [True, False, False]
    motion.advance(1.0)
    assert [motion.costs(f)[1].item() for f in (near, far, too_far)] == [True, True, False]


def test_rows_are_kept_in_the_order_given() -> None:
    motion = Motion(MotionSettings())
    motion.begin(np.vstack([face(x, 0, 50) for x in (1, 2, 3)]))
    motion.keep([2, 0])
    assert len(motion) == 2
    assert motion.ahead(0.0)[:, 0].tolist() == [3, 1]


coordinate = st.floats(-100, 1000, width=32)
side = st.floats(2, 500, width=32)


@given(st.lists(st.tuples(coordinate, coordinate, side, side), min_size=1, max_size=5))
def test_boxes_survive_being_measured(rows: list[tuple[float, float, float, float]]) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32)
    assert boxes_of(*measured_boxes(boxes)) == pytest.approx(boxes, abs=0.01)


@given(hnp.arrays(np.float64, (4, 3), elements=st.floats(0, 1)), hnp.arrays(np.bool_, (4, 3)))
def test_the_pairing_is_as_cheap_as_the_best_of_all(
    costs: DoubleArray, possible: BoolArray
) -> None:
    pairs = assigned(costs, possible)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(possible[pair] for pair in pairs)
    unpaired = np.where(possible, costs, 1.0)
    best = min(
        sum(unpaired[row, column] for column, row in enumerate(rows))
        for rows in itertools.permutations(range(4), 3)
    )
    cost = sum(costs[pair] for pair in pairs) + (3 - len(pairs))
    assert cost == pytest.approx(best)
