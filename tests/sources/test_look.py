"""The sparse look: focus and light measured on pictures whose truth is known."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from lfr_engine.sources.look import sample_picture
from lfr_engine.vision.frame import ByteArray, Colour, Planes


def planes(luma: ByteArray, *, full_range: bool = False) -> Planes:
    chroma = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return Planes(luma, chroma, chroma, Colour(full_range=full_range))


def street(width: int = 640, height: int = 360) -> ByteArray:
    """Sharp blocks of many sizes."""
    random = np.random.default_rng(3)
    luma = np.full((height, width), 90, np.uint8)
    for _ in range(60):
        left, top = random.integers(0, width), random.integers(0, height)
        across, down = random.integers(20, 120, 2)
        luma[top : top + down, left : left + across] = random.integers(40, 220)
    return luma


def edge(luma: ByteArray) -> float:
    width = sample_picture(planes(luma)).edge_px
    assert width is not None
    return width


@pytest.mark.parametrize("width", [2, 4, 8, 12])
def test_the_width_of_a_ramp_is_measured(width: int) -> None:
    ramp = np.clip(np.arange(-40, 60) / width, 0, 1) * 200 + 20
    luma = np.tile(np.concatenate([ramp, ramp[::-1]]), (100, 3)).astype(np.uint8)
    assert edge(luma) == pytest.approx(width, rel=0.2, abs=0.6)


def test_lost_focus_shows_whatever_the_contrast() -> None:
    sharp = street()
    assert edge(sharp) < 2
    assert 3 < edge(cv2.GaussianBlur(sharp, (0, 0), 2).astype(np.uint8)) < 9
    blurred = cv2.GaussianBlur(sharp, (0, 0), 5).astype(np.uint8)
    assert edge(blurred) > 9
    faint = (blurred * 0.4 + 60).astype(np.uint8)
    assert edge(faint) == pytest.approx(edge(blurred), rel=0.15)


def test_a_picture_without_edges_says_nothing_of_focus() -> None:
    assert sample_picture(planes(np.full((360, 640), 90, np.uint8))).edge_px is None
    assert sample_picture(planes(np.full((8, 20), 90, np.uint8))).edge_px is None


def test_brightness_is_on_one_scale_for_both_ranges() -> None:
    black, white = np.full((90, 160), 16, np.uint8), np.full((90, 160), 235, np.uint8)
    assert sample_picture(planes(black)).brightness == 0
    assert sample_picture(planes(white)).brightness == 255
    assert sample_picture(planes(white, full_range=True)).brightness == pytest.approx(235)


def test_the_print_tells_whether_anything_changed() -> None:
    first, second = street(), street()
    assert sample_picture(planes(first)).print == sample_picture(planes(second)).print
    second += 1
    assert sample_picture(planes(first)).print != sample_picture(planes(second)).print


def test_a_look_does_not_hold_the_reader_up() -> None:
    """A bound that only a mistake in the sampling could break, not a measurement."""
    picture = planes(street(1920, 1080))
    took = []
    for _ in range(5):
        began = time.perf_counter()
        sample_picture(picture)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.02
