"""Pictures made later are those that would have been made at once, and nothing is left behind."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.vision.frame import FloatArray, Planes
from lfr_engine.vision.pictures import CONTEXT_PX, PORTRAIT_PX, developed, expose, scene
from tests.vision.pictures import as_planes, smooth_picture

SIZES = [(640, 360), (1280, 720), (1920, 1080), (200, 150), (901, 507)]


def frame(width: int, height: int) -> tuple[Planes, FloatArray]:
    planes = as_planes(smooth_picture(height, width))
    boxes = np.array([[0.2, 0.3, 0.3, 0.5], [0.6, 0.3, 0.7, 0.5]], np.float32)
    return planes, boxes * np.array([width, height] * 2, np.float32)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_scene_is_the_same_as_from_the_frame_itself(width: int, height: int) -> None:
    planes, boxes = frame(width, height)
    pictures = developed(expose(planes, boxes, boxes[0]))
    assert pictures.context.shape == (CONTEXT_PX[1], CONTEXT_PX[0], 3)
    assert pictures.portrait.shape == (PORTRAIT_PX, PORTRAIT_PX, 3)
    np.testing.assert_array_equal(pictures.context, scene(planes, boxes, boxes[:1]))


def test_another_face_in_the_portrait_is_a_mosaic() -> None:
    planes, boxes = frame(1280, 720)
    boxes[1] = boxes[0] + np.array([110, 0, 110, 0], np.float32)
    alone = developed(expose(planes, boxes[:1], boxes[0])).portrait
    beside = developed(expose(planes, boxes, boxes[0])).portrait
    middle = slice(PORTRAIT_PX // 2 - 20, PORTRAIT_PX // 2 + 20)
    np.testing.assert_array_equal(alone[middle, middle], beside[middle, middle])
    assert (alone[:, -30:] != beside[:, -30:]).any()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_an_exposure_owns_what_it_keeps_and_is_overwritten(width: int, height: int) -> None:
    planes, boxes = frame(width, height)
    before = planes.y.copy()
    exposure = expose(planes, boxes, boxes[0])
    kept = [exposure.region.y, exposure.region.u, exposure.whole.y, exposure.whole.v]
    assert sum(plane.nbytes for plane in kept) < 600_000
    developed(exposure)
    assert not any(plane.any() for plane in kept)
    np.testing.assert_array_equal(planes.y, before)
