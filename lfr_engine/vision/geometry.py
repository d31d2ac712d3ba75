"""Boxes: areas, sizes, overlap, non-maximum suppression.

Owns: arithmetic on (n, 4) arrays of x0 y0 x1 y1. Never: pictures, networks. Strategy: whole arrays
at once; the one loop, in ``suppressed``, only looks at flags. A box whose far corner is not beyond
its near one has no area and overlaps nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lfr_engine.vision.frame import FloatArray

IndexArray = npt.NDArray[np.intp]


def areas(boxes: FloatArray) -> FloatArray:
    """Areas (n,) in square pixels of boxes (n, 4); an inside-out box has none."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def sizes(boxes: FloatArray) -> FloatArray:
    """Size of each box (n,): the side in pixels of the square of equal area."""
    return np.sqrt(areas(boxes))


def centres(boxes: FloatArray) -> FloatArray:
    """Middles (n, 2) of boxes (n, 4)."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) * 0.5, np.float32)


def overlaps(first: FloatArray, second: FloatArray) -> FloatArray:
    """Intersection over union (n, m), 0–1, of boxes (n, 4) with boxes (m, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = np.maximum(high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = areas(first)[:, None] + areas(second)[None, :] - shared
    return np.asarray(
        np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32
    )


def suppressed(
    boxes: FloatArray, scores: FloatArray, max_overlap: float, max_boxes: int
) -> IndexArray:
    """Greedy non-maximum suppression: indices of the boxes that stay, best score first.

    Args:
        boxes: (n, 4).
        scores: (n,); equal scores keep their order.
        max_overlap: A box that overlaps a better kept one by more (intersection over union, 0–1)
            goes.
        max_boxes: No more than this many stay; the search ends there.
    """
    order = (-scores).argsort(kind="stable")
    ranked = boxes[order]
    near, first, second = ranked[:, :2], ranked[:, None], ranked[None]
    sides = np.minimum(first[..., 2:], second[..., 2:])
    sides -= np.maximum(near[:, None], near)
    np.maximum(sides, 0, out=sides)
    shared = sides[..., 0] * sides[..., 1]
    area = shared.diagonal().copy()
    # shared / (area + area - shared) > max_overlap, without the division
    shared *= (1 + max_overlap) / max_overlap
    meets = shared > area[:, None] + area
    gone = np.zeros(len(order), np.bool_)
    kept: list[int] = []
    for place in range(len(order)):
        if len(kept) == max_boxes:
            break
        if not gone[place]:
            kept.append(place)
            gone |= meets[place]
    return order[kept]
