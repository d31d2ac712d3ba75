"""What an SSD detection network says, as boxes.

Owns: the rows of OpenVINO's ``DetectionOutput``. Never: a picture, a device, landmarks. Strategy:
the network has suppressed overlaps itself; what is left is to cut the list and scale it.
"""

from __future__ import annotations

import numpy as np

from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.geometry import suppressed


def decode(
    rows: FloatArray,
    *,
    min_score: float,
    max_overlap: float,
    max_faces: int,
) -> tuple[FloatArray, FloatArray]:
    """Boxes (n, 4) as fractions 0–1 of the network picture, and scores (n,), best first.

    Args:
        rows: (1, 1, k, 7): picture, label, score, x0, y0, x1, y1. A negative picture number ends
            the list; what follows is rubbish.
        min_score: 0–1.
        max_overlap: Intersection over union above which the weaker face goes, 0–1.
        max_faces: No more than the best so many.
    """
    table = rows.reshape(-1, 7)
    ends = np.flatnonzero(table[:, 0] < 0)
    if ends.size:
        table = table[: ends[0]]
    table = table[(table[:, 2] >= min_score) & (table[:, 3:5] < table[:, 5:7]).all(axis=1)]
    boxes, scores = table[:, 3:7], table[:, 2]
    kept = suppressed(boxes, scores, max_overlap, max_faces)
    return boxes[kept].astype(np.float32), scores[kept].astype(np.float32)
