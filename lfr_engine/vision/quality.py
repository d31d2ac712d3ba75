"""How good a view of a face is, before and after its crop.

Owns: the measures, their scale to 0–1, and the reasons why a view is of no use. Never: a network,
or a judgement about a person. Strategy: what boxes and landmarks tell gates the crop; what only
pixels tell is measured on the aligned crop. The scales are set so that a component falls where the
similarity of mated pairs falls (``docs/tracking.md`` says how, on which pictures).
"""

from __future__ import annotations

import cmath
import enum
import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray

NOSE_DEPTH = 0.55
"""How far the nose tip stands before the eyes, in eye distances, of a typical adult face."""
LEVEL_NOSE = 0.555
"""Where the nose tip lies between eyes (0) and mouth (1) of a level face: median of LFW."""
PITCH_LEVER = 2.1
"""Height from eyes to mouth over the depth of the nose tip."""
_FAR_PX, _NEAR_PX = 5, 40
"""Eye distances between which the size of a face rises from 0 to 1, on a logarithmic scale."""
_MEASURED_EYES_PX = 17.6  # crops are brought to this eye distance before detail is measured
_ACROSS = np.array([[1, -2, 1]], np.float32)
_ALONG = np.ascontiguousarray(_ACROSS.T)
_ROWS, _COLUMNS = (0.18, 0.89), (0.21, 0.79)  # brow to chin, cheek to cheek, of a crop


