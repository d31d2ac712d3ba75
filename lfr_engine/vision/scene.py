"""Whether the scene was exchanged: a cut in a recording, a camera that was turned.

Owns: one small luma sample per camera. Never: a sample large enough to recognise anybody (18 × 24
points). Strategy: two samples that neither resemble each other in pattern nor in level are two
scenes, and a walker of the first is not a walker of the second.
"""

from __future__ import annotations

import cv2
import numpy as np

from lfr_engine.vision.frame import ByteArray

_ROWS, _COLUMNS = 18, 24  # each point is a line of memory that is not in the processor's caches
LEAST_CORRELATION = 0.5
LEAST_DIFFERENCE = 12.0
"""Mean absolute difference in luma steps (0–255); people walking through change 2–8."""


class SceneWatch:
    """Remembers the last scene of one camera."""

    def __init__(self) -> None:
        self._last: ByteArray | None = None
        self._size: tuple[int, ...] = ()

    def changed(self, luma: ByteArray) -> bool:
        """Take the luma plane (h, w) uint8 of the next picture; True where the scene was exchanged.

        Pearson correlation below ``LEAST_CORRELATION`` and mean difference above
        ``LEAST_DIFFERENCE``: light that changes keeps the pattern, people keep the level.
        """
        height, width = luma.shape
        sample = luma[:: max(1, height // _ROWS), :: max(1, width // _COLUMNS)]
        now = sample[:_ROWS, :_COLUMNS].copy()
        last, self._last = self._last, now
        size, self._size = self._size, luma.shape
        if last is None:
            return False
        if size != luma.shape:
            return True
        if cv2.norm(now, last, cv2.NORM_L1) < LEAST_DIFFERENCE * now.size:
            return False
        a, b = now - now.mean(), last - last.mean()
        spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
        return spread > 0 and float((a * b).sum()) < LEAST_CORRELATION * spread
