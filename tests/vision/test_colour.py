"""The one YUV → BGR conversion, against the definitions of ITU-T H.273."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.vision.colour import conversion, to_bgr
from lfr_engine.vision.frame import ByteArray, Colour, Matrix

COLOURS = [Colour(m, r) for m, r in itertools.product(Matrix, (False, True))]
NAMED = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "blue": (255, 0, 0),
    "green": (0, 255, 0),
    "red": (0, 0, 255),
    "yellow": (0, 255, 255),
}


def encoded(bgr: tuple[int, int, int], colour: Colour) -> tuple[int, int, int]:
    """The definition, forwards (H.273 equations 20–40)."""
    kr, kb = colour.matrix.value
    b, g, r = (value / 255 for value in bgr)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if colour.full_range:
        values = (255 * y, 255 * u + 128, 255 * v + 128)
    else:
        values = (219 * y + 16, 224 * u + 128, 224 * v + 128)
    y_byte, u_byte, v_byte = (min(255, max(0, round(value))) for value in values)
    return y_byte, u_byte, v_byte


def plane(value: int, shape: tuple[int, int] = (3, 5)) -> ByteArray:
    return np.full(shape, value, np.uint8)


@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize("name", NAMED)
def test_known_colours_survive_a_round_trip(name: str, colour: Colour) -> None:
    y, u, v = (plane(value) for value in encoded(NAMED[name], colour))
    picture = to_bgr(y, u, v, colour)
    assert picture.shape == (3, 5, 3)
    assert np.abs(picture.astype(int) - NAMED[name]).max() <= 2


@given(st.tuples(*[st.integers(0, 255)] * 3), st.sampled_from(COLOURS))
def test_every_colour_survives_a_round_trip(bgr: tuple[int, int, int], colour: Colour) -> None:
    y, u, v = (plane(value) for value in encoded(bgr, colour))
    picture = to_bgr(y, u, v, colour)
    assert np.abs(picture.astype(int) - bgr).max() <= 3


def test_bt601_limited_agrees_with_opencv() -> None:
    rng = np.random.default_rng(1)
    y, u, v = (rng.integers(60, 190, (2, 64, 64), dtype=np.uint8)[0] for _ in range(3))
    small_u, small_v = u[::2, ::2].copy(), v[::2, ::2].copy()
    packed = np.concatenate([y.ravel(), small_u.ravel(), small_v.ravel()]).reshape(96, 64)
    theirs = cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420)
    ours = to_bgr(y, small_u.repeat(2, 0).repeat(2, 1), small_v.repeat(2, 0).repeat(2, 1), Colour())
    assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 2


def test_limited_range_black_and_white_are_exact_and_beyond_is_clamped() -> None:
    for luma, level in ((16, 0), (235, 255), (0, 0), (255, 255)):
        assert np.unique(to_bgr(plane(luma), plane(128), plane(128), Colour())).tolist() == [level]


def test_the_same_bytes_give_the_same_colour_wherever_they_lie() -> None:
    # Vectorised and left-over columns are computed by different code inside OpenCV.
    for width in (1, 7, 16, 33):
        shape = (2, width)
        picture = to_bgr(plane(143, shape), plane(90, shape), plane(201, shape), COLOURS[2])
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1
        assert (
            picture[0, 0].tolist()
            == to_bgr(plane(143, (1, 1)), plane(90, (1, 1)), plane(201, (1, 1)), COLOURS[2])[
                0, 0
            ].tolist()
        )


def test_the_cached_matrix_cannot_be_altered() -> None:
    with pytest.raises(ValueError, match="read-only"):
        conversion(Colour())[0, 0] = 1
