"""Pictures for tests, made by arithmetic."""

from __future__ import annotations

import cv2
import numpy as np

from lfr_engine.vision.frame import ByteArray, Colour, FloatArray, Planes


def transformed(
    points: FloatArray, matrix: np.ndarray[tuple[int, ...], np.dtype[np.floating]]
) -> FloatArray:
    """Points (…, k, 2) through an affine matrix (2, 3)."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def smooth_picture(height: int, width: int, seed: int = 3) -> ByteArray:
    """Coloured blobs without edges (height, width, 3): what survives chroma halving."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 216, (9, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def as_planes(bgr: ByteArray, colour: Colour | None = None) -> Planes:
    """4:2:0 planes of a BGR picture, chroma level with the even columns as H.264 has it."""
    colour = colour or Colour()
    kr, kb = colour.matrix.value
    b, g, r = (bgr[..., i].astype(np.float64) for i in range(3))
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    luma, chroma, black = (1.0, 1.0, 0) if colour.full_range else (219 / 255, 224 / 255, 16)

    def halved(plane: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> ByteArray:
        height, width = plane.shape
        even = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
        rows = (even[::2] + even[1::2]) / 2
        left = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
        level = (left[:, :-2] + 2 * left[:, 1:-1] + left[:, 2:]) / 4
        return np.clip(np.round(level[:, ::2] * chroma + 128), 0, 255).astype(np.uint8)

    whole = np.clip(np.round(y * luma + black), 0, 255).astype(np.uint8)
    return Planes(whole, halved(u), halved(v), colour)
