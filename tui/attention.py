"""Bell and flash when an alert is raised.

Owns: whether they are wanted, and how often they may come. Never: the terminal. Strategy: ten
alerts a second ring once in a while, and a thin link is not made to light up two lines twice.
"""

from __future__ import annotations

from tui.figures import NS

FLASH_NS = 800_000_000
BELL_NS = 2 * NS
"""Bells are at least so far apart."""


class Attention:
    """See the module; times are local monotonic nanoseconds.

    Args:
        rings: Ring the terminal's bell.
        flashes: Light the first line up.
    """

    def __init__(self, *, rings: bool, flashes: bool) -> None:
        self._rings = rings
        self._flashes = flashes
        self._rung_ns = -BELL_NS
        self._flash_until = 0

    def raised(self, now_ns: int, *, thin: bool) -> bool:
        """An alert was raised; returns whether to ring."""
        if self._flashes and not thin:
            self._flash_until = now_ns + FLASH_NS
        if not self._rings or now_ns - self._rung_ns < BELL_NS:
            return False
        self._rung_ns = now_ns
        return True

    def flashing(self, now_ns: int) -> bool:
        """Whether the first line is lit up now."""
        return now_ns < self._flash_until

    def switch(self) -> bool:
        """Both on or both off; returns which."""
        on = not (self._rings or self._flashes)
        self._rings = self._flashes = on
        return on
