"""The pictures people see: an alert's portrait, and the scene with everybody else blurred.

Owns: how large they are and what is blurred in them (R11). Never: a picture in which a face that is
not the alert's could be recognised. Strategy: made small first and blurred then, from the very
frame whose faces are known, so that nothing lags.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lfr_engine.vision.blur import blur_all_but
from lfr_engine.vision.frame import ByteArray, FloatArray, Planes
from lfr_engine.vision.resize import network_picture

PORTRAIT_PX = 256
CONTEXT_PX = (640, 360)
_ROOM = 0.6
"""Share of the face's longer side shown around it in the portrait."""
NOBODY = np.zeros((0, 4), np.float32)


@dataclass(slots=True, eq=False)
class Pictures:
    """portrait: (256, 256, 3) BGR uint8. context: (360, 640, 3) BGR uint8. Both owned."""

    portrait: ByteArray = field(repr=False)
    context: ByteArray = field(repr=False)

    def erase(self) -> None:
        """Overwrite both (R1)."""
        self.portrait.fill(0)
        self.context.fill(0)


def scene(planes: Planes, boxes: FloatArray, clear: FloatArray = NOBODY) -> ByteArray:
    """The frame at 640×360, every face of ``boxes`` (n, 4) in mosaic but ``clear`` (m, 4)."""
    small, scale = network_picture(planes, *CONTEXT_PX)
    ratio = np.array([scale.x, scale.y, scale.x, scale.y], np.float32)
    shown = blur_all_but(small, boxes / ratio, clear / ratio)
    assert isinstance(shown, np.ndarray)
    return shown


def take(planes: Planes, boxes: FloatArray, face: FloatArray) -> Pictures:
    """The pictures of the face ``face`` (4,), one of the faces ``boxes`` (n, 4) of a frame."""
    x0, y0, x1, y1 = (float(value) for value in face)
    half = max(x1 - x0, y1 - y0) * (0.5 + _ROOM)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    left = max(0, round(middle_x - half) // 2 * 2)
    top = max(0, round(middle_y - half) // 2 * 2)
    right = min(planes.width // 2 * 2, round(middle_x + half) // 2 * 2)
    bottom = min(planes.height // 2 * 2, round(middle_y + half) // 2 * 2)
    region = _region(planes, left, top, max(left + 2, right), max(top + 2, bottom))
    small, scale = network_picture(region, PORTRAIT_PX, PORTRAIT_PX)
    shift = np.array([left, top, left, top], np.float32)
    ratio = np.array([scale.x, scale.y, scale.x, scale.y], np.float32)
    portrait = blur_all_but(small, (boxes - shift) / ratio, (face - shift)[None] / ratio)
    assert isinstance(portrait, np.ndarray)
    return Pictures(portrait, scene(planes, boxes, face[None]))


def _region(planes: Planes, left: int, top: int, right: int, bottom: int) -> Planes:
    """Part of a frame, as views; corners even."""
    half = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    return Planes(planes.y[top:bottom, left:right], planes.u[half], planes.v[half], planes.colour)
