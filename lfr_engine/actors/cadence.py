"""How often a camera's frames are detected: every frame while the machine keeps up, else fewer.

Owns: the cadence of one camera. Never: a look at the declared rate. Strategy: missed slots and
late frames are the measured signs of overload; a period with many coarsens the cadence, several
without any refine it. Skipped frames are decoded and counted as ``cadence``, and the tracker
predicts between.
"""

from __future__ import annotations

COARSEST = 4
PERIOD = 50
"""Frames between decisions: 2 s of a 25 fps camera."""

MISSED_SHARE = 0.04
QUIET_PERIODS = 5


class Cadence:
    """Detect one of every ``every`` frames. Written by the camera's reader thread only.

    Args:
        adaptive: False for recorded material, where every frame is detected.
    """

    def __init__(self, *, adaptive: bool) -> None:
        self.every = 1
        self._adaptive = adaptive
        self._frames = 0
        self._missed = 0
        self._quiet = 0

    def admits(self, sequence: int) -> bool:
        """Whether the frame with this number is to be detected."""
        if self._adaptive:
            self._frames += 1
            if self._frames >= PERIOD:
                self._decide()
        return sequence % self.every == 0

    def missed(self) -> None:
        """An admitted frame was late, or replaced another before the detector took it."""
        self._missed += 1

    def _decide(self) -> None:
        admitted = max(1, self._frames // self.every)
        if self._missed > MISSED_SHARE * admitted:
            self.every = min(COARSEST, self.every + 1)
            self._quiet = 0
        elif self._missed == 0:
            self._quiet += 1
            if self._quiet >= QUIET_PERIODS and self.every > 1:
                self.every -= 1
                self._quiet = 0
        else:
            self._quiet = 0
        self._frames = self._missed = 0
