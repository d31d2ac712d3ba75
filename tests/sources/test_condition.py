"""Camera condition: one down and one up event per outage, however it flaps."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.sources.condition import (
    CameraDown,
    CameraState,
    CameraUp,
    Condition,
    Signal,
)


def live_camera() -> Condition:
    condition = Condition("door", debounce_s=2.0)
    condition.signal(Signal.OPEN, 0.0)
    condition.signal(Signal.FRAME, 0.5)
    return condition


def test_an_outage_is_announced_once_and_its_length_is_true() -> None:
    condition = live_camera()
    condition.signal(Signal.BREAK, 10.0, "connection refused")
    events = []
    for tenth in range(100, 400):
        now = tenth / 10
        if now == 30.0:
            condition.signal(Signal.FRAME, now)
        events.append(condition.poll(now))
    assert [e for e in events if e] == [
        CameraDown("door", 10.0, "connection refused"),
        CameraUp("door", 20.0),
    ]


def test_a_short_break_is_never_announced() -> None:
    condition = live_camera()
    condition.signal(Signal.SILENCE, 10.0)
    assert condition.state is CameraState.STALLED
    condition.signal(Signal.FRAME, 11.0)
    assert [condition.poll(t) for t in (10.5, 11.5, 12.5, 20.0)] == [None] * 4


def test_flapping_while_down_stays_one_outage() -> None:
    condition = live_camera()
    condition.signal(Signal.BREAK, 10.0)
    assert isinstance(condition.poll(12.0), CameraDown)
    for now in (13.0, 15.0, 17.0):
        condition.signal(Signal.FRAME, now)
        assert condition.poll(now + 0.5) is None
        condition.signal(Signal.BREAK, now + 1)
    condition.signal(Signal.FRAME, 30.0)
    assert condition.poll(32.0) == CameraUp("door", 20.0)


def test_a_camera_that_never_came_is_down_too() -> None:
    condition = Condition("door", debounce_s=2.0)
    condition.signal(Signal.OPEN, 0.0)
    condition.signal(Signal.BREAK, 1.0, "no route")
    condition.signal(Signal.OPEN, 1.5)
    assert condition.state is CameraState.LOST
    assert condition.poll(3.0) == CameraDown("door", 1.0, "no route")


@pytest.mark.parametrize("signal", [Signal.DISABLE, Signal.END])
def test_what_was_meant_is_no_outage(signal: Signal) -> None:
    condition = live_camera()
    condition.signal(signal, 5.0)
    assert condition.poll(60.0) is None


def test_a_refused_camera_ignores_late_frames() -> None:
    condition = live_camera()
    condition.signal(Signal.REFUSAL, 1.0, "401")
    condition.signal(Signal.FRAME, 1.1)
    assert condition.state is CameraState.REFUSED


@given(st.lists(st.tuples(st.sampled_from(list(Signal)), st.floats(0.05, 5)), max_size=60))
def test_downs_and_ups_alternate_whatever_happens(story: list[tuple[Signal, float]]) -> None:
    condition = Condition("door")
    now, kinds = 0.0, []
    for signal, step in story:
        now += step
        condition.signal(signal, now)
        event = condition.poll(now)
        if event is not None:
            kinds.append(type(event))
        if isinstance(event, CameraUp):
            assert event.outage_s >= 0
    pairs = itertools.pairwise(kinds)
    # A disabled camera ends its outage without an up event, so only two ups in a row are wrong.
    assert all((a, b) != (CameraUp, CameraUp) for a, b in pairs)
