"""Everyone who is not the alert is made unrecognisable before a picture is shown or kept (R11).

Owns: the mosaic, and the decision when a picture may be shown at all. Never: a blur that can be
undone, or a face left clear because something is late: it fails closed, to a mosaic of the whole
picture. Strategy: every face with a margin becomes at most ``BLOCKS`` flat blocks across, the mean
of their pixels; nothing of the finer picture remains. Works on BGR and on planes alike.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import cv2
import numpy as np

from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, Planes, picture_size

BLOCKS = 4
"""Blocks across a face. At 4 even a mosaic smoothed before the embedder sees it is no nearer to its
own face than to others; at 8 half are recognised (``docs/tracking.md``)."""
MARGIN = 0.3
"""Share of its own size by which a face box grows on every side: hair, chin and ears too."""
WHOLE_BLOCKS = 6
"""Blocks across a picture that may not be shown."""


class Treatment(enum.Enum):
    """What must be done before a picture is shown."""

    BLUR_FACES = "blur faces"
    BLUR_WHOLE = "blur whole picture"


@dataclass(frozen=True, slots=True)
class BlurSettings:
    """max_lag_s: faces found longer ago than this say nothing about where faces are now. At 0.25 s
    a walker at 1.4 m/s has moved by 0.35 m, one and a half face widths; ``grow_per_s`` enlarges
    boxes by as many of their own sizes per second of lag, to keep covering that.
    """

    max_lag_s: float = 0.25
    grow_per_s: float = 6.0


def treatment(lag_s: float | None, settings: BlurSettings) -> Treatment:
    """How to treat a picture whose faces were found ``lag_s`` before it (None: not at all).

    Fails closed: unknown, negative (found after it) beyond the limit, or NaN blurs everything.
    """
    if lag_s is None or not abs(lag_s) <= settings.max_lag_s:
        return Treatment.BLUR_WHOLE
    return Treatment.BLUR_FACES


def shown(
    picture: Picture,
    boxes: FloatArray,
    clear: FloatArray,
    lag_s: float | None,
    settings: BlurSettings,
) -> Picture:
    """A copy of ``picture`` that may be shown: only the faces of ``clear`` are left as they are.

    boxes: (n, 4) pixels, every face found, whether of interest or not. clear: (m, 4) the alert's
    own; m may be 0. lag_s: as ``treatment``.
    """
    if treatment(lag_s, settings) is Treatment.BLUR_WHOLE:
        return blur_whole(picture)
    return blur_all_but(picture, boxes, clear, grow=abs(lag_s or 0.0) * settings.grow_per_s)


def blur_all_but(
    picture: Picture, boxes: FloatArray, clear: FloatArray, *, grow: float = 0.0
) -> Picture:
    """A copy with every face of ``boxes`` (n, 4) in mosaic but those that are ``clear`` (m, 4).

    A box is clear when it is one of ``clear`` (overlap above one half). Where another face's own
    box lies over a clear one, the mosaic wins; only that face's margin gives way. ``grow``
    enlarges boxes by that share of their size on every side, on top of the margin.
    """
    others = [box for box in boxes if not _is_one_of(box, clear)]
    result = _copy(picture)
    mosaics = [_area(box, MARGIN + grow, picture) for box in others]
    faces = [_area(box, grow, picture) for box in others]
    for area, box in zip(mosaics, others, strict=True):
        _pixelate(result, area, _block_px(box))
    for box in clear:
        _restore(result, picture, _area(box, 0.0, picture))
    if len(clear):
        for area, box in zip(faces, others, strict=True):
            _pixelate(result, area, _block_px(box))
    return result


def blur_whole(picture: Picture) -> Picture:
    """A copy of which only ``WHOLE_BLOCKS`` blocks across are left."""
    result = _copy(picture)
    width, height = picture_size(picture)
    _pixelate(result, (0, 0, width, height), max(2, math.ceil(max(width, height) / WHOLE_BLOCKS)))
    return result


Area = tuple[int, int, int, int]


def _is_one_of(box: FloatArray, clear: FloatArray) -> bool:
    for other in clear:
        low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
        common = float(np.maximum(high - low, 0).prod())
        both = float((box[2:] - box[:2]).prod() + (other[2:] - other[:2]).prod()) - common
        if common > 0.5 * both:
            return True
    return False


def _area(box: FloatArray, margin: float, picture: Picture) -> Area:
    """Whole even pixels around a box and its margin, within the picture: x0 y0 x1 y1."""
    width, height = picture_size(picture)
    grow_x, grow_y = (box[2] - box[0]) * margin, (box[3] - box[1]) * margin
    x0 = math.floor(max(0.0, float(box[0] - grow_x)) / 2) * 2
    y0 = math.floor(max(0.0, float(box[1] - grow_y)) / 2) * 2
    x1 = min(width, math.ceil(max(0.0, float(box[2] + grow_x)) / 2) * 2)
    y1 = min(height, math.ceil(max(0.0, float(box[3] + grow_y)) / 2) * 2)
    return x0, y0, x1, y1


def _block_px(box: FloatArray) -> int:
    """An even block size that leaves at most ``BLOCKS`` across the shorter side of a face."""
    side = float(min(box[2] - box[0], box[3] - box[1]))
    return max(4, math.ceil(side / BLOCKS / 2) * 2)


def _copy(picture: Picture) -> Picture:
    if isinstance(picture, Planes):
        return Planes(picture.y.copy(), picture.u.copy(), picture.v.copy(), picture.colour)
    return picture.copy()


def _pixelate(picture: Picture, area: Area, block: int) -> None:
    """Replace an area by flat blocks, in place; chroma blocks lie under the luma blocks."""
    if not isinstance(picture, Planes):
        _flatten(picture, area, block)
        return
    _flatten(picture.y, area, block)
    half = _halved(area)
    for plane in (picture.u, picture.v):
        _flatten(plane, half, max(1, block // 2))


def _flatten(plane: ByteArray, area: Area, block: int) -> None:
    x0, y0, x1, y1 = area
    region = plane[y0:y1, x0:x1]
    if region.size == 0:
        return
    height, width = region.shape[:2]
    across, down = max(1, width // block), max(1, height // block)
    small = cv2.resize(region, (across, down), interpolation=cv2.INTER_AREA)
    plane[y0:y1, x0:x1] = cv2.resize(
        small, (width, height), interpolation=cv2.INTER_NEAREST
    ).reshape(region.shape)


def _restore(result: Picture, original: Picture, area: Area) -> None:
    if isinstance(result, Planes):
        assert isinstance(original, Planes)
        half = _halved(area)
        _paste(result.y, original.y, area)
        _paste(result.u, original.u, half)
        _paste(result.v, original.v, half)
    else:
        assert not isinstance(original, Planes)
        _paste(result, original, area)


def _paste(result: ByteArray, original: ByteArray, area: Area) -> None:
    x0, y0, x1, y1 = area
    result[y0:y1, x0:x1] = original[y0:y1, x0:x1]


def _halved(area: Area) -> Area:
    x0, y0, x1, y1 = area
    return x0 // 2, y0 // 2, (x1 + 1) // 2, (y1 + 1) // 2
