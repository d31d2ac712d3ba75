"""Faces brought to the position their embedder was trained on.

Owns: the similarity transform from five points, and the crop. Never: a conversion or a copy of more
than the face's region. Strategy: planes are warped one by one, chroma by its own matrix, and only
the finished crop becomes BGR. Where the face is much larger than the crop, its region is shrunk by
an area mean first, because a linear warp alone would skip pixels.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lfr_engine.vision.colour import NEUTRAL, black, to_bgr
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, Planes

_CHROMA_TO_LUMA = np.array([[2, 0, 0], [0, 2, 0.5], [0, 0, 1]], np.float64)
"""Where chroma samples lie among luma samples: level with the even columns, between two rows.
H.264 and HEVC default (chroma sample location 0); centred chroma (JPEG) is off by half a pixel."""

Matrix23 = npt.NDArray[np.float64]


def similarity(points: FloatArray, reference: FloatArray) -> Matrix23:
    """The rotation, scale and shift (2, 3) that best takes ``points`` to ``reference``.

    Least squares over similarities without reflection (Umeyama 1991; in the plane the optimum is
    closed: the complex regression of reference on points).

    Args:
        points: (k, 2), k ≥ 2.
        reference: (k, 2).

    Raises:
        ValueError: All points coincide, or a coordinate is not finite.
    """
    source = [complex(x, y) for x, y in points.tolist()]
    target = [complex(x, y) for x, y in reference.tolist()]
    middle, goal = sum(source) / len(source), sum(target) / len(target)
    spread, turn = 0.0, 0j
    for p, q in zip(source, target, strict=True):
        away = p - middle
        spread += away.real * away.real + away.imag * away.imag
        turn += away.conjugate() * (q - goal)
    if not 0 < spread < math.inf:
        raise ValueError("a similarity needs finite points that do not all coincide")
    turn /= spread
    shift = goal - turn * middle
    return np.array(
        [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]], np.float64
    )


def crop(picture: Picture, landmarks: FloatArray, reference: FloatArray, size: int) -> ByteArray:
    """The face at its reference position: BGR (size, size, 3) uint8, an array of its own.

    Args:
        picture: Planes or BGR. What lies outside it is black.
        landmarks: (5, 2) in source pixels.
        reference: (5, 2), where they belong, in crop pixels.
        size: Side of the crop in pixels.

    Raises:
        ValueError: The landmarks coincide or are not finite.
    """
    return warp(picture, similarity(landmarks, reference), size, size)


def warp(picture: Picture, matrix: npt.ArrayLike, width: int, height: int) -> ByteArray:
    """What an invertible affine ``matrix`` (2, 3) brings into BGR (height, width, 3) uint8.

    The matrix takes source pixels to crop pixels. The result is an array of its own.

    Raises:
        ValueError: The matrix has no inverse.
    """
    whole, size = np.asarray(matrix, np.float64), (width, height)
    if not isinstance(picture, Planes):
        return _warped(picture, _cut(picture, whole, size), size, 0)
    luma = _cut(picture.y, whole, size)
    chroma = _cut(picture.u, whole @ _CHROMA_TO_LUMA, size)
    return to_bgr(
        _warped(picture.y, luma, size, black(picture.colour)),
        _warped(picture.u, chroma, size, NEUTRAL),
        _warped(picture.v, chroma, size, NEUTRAL),
        picture.colour,
    )


class _Cut(NamedTuple):
    """The part of an image that a crop looks at, and how the crop comes from it.

    rows, columns: of the image. small: (width, height) that the part is shrunk to first, or None.
    matrix: from the pixels of the (small) part to the crop's.
    """

    rows: slice
    columns: slice
    small: tuple[int, int] | None
    matrix: Matrix23


def _cut(image: ByteArray, matrix: Matrix23, size: tuple[int, int]) -> _Cut:
    """What of ``image`` a crop of ``size`` needs; shrunk where a linear warp would skip pixels.

    Raises:
        ValueError: The matrix has no inverse.
    """
    # Plain floats: a third of the time of 2 × 2 arrays.
    (a, b, x), (c, d, y) = matrix.tolist()
    area = a * d - b * c
    if not abs(area) > 1e-9:
        raise ValueError("a warp needs an invertible matrix")
    step = 1  # the power of two that leaves less than two source pixels for one crop pixel
    while abs(area) * (2 * step) ** 2 <= 1:
        step *= 2
    if step == 1:
        return _Cut(slice(None), slice(None), None, matrix)
    corners = [(u - x, v - y) for u in (0, size[0]) for v in (0, size[1])]
    seen_x = [(d * u - b * v) / area for u, v in corners]
    seen_y = [(a * v - c * u) / area for u, v in corners]
    left, across = _span(seen_x, image.shape[1], step)
    top, down = _span(seen_y, image.shape[0], step)
    middle = (step - 1) / 2  # a small pixel stands for the middle of its block
    back = np.array([[step, 0, left + middle], [0, step, top + middle], [0, 0, 1]])
    return _Cut(
        slice(top, top + down * step),
        slice(left, left + across * step),
        (across, down),
        matrix @ back,
    )


def _span(seen: list[float], limit: int, step: int) -> tuple[int, int]:
    """Where the pixels begin that are looked at along an axis, and how many blocks they are."""
    # A margin of two small pixels feeds the interpolation at the rim.
    low = min(max(math.floor(min(seen)) - 2 * step, 0), limit)
    high = min(max(math.ceil(max(seen)) + 2 * step, 0), limit)
    return low, (high - low) // step


def _warped(image: ByteArray, cut: _Cut, size: tuple[int, int], border: int) -> ByteArray:
    """One image or plane as its cut says; ``border`` where there is no picture."""
    if cut.small is not None:
        if 0 in cut.small:
            return np.full((size[1], size[0], *image.shape[2:]), border, np.uint8)
        part = image[cut.rows, cut.columns]
        image = np.asarray(cv2.resize(part, cut.small, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(
        cv2.warpAffine(
            image,
            cut.matrix,
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,) * 3,
        ),
        np.uint8,
    )
