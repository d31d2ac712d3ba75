"""Pictures at network size: letterbox, way back, planes against BGR."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.kernels.compiled import Absent
from lfr_engine.vision import resize
from lfr_engine.vision.colour import to_bgr
from lfr_engine.vision.frame import ByteArray, Colour, Matrix, Planes
from lfr_engine.vision.resize import (
    Scale,
    Scratch,
    fitted_planes,
    network_picture,
    network_planes,
    shrunk,
)
from tests.vision.pictures import as_planes, smooth_picture


@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    network=st.tuples(st.integers(1, 10), st.integers(1, 10)),
    keep_aspect=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_the_whole_source_maps_into_the_network_and_back(
    width: int, height: int, network: tuple[int, int], keep_aspect: bool
) -> None:
    across, down = network[0] * 32, network[1] * 32
    source = np.zeros((height, width, 3), np.uint8)
    picture, scale = network_picture(source, across, down, keep_aspect=keep_aspect)
    assert picture.shape == (down, across, 3)
    corners = np.array([[0, 0], [width, height]], np.float32)
    inside = (corners / [scale.x, scale.y]).astype(np.float32)
    assert (inside <= np.array([across, down]) + 1e-3).all()
    assert (inside[1] >= 0.999).all()
    np.testing.assert_allclose(scale.points(inside), corners, rtol=1e-5)
    if keep_aspect:
        # Rounding to whole network pixels may bend the aspect by half a pixel.
        assert abs(inside[1, 0] * height - inside[1, 1] * width) <= max(width, height)


def test_wide_pictures_are_anchored_top_left_and_padded_black() -> None:
    picture, scale = network_picture(np.full((1080, 1920, 3), 200, np.uint8), 640, 384)
    assert scale == Scale(3.0, 3.0)
    assert (picture[:360] == 200).all()
    assert (picture[360:] == 0).all()
    assert picture.flags.c_contiguous


def test_tall_pictures_are_padded_at_the_right() -> None:
    picture, scale = network_picture(np.full((400, 100, 3), 9, np.uint8), 64, 64)
    assert (scale.x, scale.y) == (6.25, 6.25)
    assert (picture[:, :16] == 9).all()
    assert (picture[:, 16:] == 0).all()


def test_stretching_fills_the_network() -> None:
    picture, scale = network_picture(
        np.full((90, 160, 3), 5, np.uint8), 300, 300, keep_aspect=False
    )
    assert (picture == 5).all()
    assert scale == Scale(160 / 300, 90 / 300)


def test_boxes_go_back_by_each_axis_own_factor() -> None:
    box = np.array([[1, 2, 3, 4]], np.float32)
    assert Scale(2, 10).boxes(box).tolist() == [[2, 20, 6, 40]]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (17, 5), (33, 33), (101, 64)])
def test_odd_and_tiny_planes_are_resized(size: tuple[int, int]) -> None:
    planes = as_planes(np.full((size[1], size[0], 3), 180, np.uint8))
    picture, _ = network_picture(planes, 32, 32)
    assert abs(int(picture[0, 0, 0]) - 180) <= 2


@pytest.mark.parametrize("colour", [Colour(), Colour(Matrix.BT709, full_range=True)], ids=str)
def test_planes_and_bgr_of_one_scene_look_alike_to_the_network(colour: Colour) -> None:
    bgr = smooth_picture(720, 1280)
    from_planes, plane_scale = network_picture(as_planes(bgr, colour), 640, 384)
    from_bgr, bgr_scale = network_picture(bgr, 640, 384)
    assert plane_scale == bgr_scale
    difference = np.abs(from_planes.astype(int) - from_bgr.astype(int))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 8


def test_decoder_padding_is_not_seen() -> None:
    """Decoders pad rows: planes come as views with a longer stride."""
    padded = np.zeros((48, 80), np.uint8)
    padded[:, :64] = 150
    chroma = np.full((24, 40), 128, np.uint8)
    picture, _ = network_picture(Planes(padded[:, :64], chroma[:, :32], chroma[:, :32]), 32, 32)
    assert len(np.unique(picture[:24])) == 1


def test_strong_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200
    small: ByteArray = shrunk(stripes, 16, 16)
    assert np.unique(small).tolist() == [100]


def test_shrinking_agrees_with_an_area_mean() -> None:
    picture = smooth_picture(512, 768)
    mean = cv2.resize(picture, (96, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk(picture, 96, 64).astype(int) - mean.astype(int)).max() <= 2


SHAPES = [(1, 1), (3, 2), (90, 160), (200, 100), (101, 33), (384, 576), (1080, 1920)]


def random_planes(height: int, width: int, colour: Colour) -> Planes:
    random = np.random.default_rng(8)
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = (random.integers(0, 256, shape, np.uint8) for shape in ((height, width), half, half))
    return Planes(y, u, v, colour)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("colour", [Colour(), Colour(Matrix.BT709, full_range=True)], ids=str)
def test_planes_at_network_size_are_the_picture_at_network_size(
    shape: tuple[int, int], colour: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what is compiled is held to the true mean instead (tests/kernels)
    monkeypatch.setattr(resize, "kernels", lambda: Absent("not compiled", ""))
    planes = random_planes(*shape, colour)
    canvas = np.full((3, 64, 96), 77, np.uint8)  # of the frame before
    scale = network_planes(planes, canvas)
    picture, same = network_picture(planes, 96, 64)
    assert scale == same
    np.testing.assert_array_equal(to_bgr(canvas[0], canvas[1], canvas[2], colour), picture)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_fitted_copy_shares_nothing_with_its_frame(shape: tuple[int, int]) -> None:
    planes = random_planes(*shape, Colour())
    small, _ = fitted_planes(planes, 96, 64)
    for one, source in ((small.y, planes.y), (small.u, planes.u), (small.v, planes.v)):
        assert not np.shares_memory(one, source)
        assert one.flags.c_contiguous


def test_thirds_agree_with_an_area_mean_and_lie_in_its_place() -> None:
    source = smooth_picture(64 * 3, 96 * 3)[:, :, 1].copy()
    third = shrunk(source, 96, 64).astype(float)
    mean = cv2.resize(source, (96, 64), interpolation=cv2.INTER_AREA).astype(float)
    assert np.abs(third - mean).max() <= 3
    # A ramp tells where each pixel looked.
    ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (9, 1))
    off = shrunk(ramp, 40, 3).astype(float) - (np.arange(40) * 6 + 2)
    assert np.abs(off).max() <= 1  # half a source pixel, and OpenCV rounds


def test_thirds_average_rows_instead_of_skipping() -> None:
    stripes = np.zeros((96, 96), np.uint8)
    stripes[::3] = 200
    assert np.abs(shrunk(stripes, 32, 32).astype(int) - 67).max() <= 1
    for one in (shrunk(stripes.T.copy(), 32, 32), shrunk(np.roll(stripes, 1, 0), 32, 32)):
        assert len(np.unique(one)) == 1


def test_scratch_memory_of_pictures_before_is_not_seen_in_the_next() -> None:
    scratch = Scratch()
    for shape in ((192, 288), (96, 144), (384, 576), (192, 288)):
        planes = random_planes(*shape, Colour())
        used, fresh = (np.empty((3, 64, 96), np.uint8) for _ in range(2))
        assert network_planes(planes, used, scratch) == network_planes(planes, fresh)
        np.testing.assert_array_equal(used, fresh)


def test_each_thread_has_scratch_memory_of_its_own() -> None:
    scratch, others = Scratch(), []
    own = scratch.array("a", (2, 2))
    thread = threading.Thread(target=lambda: others.append(scratch.array("a", (2, 2))))
    thread.start()
    thread.join()
    assert scratch.array("a", (2, 2)) is own
    assert others[0] is not own
