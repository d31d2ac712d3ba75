"""Pictures at a network's size, and the way back to source pixels.

Owns: letterboxing. Never: a full-frame conversion to BGR. Strategy: shrink the Y, U and V planes
first, then convert the small picture (1 ms a 1080p frame; the other order costs 4). Shrinking goes
by exact halves (area mean, vectorised in OpenCV, keeps small faces free of aliasing) and ends with
one linear step, or with exact thirds where it can; a whole frame that is a few times as large as
the network's picture, as most cameras' are, goes through what was compiled (``kernels``), if that
was. The picture sits in the top left corner, so the way back is one factor an axis.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from lfr_engine.kernels.compiled import Absent, kernels
from lfr_engine.vision.colour import NEUTRAL, black, to_bgr
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, Planes, picture_size

_HALVE_LUMA = 2.0


@dataclass(frozen=True, slots=True)
class Scale:
    """Source pixels for one network pixel, along x and along y. Both origins are the top left."""

    x: float
    y: float

    def points(self, points: FloatArray) -> FloatArray:
        """Network coordinates (…, 2) as source coordinates, float32."""
        return np.asarray(points * np.array([self.x, self.y], np.float32), np.float32)

    def boxes(self, boxes: FloatArray) -> FloatArray:
        """Network boxes (n, 4) as source boxes, float32."""
        return np.asarray(boxes * np.array([self.x, self.y] * 2, np.float32), np.float32)

    def within(self, boxes: FloatArray) -> FloatArray:
        """Source boxes (…, 4) as network boxes, float32."""
        return np.asarray(boxes / np.array([self.x, self.y] * 2, np.float32), np.float32)


class Scratch(threading.local):
    """Memory for what lies between two steps, of each thread its own, and used again for the next
    picture: fresh memory of this size costs more than the arithmetic.
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, tuple[int, ...]], ByteArray] = {}

    def array(self, purpose: str, shape: tuple[int, ...]) -> ByteArray:
        """An array of that shape, with whatever it held; the same for the same purpose."""
        kept = self._arrays.get((purpose, shape))
        if kept is None:
            if len(self._arrays) >= _MOST_SCRATCH:
                self._arrays.clear()
            kept = self._arrays[purpose, shape] = np.empty(shape, np.uint8)
        return kept


_MOST_SCRATCH = 16
"""Arrays of a thread: cameras of four sizes."""


def fitted_planes(planes: Planes, width: int, height: int) -> tuple[Planes, Scale]:
    """A copy no larger than so many pixels, and the scale back to the source.

    ``network_picture`` of it, at that size, is ``network_picture`` of the source.
    """
    inner_width, inner_height = _inner(planes.width, planes.height, width, height)
    if inner_width >= planes.width and inner_height >= planes.height:
        copies = Planes(planes.y.copy(), planes.u.copy(), planes.v.copy(), planes.colour)
        return copies, Scale(1.0, 1.0)
    small = Planes(
        shrunk(planes.y, inner_width, inner_height),
        _half(planes.u, inner_width, inner_height).copy(),
        _half(planes.v, inner_width, inner_height).copy(),
        planes.colour,
    )
    return small, Scale(planes.width / inner_width, planes.height / inner_height)


def _inner(source_width: int, source_height: int, width: int, height: int) -> tuple[int, int]:
    """The largest size of the source's aspect within width × height."""
    ratio = min(width / source_width, height / source_height)
    return (
        min(width, max(1, round(source_width * ratio))),
        min(height, max(1, round(source_height * ratio))),
    )


def network_picture(
    picture: Picture, width: int, height: int, *, keep_aspect: bool = True
) -> tuple[ByteArray, Scale]:
    """The picture as BGR (height, width, 3) uint8, contiguous, and the scale back to the source.

    Args:
        picture: Planes or BGR, at least one pixel, any aspect.
        width: Network pixels across.
        height: Network pixels down.
        keep_aspect: Anchored top left and padded with black; where False the picture is
            stretched to fill (the SSD networks were trained so).
    """
    source_width, source_height = picture_size(picture)
    if keep_aspect:
        inner_width, inner_height = _inner(source_width, source_height, width, height)
    else:
        inner_width, inner_height = width, height
    inner = _small(picture, inner_width, inner_height)
    scale = Scale(source_width / inner_width, source_height / inner_height)
    if (inner_width, inner_height) == (width, height):
        return np.ascontiguousarray(inner), scale
    canvas = np.zeros((height, width, 3), np.uint8)
    canvas[:inner_height, :inner_width] = inner
    return canvas, scale


