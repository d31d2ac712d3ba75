"""Alignment: the transform is recovered, planes and BGR give the same crop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.vision.align import Matrix23, crop, similarity, warp
from lfr_engine.vision.frame import Colour, FloatArray, Matrix
from tests.vision.pictures import as_planes, smooth_picture, transformed

REFERENCE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)


def placed(angle: float, scale: float, x: float, y: float) -> FloatArray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (REFERENCE @ (scale * turn).T + [x, y]).astype(np.float32)


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.2, 20),
    x=st.floats(-500, 3000),
    y=st.floats(-500, 3000),
)
def test_a_known_transform_is_recovered(angle: float, scale: float, x: float, y: float) -> None:
    matrix = similarity(placed(angle, scale, x, y), REFERENCE)
    inverse = np.array(
        [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    ) / np.float64(scale)
    np.testing.assert_allclose(matrix[:, :2], inverse, atol=1e-4 / min(1, scale))
    # float32 landmarks at 3,000 px are known to a few ten-thousandths.
    error = np.abs(transformed(placed(angle, scale, x, y), matrix) - REFERENCE).max()
    assert error < 1e-4 + 2e-3 / scale


def test_noise_is_averaged_never_mirrored() -> None:
    mirrored = REFERENCE * np.array([-1, 1], np.float32)
    matrix = similarity(mirrored, REFERENCE)
    assert np.linalg.det(matrix[:, :2]) >= 0


def test_no_similarity_does_better() -> None:
    rng = np.random.default_rng(5)
    points = REFERENCE + rng.normal(0, 4, REFERENCE.shape).astype(np.float32)
    best = similarity(points, REFERENCE)

    def loss(matrix: Matrix23) -> float:
        return float(((transformed(points, matrix) - REFERENCE) ** 2).sum())

    for _ in range(200):
        a, b, x, y = rng.normal(0, 0.02, 4)
        other = best + np.array([[a, -b, x], [b, a, y]], np.float32)
        assert loss(other) >= loss(best) - 1e-3


@pytest.mark.parametrize("bad", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_points_without_extent_are_refused(bad: FloatArray) -> None:
    with pytest.raises(ValueError, match="finite points"):
        similarity(bad, REFERENCE)


def test_the_crop_shows_the_face_at_the_reference() -> None:
    picture = np.zeros((400, 400, 3), np.uint8)
    landmarks = placed(0.3, 1.5, 60, 40)
    for x, y in landmarks:
        picture[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = 255
    face = crop(picture, landmarks, REFERENCE, 112)
    assert face.shape == (112, 112, 3)
    assert face.flags.owndata
    for x, y in REFERENCE:
        assert face[round(y), round(x)].min() > 200
    assert np.median(face) == 0


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7, 3.2, 6.0])
@pytest.mark.parametrize("colour", [Colour(), Colour(Matrix.BT709)], ids=str)
def test_planes_and_bgr_give_the_same_face(scale: float, colour: Colour) -> None:
    bgr = smooth_picture(1080, 1440)  # large enough that no crop meets the rim
    landmarks = placed(0.2, scale, 400, 40)
    from_bgr = crop(bgr, landmarks, REFERENCE, 112)
    from_planes = crop(as_planes(bgr, colour), landmarks, REFERENCE, 112)
    difference = np.abs(from_planes.astype(int) - from_bgr.astype(int))
    assert difference.mean() < 1.5
    assert difference.max() <= 12


@pytest.mark.parametrize("colour", [Colour(), Colour(Matrix.BT709, full_range=True)], ids=str)
@pytest.mark.parametrize("scale", [1.0, 9.0])
def test_what_lies_outside_the_picture_is_black(colour: Colour, scale: float) -> None:
    white = np.full((200, 200, 3), 255, np.uint8)
    for picture in (white, as_planes(white, colour)):
        cut = crop(picture, placed(0, 1, 144, 0), REFERENCE, 112)
        assert cut[:, :50].min() >= 253
        assert cut[:, 60:].max() <= 2
        assert crop(picture, placed(0, scale, 5000, 5000), REFERENCE, 112).max() <= 2


def test_a_large_face_is_averaged_not_sampled() -> None:
    stripes = np.zeros((1200, 1200, 3), np.uint8)
    stripes[:, ::2] = 200
    face = crop(stripes, placed(0, 8, 20, 20), REFERENCE, 112)
    assert abs(face.astype(int) - 100).max() <= 2


def test_shrinking_first_does_not_move_the_face() -> None:
    """A ramp tells where each crop pixel looked: the shrunk path must look at the same place."""
    ramp = np.broadcast_to(np.linspace(0, 255, 2048, dtype=np.float32), (600, 2048))
    picture = np.repeat(np.round(ramp).astype(np.uint8)[..., None], 3, axis=2)
    for step in (1.5, 2.5, 4.5, 8.5):
        matrix = np.array([[1 / step, 0, -300 / step], [0, 1 / step, -20 / step]], np.float32)
        face = warp(picture, matrix, 60, 60)
        looked_at = 300 + step * np.arange(60)
        assert np.abs(face[30, :, 0] - ramp[0][looked_at.astype(int)]).max() <= 1.5


@pytest.mark.parametrize("factor", [0.0, np.nan])
def test_a_matrix_without_inverse_is_refused(factor: float) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ValueError, match="invertible"):
        warp(picture, np.array([[factor, 0, 0], [0, factor, 0]], np.float32), 8, 8)
