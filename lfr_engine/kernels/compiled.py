"""The door to ``kernels.c``: what was compiled at install, or nothing.

Owns: loading it, and every check of what it is given. Never: a picture or a result that the caller
does not own. Strategy: what ``compiling`` put beside its source is loaded once; a library that was
compiled from another source is left alone. A call of a hundred microseconds gives the interpreter
away while it lasts; one of a few keeps it, for to get it back would take longer.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lfr_engine.kernels.compiling import LIBRARY, SOURCE, source_digest

ByteArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FACE_FLOATS = 15
"""Of a face: x0 y0 x1 y1, score, x y of five landmarks."""

_FACTORS = (2, 3, 4, 6)
_WIDEST = 2048
"""As ``kernels.c`` has it."""
_ADDRESS, _LINE, _BYTE = ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_uint8
_INT, _FLOAT, _DOUBLE = ctypes.c_int, ctypes.c_float, ctypes.c_double


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there are no compiled kernels, and the mend."""

    reason: str
    mend: str


class Kernels:
    """What was compiled. Every method may be called from any thread.

    Raises:
        OSError: The library cannot be loaded.
    """

    def __init__(self, library: Path) -> None:
        long, short = ctypes.CDLL(str(library)), ctypes.PyDLL(str(library))
        self._source = _function(short.lfr_source, ctypes.c_char_p)
        self._shrink = _function(
            long.lfr_shrink,
            None,
            *[_ADDRESS, _LINE] * 3,
            *[_INT] * 3,
            _ADDRESS,
            _LINE,
            _LINE,
            _BYTE,
        )
        self._faces = _function(
            short.lfr_yunet_faces, _INT, *[_ADDRESS] * 4, _INT, _INT, *[_FLOAT] * 4, _INT, _ADDRESS
        )
        self._advance = _function(
            short.lfr_motion_advance, None, _ADDRESS, _LINE, _DOUBLE, _ADDRESS, _DOUBLE
        )
        self._costs = _function(
            short.lfr_motion_costs, None, *[_ADDRESS, _LINE] * 2, _DOUBLE, *[_ADDRESS] * 4
        )
        self._correct = _function(
            short.lfr_motion_correct,
            _INT,
            _ADDRESS,
            _LINE,
            *[_ADDRESS] * 3,
            _LINE,
            _ADDRESS,
            _DOUBLE,
        )

    @property
    def source(self) -> str:
        """Which ``kernels.c`` this is (``source_digest``)."""
        return bytes(self._source()).decode()

    def shrink(
        self,
        planes: tuple[ByteArray, ByteArray, ByteArray],
        size: tuple[int, int],
        canvas: ByteArray,
        black: int,
    ) -> bool:
        """Write a frame's planes at ``size`` into the top left of ``canvas``, and black into the
        rest; False, and nothing written, where the frame is not 2, 3, 4 or 6 times as large.

        Args:
            planes: Y, U and V of one frame in 4:2:0, uint8; the pixels of a row lie side by side,
                rows may be padded.
            size: Width and height of the small picture; both even.
            canvas: (3, H, W) uint8, contiguous and writable, no smaller than ``size``. Luma is the
                mean over factor × factor pixels; chroma the middle one of so many, or the mean of
                the middle four.
            black: Its luma byte.
        """
        y, u, v = planes
        (width, height), (_, rows, line) = size, canvas.shape
        factor = y.shape[1] // width if width else 0
        half = (factor * height // 2, factor * width // 2)
        if (
            factor not in _FACTORS
            or y.shape != (factor * height, factor * width)
            or not u.shape == v.shape == half
            or height % 2
            or width % 2
            or not 0 < height <= rows
            or not 0 < width <= min(line, _WIDEST)
            or not y.strides[1] == u.strides[1] == v.strides[1] == 1
            or not canvas.flags.c_contiguous
        ):
            return False
        self._shrink(
            _address(y), y.strides[0], _address(u), u.strides[0], _address(v), v.strides[0],
            factor, width, height, _address(canvas), line, rows, black,
        )  # fmt: skip
        return True

    def yunet_faces(
        self,
        tensors: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
        width: int,
        height: int,
        scale: tuple[float, float],
        *,
        min_score: float,
        max_overlap: float,
        max_faces: int,
    ) -> FloatArray | None:
        """Faces (n, ``FACE_FLOATS``) float32 of a network picture, in source pixels, best first;
        None where the tensors are not as expected, or hold more likely cells than a picture of
        faces.

        Args:
            tensors: ``cls``, ``obj``, ``bbox`` and ``kps`` as ``inference.yunet.decode`` has them.
            width: Of the network's picture in pixels, a multiple of 32.
            height: As width.
            scale: Source pixels for one of the network's, along x and along y.
            min_score: 0–1.
            max_overlap: 0–1, not 0.
            max_faces: No more than the best so many, at least 1.
        """
        classes, objects, sides, points = tensors
        cells = _cells(width, height)
        if (
            not classes.size == objects.size == cells
            or sides.size != 4 * cells
            or points.size != 10 * cells
            or not all(t.flags.c_contiguous and t.dtype == np.float32 for t in tensors)
        ):
            return None
        faces = np.empty((max_faces, FACE_FLOATS), np.float32)
        found = self._faces(
            _address(classes), _address(objects), _address(sides), _address(points),
            width, height, *scale, min_score, max_overlap, max_faces, _address(faces),
        )  # fmt: skip
        return None if found < 0 else faces[:found]

    def motion_advance(
        self, state: DoubleArray, dt: float, density: DoubleArray, fading: float
    ) -> None:
        """Move walkers on, in place: ``vision.motion.Motion.advance``.

        Args:
            state: (5, n, 3) float64, contiguous.
            dt: Seconds.
            density: (3,) float64 of the white noise.
            fading: Of a growth, what is left after ``dt``.
        """
        self._advance(_address(state), _walkers(state), dt, _address(density), fading)

    def motion_costs(
        self,
        state: DoubleArray,
        faces: DoubleArray,
        noise: float,
        weights: DoubleArray,
        limits: DoubleArray,
    ) -> tuple[DoubleArray, BoolArray]:
        """Costs (n, k) of pairing walkers and faces, and which may pair:
        ``vision.motion.Motion.costs``.

        Args:
            state: (5, n, 3) float64, contiguous.
            faces: (k, 3): centre x, centre y, log size.
            noise: Variance of a detected place.
            weights: (2,) of a distance and of a growth.
            limits: (3,) of a distance in standard deviations and in sizes, and of a growth.
        """
        shape, faces = (_walkers(state), len(faces)), np.ascontiguousarray(faces, np.float64)
        costs, possible = np.empty(shape), np.empty(shape, np.bool_)
        self._costs(
            _address(state), shape[0], _address(faces), shape[1], noise, _address(weights),
            _address(limits), _address(costs), _address(possible),
        )  # fmt: skip
        return costs, possible

    def motion_correct(
        self,
        state: DoubleArray,
        rows: Sequence[int],
        faces: DoubleArray,
        faint: BoolArray,
        noise: DoubleArray,
        more: float,
    ) -> None:
        """Take a face for each of ``rows``, in place: ``vision.motion.Motion.correct``.

        Args:
            state: (5, n, 3) float64, contiguous.
            rows: k walkers, each once.
            faces: (k, 3).
            faint: (k,) bool: which are placed worse.
            noise: (3,) float64: variances of a detection.
            more: Times as much noise for a faint one.

        Raises:
            IndexError: There is no such walker; nothing was changed.
        """
        chosen, faces = np.array(rows, np.int64), np.ascontiguousarray(faces, np.float64)
        if not len(chosen) == len(faces) == len(faint):
            raise IndexError(f"{len(chosen)} walkers, {len(faces)} faces")
        if self._correct(
            _address(state), _walkers(state), _address(chosen), _address(faces),
            _address(np.ascontiguousarray(faint)), len(chosen), _address(noise), more,
        ):  # fmt: skip
            raise IndexError(f"no such walker among {state.shape[1]}: {rows}")


@functools.cache
def kernels() -> Kernels | Absent:
    """What was compiled at install; loaded once."""
    return loaded(LIBRARY)


def loaded(library: Path) -> Kernels | Absent:
    """What ``library`` holds, if it can be loaded here and was compiled from today's source."""
    if not library.is_file():
        return Absent("not compiled", "install a C compiler, and then this package again")
    again = "install this package again, so that they are compiled anew"
    try:
        found = Kernels(library)
    except (OSError, AttributeError) as exc:
        return Absent(f"{library.name} cannot be loaded: {exc}", again)
    if found.source != source_digest():
        return Absent(f"{library.name} was compiled from another {SOURCE.name}", again)
    return found


def _walkers(state: DoubleArray) -> int:
    if state.shape[::2] != (5, 3) or not state.flags.c_contiguous or state.dtype != np.float64:
        raise ValueError(f"a state is (5, n, 3) float64, contiguous, not {state.shape}")
    return int(state.shape[1])


@functools.lru_cache(maxsize=8)
def _cells(width: int, height: int) -> int:
    return sum((width // step) * (height // step) for step in (8, 16, 32))


def _function(function: Any, result: Any, *arguments: Any) -> Any:
    function.restype, function.argtypes = result, arguments
    return function


def _address(array: npt.NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]  # half the price of .ctypes.data
    return address
