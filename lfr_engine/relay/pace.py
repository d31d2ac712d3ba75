"""How fast a bearer may be used, and which one-byte references are free.

Owns: the token bucket, the reference book. Never: a queue. Strategy: both are plain arithmetic on
the seconds they are given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

FIRST_REFERENCE, LAST_REFERENCE = 1, 255


class TokenBucket:
    """``burst`` messages at once, then one every ``every_s`` seconds.

    The defaults of a TETRA modem are 4 and 3 s: a control channel carries about that much short
    data beside its calls.
    """

    def __init__(self, every_s: float, burst: int) -> None:
        self._every_s = every_s
        self._burst = burst
        self._tokens = float(burst)
        self._at = -math.inf

    def _fill(self, now: float) -> None:
        if self._at > -math.inf and self._every_s > 0:
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) / self._every_s)
        self._at = max(self._at, now)

    def whole(self, now: float) -> int:
        """Messages that may go now."""
        if self._every_s <= 0:
            return self._burst
        self._fill(now)
        return int(self._tokens + 1e-9)

    def take(self, now: float) -> None:
        """Spend one; only when ``whole`` is at least 1."""
        if self._every_s <= 0:
            return
        self._fill(now)
        self._tokens = max(0.0, self._tokens - 1.0)

    def next_at(self, now: float) -> float:
        """When the next message may go; ``now`` if it may already."""
        if self.whole(now):
            return now
        return now + (1.0 - self._tokens) * self._every_s


class ReferenceBook:
    """References 1…255 per address, each held until nothing more can come back for it."""

    def __init__(self) -> None:
        self._held: dict[str, dict[int, float]] = {}
        self._last: dict[str, int] = {}

    def hold(self, address: str, reference: int, until: float) -> None:
        """Keep a reference that is in use, as loaded from the outbox."""
        held = self._held.setdefault(address, {})
        held[reference] = max(until, held.get(reference, until))
        self._last[address] = reference

    def take(self, address: str, now: float, until: float) -> int:
        """A free reference, held until ``until``; 0 when all 255 are in use."""
        held = self._held.setdefault(address, {})
        for free in [number for number, end in held.items() if end <= now]:
            del held[free]
        last = self._last.get(address, LAST_REFERENCE)
        for number in _after(last):
            if number not in held:
                self.hold(address, number, until)
                return number
        return 0


def _after(last: int) -> Iterable[int]:
    """Every reference once, the longest unused first."""
    span = LAST_REFERENCE - FIRST_REFERENCE + 1
    return (FIRST_REFERENCE + (last - FIRST_REFERENCE + 1 + step) % span for step in range(span))
