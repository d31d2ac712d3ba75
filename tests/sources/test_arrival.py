"""Capture stamps: never later than the truth allows, never fresher than what waited in a buffer."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.clock import ManualClock
from lfr_engine.sources.arrival import FastArrivals, HeldStamps, LiveArrivals, PacedArrivals

SECOND = 1_000_000_000


class Waiting(threading.Event):
    """A stop event whose waits pass on a clock made by hand."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.advance(timeout or 0)
        return self.is_set()


def test_what_was_buffered_while_the_stream_opened_is_as_old_as_it_is() -> None:
    clock = ManualClock()
    live = LiveArrivals(clock, opened_ns=0)
    clock.advance(1.2)  # opening read 30 pictures at 25 a second, and now they come at once
    stamps = [live.stamp(clock.now_ns, n / 25) for n in range(30)]
    assert [s / SECOND for s in stamps] == pytest.approx([n / 25 for n in range(30)])
    asked = clock.now_ns
    clock.advance(0.02)
    assert live.stamp(asked, 30 / 25) == clock.now_ns


def test_a_decoder_that_lags_does_not_make_old_pictures_fresh() -> None:
    clock = ManualClock()
    live = LiveArrivals(clock, opened_ns=0)
    clock.advance(1.0)
    assert live.stamp(0, 0.0) == clock.now_ns  # waited for
    for number in range(1, 26):
        clock.advance(0.08)  # decoding takes twice as long as a frame
        captured = live.stamp(clock.now_ns, number / 25)
    assert captured / SECOND == pytest.approx(2.0)
    assert clock.now_ns / SECOND == pytest.approx(3.0)


def test_a_stream_without_times_is_stamped_by_its_neighbours() -> None:
    clock = ManualClock(now_ns=5 * SECOND)
    live = LiveArrivals(clock, opened_ns=4 * SECOND)
    assert live.stamp(clock.now_ns, None) == 4 * SECOND
    asked = clock.now_ns
    clock.advance(0.04)
    assert live.stamp(asked, None) == clock.now_ns


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.floats(0, 0.2), st.none() | st.floats(-1e6, 1e6)),
        max_size=50,
    )
)
def test_stamps_never_go_back_and_never_lie_in_the_future(
    story: list[tuple[float, float, float | None]],
) -> None:
    clock = ManualClock()
    live = LiveArrivals(clock, opened_ns=0)
    last = 0
    for busy_s, waited_s, media_s in story:
        clock.advance(busy_s)
        asked = clock.now_ns
        clock.advance(waited_s)
        captured = live.stamp(asked, media_s)
        assert last <= captured <= clock.now_ns
        last = captured


def test_a_paced_packet_waits_until_it_is_due_and_is_stamped_so() -> None:
    clock = ManualClock(now_ns=7 * SECOND)
    paced = PacedArrivals(clock, Waiting(clock), start_ns=7 * SECOND)
    for number in range(5):
        due = 7 * SECOND + number * SECOND // 25
        assert paced.stamp(clock.now_ns, number / 25) == pytest.approx(due, abs=2)
        assert clock.now_ns == pytest.approx(due, abs=2)


def test_a_paced_packet_that_is_overdue_is_stamped_when_it_was_due() -> None:
    clock = ManualClock()
    paced = PacedArrivals(clock, Waiting(clock), start_ns=0)
    clock.advance(2.0)
    assert paced.stamp(clock.now_ns, 0.5) == SECOND // 2
    assert paced.stamp(clock.now_ns, None) == SECOND // 2
    assert clock.now_ns == 2 * SECOND


def test_recorded_material_is_captured_when_it_is_read() -> None:
    clock = ManualClock(now_ns=3)
    assert FastArrivals(clock).stamp(0, 99.0) == 3


def test_reordered_pictures_take_the_oldest_stamps_in_order() -> None:
    held = HeldStamps()
    out = []
    for pts, captured in [(0, 10), (3, 20), (1, 30), (2, 40), (6, 50), (4, 60), (5, 70)]:
        held.enter(pts, captured)
        if pts in {0, 1, 2, 4, 5}:
            out.append(held.leave(pts, captured))
        if pts in {2, 5}:
            out.append(held.leave(pts + 1, captured))
    assert out == [10, 20, 30, 40, 50, 60, 70]


def test_a_packet_without_a_picture_takes_its_stamp_with_it() -> None:
    held = HeldStamps()
    for pts in range(200):
        held.enter(pts, pts)
        if pts % 2:
            assert held.leave(pts, -1) == pts


def test_stamps_of_a_decoder_that_gives_nothing_are_bounded() -> None:
    held = HeldStamps()
    for pts in range(1000):
        held.enter(pts, pts)
    assert held.leave(1000, 7) == 999
    assert held.leave(1001, 7) == 7
    assert held.leave(None, 8) == 8
