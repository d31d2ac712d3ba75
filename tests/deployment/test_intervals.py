"""The exact interval against published figures and against its own definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from lfr_engine.deployment.intervals import Interval, clopper_pearson


def test_ten_false_alerts_in_three_million_faces_is_1_in_171k_to_1_in_656k() -> None:
    interval = clopper_pearson(10, 3_147_436)
    assert round(1 / interval.high, -3) == 171_000
    assert round(1 / interval.low, -3) == 656_000


def test_eight_of_42_is_9_to_34_percent() -> None:
    interval = clopper_pearson(8, 42)
    assert round(100 * interval.low) == 9
    assert round(100 * interval.high) == 34


def test_no_event_in_2995_passes_shows_one_in_a_thousand_one_sided() -> None:
    # the one-sided 95 % bound is the upper end of the two-sided 90 % interval
    assert clopper_pearson(0, 2_995, 0.90).high <= 1 / 1_000
    assert clopper_pearson(0, 2_994, 0.90).high > 1 / 1_000


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"), [(0, 0, 0, 1), (0, 10, 0, 0.3085), (10, 10, 0.6915, 1)]
)
def test_the_ends(successes: int, trials: int, low: float, high: float) -> None:
    interval = clopper_pearson(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 5_000), st.data())
def test_each_bound_leaves_exactly_one_tail(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    interval = clopper_pearson(successes, trials)
    assert interval.low <= successes / trials <= interval.high
    if successes > 0:
        assert binom.sf(successes - 1, trials, interval.low) == pytest.approx(0.025, rel=1e-6)
    if successes < trials:
        assert binom.cdf(successes, trials, interval.high) == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize(
    ("successes", "trials", "confidence"),
    [(-1, 3, 0.95), (4, 3, 0.95), (0, -1, 0.95), (1, 3, 0.0), (1, 3, 1.0)],
)
def test_impossible_counts_are_refused(successes: int, trials: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"share|confidence"):
        clopper_pearson(successes, trials, confidence)


def test_an_interval_is_a_value() -> None:
    assert Interval(0.1, 0.2) == Interval(0.1, 0.2)
