"""The pictures people see: an alert's portrait, and the scene with everybody else blurred.

Owns: how large they are and what is blurred in them (R11). Never: a picture in which a face that is
not the alert's could be recognised. Strategy: a view keeps the frame it was seen in, small (an
``Exposure``); the pictures are made of it when there is an alert, small first and blurred then,
with the faces of that very frame, so that nothing lags.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lfr_engine.vision.blur import blur_all_but
from lfr_engine.vision.frame import ByteArray, FloatArray, Planes
from lfr_engine.vision.resize import fitted_planes, network_picture

PORTRAIT_PX = 256
CONTEXT_PX = (640, 360)
_PORTRAIT = (PORTRAIT_PX, PORTRAIT_PX)
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


@dataclass(slots=True, eq=False)
class Exposure:
    """What the pictures of a view are made of, should it ever become an alert; most never do.

    region, whole: around the face, and the frame, shrunk to what will be shown, owned. boxes
    (n, 4), face (4,): every face, and the one to show, in pixels of each.
    """

    region: Planes = field(repr=False)
    region_boxes: FloatArray
    region_face: FloatArray
    whole: Planes = field(repr=False)
    whole_boxes: FloatArray
    whole_face: FloatArray

    def erase(self) -> None:
        """Overwrite what is kept of the frame (R1)."""
        for planes in (self.region, self.whole):
            for plane in (planes.y, planes.u, planes.v):
                plane.fill(0)


def scene(planes: Planes, boxes: FloatArray, clear: FloatArray = NOBODY) -> ByteArray:
    """The frame at 640×360, every face of ``boxes`` (n, 4) in mosaic but ``clear`` (m, 4)."""
    return _blurred(planes, CONTEXT_PX, boxes, clear)


def expose(planes: Planes, boxes: FloatArray, face: FloatArray) -> Exposure:
    """What it takes to show the face ``face`` (4,), one of ``boxes`` (n, 4), of a frame."""
    x0, y0, x1, y1 = (float(value) for value in face)
    half = max(x1 - x0, y1 - y0) * (0.5 + _ROOM)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    left = max(0, round(middle_x - half) // 2 * 2)
    top = max(0, round(middle_y - half) // 2 * 2)
    right = min(planes.width // 2 * 2, round(middle_x + half) // 2 * 2)
    bottom = min(planes.height // 2 * 2, round(middle_y + half) // 2 * 2)
    shift = np.array([left, top, left, top], np.float32)
    near = _region(planes, left, top, max(left + 2, right), max(top + 2, bottom))
    region, near_scale = fitted_planes(near, *_PORTRAIT)
    whole, scale = fitted_planes(planes, *CONTEXT_PX)
    return Exposure(
        region,
        near_scale.within(boxes - shift),
        near_scale.within(face - shift),
        whole,
        scale.within(boxes),
        scale.within(face),
    )


def developed(exposure: Exposure) -> Pictures:
    """The pictures, everybody else in mosaic; ``exposure`` is overwritten. Takes milliseconds: not
    for the loop.
    """
    try:
        return Pictures(
            _blurred(exposure.region, _PORTRAIT, exposure.region_boxes, exposure.region_face[None]),
            scene(exposure.whole, exposure.whole_boxes, exposure.whole_face[None]),
        )
    finally:
        exposure.erase()


def _blurred(
    planes: Planes, size: tuple[int, int], boxes: FloatArray, clear: FloatArray
) -> ByteArray:
    """At ``size``, every face of ``boxes`` (n, 4) in mosaic but ``clear`` (m, 4)."""
    small, scale = network_picture(planes, *size)
    shown = blur_all_but(small, scale.within(boxes), scale.within(clear))
    assert isinstance(shown, np.ndarray)
    return shown


def _region(planes: Planes, left: int, top: int, right: int, bottom: int) -> Planes:
    """Part of a frame, as views; corners even."""
    half = (slice(top // 2, bottom // 2), slice(left // 2, right // 2))
    return Planes(planes.y[top:bottom, left:right], planes.u[half], planes.v[half], planes.colour)
