"""SSD rows, made by hand, as boxes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lfr_engine.inference import ssd
from lfr_engine.vision.frame import FloatArray

Row = tuple[float, float, float, float, float, float, float]


def decode(*rows: Row, max_faces: int = 10) -> tuple[list[list[float]], list[float]]:
    table = np.array(rows, np.float32).reshape(1, 1, -1, 7)
    boxes, scores = ssd.decode(table, min_score=0.6, max_overlap=0.3, max_faces=max_faces)
    return boxes.round(3).tolist(), scores.round(3).tolist()


def test_rows_are_cut_at_the_negative_picture_number_and_ordered() -> None:
    boxes, scores = decode(
        (0, 1, 0.75, 0.5, 0.5, 0.75, 0.75),
        (0, 1, 0.875, 0, 0, 0.25, 0.25),
        (0, 1, 0.5, 0.875, 0, 1, 0.25),
        (-1, 0, 0, 0, 0, 0, 0),
        (0, 1, 1.0, 0.75, 0.75, 1, 1),
    )
    assert scores == [0.875, 0.75]
    assert boxes == [[0, 0, 0.25, 0.25], [0.5, 0.5, 0.75, 0.75]]


def test_overlapping_rows_and_boxes_without_extent_go() -> None:
    boxes, scores = decode(
        (0, 1, 0.75, 0, 0, 0.5, 0.5),
        (0, 1, 0.875, 0, 0, 0.5, 0.5),
        (0, 1, 1.0, 0.5, 0.5, 0.5, 0.75),
    )
    assert (boxes, scores) == ([[0, 0, 0.5, 0.5]], [0.875])


def test_nothing_at_all_is_no_faces() -> None:
    assert decode((-1, 0, 0, 0, 0, 0, 0)) == ([], [])
    assert decode() == ([], [])


def test_no_more_than_asked_for() -> None:
    rows: list[Row] = [(0, 1, 0.75, k / 10, 0, k / 10 + 0.05, 0.1) for k in range(8)]
    assert len(decode(*rows, max_faces=3)[0]) == 3


@given(hnp.arrays(np.float32, (1, 1, 6, 7), elements=st.floats(-2, 2, width=32)))
def test_whatever_the_network_says_boxes_are_proper_and_sure(rows: FloatArray) -> None:
    boxes, scores = ssd.decode(rows, min_score=0.6, max_overlap=0.3, max_faces=4)
    assert len(boxes) == len(scores) <= 4
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (scores >= np.float32(0.6)).all()
