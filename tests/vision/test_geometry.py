"""Boxes: overlap and suppression, against a plain oracle."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.geometry import areas, centres, overlaps, sizes, suppressed


def boxes_of(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, 4)


some_boxes = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    min_size=1,
    max_size=12,
)


def overlap_of(a: FloatArray, b: FloatArray) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return float(width * height / both) if both > 0 else 0.0


def test_area_size_and_middle_of_a_box() -> None:
    boxes = boxes_of((0, 0, 4, 9), (5, 5, 3, 9))
    assert areas(boxes).tolist() == [36, 0]
    assert sizes(boxes).tolist() == [6, 0]
    assert centres(boxes).tolist() == [[2, 4.5], [4, 7]]


def test_overlap_of_equal_half_covered_and_distant_boxes() -> None:
    first = boxes_of((0, 0, 10, 10))
    second = boxes_of((0, 0, 10, 10), (0, 0, 5, 10), (10, 0, 20, 10), (3, 3, 3, 3))
    assert overlaps(first, second).tolist() == [[1, 0.5, 0, 0]]


@given(some_boxes)
def test_overlaps_agree_with_the_plain_formula(rows: list[tuple[int, int, int, int]]) -> None:
    boxes = boxes_of(*rows)
    table = overlaps(boxes, boxes)
    expected = [[overlap_of(a, b) for b in boxes] for a in boxes]
    np.testing.assert_allclose(table, expected, atol=1e-6)
    np.testing.assert_allclose(np.diag(table), 1, atol=1e-6)


@given(some_boxes, st.data())
def test_suppression_keeps_the_best_and_nothing_that_overlaps_a_kept_one(
    rows: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    boxes = boxes_of(*rows)
    scores = np.array(
        data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(rows), max_size=len(rows))),
        np.float32,
    )
    kept = suppressed(boxes, scores, 0.4, 100)
    assert scores[kept].tolist() == sorted(scores[kept], reverse=True)
    for index in range(len(boxes)):
        near = [
            k
            for k in kept
            if overlap_of(boxes[index], boxes[k]) > 0.4
            and scores[k] >= scores[index]
            and k != index
        ]
        assert (index in kept) == (not near)


def test_suppression_stops_at_the_bound_and_handles_nothing() -> None:
    apart = boxes_of((0, 0, 1, 1), (5, 5, 6, 6), (9, 9, 10, 10))
    scores = np.array([0.2, 0.9, 0.5], np.float32)
    assert suppressed(apart, scores, 0.3, 2).tolist() == [1, 2]
    assert suppressed(boxes_of(), np.zeros(0, np.float32), 0.3, 2).tolist() == []
