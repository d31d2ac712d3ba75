"""Numbers and times in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.protocol.shapes import Interval
from tui import figures as f


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0.0s"),
        (0.44, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "9s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (125, "2m05s"),
        (3_600 * 3 + 125, "3h02m"),
        (86_400 * 4 + 3_600 * 3, "4d03h"),
        (-3, "0.0s"),
    ],
)
def test_ages(seconds: float, said: str) -> None:
    assert f.age(seconds) == said


@given(st.floats(0, 86_400 * 99))
def test_an_age_takes_at_most_six_cells(seconds: float) -> None:
    assert len(f.age(seconds)) <= 6


@pytest.mark.parametrize(
    ("seconds", "said"), [(11_565, "03:12:45"), (0.2, "00:00:01"), (-61, "-00:01:01")]
)
def test_countdown(seconds: float, said: str) -> None:
    assert f.countdown(seconds) == said


def test_utc() -> None:
    assert f.utc_ns("1970-01-01T00:00:01.5Z") == 1_500_000_000
    assert f.utc_ns("1970-01-01T01:00:00+01:00") == 0
    assert f.utc_ns("1970-01-01T00:00:01") is None  # without a zone nobody knows
    assert f.utc_ns("soon") is None
    assert f.clock_text(f.utc_ns("2026-01-01T12:04:31Z")) == "12:04:31Z"
    assert f.clock_text(None) == "--:--:--Z"
    assert f.time_of("2026-01-01T12:04:31Z") == "12:04:31"
    assert f.time_of("soon") == "soon"


def test_a_rate_never_stands_alone() -> None:
    rate = Interval(events=12, trials=31_204, low=0.000199, high=0.000672, rate=0.000385)
    assert f.per_thousand(rate) == "0.38 in 1,000 (0.2–0.67)"
    assert f.percent(Interval(events=44, trials=50, low=0.757, high=0.955, rate=0.88)) == (
        "88 % (76–96), 44 of 50"
    )
    assert f.per_thousand(Interval(events=0, trials=0, low=0, high=1)).startswith("– in 1,000")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(4, 60))
def test_the_gauge_shows_the_ceiling_or_the_rate_on_it(
    one: float, two: float, three: float, cells: int
) -> None:
    low, rate, high = sorted((one, two, three))
    shown = f.gauge(Interval(events=1, trials=9, low=low, high=high, rate=rate), 1e-3, cells)
    assert len(shown) == cells
    assert shown.count("●") == 1
    assert "│" in shown or shown[cells // 4] == "●"


@given(st.floats(-1, 2), st.integers(1, 40))
def test_a_bar_is_as_long_as_asked(share: float, cells: int) -> None:
    assert len(f.bar(share, cells)) == cells


def test_bars_and_trends() -> None:
    assert f.bar(0.5, 4) == "██··"
    assert f.bar(1.0, 4) == "████"
    assert f.trend([0, 50, 100], 8) == "▁▄█"
    assert f.trend([0, 0], 8) == "▁▁"
    assert f.trend(range(20), 4)[-1] == "█"
    assert f.trend([], 8) == ""
    assert f.trend([100, 100], 8, full=1_000) == "▁▁"
    assert f.trend([100, 2_000], 8, full=1_000) == "▁█"
    assert f.trend([1, 1, 1, 9, 1, 1], 3) == "▁█▁"  # one late second in a minute is not lost


def test_counts_and_sizes() -> None:
    assert (f.count(12_345), f.count(3_147_436)) == ("12,345", "3.1M")
    assert (f.memory(812_000_000), f.memory(32_000_000_000), f.memory(None)) == (
        "812 MB",
        "32.0 GB",
        "–",
    )
    assert (f.number(None), f.number(1.26, 1)) == ("–", "1.3")