def network_planes(planes: Planes, canvas: ByteArray, scratch: Scratch | None = None) -> Scale:
    """Write the frame's planes at a network's size, and return the scale back to the source.

    Args:
        planes: At least one pixel, any aspect.
        canvas: Y, U, V (3, height, width) uint8, contiguous; overwritten whole. The picture sits
            top left, the rest is black. Compiled, its luma is the area mean itself, to which
            ``network_picture`` comes near (0.2 levels in the mean, by thirds).
        scratch: Of the caller, who shrinks one picture after another.
    """
    _, height, width = canvas.shape
    across, down = _inner(planes.width, planes.height, width, height)
    scale = Scale(planes.width / across, planes.height / down)
    compiled = kernels()
    if not isinstance(compiled, Absent) and compiled.shrink(
        (planes.y, planes.u, planes.v), (across, down), canvas, black(planes.colour)
    ):
        return scale
    shrunk(planes.y, across, down, into=canvas[0, :down, :across], scratch=scratch)
    _chroma(planes.u, canvas[1, :down, :across])
    _chroma(planes.v, canvas[2, :down, :across])
    for target, nothing in zip(canvas, (black(planes.colour), NEUTRAL, NEUTRAL), strict=True):
        target[down:] = nothing
        target[:down, across:] = nothing
    return scale


def _small(picture: Picture, width: int, height: int) -> ByteArray:
    if not isinstance(picture, Planes):
        return shrunk(picture, width, height)
    u, v = (np.empty((height, width), np.uint8) for _ in range(2))
    _chroma(picture.u, u)
    _chroma(picture.v, v)
    return to_bgr(shrunk(picture.y, width, height), u, v, picture.colour)


def _chroma(plane: ByteArray, into: ByteArray) -> None:
    """Write a chroma plane at the small picture's size (h, w), by way of half that size: a third of
    the time, and as 4:2:0 as the frame was.
    """
    height, width = into.shape
    small = _half(plane, width, height)
    pairs = cv2.merge((small, small)).reshape(len(small), -1)  # a resize by neighbours takes longer
    into[::2] = pairs[:, :width]
    into[1::2] = pairs[: height // 2, :width]


def _half(plane: ByteArray, width: int, height: int) -> ByteArray:
    """A chroma plane for a luma plane of width × height."""
    across, down = (width + 1) // 2, (height + 1) // 2
    if plane.shape == (3 * down, 3 * across):
        return _threes(plane[1::3])
    return np.asarray(cv2.resize(plane, (across, down), interpolation=cv2.INTER_LINEAR), np.uint8)


def shrunk(
    image: ByteArray,
    width: int,
    height: int,
    *,
    halve_from: float = _HALVE_LUMA,
    into: ByteArray | None = None,
    scratch: Scratch | None = None,
) -> ByteArray:
    """An image (h, w) or (h, w, 3) at another size: exact halves, then one linear step, or for
    (h, w) exact thirds.

    ``halve_from`` is the ratio of sides from which a halving is done, at least 1.5; an odd last
    row or column is left out by a halving. The result is written to ``into``, where given; only
    with it may there be ``scratch``, which the next call overwrites.
    """
    scratch = scratch or Scratch()
    while image.shape[0] >= halve_from * height and image.shape[1] >= halve_from * width:
        if image.shape == (3 * height, 3 * width):
            return _third(
                image, np.empty((height, width), np.uint8) if into is None else into, scratch
            )
        half_height, half_width = image.shape[0] // 2, image.shape[1] // 2
        if half_height == 0 or half_width == 0:
            break
        even = image[: 2 * half_height, : 2 * half_width]
        halved = scratch.array("halved", (half_height, half_width, *image.shape[2:]))
        size = (half_width, half_height)
        image = np.asarray(
            cv2.resize(even, size, dst=halved, interpolation=cv2.INTER_AREA), np.uint8
        )
    if image.shape[:2] != (height, width):
        size = (width, height)
        return np.asarray(
            cv2.resize(image, size, dst=into, interpolation=cv2.INTER_LINEAR), np.uint8
        )
    if into is None:
        return image
    into[...] = image
    return into


def _third(image: ByteArray, into: ByteArray, scratch: Scratch) -> ByteArray:
    """Write an image (3h, 3w) at a third of its size (h, w): a mean over its three rows of what
    ``_threes`` makes of each. It lies nearer to the area mean than halves and a linear step do.
    """
    lines = _threes(image, scratch.array("thirds", (image.shape[0], into.shape[1])))
    outer = scratch.array("outer rows", into.shape)
    cv2.addWeighted(lines[::3], 1 / 2, lines[2::3], 1 / 2, 0, dst=outer)
    return np.asarray(cv2.addWeighted(outer, 2 / 3, lines[1::3], 1 / 3, 0, dst=into), np.uint8)


def _threes(image: ByteArray, into: ByteArray | None = None) -> ByteArray:
    """An image (h, 3w) as (h, w): of each three pixels 0.11, 0.59 and 0.30, a fifth of a pixel off
    their middle. Three neighbours are taken for the colours of one pixel, whose grey OpenCV
    computes five times as fast as its mean over an area.
    """
    threes = image.reshape(len(image), -1, 3)
    return np.asarray(cv2.cvtColor(threes, cv2.COLOR_BGR2GRAY, dst=into), np.uint8)
