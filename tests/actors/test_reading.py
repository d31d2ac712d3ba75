"""Readers of recordings decode in turns; readers of live cameras never wait for anything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sized
from functools import partial

import pytest

from lfr_engine.actors.reading import BURST_S, Reading, Turns
from lfr_engine.runtime.flow import LatestSlot, SlotClosed
from lfr_engine.vision.frame import Frame
from tests.actors.test_feeds import frame

AHEAD = 4


def _until(true: Callable[[], object]) -> None:
    """Wait for ``true()``, five seconds at most."""
    for _ in range(5000):
        if true():
            return
        time.sleep(0.001)
    raise AssertionError("it never came to that")


def _counts(items: Sized, number: int) -> bool:
    return len(items) == number


def _in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_no_more_hold_turns_than_there_are_places_and_the_furthest_behind_is_next() -> None:
    turns = Turns(2, patience_s=5)
    turns.take("a", 0.0)
    turns.take("b", 0.0)
    order: list[float] = []

    def wait(at_s: float) -> None:
        turns.take(at_s, at_s)
        order.append(at_s)

    threads = [_in_thread(partial(wait, at_s)) for at_s in (3.0, 1.0, 2.0)]
    _until(lambda: len(turns._waiting) == 3)
    assert (turns.held, order) == (2, [])
    for served, holder in enumerate(("a", 1.0, "b"), 1):
        turns.give_back(holder)
        _until(partial(_counts, order, served))
        assert turns.held == 2
    assert order == [1.0, 2.0, 3.0]
    for thread in threads:
        thread.join(5)


def test_who_hangs_in_a_turn_loses_it_once_and_gives_nothing_back_later() -> None:
    turns = Turns(1, patience_s=0.02)
    turns.take("hung", 0.0)
    turns.take("b", 9.0)
    assert turns.held == 1
    turns.give_back("hung")
    assert turns.held == 1, "the turn is b's now"
    turns.give_back("b")
    assert turns.held == 0


def test_a_recording_is_read_until_its_slot_is_full_and_again_when_half_is_taken() -> None:
    slot: LatestSlot[Frame] = LatestSlot(ahead=AHEAD)
    turns = Turns(1, patience_s=5)
    reading, offered = Reading(slot, AHEAD, turns), []

    def read() -> None:
        for number in range(3 * AHEAD):
            reading.offer(frame("a", number))
            offered.append(number)
        reading.rest()

    thread = _in_thread(read)
    _until(lambda: slot.waiting == AHEAD)
    _until(lambda: turns.held == 0)
    assert offered == list(range(AHEAD - 1)), "the last of the burst waits for room"
    taken = [slot.take()]
    time.sleep(0.01)
    assert (len(offered), turns.held) == (AHEAD - 1, 0), "one place is not worth a turn"
    while len(taken) < 3 * AHEAD:
        item = slot.take()
        if item is not None:
            taken.append(item)
        time.sleep(0.0005)
    thread.join(5)
    assert [one.sequence for one in taken if one is not None] == list(range(3 * AHEAD))
    assert (turns.held, slot.replaced) == (0, 0)


def test_fewer_large_frames_are_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lfr_engine.actors.reading.AHEAD_BYTES", 35)  # a frame here has 12
    slot: LatestSlot[Frame] = LatestSlot(ahead=AHEAD)
    turns = Turns(1)
    one = Reading(slot, AHEAD, turns)
    thread = _in_thread(lambda: [one.offer(frame("a", number)) for number in range(3)])
    _until(lambda: slot.waiting == 2)
    _until(lambda: turns.held == 0)
    assert slot.take() is not None
    _until(lambda: slot.waiting == 2)
    thread.join(0.01)
    assert thread.is_alive(), "it waits for room once more"
    slot.close()
    thread.join(5)
    assert not thread.is_alive()


def test_a_turn_ends_with_its_burst_although_there_is_room() -> None:
    slot: LatestSlot[Frame] = LatestSlot(ahead=1000)
    turns = Turns(1, patience_s=5)
    reading = Reading(slot, 1000, turns)
    reading.offer(frame("a", 0))
    other = _in_thread(lambda: turns.take("other", 0.5))
    _until(lambda: turns._waiting)
    burst = int(BURST_S * 25)
    for number in range(1, burst):
        reading.offer(frame("a", number))
    assert other.is_alive()
    last = _in_thread(lambda: reading.offer(frame("a", burst)))
    other.join(5)
    assert not other.is_alive(), "it is further behind, and had waited"
    turns.give_back("other")
    last.join(5)
    assert not last.is_alive()
    assert turns.held == 1


def test_the_last_frame_gives_the_turn_back() -> None:
    turns = Turns(1)
    reading = Reading(LatestSlot(ahead=AHEAD), AHEAD, turns)
    reading.offer(frame("a", 0))
    assert turns.held == 1
    reading.rest()
    reading.rest()
    assert turns.held == 0


def test_a_closed_slot_frees_a_reader_that_waits_for_room() -> None:
    slot: LatestSlot[Frame] = LatestSlot(ahead=1)
    reading, ended = Reading(slot, 1, Turns(1)), threading.Event()

    def read() -> None:
        reading.offer(frame("a", 0))
        with pytest.raises(SlotClosed):
            reading.offer(frame("a", 1))
        ended.set()

    _in_thread(read)
    _until(lambda: slot.waiting == 1)
    slot.close()
    assert ended.wait(5)


def test_a_live_camera_takes_no_turn_and_its_newest_frame_wins() -> None:
    slot: LatestSlot[Frame] = LatestSlot()
    turns = Turns(1, patience_s=60)
    turns.take("a recording", 0.0)
    reading = Reading(slot, 0, turns)
    replaced = [reading.offer(frame("live", number)) for number in range(100)]
    reading.rest()
    assert replaced[0] is None
    assert [one.sequence for one in replaced[1:] if one is not None] == list(range(99))
    assert turns.held == 1
