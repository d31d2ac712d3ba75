"""Arithmetic on face boxes, vectorised. Owns overlap, size and enlargement; knows no picture.

Boxes are (n, 4) arrays, x0 y0 x1 y1 in pixels, of any float type. A box whose far corner is not
beyond its near one has no area and overlaps nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

DoubleArray = npt.NDArray[np.float64]
AnyFloats = npt.NDArray[np.floating[Any]]


def overlaps(first: AnyFloats, second: AnyFloats) -> DoubleArray:
    """Intersection over union of every box of ``first`` (n, 4) with every one of ``second`` (m, 4).

    Returns (n, m) in 0–1; 0 where a box has no area.
    """
    a = np.asarray(first, np.float64)[:, None, :]
    b = np.asarray(second, np.float64)[None, :, :]
    edges = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    common = np.maximum(edges, 0.0).prod(axis=-1)
    total = areas(first)[:, None] + areas(second)[None, :] - common
    shared: DoubleArray = common / np.maximum(total, np.finfo(np.float64).tiny)
    return shared


def areas(boxes: AnyFloats) -> DoubleArray:
    """Square pixels of each box (n,), at least 0."""
    wide = np.asarray(boxes, np.float64)
    area: DoubleArray = np.maximum(wide[:, 2:] - wide[:, :2], 0.0).prod(axis=-1)
    return area


def sizes(boxes: AnyFloats) -> DoubleArray:
    """Size of each box (n,): the side of the square of equal area, in pixels."""
    return np.sqrt(areas(boxes))


def centres(boxes: AnyFloats) -> DoubleArray:
    """Centre of each box (n, 2), x y in pixels."""
    return (np.asarray(boxes[:, :2], np.float64) + boxes[:, 2:]) * 0.5


def enlarged(boxes: AnyFloats, margin: float) -> DoubleArray:
    """Each box with ``margin`` × its own width (height) added on the left and right (above and
    below).
    """
    wide = np.asarray(boxes, np.float64)
    grow = (wide[:, 2:] - wide[:, :2]) * margin
    return np.hstack((wide[:, :2] - grow, wide[:, 2:] + grow))
