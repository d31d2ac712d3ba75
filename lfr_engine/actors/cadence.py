"""How often a camera's frames are detected: every frame while the machine keeps up, else fewer.

Owns: the cadence of one camera. Never: a look at the declared rate. Strategy: missed slots and
late frames are the measured signs of overload; a period with many lowers the share that is detected
to what got through, calm periods raise it in small steps. Frames that are left out are spread
evenly, decoded, and counted as ``cadence``, and the tracker predicts between.
"""

from __future__ import annotations

PERIOD = 50
"""Frames between decisions: 2 s of a 25 fps camera."""

LEAST = 0.25
"""Share below which walkers could not be followed: 6 frames a second of 25."""

MISSED_SHARE = 0.04
"""Misses of the admitted frames that are chance, not overload."""

STEP = 0.1
"""How much a calm period raises the share."""


class Cadence:
    """Detect ``share`` of the frames (0–1). Written by the camera's reader thread only.

    Args:
        adaptive: False for recorded material, where every frame is detected.
    """

    def __init__(self, *, adaptive: bool) -> None:
        self.share = 1.0
        self._adaptive = adaptive
        self._credit = 0.0
        self._frames = 0
        self._admitted = 0
        self._missed = 0

    def admits(self) -> bool:
        """Whether the frame that came now is to be detected."""
        if self._adaptive:
            self._frames += 1
            if self._frames > PERIOD:
                self._decide()
        self._credit += self.share
        if self._credit < 1 - 1e-9:
            return False
        self._credit -= 1
        self._admitted += 1
        return True

    def missed(self) -> None:
        """An admitted frame was late, or replaced another before the detector took it."""
        self._missed += 1

    def _decide(self) -> None:
        missed = self._missed / max(1, self._admitted)
        if missed > MISSED_SHARE:
            self.share = max(LEAST, self.share * (1 - missed))
        elif missed == 0:
            self.share = min(1.0, self.share + STEP)
        self._frames = 1
        self._admitted = self._missed = 0