class Flaw(enum.Enum):
    """Why a view of a face is of no use; also the reason code of the drop."""

    OUTSIDE_ZONE = "outside zone"
    MALFORMED = "malformed landmarks"
    UNSURE = "detector unsure"
    TOO_SMALL = "too small"
    TOO_LARGE = "too large"
    TURNED = "turned away"
    CUT = "cut by the edge"
    BLURRED = "blurred"
    DARK = "too dark"
    BRIGHT = "too bright"
    FLAT = "too little contrast"


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Beyond these a view is of no use. Angles in degrees, other limits as the measures below."""

    min_detector_score: float = 0.5
    min_eye_px: float = 9.0
    max_eye_px: float = 1000.0
    max_turn: float = 68.0
    max_roll: float = 60.0
    min_shown: float = 0.85
    min_detail: float = 0.11
    min_brightness: float = 12.0
    max_brightness: float = 245.0
    min_contrast: float = 4.0


class View(NamedTuple):
    """What a box and landmarks tell of one face.

    eye_px: between the eyes. size_px: side of the square of the box's area. yaw: degrees, positive
    when the nose points to the picture's right. pitch: positive when it points down. roll:
    positive when the eye on the picture's right is the lower. shown: part of the box inside the
    picture, 0–1. score: the detector's, 0–1.
    """

    eye_px: float
    size_px: float
    yaw: float
    pitch: float
    roll: float
    shown: float
    score: float


@dataclass(frozen=True, slots=True)
class Texture:
    """What the pixels of an aligned crop tell.

    brightness: mean luma, 0–255. contrast: its standard deviation. detail: the weaker of the
    standard deviations of the second differences along and across the face, over the contrast;
    about 0.45 in a sharp picture, 0.1 in one blurred beyond use; light does not change it.
    """

    brightness: float
    contrast: float
    detail: float


@dataclass(frozen=True, slots=True)
class Quality:
    """A view on scales of 0–1, where 1 is as good as it need be.

    overall = size^0.4 · pose^0.4 · sharpness^0.6 · brightness^0.2 · contrast^0.3 · detector^0.3.
    """

    size: float
    pose: float
    sharpness: float
    brightness: float
    contrast: float
    detector: float

    @property
    def overall(self) -> float:
        """The product of the components, each to its weight; 0–1."""
        return float(
            _view_product(self.size, self.pose, self.detector)
            * self.sharpness**0.6
            * self.brightness**0.2
            * self.contrast**0.3
        )


def views(faces: Faces, picture_size: tuple[int, int]) -> list[View]:
    """Measure each face of a picture of (width, height) pixels.

    Yaw and pitch come from where the nose tip lies between eyes and mouth, with the eye line
    levelled first: tan(yaw) = offset along the eye line / (eye distance · NOSE_DEPTH), tan(pitch) =
    (share of the way from eyes to mouth − LEVEL_NOSE) · PITCH_LEVER. They are good to about 10°,
    enough to tell a turned face from a frontal one. Coinciding landmarks give a turn of 90° and an
    eye distance of 0; so do landmarks that are no numbers.
    """
    # Plain numbers: for the handful of faces in a picture a third of the time of small arrays.
    rows = zip(faces.boxes.tolist(), faces.landmarks.tolist(), faces.scores.tolist(), strict=True)
    return [_view(box, points, score, picture_size) for box, points, score in rows]


def _view(
    box: list[float], landmarks: list[list[float]], score: float, picture_size: tuple[int, int]
) -> View:
    points = [complex(x, y) for x, y in landmarks]
    if not cmath.isfinite(sum(points)):
        points = [0j] * 5
    # A point as a complex number: conj(a)·b holds the dot and the cross product of a and b.
    left_eye, right_eye, nose_tip, left_mouth, right_mouth = points
    middle = (left_eye + right_eye) / 2
    eyes = right_eye - left_eye
    levelled = eyes.conjugate()
    nose = (nose_tip - middle) * levelled
    mouth = ((left_mouth + right_mouth) / 2 - middle) * levelled
    eye_px = abs(eyes)
    yaw = pitch = math.pi / 2
    if mouth.imag > 0:
        yaw = math.atan2(nose.real, NOSE_DEPTH * eye_px * eye_px)
        pitch = math.atan2((nose.imag - LEVEL_NOSE * mouth.imag) * PITCH_LEVER, mouth.imag)
    x0, y0, x1, y1 = box
    width, height = picture_size
    area = max(x1 - x0, 1e-3) * max(y1 - y0, 1e-3)
    if 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height:  # nearly always
        shown = 1.0
    else:
        shown = (_within(x1, width) - _within(x0, width)) / area
        shown *= _within(y1, height) - _within(y0, height)
    return View(
        eye_px,
        math.sqrt(area),
        math.degrees(yaw),
        math.degrees(pitch),
        math.degrees(cmath.phase(eyes)),
        shown,
        score,
    )


def _within(place: float, limit: int) -> float:
    return min(max(place, 0.0), limit)  # what is no number stays so


def view_flaw(seen: View, limits: QualityLimits) -> Flaw | None:
    """The first reason not to crop a face, or None.

    Whatever passes has finite landmarks and eyes apart, so that ``align.crop`` can take it.
    """
    if not (seen.eye_px > 0 and math.isfinite(seen.shown)):
        return Flaw.MALFORMED
    if seen.score < limits.min_detector_score:
        return Flaw.UNSURE
    if seen.eye_px < limits.min_eye_px:
        return Flaw.TOO_SMALL
    if seen.eye_px > limits.max_eye_px:
        return Flaw.TOO_LARGE
    if math.hypot(seen.yaw, seen.pitch) > limits.max_turn or abs(seen.roll) > limits.max_roll:
        return Flaw.TURNED
    return Flaw.CUT if seen.shown < limits.min_shown else None


def view_quality(seen: View) -> float:
    """Quality 0–1 as far as box and landmarks tell: size, pose and detector."""
    size, pose, detector = _view_parts(seen)
    return _view_product(size, pose, detector)


def texture(crop: ByteArray, eyes_px: float) -> Texture:
    """Measure an aligned crop, BGR (h, w, 3) or luma (h, w), whose eyes lie ``eyes_px`` apart."""
    luma = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    scale = _MEASURED_EYES_PX / eyes_px
    height, width = (max(8, round(side * scale)) for side in luma.shape)
    small = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    face = small[
        round(_ROWS[0] * height) : round(_ROWS[1] * height),
        round(_COLUMNS[0] * width) : round(_COLUMNS[1] * width),
    ]
    mean, deviation = cv2.meanStdDev(face)
    contrast = float(deviation[0, 0])
    _, across = cv2.meanStdDev(cv2.filter2D(face, cv2.CV_16S, _ACROSS))
    _, along = cv2.meanStdDev(cv2.filter2D(face, cv2.CV_16S, _ALONG))
    detail = min(float(across[0, 0]), float(along[0, 0])) / max(contrast, 1.0)
    return Texture(float(mean[0, 0]), contrast, detail)


def texture_flaw(seen: Texture, limits: QualityLimits) -> Flaw | None:
    """The reason not to use a crop, or None."""
    if seen.brightness < limits.min_brightness:
        return Flaw.DARK
    if seen.brightness > limits.max_brightness:
        return Flaw.BRIGHT
    if seen.contrast < limits.min_contrast:
        return Flaw.FLAT
    return Flaw.BLURRED if seen.detail < limits.min_detail else None


def quality(seen: View, pixels: Texture) -> Quality:
    """The quality of a view with its crop's texture."""
    size, pose, detector = _view_parts(seen)
    dark = _ramp(math.log(max(pixels.brightness, 1e-3)), math.log(5), math.log(50))
    return Quality(
        size=size,
        pose=pose,
        sharpness=_ramp(pixels.detail, 0.08, 0.34),
        brightness=dark * (1 - _ramp(pixels.brightness, 200, 250)),
        contrast=_ramp(math.log(max(pixels.contrast, 1e-3)), math.log(2.5), math.log(16)),
        detector=detector,
    )


def _view_parts(seen: View) -> tuple[float, float, float]:
    """The components size, pose and detector."""
    return (
        _ramp(math.log(max(seen.eye_px, 1e-3)), math.log(_FAR_PX), math.log(_NEAR_PX)),
        1 - _ramp(math.hypot(seen.yaw, seen.pitch), 15, 75),
        _ramp(seen.score, 0.5, 0.9),
    )


def _view_product(size: float, pose: float, detector: float) -> float:
    """The factors of ``Quality.overall`` that are known before the crop."""
    return float(size**0.4 * pose**0.4 * detector**0.3)


def _ramp(value: float, low: float, high: float) -> float:
    """0 at ``low`` and below, 1 at ``high`` and above, straight between."""
    share = (value - low) / (high - low)
    return share if 0 < share < 1 else float(share >= 1)
