from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import ByteArray
from lfr_engine.vision.quality import (
    Flaw,
    Quality,
    QualityLimits,
    Texture,
    quality,
    texture,
    texture_flaw,
    view_flaw,
    view_quality,
    views,
)

# A head in eye distances, x to the picture's right, y down, z towards the camera.
HEAD = np.array([[-0.5, 0, 0], [0.5, 0, 0], [0, 0.555, 0.55], [-0.4, 1, 0.1], [0.4, 1, 0.1]])
SIZE = (640, 480)


def head(
    eye_px: float = 40,
    yaw: float = 0,
    pitch: float = 0,
    roll: float = 0,
    centre: tuple[float, float] = (320, 240),
    score: float = 0.95,
) -> Faces:
    y, p, r = np.radians([yaw, pitch, roll])
    turn_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    turn_p = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    turn_r = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    points = (HEAD @ (turn_r @ turn_y @ turn_p).T)[:, :2] * eye_px + centre
    low, high = points.mean(0) - 1.2 * eye_px, points.mean(0) + 1.2 * eye_px
    return Faces(
        np.hstack((low, high))[None].astype(np.float32),
        np.array([score], np.float32),
        points[None].astype(np.float32),
    )


def skin(seed: int = 0) -> ByteArray:
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.integers(60, 200, (14, 14)).astype(np.uint8), (112, 112))
    fine = rng.normal(0, 25, (112, 112))
    grain = cv2.GaussianBlur(fine, (0, 0), 1.0) * 3
    return np.asarray(np.clip(coarse + grain, 0, 255), np.uint8)


@pytest.mark.parametrize("yaw", [-40, -20, 0, 20, 40])
@pytest.mark.parametrize("roll", [-30, 0, 30])
def test_yaw_and_roll_are_read_back_from_a_turned_head(yaw: float, roll: float) -> None:
    [seen] = views(head(yaw=yaw, roll=roll), SIZE)
    assert seen.yaw == pytest.approx(yaw, abs=3)
    assert seen.roll == pytest.approx(roll, abs=1)


@pytest.mark.parametrize("pitch", [-25, -10, 0, 10, 25])
def test_pitch_has_the_right_sign_and_about_the_right_size(pitch: float) -> None:
    assert views(head(pitch=pitch), SIZE)[0].pitch == pytest.approx(pitch, abs=10)


def test_a_level_frontal_face_measures_as_drawn() -> None:
    [seen] = views(head(eye_px=40), SIZE)
    assert seen.eye_px == pytest.approx(40, rel=1e-4)
    assert seen.size_px == pytest.approx(96, rel=1e-4)
    assert (seen.yaw, seen.pitch) == pytest.approx((0, 0), abs=0.1)
    assert seen.shown == pytest.approx(1)
    assert view_quality(seen) == pytest.approx(1)


@pytest.mark.parametrize(
    ("face", "flaw"),
    [
        (head(), None),
        (head(score=0.4), Flaw.UNSURE),
        (head(eye_px=6), Flaw.TOO_SMALL),
        (head(yaw=72), Flaw.TURNED),
        (head(roll=80), Flaw.TURNED),
        (head(roll=180), Flaw.TURNED),
        (head(centre=(10, 240)), Flaw.CUT),
        (head(eye_px=6, score=0.4), Flaw.UNSURE),
    ],
)
def test_the_first_reason_not_to_crop_is_named(face: Faces, flaw: Flaw | None) -> None:
    assert view_flaw(views(face, SIZE)[0], QualityLimits()) is flaw


def test_a_face_above_the_largest_size_is_refused_by_name() -> None:
    limits = QualityLimits(max_eye_px=30)
    assert view_flaw(views(head(eye_px=40), SIZE)[0], limits) is Flaw.TOO_LARGE


def test_an_empty_scene_has_no_views() -> None:
    assert views(no_faces(), SIZE) == []


