"""The zone of recognition: nothing outside it is ever templated (R21).

Owns: the polygon's rules and the test of a box against it. Never: a face's size or pose, which
``quality.QualityLimits`` bounds. Strategy: corners as shares of the picture, so that a zone
survives a change of resolution; a face belongs where the middle of its box is; even-odd rule over
all faces at once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lfr_engine.errors import ConfigError
from lfr_engine.vision.frame import FloatArray

Point = tuple[float, float]
BoolArray = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float64]
MOST_CORNERS = 64
_LEAST_AREA = 1e-4  # of the picture: a smaller zone is a slip of the mouse


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon without crossings; corners are x and y as shares (0–1) of width and height.

    Raises:
        ConfigError: Fewer than 3 corners, more than ``MOST_CORNERS``, one outside the picture, two
            neighbours at one place, sides that cross or touch, or hardly any area. ``name`` is the
            subject of the message.
    """

    corners: tuple[Point, ...]
    name: str = "zone"

    def __post_init__(self) -> None:
        points = np.asarray(self.corners, np.float64)
        if len(points) < 3:
            raise ConfigError(self.name, f"a zone needs 3 corners, not {len(points)}")
        if len(points) > MOST_CORNERS:
            raise ConfigError(self.name, f"{len(points)} corners are more than {MOST_CORNERS}")
        if points.shape != (len(points), 2) or not np.isfinite(points).all():
            raise ConfigError(self.name, "a corner is two numbers, x and y")
        if (points < 0).any() or (points > 1).any():
            raise ConfigError(
                self.name,
                "a corner lies outside the picture",
                "give x and y as shares of its width and height, 0 to 1",
            )
        crossing = _first_crossing(points)
        if crossing is not None:
            first, second = crossing
            raise ConfigError(
                self.name,
                f"side {first + 1} and side {second + 1} cross or touch",
                "give the corners in order around the zone, each once",
            )
        if abs(_area(points)) < _LEAST_AREA:
            raise ConfigError(self.name, "the zone has hardly any area")

    @property
    def area(self) -> float:
        """Share of the picture, 0–1."""
        return abs(_area(np.asarray(self.corners, np.float64)))

    def holds(self, points: FloatArray, picture_size: tuple[int, int]) -> BoolArray:
        """Which of ``points`` (n, 2), x y in pixels of a (width, height) picture, lie inside: (n,).

        Even-odd rule; a point on a side belongs to one of its two sides. NaN is outside.
        """
        share = np.asarray(points, np.float64) / picture_size
        x, y = share[:, 0, None], share[:, 1, None]
        near_y, far_y, slope, offset = _sides(self.corners)
        spans = (near_y > y) != (far_y > y)
        meets = offset + y * slope
        inside: BoolArray = (np.count_nonzero(spans & (x < meets), axis=1) % 2).astype(np.bool_)
        return inside

    def admits(self, boxes: FloatArray, picture_size: tuple[int, int]) -> BoolArray:
        """Which faces, boxes (n, 4) in pixels, have the middle of their box in the zone: (n,)."""
        middle = (np.asarray(boxes[:, :2], np.float64) + boxes[:, 2:]) * 0.5
        return self.holds(middle.astype(np.float32), picture_size)


def whole_picture() -> Zone:
    """The zone of a camera for which none was drawn: faces whose middle is in the picture."""
    return Zone(((0, 0), (1, 0), (1, 1), (0, 1)))


def zone_of_pixels(
    corners: Sequence[Point], picture_size: tuple[int, int], name: str = "zone"
) -> Zone:
    """A zone drawn in pixels of a (width, height) picture. Raises as ``Zone``."""
    width, height = picture_size
    return Zone(tuple((x / width, y / height) for x, y in corners), name)


@functools.lru_cache(maxsize=64)  # cameras of an engine
def _sides(corners: tuple[Point, ...]) -> tuple[Vector, Vector, Vector, Vector]:
    """Of each side: the y of its two ends, and x = offset + y · slope along it."""
    near = np.asarray(corners, np.float64)
    far = np.roll(near, -1, axis=0)
    rise = np.where(near[:, 1] == far[:, 1], 1.0, far[:, 1] - near[:, 1])
    slope = (far[:, 0] - near[:, 0]) / rise
    return near[:, 1], far[:, 1], slope, near[:, 0] - near[:, 1] * slope


def _area(points: npt.NDArray[np.float64]) -> float:
    """Signed area by the shoelace formula."""
    after = np.roll(points, -1, axis=0)
    return float((points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]).sum() / 2)


def _first_crossing(points: npt.NDArray[np.float64]) -> tuple[int, int] | None:
    """Two sides that share more than the corner between neighbours, or None."""
    count = len(points)
    sides = [(points[i], points[(i + 1) % count]) for i in range(count)]
    for i, (a, b) in enumerate(sides):
        if np.array_equal(a, b):
            return i, (i + 1) % count
        for j in range(i + 1, count):
            c, d = sides[j]
            neighbours = j == i + 1 or (i == 0 and j == count - 1)
            if neighbours:
                folded = _folds_back(a, b, d) if j == i + 1 else _folds_back(c, d, b)
                if folded:
                    return i, j
            elif _meet(a, b, c, d):
                return i, j
    return None


def _turn(a: Vector, b: Vector, c: Vector) -> float:
    """Positive when a, b, c turn one way, negative the other, 0 on a line."""
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def _folds_back(a: Vector, b: Vector, c: Vector) -> bool:
    """Whether the side b–c runs back over a–b."""
    return _turn(a, b, c) == 0 and float(np.dot(b - a, c - b)) < 0


def _meet(a: Vector, b: Vector, c: Vector, d: Vector) -> bool:
    """Whether the segments a–b and c–d cross or touch."""
    t1, t2, t3, t4 = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if t1 * t2 < 0 and t3 * t4 < 0:
        return True
    return any(
        turn == 0 and _between(p, q, r)
        for turn, p, q, r in ((t1, a, b, c), (t2, a, b, d), (t3, c, d, a), (t4, c, d, b))
    )


def _between(a: Vector, b: Vector, point: Vector) -> bool:
    low, high = np.minimum(a, b), np.maximum(a, b)
    return bool(((low <= point) & (point <= high)).all())
