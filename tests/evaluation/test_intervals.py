"""Rates with intervals, against published and derived figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.deployment.intervals import clopper_pearson
from lfr_engine.evaluation.intervals import (
    percent,
    rate,
    repeated_rate,
    too_few,
    trials_for_half_width,
    trials_to_show,
)


def test_ten_false_alerts_in_three_million_faces() -> None:
    measured = rate(10, 3_147_436)
    assert round(1 / measured.high / 1000) == 171
    assert round(1 / measured.low / 1000) == 656


def test_eight_of_forty_two() -> None:
    measured = rate(8, 42)
    assert (round(100 * measured.low), round(100 * measured.high)) == (9, 34)
    assert str(measured).startswith("8 of 42 = 19.0 % (8.6")


@pytest.mark.parametrize(("limit", "trials"), [(1 / 1000, 2995), (1 / 6000, 17973)])
def test_the_rule_of_three_exactly(limit: float, trials: int) -> None:
    assert trials_to_show(limit) == trials
    # the two-sided 95 % interval is a little wider: the one-sided 95 % bound is its 90 % one
    assert (
        clopper_pearson(0, trials, 0.90).high <= limit < clopper_pearson(0, trials - 1, 0.90).high
    )


def test_eighty_nine_per_cent_from_fifty_passes_is_known_to_twenty_points() -> None:
    measured = rate(44, 50)
    assert measured.low < 0.76
    assert measured.high > 0.95


@given(st.floats(0, 1), st.floats(0.01, 0.3))
def test_the_planned_trials_are_enough_and_not_one_too_many(
    expected: float, half_width: float
) -> None:
    def width(trials: int) -> float:
        exact = clopper_pearson(round(trials * expected), trials)
        return exact.high - exact.low

    planned = trials_for_half_width(expected, half_width)
    assert width(planned) <= 2 * half_width
    assert planned == 1 or width(planned - 1) > 2 * half_width


def test_repeats_of_the_same_pictures_do_not_shrink_the_interval() -> None:
    once, ten = rate(5, 100), repeated_rate(50, 1000, 10)
    assert (ten.low, ten.high) == (once.low, once.high)
    assert (ten.events, ten.trials, ten.trials_once) == (50, 1000, 100)
    assert str(ten).endswith("50 of 1,000 in all")
    assert repeated_rate(53, 1000, 10).value == pytest.approx(0.053)


def test_nothing_tried_says_so() -> None:
    measured = rate(0, 0)
    assert (measured.value, measured.low, measured.high) == (None, 0.0, 1.0)
    assert str(measured) == "nothing was tried"


def test_too_few_is_fewer_than_three_expected() -> None:
    assert too_few(0.001, 2999)
    assert not too_few(0.001, 3000)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0 %"), (0.5, "50.0 %"), (0.0123, "1.23 %"), (0.001, "0.10 %"), (1, "100.0 %")],
)
def test_per_cent_keeps_the_digits_that_matter(share: float, text: str) -> None:
    assert percent(share) == text


def test_impossible_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        trials_to_show(0)
    with pytest.raises(ValueError, match="half_width"):
        trials_for_half_width(0.5, 0.9)
