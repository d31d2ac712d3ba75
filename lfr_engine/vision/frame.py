"""Frames as they travel: the YUV planes a decoder gave, with when and where they were captured.

Owns: the picture types. Never: a full-frame BGR conversion (the detector converts a small copy, the
embedder only its crop). Strategy: planes are kept as decoded, 4:2:0, and converted where small.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

ByteArray: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.float32]


class Matrix(enum.Enum):
    """Luma coefficients (Kr, Kb) of the standard the planes were coded by (ITU-T H.273)."""

    BT601 = (0.299, 0.114)
    BT709 = (0.2126, 0.0722)


@dataclass(frozen=True, slots=True)
class Colour:
    """How YUV bytes mean colour."""

    matrix: Matrix = Matrix.BT601
    full_range: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """One picture in 4:2:0: ``y`` (h, w), ``u`` and ``v`` ((h+1)//2, (w+1)//2), all uint8 0–255."""

    y: ByteArray
    u: ByteArray
    v: ByteArray
    colour: Colour = Colour()

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.y.shape[0])


Picture: TypeAlias = Planes | ByteArray
"""Video planes, or a still picture as a BGR array (h, w, 3) uint8."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded picture of one camera.

    ``captured_ns`` is the monotonic clock when its packet left the demuxer (nanoseconds);
    ``media_time_s`` its presentation time in the stream (seconds from the first frame).
    """

    camera: str
    sequence: int
    captured_ns: int
    media_time_s: float
    planes: Planes


def picture_size(picture: Picture) -> tuple[int, int]:
    """(width, height) in pixels."""
    if isinstance(picture, Planes):
        return picture.width, picture.height
    return int(picture.shape[1]), int(picture.shape[0])
