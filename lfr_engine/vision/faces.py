"""Detected faces as arrays. Owns the type and its rules; says nothing of how faces are found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfr_engine.vision.frame import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """The n faces of one picture, in source pixels, best score first.

    boxes: (n, 4) float32, x0 y0 x1 y1. scores: (n,) float32, 0–1. landmarks: (n, 5, 2) float32, x y
    of the eye on the image's left, the eye on its right, the nose tip, the left mouth corner,
    the right mouth corner. Coordinates may lie outside the picture where a face is cut.
    """

    boxes: FloatArray
    scores: FloatArray
    landmarks: FloatArray

    def __post_init__(self) -> None:
        n = len(self.scores)
        if self.boxes.shape != (n, 4) or self.landmarks.shape != (n, 5, 2):
            raise ValueError(f"faces: {self.boxes.shape}, {self.landmarks.shape} do not fit {n}")

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, indices: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Faces:
        """The faces at ``indices``, in that order."""
        return Faces(self.boxes[indices], self.scores[indices], self.landmarks[indices])


def no_faces() -> Faces:
    """The faces of an empty scene."""
    return Faces(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
    )
