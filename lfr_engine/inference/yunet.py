"""What the YuNet network says, as faces.

Owns: the decoding of YuNet 2023mar (Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face
Detector"). Never: a picture, a device. Strategy: one product over all cells finds the few that
pass; only those are decoded.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from lfr_engine.kernels.compiled import Absent, kernels
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.geometry import suppressed
from lfr_engine.vision.resize import Scale

STRIDES = (8, 16, 32)
PARTS = {name: [f"{name}_{stride}" for stride in STRIDES] for name in ("cls", "obj", "bbox", "kps")}
"""The file's outputs, one a stride, by the name under which they are joined for ``decode``."""
SIZE_MULTIPLE = 32
"""Input width and height are divisible by this."""

_MAX_CANDIDATES = 512
"""Cells that go into suppression: a full frame of 64 faces gives about 400."""
_MAX_LOG_SIZE = np.float32(8.0)
"""exp(8) strides are 24,000 pixels: larger is noise, and must not overflow."""


def decode(
    outputs: Mapping[str, FloatArray],
    width: int,
    height: int,
    scale: Scale,
    *,
    min_score: float,
    max_overlap: float,
    max_faces: int,
) -> Faces:
    """The faces of one picture, in source pixels, best first.

    Score is √(class · objectness); the centre lies at (column + dx, row + dy) · stride, the sides
    are exp(dw, dh) · stride, each landmark lies at (column + x, row + y) · stride.

    Args:
        outputs: ``cls`` and ``obj`` (1, cells, 1), 0–1; ``bbox`` (1, cells, 4) and ``kps``
            (1, cells, 10), in strides; cells stride after stride (``PARTS``), row by row.
        width: Of the network's input in pixels, a multiple of 32.
        height: As width.
        scale: From the network's pixels to the source's.
        min_score: 0–1.
        max_overlap: Intersection over union above which the weaker face goes, 0–1.
        max_faces: No more than the best so many.
    """
    compiled = kernels()
    if not isinstance(compiled, Absent):
        rows = compiled.yunet_faces(
            (outputs["cls"], outputs["obj"], outputs["bbox"], outputs["kps"]),
            width,
            height,
            (scale.x, scale.y),
            min_score=min_score,
            max_overlap=max_overlap,
            max_faces=max_faces,
        )
        if rows is not None:
            return Faces(rows[:, :4], rows[:, 4], rows[:, 5:].reshape(-1, 5, 2))
    classes, objects = outputs["cls"].reshape(-1), outputs["obj"].reshape(-1)
    likely = (classes * objects >= min_score * min_score).nonzero()[0]
    if likely.size == 0:
        return no_faces()
    certain = np.float32(1)
    scores = np.minimum(classes[likely], certain) * np.minimum(objects[likely], certain)
    np.sqrt(scores, out=scores)
    sure = scores >= min_score
    if not sure.all():
        likely, scores = likely[sure], scores[sure]
    corners, strides = _cells(width, height)
    corner, stride = corners[likely], strides[likely]
    sides, points = outputs["bbox"][0, likely], outputs["kps"][0, likely]
    middle = (corner + sides[:, :2]) * stride
    half = np.exp(np.minimum(sides[:, 2:], _MAX_LOG_SIZE)) * (stride * np.float32(0.5))
    found = Faces(
        np.concatenate([middle - half, middle + half], axis=1),
        scores,
        (corner[:, None] + points.reshape(-1, 5, 2)) * stride[:, None],
    )
    if len(found) > _MAX_CANDIDATES:
        found = found.take(np.argsort(-found.scores, kind="stable")[:_MAX_CANDIDATES])
    best = found.take(suppressed(found.boxes, found.scores, max_overlap, max_faces))
    return Faces(scale.boxes(best.boxes), best.scores, scale.points(best.landmarks))


@functools.lru_cache(maxsize=8)  # one a network size: the live one, and those for photographs
def _cells(width: int, height: int) -> tuple[FloatArray, FloatArray]:
    """Of every cell, stride after stride and row by row: its (column, row) (cells, 2), and its
    stride in pixels (cells, 1).
    """
    corners, strides = [], []
    for stride in STRIDES:
        across, down = width // stride, height // stride
        rows, columns = np.divmod(np.arange(across * down), across)
        corners.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((across * down, 1), stride))
    return (
        np.concatenate(corners).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )
