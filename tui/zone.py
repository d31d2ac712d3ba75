"""Editing a zone of recognition, corner by corner.

Owns: the polygon while it is drawn, and which corner is held. Never: whether it is a lawful zone
(crossing sides, its area): the engine says so when it is saved. Strategy: a pure value; corners are
shares of the picture's width and height in 0…1, so the same zone fits every preview size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

Point = tuple[float, float]
MOST_CORNERS = 64
"""As the engine allows."""
WHOLE: tuple[Point, ...] = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
"""What editing starts from where a camera has no zone."""
STEP, FAR_STEP = 0.01, 0.05


@dataclass(frozen=True, slots=True)
class Draft:
    """See the module. ``held`` is the place of the corner that keys move, always a valid one."""

    corners: tuple[Point, ...]
    held: int = 0
    changed: bool = False


def begin(corners: Iterable[Point]) -> Draft:
    """Edit an existing zone; none, or one that is no polygon, begins as the whole picture."""
    kept = tuple(_inside(x, y) for x, y in corners)[:MOST_CORNERS]
    return Draft(kept if len(kept) >= 3 else WHOLE)


def hold(draft: Draft, by: int) -> Draft:
    """Hold the next corner, or the one before."""
    return replace(draft, held=(draft.held + by) % len(draft.corners))


def hold_nearest(draft: Draft, at: Point) -> Draft:
    """Hold the corner nearest to a place."""
    nearest = min(
        range(len(draft.corners)), key=lambda number: math.dist(draft.corners[number], at)
    )
    return replace(draft, held=nearest)


def move(draft: Draft, dx: float, dy: float) -> Draft:
    """Move the held corner; it stays within the picture."""
    x, y = draft.corners[draft.held]
    return put(draft, (x + dx, y + dy))


def put(draft: Draft, at: Point) -> Draft:
    """Put the held corner somewhere within the picture."""
    corners = list(draft.corners)
    corners[draft.held] = _inside(*at)
    return replace(draft, corners=tuple(corners), changed=True)


def insert(draft: Draft) -> Draft:
    """A new corner half way to the next one, and hold it; nothing beyond ``MOST_CORNERS``."""
    if len(draft.corners) >= MOST_CORNERS:
        return draft
    (ax, ay), (bx, by) = draft.corners[draft.held], draft.corners[_next(draft)]
    corners = list(draft.corners)
    corners.insert(draft.held + 1, ((ax + bx) / 2, (ay + by) / 2))
    return Draft(tuple(corners), draft.held + 1, changed=True)


def remove(draft: Draft) -> Draft:
    """Remove the held corner; a zone keeps at least three."""
    if len(draft.corners) <= 3:
        return draft
    corners = list(draft.corners)
    del corners[draft.held]
    return Draft(tuple(corners), draft.held % len(corners), changed=True)


def rounded(draft: Draft) -> list[Point]:
    """The corners as they are sent: four digits are a fifth of a pixel at 1920."""
    return [(round(x, 4), round(y, 4)) for x, y in draft.corners]


def _next(draft: Draft) -> int:
    return (draft.held + 1) % len(draft.corners)


def _inside(x: float, y: float) -> Point:
    return min(1.0, max(0.0, x)), min(1.0, max(0.0, y))
