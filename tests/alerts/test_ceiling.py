from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.ceiling import Ceiling, CeilingSettings, Level, Reading, read_ceiling
from lfr_engine.deployment.intervals import clopper_pearson

SETTINGS = CeilingSettings()


def reading(false_alerts: int, passes: int) -> Reading:
    return read_ceiling(false_alerts, passes, SETTINGS, clopper_pearson)


@pytest.mark.parametrize(
    ("false_alerts", "passes", "level"),
    [
        (0, 0, Level.GREEN),
        (0, 50_000, Level.GREEN),
        (1, 10, Level.AMBER),  # one early false alert warns and does not stop
        (1, 1_000, Level.GREEN),
        (1, 999, Level.AMBER),
        (2, 100, Level.RED),
        (5, 2_000, Level.AMBER),
        (9, 2_000, Level.RED),
        (10, 3_147_436, Level.GREEN),
        (3, 2, Level.RED),  # passes are still under way
    ],
)
def test_the_colour_of_the_banner(false_alerts: int, passes: int, level: Level) -> None:
    assert reading(false_alerts, passes).level is level


def test_the_interval_of_a_year_in_london() -> None:
    year = reading(10, 3_147_436)
    assert 1 / year.high == pytest.approx(171_000, rel=0.01)
    assert 1 / year.low == pytest.approx(656_000, rel=0.01)


@pytest.mark.parametrize(("passes", "shown"), [(2_995, False), (3_687, False), (3_688, True)])
def test_how_many_clean_passes_show_that_the_ceiling_holds(passes: int, shown: bool) -> None:
    assert reading(0, passes).shown_below is shown


def test_each_change_of_colour_is_said_once() -> None:
    ceiling = Ceiling("dep-1", CeilingSettings(pause_on_red=True), clopper_pearson)
    counts = [(0, 10), (0, 50), (1, 60), (1, 61), (2, 62), (2, 63), (2, 9_000)]
    said = [ceiling.update(false_alerts, passes) for false_alerts, passes in counts]
    assert [event and (event.level, event.paused) for event in said] == [
        None, None, ("amber", False), None, ("red", True), None, ("green", False),
    ]  # fmt: skip
    assert ceiling.reading.passes == 9_000
    red = said[4]
    assert red is not None
    assert 0 < red.low < 2 / 62 < red.high < 1


@given(st.integers(0, 50), st.integers(0, 100_000))
def test_red_means_the_whole_interval_is_above_and_shown_that_it_is_below(
    false_alerts: int, passes: int
) -> None:
    found = reading(false_alerts, passes)
    assert found.low <= false_alerts / max(found.passes, 1) <= found.high or found.passes == 0
    assert not (found.level is Level.RED and found.shown_below)
    assert found.level is not Level.RED or found.low > SETTINGS.share
