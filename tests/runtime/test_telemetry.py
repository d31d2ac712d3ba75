"""Histograms: percentiles within their stated error, size bounded."""

from __future__ import annotations

import threading

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


def test_the_last_minute_forgets_what_came_before_it() -> None:
    clock = ManualClock()
    telemetry = Telemetry(clock)

    def seconds(number: int, took: float) -> None:
        for _ in range(number):
            telemetry.since("stage", clock.monotonic_ns() - round(took * 1e9), "door")
            clock.advance(1.0)
            telemetry.tick()

    seconds(30, 0.1)
    assert telemetry.recent("stage").count == 30
    seconds(300, 0.1)
    seconds(66, 0.4)
    for camera in (None, "door"):
        recent = telemetry.recent("stage", camera)
        assert 60 <= recent.count <= 66
        assert recent.percentile(0.01) == pytest.approx(0.4, rel=0.02)
    assert telemetry.stages["stage"].count == 396
    assert telemetry.recent("stage", "gate").count == 0
    clock.advance(60.0)
    telemetry.tick()
    clock.advance(61.0)
    assert telemetry.recent("stage").count == 0
    assert len(telemetry._snapshots) <= 13


def test_it_can_be_looked_at_while_threads_count() -> None:
    clock = ManualClock()
    telemetry = Telemetry(clock)
    over = threading.Event()

    def count() -> None:
        number = 0
        while not over.is_set():
            number += 1
            telemetry.observe("stage", 1e-6 * 1.021 ** (number % 1000))

    thread = threading.Thread(target=count)
    thread.start()
    try:
        for _ in range(200):
            clock.advance(5.0)
            telemetry.tick()
            telemetry.recent("stage").above(0.1)
    finally:
        over.set()
        thread.join()
    assert telemetry.stages["stage"].count
