"""The one conversion from YUV to BGR, for enrolment, detection and live crops alike.

Owns: the arithmetic of ITU-T H.273 for BT.601 and BT.709, full and limited range. Never: chroma
upsampling (the caller brings three planes of one size). Strategy: one affine 3 × 3 transform with
saturation, so that the same bytes give the same picture wherever they come from; a second
conversion would move scores more than a different decoder does.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import numpy.typing as npt

from lfr_engine.vision.frame import ByteArray, Colour

NEUTRAL = 128
"""The chroma byte of grey."""


def black(colour: Colour) -> int:
    """The luma byte of black."""
    return 0 if colour.full_range else 16


@functools.lru_cache(maxsize=8)  # 2 matrices × 2 ranges exist
def conversion(colour: Colour) -> npt.NDArray[np.float64]:
    """The affine map (3, 4) from (Y, U, V, 1) bytes to (B, G, R) bytes.

    H.273 equations 38–40 inverted: with Y in 0–1 and chroma in ±0.5,
    R = Y + 2(1−Kr)·Cr, B = Y + 2(1−Kb)·Cb, G from Y = Kr·R + Kg·G + Kb·B.
    """
    red, blue = colour.matrix.value
    green = 1 - red - blue
    luma_span, chroma_span = (255.0, 255.0) if colour.full_range else (219.0, 224.0)
    luma, chroma = 255 / luma_span, 255 / chroma_span
    linear = np.array(
        [
            [luma, 2 * (1 - blue) * chroma, 0],
            [
                luma,
                -2 * blue * (1 - blue) / green * chroma,
                -2 * red * (1 - red) / green * chroma,
            ],
            [luma, 0, 2 * (1 - red) * chroma],
        ]
    )
    offset = -linear @ np.array([black(colour), NEUTRAL, NEUTRAL], np.float64)
    table = np.column_stack([linear, offset])
    table.flags.writeable = False  # cached and shared between threads
    return table


def to_bgr(y: ByteArray, u: ByteArray, v: ByteArray, colour: Colour) -> ByteArray:
    """Three planes (h, w) of one size to BGR (h, w, 3) uint8; out of gamut is clamped."""
    merged = cv2.merge([y, u, v])
    return np.asarray(cv2.transform(merged, conversion(colour)), np.uint8)
