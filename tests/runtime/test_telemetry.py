"""Histograms: percentiles within their stated error, size bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.clock import ManualClock
from lfr_engine.runtime.telemetry import Histogram, Telemetry


@given(st.lists(st.floats(1e-5, 1e3), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_exact_to_two_per_cent(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    true = float(np.quantile(values, share, method="inverted_cdf"))
    assert histogram.percentile(share) == pytest.approx(true, rel=0.021)


def test_an_empty_histogram_says_zero() -> None:
    assert Histogram().summary()["p99_ms"] == 0


def test_a_million_durations_take_the_room_of_a_few() -> None:
    histogram = Histogram()
    for number in range(20_000):
        histogram.add(0.001 + number * 1e-7)
    assert len(histogram._buckets) < 100


def test_ages_and_drops_are_counted() -> None:
    clock = ManualClock()
    telemetry = Telemetry(clock)
    clock.advance(0.25)
    assert telemetry.since("age", 0) == pytest.approx(0.25)
    with telemetry.timed("step"):
        clock.advance(0.1)
    telemetry.dropped("cam1", "slot", 3)
    telemetry.dropped("cam1", "age", 0)
    telemetry.peak("link", 2, 8)
    telemetry.peak("link", 1, 8)
    assert telemetry.stages["step"].summary()["p50_ms"] == pytest.approx(100, rel=0.02)
    assert dict(telemetry.drops["cam1"]) == {"slot": 3}
    assert telemetry.peaks["link"] == (2, 8)
