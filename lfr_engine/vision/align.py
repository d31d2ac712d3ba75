"""Faces brought to the position their embedder was trained on.

Owns: the similarity transform from five points, and the crop. Never: a conversion or a copy of more
than the face's region. Strategy: planes are warped one by one, chroma by its own matrix, and only
the finished crop becomes BGR. Where the face is much larger than the crop, its region is shrunk by
an area mean first, because a linear warp alone would skip pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from lfr_engine.vision.colour import NEUTRAL, black, to_bgr
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, Planes

_CHROMA_TO_LUMA = np.array([[2, 0, 0], [0, 2, 0.5], [0, 0, 1]], np.float64)
"""Where chroma samples lie among luma samples: level with the even columns, between two rows.
H.264 and HEVC default (chroma sample location 0); centred chroma (JPEG) is off by half a pixel."""

Matrix23 = npt.NDArray[np.float64]


def similarity(points: FloatArray, reference: FloatArray) -> FloatArray:
    """The rotation, scale and shift (…, 2, 3) float32 that best takes ``points`` to ``reference``.

    Least squares over similarities without reflection (Umeyama 1991; in the plane the optimum is
    closed: the complex regression of reference on points).

    Args:
        points: (…, k, 2), k ≥ 2, any batch before.
        reference: (k, 2), or as ``points``.

    Raises:
        ValueError: All points of a set coincide, or a coordinate is not finite.
    """
    source, target = _complex(points), _complex(reference)
    source_mean, target_mean = source.mean(axis=-1), target.mean(axis=-1)
    p, q = source - source_mean[..., None], target - target_mean[..., None]
    spread = (p.real * p.real + p.imag * p.imag).sum(axis=-1)
    if not (np.isfinite(spread) & (spread > 0)).all():
        raise ValueError("a similarity needs finite points that do not all coincide")
    turn = (np.conj(p) * q).sum(axis=-1) / spread
    shift = target_mean - turn * source_mean
    matrix = np.empty((*turn.shape, 2, 3), np.float32)
    matrix[..., 0, 0] = matrix[..., 1, 1] = turn.real
    matrix[..., 1, 0], matrix[..., 0, 1] = turn.imag, -turn.imag
    matrix[..., 0, 2], matrix[..., 1, 2] = shift.real, shift.imag
    return matrix


def _complex(points: FloatArray) -> npt.NDArray[np.complex128]:
    """Points (…, k, 2) as complex numbers (…, k)."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[..., 0]


def transformed(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """Points (…, k, 2) through an affine matrix (2, 3)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


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


def warp(picture: Picture, matrix: FloatArray, width: int, height: int) -> ByteArray:
    """What an invertible affine ``matrix`` (2, 3) brings into BGR (height, width, 3) uint8.

    The matrix takes source pixels to crop pixels. The result is an array of its own.

    Raises:
        ValueError: The matrix has no inverse.
    """
    luma = np.asarray(matrix, np.float64)
    if not abs(luma[0, 0] * luma[1, 1] - luma[0, 1] * luma[1, 0]) > 1e-9:
        raise ValueError("a warp needs an invertible matrix")
    if not isinstance(picture, Planes):
        return _warped(picture, luma, (width, height), 0)
    chroma = luma @ _CHROMA_TO_LUMA
    return to_bgr(
        _warped(picture.y, luma, (width, height), black(picture.colour)),
        _warped(picture.u, chroma, (width, height), NEUTRAL),
        _warped(picture.v, chroma, (width, height), NEUTRAL),
        picture.colour,
    )


def _warped(image: ByteArray, matrix: Matrix23, size: tuple[int, int], border: int) -> ByteArray:
    """One image or plane through ``matrix``, shrunk first where a linear warp would skip pixels."""
    step = _shrink_step(matrix)
    if step > 1:
        image, matrix = _shrunk_region(image, matrix, size, step)
    if image.size == 0:
        return np.full((size[1], size[0], *image.shape[2:]), border, np.uint8)
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(border,) * 3,
        ),
        np.uint8,
    )


def _shrink_step(matrix: Matrix23) -> int:
    """The power of two that leaves less than two source pixels for one crop pixel."""
    (a, b, _), (c, d, _) = matrix.tolist()
    crop_per_source = abs(a * d - b * c)  # areas; plain floats are ten times quicker than linalg
    step = 1
    while crop_per_source * (2 * step) ** 2 <= 1:
        step *= 2
    return step


def _shrunk_region(
    image: ByteArray, matrix: Matrix23, size: tuple[int, int], step: int
) -> tuple[ByteArray, Matrix23]:
    """The region that ``matrix`` looks at, ``step`` times smaller, and the matrix for it."""
    width, height = size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    seen = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    limit = np.array([image.shape[1], image.shape[0]])
    # A margin of two small pixels feeds the interpolation at the rim.
    low = np.clip(np.floor(seen.min(axis=0)).astype(np.int64) - 2 * step, 0, limit)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(np.int64) + 2 * step, 0, limit)
    small = (high - low) // step
    if (small <= 0).any():
        return image[:0, :0], matrix
    region = image[low[1] : low[1] + small[1] * step, low[0] : low[0] + small[0] * step]
    small_image = cv2.resize(region, (int(small[0]), int(small[1])), interpolation=cv2.INTER_AREA)
    middle = (step - 1) / 2  # a small pixel stands for the middle of its block
    back = np.array([[step, 0, low[0] + middle], [0, step, low[1] + middle], [0, 0, 1]])
    return np.asarray(small_image, np.uint8), matrix @ back
