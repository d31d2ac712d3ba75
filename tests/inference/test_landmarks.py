"""The landmarks network's fractions as points, and the window it is shown."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.inference.landmarks import decode, window_matrices
from lfr_engine.vision.align import warp
from tests.vision.pictures import transformed


def test_fractions_become_points_of_the_box() -> None:
    output = np.array([[0, 0, 1, 1, 0.5, 0.5, 0.25, 0.75, 1, 0]], np.float32)
    boxes = np.array([[100, 50, 140, 130]], np.float32)
    expected = [[[100, 50], [140, 130], [120, 90], [110, 110], [140, 50]]]
    assert decode(output, boxes).tolist() == expected
    assert decode(output.reshape(1, 10, 1, 1), boxes).tolist() == expected


@given(
    corner=st.tuples(st.floats(-50, 500), st.floats(-50, 500)),
    sides=st.tuples(st.floats(10, 400), st.floats(10, 400)),
)
def test_the_window_fills_the_network_picture(
    corner: tuple[float, float], sides: tuple[float, float]
) -> None:
    box = np.array([[*corner, corner[0] + sides[0], corner[1] + sides[1]]], np.float32)
    matrix = window_matrices(box, 48, 40)[0]
    # The box's rim falls on the outer rim of the first and last pixels.
    rim = transformed(box.reshape(2, 2) - 0.5, matrix)
    np.testing.assert_allclose(rim, [[-0.5, -0.5], [47.5, 39.5]], atol=0.02)


def test_the_network_is_shown_the_box_and_nothing_else() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[20:60, 30:50] = 255
    matrix = window_matrices(np.array([[30, 20, 50, 60]], np.float32), 10, 10)[0]
    shown = warp(picture, matrix, 10, 10)
    assert shown.min() == 255
