"""Rates that cannot be printed bare, and how many trials a figure takes.

Owns: the rate with its counts and exact interval (R8), the words "too few events", and the planning
of trials. Never: an interval of its own (``deployment.intervals`` has the formula).
"""

from __future__ import annotations

import math

import msgspec

from lfr_engine.deployment.intervals import clopper_pearson

ENOUGH_EVENTS = 3.0
"""Fewer expected events than this say little: by the rule of three, none at all is then no surprise
even where the true rate is as stated."""


class Rate(msgspec.Struct, frozen=True):
    """A measured share with numerator, denominator and exact 95 % interval.

    value is None where nothing was tried. repeats: how often the same trials were run anew, as with
    galleries drawn again; they are not independent, so the interval is that of one repeat.
    """

    events: int
    trials: int
    value: float | None
    low: float
    high: float
    repeats: int = 1

    @property
    def trials_once(self) -> int:
        """Trials of one repeat, rounded."""
        return round(self.trials / self.repeats)

    def __str__(self) -> str:
        """Such as ``38 of 42 = 90.5 % (77.4 to 97.3 %)``."""
        if self.value is None:
            return "nothing was tried"
        counts = f"{self.events:,} of {self.trials:,}"
        share = f"{percent(self.value)} ({percent(self.low)} to {percent(self.high)})"
        return f"{counts} = {share}" if self.repeats == 1 else f"{share}: {counts} in all"

    def holds(self, stated: float) -> bool:
        """Whether ``stated`` lies in the interval."""
        return self.low <= stated <= self.high


def rate(events: int, trials: int) -> Rate:
    """The rate ``events / trials``."""
    exact = clopper_pearson(events, trials)
    return Rate(events, trials, events / trials if trials else None, exact.low, exact.high)


def repeated_rate(events: int, trials: int, repeats: int) -> Rate:
    """The rate over ``repeats`` that try the same pictures again, all counted together.

    The interval is that of one mean repeat, its counts rounded: otherwise searching one picture ten
    times would look like ten pictures.
    """
    exact = clopper_pearson(round(events / repeats), round(trials / repeats))
    value = events / trials if trials else None
    return Rate(events, trials, value, exact.low, exact.high, repeats)


def percent(share: float) -> str:
    """A share in per cent, with the digits that its size calls for."""
    value = 100 * share
    if value == 0 or value >= 10:
        return f"{value:.1f} %"
    if value >= 1:
        return f"{value:.2f} %"
    return f"{value:.{min(6, 1 - math.floor(math.log10(value)))}f} %"


def one_in(share: float) -> str:
    """A small share as people say it: ``1 in 6,000``."""
    return "never" if share == 0 else f"1 in {1 / share:,.0f}"


def too_few(limit: float, trials: int) -> bool:
    """Whether fewer than three events are expected at the rate ``limit`` in ``trials``."""
    return limit * trials < ENOUGH_EVENTS


def trials_to_show(limit: float, confidence: float = 0.95) -> int:
    """Trials without one event that show a rate ≤ ``limit``: ln(1 − confidence) / ln(1 − limit).

    Raises:
        ValueError: ``limit`` or ``confidence`` is not between 0 and 1.
    """
    if not 0 < limit < 1 or not 0 < confidence < 1:
        raise ValueError("limit and confidence lie between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(1 - limit))


def trials_for_half_width(expected: float, half_width: float) -> int:
    """Trials after which a rate near ``expected`` is known to ± ``half_width`` (95 %, exact).

    The least n from which on the interval of round(n · expected) events is no wider, found by
    doubling and halving.

    Raises:
        ValueError: ``expected`` is not from 0 to 1, or ``half_width`` not between 0.0005 and 0.5.
    """
    if not 0 <= expected <= 1 or not 0.0005 <= half_width < 0.5:
        raise ValueError("expected lies from 0 to 1, half_width from 0.0005 to 0.5")

    def wide(trials: int) -> bool:
        exact = clopper_pearson(round(trials * expected), trials)
        return exact.high - exact.low > 2 * half_width

    high = 1
    while wide(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high
