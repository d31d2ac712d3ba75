"""What the landmarks network says, as points of the picture.

Owns: the arithmetic between a face's box, the small square the network looks at, and five points.
Never: a picture, a device.
"""

from __future__ import annotations

import numpy as np

from lfr_engine.vision.frame import FloatArray


def window_matrices(shown: FloatArray, width: int, height: int) -> FloatArray:
    """The affine matrices (n, 2, 3) that stretch each window (n, 4) to the network's picture.

    A window is a detected box as it is. Pixel middles map to pixel middles, as in every resize.
    """
    sides = np.maximum(shown[:, 2:] - shown[:, :2], 1)
    factor = np.array([width, height], np.float32) / sides
    matrices = np.zeros((len(shown), 2, 3), np.float32)
    matrices[:, 0, 0], matrices[:, 1, 1] = factor[:, 0], factor[:, 1]
    matrices[:, :, 2] = (0.5 - shown[:, :2]) * factor - 0.5
    return matrices


def decode(output: FloatArray, shown: FloatArray) -> FloatArray:
    """Landmarks (n, 5, 2) in source pixels.

    Args:
        output: (n, 10) or (n, 10, 1, 1): x and y in turn, as fractions of the window: the eye on
            the image's left, the eye on its right, nose tip, left and right mouth corner.
        shown: (n, 4) windows in source pixels.
    """
    fractions = output.reshape(-1, 5, 2)
    sides = shown[:, None, 2:] - shown[:, None, :2]
    return np.asarray(shown[:, None, :2] + fractions * sides, np.float32)