def test_coinciding_landmarks_count_as_turned_away() -> None:
    face = head()
    nowhere = Faces(face.boxes, face.scores, np.full((1, 5, 2), 100, np.float32))
    [seen] = views(nowhere, SIZE)
    assert (seen.yaw, seen.eye_px) == pytest.approx((90, 0))
    assert view_flaw(seen, QualityLimits(min_eye_px=0, max_turn=180)) is Flaw.MALFORMED


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("point", range(5))
@pytest.mark.parametrize("axis", [0, 1])
def test_a_point_that_is_no_number_never_reaches_a_crop(bad: float, point: int, axis: int) -> None:
    face = head()
    face.landmarks[0, point, axis] = bad
    boundless = QualityLimits(min_eye_px=0, max_eye_px=np.inf, max_turn=180, max_roll=180)
    assert view_flaw(views(face, SIZE)[0], boundless) is Flaw.MALFORMED


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", range(4))
def test_a_box_that_is_no_number_never_reaches_a_crop(bad: float, side: int) -> None:
    face = head()
    face.boxes[0, side] = bad
    assert view_flaw(views(face, SIZE)[0], QualityLimits()) in {Flaw.MALFORMED, Flaw.CUT}


def test_each_face_is_measured_by_itself() -> None:
    one, other = head(eye_px=30, yaw=20), head(centre=(100, 100), roll=10)
    both = Faces(
        np.concatenate((one.boxes, other.boxes)),
        np.concatenate((one.scores, other.scores)),
        np.concatenate((one.landmarks, other.landmarks)),
    )
    assert views(both, SIZE) == views(one, SIZE) + views(other, SIZE)


def test_blur_in_any_one_direction_lowers_detail() -> None:
    sharp = skin()
    motion = np.zeros((15, 15), np.float32)
    motion[7] = 1 / 15
    plain = texture(sharp, 35.2).detail
    for blurred in (
        cv2.GaussianBlur(sharp, (0, 0), 4),
        cv2.filter2D(sharp, -1, motion),
        cv2.filter2D(sharp, -1, np.ascontiguousarray(motion.T)),
    ):
        assert texture(np.asarray(blurred, np.uint8), 35.2).detail < 0.6 * plain


def test_light_and_contrast_do_not_change_detail() -> None:
    sharp = skin()
    dim = (sharp * 0.3 + 10).astype(np.uint8)
    assert texture(dim, 35.2).detail == pytest.approx(texture(sharp, 35.2).detail, rel=0.15)


def test_colour_and_luma_crops_of_a_grey_face_measure_the_same() -> None:
    grey = skin()
    colour = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    assert texture(np.asarray(colour, np.uint8), 35.2) == texture(grey, 35.2)


@pytest.mark.parametrize(
    ("pixels", "flaw"),
    [
        (Texture(120, 40, 0.4), None),
        (Texture(5, 40, 0.4), Flaw.DARK),
        (Texture(250, 40, 0.4), Flaw.BRIGHT),
        (Texture(120, 2, 0.4), Flaw.FLAT),
        (Texture(120, 40, 0.05), Flaw.BLURRED),
    ],
)
def test_a_crop_of_no_use_is_refused_by_reason(pixels: Texture, flaw: Flaw | None) -> None:
    assert texture_flaw(pixels, QualityLimits()) is flaw


def test_quality_before_the_crop_bounds_quality_after_it() -> None:
    [seen] = views(head(eye_px=12, yaw=30), SIZE)
    after = quality(seen, Texture(100, 30, 0.25))
    assert 0 < after.overall < view_quality(seen) < 1
    best = quality(seen, Texture(120, 40, 0.9))
    assert best.overall == pytest.approx(view_quality(seen), rel=1e-4)


component = st.floats(0, 1)


@given(component, component, component, component, component, component, st.integers(0, 5))
def test_overall_is_in_range_and_no_better_component_makes_it_worse(
    a: float, b: float, c: float, d: float, e: float, f: float, raised: int
) -> None:
    parts = [a, b, c, d, e, f]
    before = Quality(*parts).overall
    parts[raised] = 1.0
    assert 0 <= before <= Quality(*parts).overall <= 1
