"""Exact intervals for a share: the only place where a rate gets its uncertainty.

Owns: the Clopper–Pearson interval. Never: a bare rate (R8), an approximation that fails for rare
events. Strategy: the beta quantile form, with the two ends that have no quantile set by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed range of a probability: ``0 ≤ low ≤ high ≤ 1``."""

    low: float
    high: float


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """The exact two-sided interval of a binomial share.

    Source: Clopper and Pearson, Biometrika 26 (1934), in its beta quantile form.

    Args:
        successes: Events counted, 0 to ``trials``.
        trials: How often the event could have happened; 0 says nothing, so the interval is 0 to 1.
        confidence: Coverage that is at least reached, above 0 and below 1.

    Raises:
        ValueError: The counts or the confidence are out of range.
    """
    if trials < 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a share")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    tail = (1 - confidence) / 2
    failures = trials - successes
    low = 0.0 if successes == 0 else float(beta.ppf(tail, successes, failures + 1))
    high = 1.0 if failures == 0 else float(beta.ppf(1 - tail, successes + 1, failures))
    return Interval(low, high)
