"""Heads cut from photographs, ready to be drawn at any size.

Owns: where the face is in a picture, the soft outline around the head, and the ladder of halved
copies that keeps small heads free of moiré. Never: draws into a frame. Strategy: all slow work on a
picture is done once when its person comes into view; the truth box is the finder's box carried
through the drawing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from lfr_engine.enrolment.image import StillDetector
from lfr_engine.errors import ImageError
from lfr_engine.evaluation.pictures import subject_of
from lfr_engine.vision.frame import ByteArray, FloatArray, picture_size

FaceFinder: TypeAlias = Callable[[ByteArray], FloatArray | None]
"""BGR picture → box (4,) float32 x0 y0 x1 y1 of its one face in pixels, or None without one."""

LARGEST_FACE_PX = 256
"""Faces are cut down to this width: wider than any that is drawn, small enough to keep many."""
SMALLEST_FACE_PX = 40


@dataclass(frozen=True, slots=True, eq=False)
class Cutting:
    """A picture and the box of its face, x0 y0 x1 y1 in its pixels."""

    path: Path
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head cut out of a picture.

    ladder: premultiplied BGRA uint8, each rung half the one before. centre, width, height: of the
    face box on the first rung. skin: BGR colour of the cheeks, for the neck.
    """

    ladder: tuple[ByteArray, ...]
    centre: tuple[float, float]
    width: float
    height: float
    skin: tuple[float, float, float]


def read_picture(path: Path) -> ByteArray:
    """A picture as BGR (h, w, 3) uint8.

    Raises:
        ImageError: it cannot be read or decoded.
    """
    try:
        raw = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise ImageError(path, "cannot be read") from error
    picture = cv2.imdecode(raw, cv2.IMREAD_COLOR) if raw.size else None
    if picture is None:
        raise ImageError(path, "is no picture that can be decoded")
    return np.asarray(picture, np.uint8)


def centred_face(picture: ByteArray) -> FloatArray:
    """Where the face is in a picture cropped around it, as in LFW: the middle, 36 % × 46 %."""
    height, width = picture.shape[:2]
    half_w, half_h = 0.18 * width, 0.23 * height
    middle = (width / 2, height * 0.51)
    return np.array(
        [middle[0] - half_w, middle[1] - half_h, middle[0] + half_w, middle[1] + half_h],
        np.float32,
    )


def detected_face(detector: StillDetector) -> FaceFinder:
    """A finder that asks a detector, and takes the large face in the middle of several."""

    def find(picture: ByteArray) -> FloatArray | None:
        faces = detector.detect_still(picture)
        if len(faces) == 0:
            return None
        box: FloatArray = faces.boxes[subject_of(faces, *picture_size(picture))]
        return box

    return find


def cut_out(path: Path, finder: FaceFinder) -> Cutting:
    """Find the face of a picture.

    Raises:
        ImageError: it cannot be read, or shows no face of 40 px or more.
    """
    box = finder(read_picture(path))
    if box is None:
        raise ImageError(path, "shows no single face")
    if box[2] - box[0] < SMALLEST_FACE_PX:
        raise ImageError(path, f"its face is narrower than {SMALLEST_FACE_PX} pixels")
    return Cutting(path, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))


def make_head(cutting: Cutting, side_light: float) -> Head:
    """Cut the head out: face box widened to hair, ears and chin, with a soft outline.

    Args:
        cutting: Picture and face box.
        side_light: −1 (lit from the left) to 1 (from the right); 0 leaves it as photographed.

    Raises:
        ImageError: the picture cannot be read any more.
    """
    picture = read_picture(cutting.path)
    x0, y0, x1, y1 = cutting.box
    shrink = min(1.0, LARGEST_FACE_PX / (x1 - x0))
    if shrink < 1:
        picture = np.asarray(
            cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8
        )
    x0, y0, x1, y1 = (v * shrink for v in cutting.box)
    width, height = x1 - x0, y1 - y0
    left, right = x0 - 0.4 * width, x1 + 0.4 * width
    top, bottom = y0 - 0.5 * height, y1 + 0.2 * height
    size = (round(right - left), round(bottom - top))
    patch = cv2.warpAffine(
        picture, np.array([[1, 0, -left], [0, 1, -top]]), size, borderMode=cv2.BORDER_REPLICATE
    )
    lit = patch.astype(np.float32)
    lit *= np.linspace(1 - 0.35 * side_light, 1 + 0.35 * side_light, size[0])[None, :, None]
    middle = ((x0 + x1) / 2 - left, (y0 + y1) / 2 - top)
    alpha = _outline(size, middle, width, height)
    premultiplied = np.dstack([lit * alpha[..., None], alpha * 255])
    rung = np.clip(np.rint(premultiplied), 0, 255).astype(np.uint8)
    cheek = lit[int(middle[1]) : int(middle[1] + 0.25 * height), :][
        :, int(middle[0] - 0.2 * width) : int(middle[0] + 0.2 * width)
    ]
    blue, green, red = (float(v) for v in np.median(cheek.reshape(-1, 3), axis=0))
    ladder = [rung]
    while min(ladder[-1].shape[:2]) >= 16:
        half = (max(1, ladder[-1].shape[1] // 2), max(1, ladder[-1].shape[0] // 2))
        ladder.append(np.asarray(cv2.resize(ladder[-1], half, interpolation=cv2.INTER_AREA)))
    return Head(tuple(ladder), middle, width, height, (blue, green, red))


def _outline(
    size: tuple[int, int], middle: tuple[float, float], width: float, height: float
) -> FloatArray:
    """Opacity 0–1 (h, w): an egg around hair, ears and chin, soft over 8 % of the face's width."""
    x = (np.arange(size[0], dtype=np.float32) - middle[0]) / (0.74 * width)
    y = (np.arange(size[1], dtype=np.float32) - (middle[1] - 0.16 * height)) / (0.76 * height)
    narrowing = 1 + 0.12 * np.clip(y, 0, 1)  # a chin is narrower than a crown
    radius = np.sqrt((x[None, :] * narrowing[:, None]) ** 2 + y[:, None] ** 2)
    alpha: FloatArray = np.clip((1 - radius) / 0.1, 0, 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), max(0.6, 0.02 * width)), np.float32)
