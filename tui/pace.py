"""How often the screen may change: as often as the terminal really takes it.

Owns: the question "may another picture be drawn now?". Never: clocks, terminals. Strategy: after
each drawing the terminal is asked for its cursor (DSR 6, ECMA-48); it answers in order, so the
answer proves that everything before it arrived, through every buffer of SSH and of the modem. While
an answer is owed, nothing more is drawn: on a thin link the redraw rate falls and nothing queues.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.figures import NS

QUESTION = "\x1b[6n"
LEAST_NS = NS // 4
"""Between two drawings on a good link: four a second are plenty for a person."""
CAREFUL_NS, MOST_CAREFUL_NS = NS, 4 * NS
"""Between two drawings while the terminal has not answered yet, at first and after a while: it may
be slow, or know no answer.
"""
PATIENCE_NS = 30 * NS
"""An owed answer older than this was lost, or the terminal does not know the question."""
THIN = 12_000.0
"""Bytes a second below which a link is called thin: a screen of pictures would take seconds."""
MEASURED_BYTES = 1_500
"""Smaller drawings say more about delay than about throughput."""
NOISE_NS = NS // 20
"""Differences of delay below this are the machine's, not the link's."""


@dataclass(slots=True)
class Pace:
    """See the module.

    Args:
        asks: Whether there is a terminal to ask; a test without one draws freely.
        rate: Bytes a second the link to the terminal carries; ``None`` until measured.
    """

    asks: bool = True
    rate: float | None = None
    _owed: int = 0
    _asked_ns: int = 0
    _drawn_ns: int = -(2**62)
    _bytes: int = 0
    _answered: bool = False
    _careful_ns: int = CAREFUL_NS
    _sizes: list[tuple[int, int]] = field(default_factory=list)
    _quickest: tuple[int, int] | None = None

    @property
    def thin(self) -> bool:
        """Whether the link to the terminal carries less than ``THIN``."""
        return self.rate is not None and self.rate < THIN

    @property
    def answers(self) -> bool:
        """Whether this terminal has ever answered."""
        return self._answered

    @property
    def settled(self) -> bool:
        """Whether everything that was drawn has arrived."""
        return not self._owed

    def wrote(self, size: int) -> None:
        """So many bytes were given to the terminal."""
        self._bytes += size

    def may_draw(self, now_ns: int) -> bool:
        """Whether to draw now what changed by itself; what a key asked for is always drawn."""
        if self._owed and now_ns - self._asked_ns > PATIENCE_NS:
            self._owed = 0
            self._sizes.clear()
        if not self._answered and self._owed:
            return now_ns - self._drawn_ns >= self._careful_ns
        return not self._owed and now_ns - self._drawn_ns >= LEAST_NS

    def drew(self, now_ns: int) -> bool:
        """A drawing was given to the terminal; returns whether to ask the question now."""
        self._drawn_ns = now_ns
        if not self._answered and self._owed:
            self._careful_ns = min(2 * self._careful_ns, MOST_CAREFUL_NS)
        if not self.asks or not self._bytes or len(self._sizes) >= 16:
            return False
        self._owed += 1
        self._asked_ns = now_ns
        self._sizes.append((now_ns, self._bytes))
        self._bytes = 0
        return True

    def answered(self, now_ns: int) -> None:
        """The terminal took everything up to a question."""
        self._answered = True
        if not self._sizes:
            return
        asked_ns, size = self._sizes.pop(0)
        self._owed = max(0, self._owed - 1)
        delay_ns = now_ns - asked_ns
        self._measure(size, delay_ns)
        if self._quickest is None or delay_ns <= self._quickest[1]:
            self._quickest = (size, delay_ns)

    def _measure(self, size: int, delay_ns: int) -> None:
        """Throughput from what a larger drawing takes longer than the quickest one: a satellite's
        delay is in both, and is no sign of a thin link.
        """
        quick_size, quick_ns = self._quickest or (0, 0)
        more, longer_ns = size - quick_size, delay_ns - quick_ns
        at_least = size / max(delay_ns / NS, 1e-3)
        if longer_ns < NOISE_NS:
            if size >= MEASURED_BYTES:
                self.rate = max(self.rate or 0.0, at_least)
        elif more > 0 and (size >= MEASURED_BYTES or self.rate is not None):
            rate = more / (longer_ns / NS)
            self.rate = rate if self.rate is None else self.rate + (rate - self.rate) / 2
