from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ConfigError
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.zone import Point, Zone, whole_picture, zone_of_pixels

SIZE = (640, 360)
L_SHAPE = Zone(((0.1, 0.1), (0.9, 0.1), (0.9, 0.5), (0.5, 0.5), (0.5, 0.9), (0.1, 0.9)))


def boxes_at(*middles: Point) -> FloatArray:
    return np.array([(x - 20, y - 30, x + 20, y + 30) for x, y in middles], np.float32)


@pytest.mark.parametrize(
    ("share", "inside"),
    [
        ((0.2, 0.2), True),
        ((0.8, 0.2), True),
        ((0.2, 0.8), True),
        ((0.8, 0.8), False),  # the notch of the L
        ((0.05, 0.5), False),
        ((0.95, 0.2), False),
    ],
)
def test_a_face_belongs_where_the_middle_of_its_box_is(share: Point, inside: bool) -> None:
    box = boxes_at((share[0] * SIZE[0], share[1] * SIZE[1]))
    assert L_SHAPE.admits(box, SIZE).tolist() == [inside]


def test_a_zone_survives_a_change_of_resolution() -> None:
    for factor in (0.5, 1, 3):
        size = (round(640 * factor), round(360 * factor))
        box = boxes_at((0.2 * size[0], 0.8 * size[1]), (0.8 * size[0], 0.8 * size[1]))
        assert L_SHAPE.admits(box, size).tolist() == [True, False]


def test_no_faces_and_faces_outside_the_picture() -> None:
    assert whole_picture().admits(np.zeros((0, 4), np.float32), SIZE).shape == (0,)
    faces = boxes_at((-5, 100), (5, 100), (639, 359), (641, 100), (math.nan, 100))
    assert whole_picture().admits(faces, SIZE).tolist() == [False, True, True, False, False]


def test_pixels_and_shares_give_the_same_zone() -> None:
    drawn = zone_of_pixels([(64, 36), (576, 36), (320, 324)], SIZE)
    assert drawn.corners == ((0.1, 0.1), (0.9, 0.1), (0.5, 0.9))
    assert drawn.area == pytest.approx(0.8 * 0.8 / 2)


@pytest.mark.parametrize(
    ("corners", "cause"),
    [
        ([(0.1, 0.1), (0.9, 0.9)], "3 corners"),
        ([(0.1, 0.1)] * 65, "more than 64"),
        ([(0.1, 0.1), (0.9, 0.1), (1.2, 0.9)], "outside the picture"),
        ([(0.1, 0.1), (0.9, 0.1), (math.nan, 0.9)], "two numbers"),
        ([(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)], "side 1 and side 3 cross"),
        ([(0.1, 0.1), (0.9, 0.1), (0.9, 0.1), (0.5, 0.9)], "cross or touch"),
        ([(0.1, 0.1), (0.9, 0.1), (0.5, 0.1), (0.5, 0.9)], "cross or touch"),
        ([(0.1, 0.1), (0.9, 0.1), (0.5, 0.5), (0.3, 0.1), (0.1, 0.9)], "cross or touch"),
        ([(0.1, 0.1), (0.101, 0.1), (0.1, 0.101)], "hardly any area"),
        ([(0.1, 0.5), (0.5, 0.5), (0.9, 0.5)], "cross or touch"),
    ],
)
def test_a_zone_that_makes_no_sense_is_refused_in_plain_words(
    corners: list[Point], cause: str
) -> None:
    with pytest.raises(ConfigError, match=cause) as refused:
        Zone(tuple(corners), "camera north")
    assert str(refused.value).startswith("camera north: ")


share = st.floats(0, 1)


@given(st.lists(st.tuples(share, share), min_size=1, max_size=10), st.integers(0, 5))
def test_where_the_polygon_begins_and_turns_does_not_matter(
    points: list[Point], turned: int
) -> None:
    corners = L_SHAPE.corners
    other = Zone((corners[turned:] + corners[:turned])[::-1])
    # Points on a side may belong to either side of it: keep off the sides.
    places = np.array([p for p in points if _off_the_sides(p)], np.float32).reshape(-1, 2)
    assert other.holds(places, (1, 1)).tolist() == L_SHAPE.holds(places, (1, 1)).tolist()


def _off_the_sides(point: Point) -> bool:
    return all(abs(value - side) > 1e-4 for value in point for side in (0.1, 0.5, 0.9))


@given(st.lists(st.tuples(share, share), min_size=3, max_size=7))
def test_any_corners_give_a_zone_or_a_refusal(corners: list[Point]) -> None:
    try:
        zone = Zone(tuple(corners))
    except ConfigError:
        return
    assert 0 < zone.area <= 1
