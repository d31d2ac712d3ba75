from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ModelError
from lfr_engine.vision.blur import (
    BLOCKS,
    WHOLE_BLOCKS,
    BlurSettings,
    Treatment,
    blur_all_but,
    blur_whole,
    shown,
    treatment,
)
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, Planes

SETTINGS = BlurSettings(max_lag_s=0.25)
NOBODY = np.zeros((0, 4), np.float32)


def noise(height: int = 120, width: int = 160, *, seed: int = 5) -> ByteArray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def planes(height: int = 121, width: int = 161) -> Planes:
    rng = np.random.default_rng(6)
    half = ((height + 1) // 2, (width + 1) // 2)
    return Planes(
        rng.integers(16, 235, (height, width)).astype(np.uint8),
        rng.integers(16, 240, half).astype(np.uint8),
        rng.integers(16, 240, half).astype(np.uint8),
    )


def boxes(*rows: tuple[float, float, float, float]) -> FloatArray:
    return np.array(rows, np.float32).reshape(-1, 4)


def bgr(picture: Picture) -> ByteArray:
    assert not isinstance(picture, Planes)
    return picture


def colours(picture: ByteArray, box: tuple[int, int, int, int]) -> int:
    """Different rows of colour within a box: flat blocks leave few."""
    x0, y0, x1, y1 = box
    region = picture[y0:y1, x0:x1]
    return len(np.unique(region.reshape(-1, region.shape[-1] if region.ndim == 3 else 1), axis=0))


def test_a_face_is_left_as_a_handful_of_blocks_and_the_rest_as_it_was() -> None:
    original = noise()
    result = bgr(blur_all_but(original, boxes((40, 40, 80, 80)), NOBODY))
    assert colours(result, (40, 40, 80, 80)) <= (BLOCKS + 1) ** 2
    outside = np.ones(original.shape[:2], bool)
    outside[26:94, 26:94] = False
    assert np.array_equal(result[outside], original[outside])
    assert colours(original, (40, 40, 80, 80)) > 1000


def test_the_picture_given_is_not_changed() -> None:
    original, frame = noise(), planes()
    before, luma = original.copy(), frame.y.copy()
    blur_all_but(original, boxes((10, 10, 60, 60)), NOBODY)
    blur_whole(frame)
    assert np.array_equal(original, before)
    assert np.array_equal(frame.y, luma)


def test_planes_lose_the_face_in_colour_too() -> None:
    frame = planes()
    result = blur_all_but(frame, boxes((40, 40, 80, 90)), NOBODY)
    assert isinstance(result, Planes)
    assert colours(result.y[..., None], (40, 40, 80, 90)) <= (BLOCKS + 1) * (BLOCKS + 2)
    for plane in (result.u, result.v):
        assert colours(plane[..., None], (20, 20, 40, 45)) <= (BLOCKS + 1) * (BLOCKS + 2)
    assert np.array_equal(result.y[:20], frame.y[:20])
    assert result.colour == frame.colour


def test_the_alerts_own_face_stays_clear() -> None:
    original = noise()
    result = bgr(
        blur_all_but(original, boxes((10, 20, 50, 60), (100, 20, 140, 60)), boxes((11, 21, 51, 61)))
    )
    assert np.array_equal(result[20:60, 12:50], original[20:60, 12:50])
    assert colours(result, (100, 20, 140, 60)) <= (BLOCKS + 1) ** 2


def test_a_neighbours_margin_gives_way_to_the_alert_but_their_face_does_not() -> None:
    original = noise()
    alert, beside, over = (40, 40, 80, 80), (82, 40, 122, 80), (60, 60, 100, 100)
    near = bgr(blur_all_but(original, boxes(alert, beside), boxes(alert)))
    assert np.array_equal(near[40:80, 40:80], original[40:80, 40:80])
    assert colours(near, (82, 40, 122, 80)) <= 60
    lying = bgr(blur_all_but(original, boxes(alert, over), boxes(alert)))
    assert not np.array_equal(lying[60:80, 60:80], original[60:80, 60:80])
    assert colours(lying, (60, 60, 100, 100)) <= 60
    assert np.array_equal(lying[40:58, 40:58], original[40:58, 40:58])


@pytest.mark.parametrize(
    ("lag_s", "expected"),
    [
        (0.0, Treatment.BLUR_FACES),
        (0.25, Treatment.BLUR_FACES),
        (-0.1, Treatment.BLUR_FACES),
        (0.26, Treatment.BLUR_WHOLE),
        (-0.26, Treatment.BLUR_WHOLE),
        (math.nan, Treatment.BLUR_WHOLE),
        (math.inf, Treatment.BLUR_WHOLE),
        (None, Treatment.BLUR_WHOLE),
    ],
)
def test_without_fresh_faces_nothing_is_shown_clearly(
    lag_s: float | None, expected: Treatment
) -> None:
    assert treatment(lag_s, SETTINGS) is expected


def test_a_lagging_picture_is_blurred_whole_even_where_somebody_is_clear() -> None:
    original = noise()
    result = bgr(shown(original, NOBODY, boxes((40, 40, 80, 80)), 0.5, SETTINGS))
    assert colours(result, (0, 0, 160, 120)) <= (WHOLE_BLOCKS + 1) ** 2


def test_lag_within_the_limit_enlarges_the_mosaic() -> None:
    original = noise(300, 400)
    face = boxes((150, 100, 190, 140))
    prompt = bgr(shown(original, face, NOBODY, 0.0, SETTINGS))
    late = bgr(shown(original, face, NOBODY, 0.2, SETTINGS))
    assert (late != original).any(axis=2).sum() > 2 * (prompt != original).any(axis=2).sum()


corner = st.floats(-80, 240)


@given(st.lists(st.tuples(corner, corner, st.floats(0, 200), st.floats(0, 200)), max_size=4))
def test_any_boxes_leave_a_picture_of_the_same_shape(
    rows: list[tuple[float, float, float, float]],
) -> None:
    given_boxes = boxes(*((x, y, x + w, y + h) for x, y, w, h in rows))
    original, frame = noise(), planes()
    result = bgr(blur_all_but(original, given_boxes, NOBODY))
    assert (result.shape, result.dtype) == (original.shape, original.dtype)
    flat = blur_all_but(frame, given_boxes, given_boxes[:1])
    assert isinstance(flat, Planes)
    assert (flat.y.shape, flat.u.shape) == (frame.y.shape, frame.u.shape)


@pytest.mark.slow
@pytest.mark.shared
def test_the_embedder_no_longer_matches_blurred_faces_even_when_smoothed() -> None:
    """R11: neither the mosaic nor a smoothed mosaic resembles its own face more than others do."""
    from lfr_engine.inference.pack import open_pack
    from lfr_engine.inference.session import DeviceOptions
    from lfr_engine.inference.store import ModelStore, data_folder

    folder = Path(__file__).parents[2] / ".." / "shared" / "data" / "lfw-dev"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/lfw-dev beside the project")
    try:
        installed = ModelStore(data_folder()).open("opencv-zoo")
    except ModelError as problem:
        pytest.skip(f"needs the default pack: {problem}")
    pack = open_pack(installed, DeviceOptions(requests=1), detector_size=(256, 256))
    clear, hidden, smoothed = list[ByteArray](), list[ByteArray](), list[ByteArray]()
    for person in sorted(folder.iterdir())[:240:4]:
        picture = np.asarray(cv2.imread(str(min(person.iterdir()))), np.uint8)
        faces = pack.detector.detect(picture)
        if len(faces) != 1:
            continue
        mosaic = bgr(blur_all_but(picture, faces.boxes, NOBODY))
        block = float(faces.boxes[0, 2] - faces.boxes[0, 0]) / BLOCKS
        smooth = np.asarray(cv2.GaussianBlur(mosaic, (0, 0), block / 2), np.uint8)
        for kept, seen in ((clear, picture), (hidden, mosaic), (smoothed, smooth)):
            kept.append(pack.embedder.crop(seen, faces.landmarks[0]))
    gallery = pack.embedder.embed(np.stack(clear))
    assert len(gallery) > 30
    for blurred in (hidden, smoothed):
        scores = pack.embedder.embed(np.stack(blurred)) @ gallery.T
        own = np.diag(scores)
        assert np.mean(own > 0.36) < 0.05  # the engine's threshold region on this pack
        assert np.mean(scores.argmax(axis=1) == np.arange(len(own))) < 0.1
