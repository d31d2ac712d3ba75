"""The measures of a deployment: shares that never leave without numerator, denominator, interval.

Owns: what each measure counts, in words that go beside the number (R8). Never: a bare rate. The
same trials once gave "0.1 %" by one measure and "8 of 42 correct" by another: so all four are shown
together, each with its own question.
"""

from __future__ import annotations

import msgspec

from lfr_engine.deployment.intervals import clopper_pearson

SMALL_CELL = 10  # R20: below this a group's share says nothing and may point at a person


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A share with its exact 95 % interval (Clopper–Pearson).

    share is None where nothing was counted: then the interval is 0 to 1.
    """

    name: str
    question: str
    numerator: int
    denominator: int
    share: float | None
    low: float
    high: float


def measure(name: str, question: str, numerator: int, denominator: int) -> Measure:
    """Count, share and interval; a numerator above its denominator is cut and shows as 1.

    Officers enter outcomes by hand: a slip must not take the whole record away.
    """
    counted = min(numerator, denominator)
    interval = clopper_pearson(counted, denominator)
    return Measure(
        name=name,
        question=question,
        numerator=numerator,
        denominator=denominator,
        share=counted / denominator if denominator else None,
        low=interval.low,
        high=interval.high,
    )


def four_measures(
    *, passes: int, alerts: int, false_alerts: int, engaged: int, true: int, blue: tuple[int, int]
) -> list[Measure]:
    """The four measures that are always shown together (R8).

    Args:
        passes: People who walked through (tracks, never frames).
        alerts: Alerts raised, blue list left out.
        false_alerts: Alerts that a person discounted, or that engagement showed to be wrong.
        engaged: Alerts upon which an officer spoke to a person.
        true: Alerts confirmed true after engagement.
        blue: Hits and passes of consenting staff.
    """
    return [
        measure(
            "false alerts per pass",
            "Of everybody who walked past, how many set off an alert that was wrong?",
            false_alerts,
            passes,
        ),
        measure(
            "precision per alert",
            "Of all alerts, how many were confirmed to be the right person?",
            true,
            alerts,
        ),
        measure(
            "precision per engagement",
            "Of everybody spoken to because of an alert, how many were the right person?",
            true,
            engaged,
        ),
        measure(
            "true positive identification rate",
            "Of the consenting staff on the list who walked past, how many were recognised?",
            *blue,
        ),
    ]


def rate_in_words(value: float) -> str:
    """A share for people: "1 in 171,000" when it is rare, else "23 %"."""
    if value <= 0:
        return "0"
    if value < 0.01:
        digits = len(f"{1 / value:.0f}") - 3
        return f"1 in {round(1 / value, -max(digits, 0)):,.0f}"
    percent = 100 * value
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def interval_in_words(counted: Measure) -> str:
    """The interval for people; says so where there is nothing to tell."""
    if counted.denominator == 0:
        return "nothing counted"
    return f"{rate_in_words(counted.low)} to {rate_in_words(counted.high)}"
