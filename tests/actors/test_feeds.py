"""Feeds: oldest first, shares kept, order kept, nothing lost without a count."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from functools import partial

import numpy as np
import pytest
import trio
import trio.testing

from lfr_engine.actors.feeds import RECORDED_QUEUE, TOLD_TOGETHER, Feed, Feeds, Pick, Share
from lfr_engine.clock import ManualClock
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.faces import no_faces
from lfr_engine.vision.frame import Frame, Planes


def frame(camera: str, sequence: int, captured_ns: int = 0) -> Frame:
    plane = np.zeros((2, 2), np.uint8)
    return Frame(camera, sequence, captured_ns, sequence / 25, Planes(plane, plane, plane))


def test_the_oldest_capture_goes_first() -> None:
    assert Share().choose({"a": 30, "b": 10, "c": 20}) == "b"


def test_a_camera_that_claims_old_frames_cannot_starve_the_others() -> None:
    share = Share(32)
    served = Counter(share.choose({"greedy": 0, "b": 100, "c": 100}) for _ in range(300))
    assert min(served.values()) >= 0.8 * 300 / 3 * 0.75
    assert served["greedy"] <= 160


def test_results_return_in_capture_order_even_if_later_ones_are_quicker() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("door", wait=False) as feed:
            feed.slot.put(frame("door", 0))
            first = feeds.pick()
            feed.slot.put(frame("door", 1))
            second = feeds.pick()
            assert first is not None
            assert second is not None
            assert not feed.has_room
            assert second.deliver(no_faces())
            await trio.testing.wait_all_tasks_blocked()
            assert first.deliver(no_faces())
            got = [(await feed.receive()).frame.sequence for _ in range(2)]
            assert got == [0, 1]
            assert feed.has_room

    trio.run(scenario)


def test_a_failed_frame_lets_the_next_pass_and_the_end_is_told() -> None:
    async def scenario() -> None:
        telemetry = Telemetry(ManualClock())
        feeds = Feeds(telemetry)
        with feeds.open("door", wait=True) as feed:
            feed.slot.put(frame("door", 0))
            pick = feeds.pick()
            assert pick is not None
            feed.slot.close()
            assert pick.give_up()
            assert not pick.give_up()
            assert not pick.deliver(no_faces()), "a hung call that returns at last changes nothing"
            with pytest.raises(trio.EndOfChannel):
                await feed.receive()
        assert dict(telemetry.drops["door"]) == {"device": 1}

    trio.run(scenario)


def test_an_old_live_frame_is_dropped_and_counted_a_recorded_one_never() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        telemetry = Telemetry(clock)
        feeds = Feeds(telemetry, age_budget_s=0.5)
        with feeds.open("live", wait=False) as live, feeds.open("file", wait=True) as recorded:
            live.slot.put(frame("live", 0))
            recorded.slot.put(frame("file", 0))
            clock.advance(0.6)
            pick = feeds.pick()
            assert pick is not None
            assert pick.feed is recorded
            assert pick.frame.sequence == 0
            assert dict(telemetry.drops["live"]) == {"age": 1}

    trio.run(scenario)


def test_the_last_frame_of_a_closed_camera_may_be_dropped_and_its_end_is_told() -> None:
    async def scenario() -> None:
        telemetry = Telemetry(ManualClock())
        feeds = Feeds(telemetry)
        with feeds.open("door", wait=False) as feed:
            feed.slot.put(frame("door", 0))
            feed.slot.close()
            feeds.capture = False
            assert feeds.pick() is None
            with pytest.raises(trio.EndOfChannel):
                await feed.receive()
        assert dict(telemetry.drops["door"]) == {"paused": 1}

    trio.run(scenario)


def test_one_live_camera_is_enough_for_haste() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("a", wait=True) as a, feeds.open("b", wait=True) as b:
            assert a.unhurried
            with feeds.open("live", wait=False) as live:
                assert [feed.unhurried for feed in (a, b, live)] == [False] * 3
            assert b.unhurried

    trio.run(scenario)


def test_a_paused_recording_is_emptied_at_once() -> None:
    async def scenario() -> None:
        telemetry = Telemetry(ManualClock())
        feeds = Feeds(telemetry)
        feeds.capture = False
        with feeds.open("door", wait=True) as feed:
            for number in range(3):
                feed.slot.put(frame("door", number))
            assert feeds.pick() is None
            assert feed.slot.peek() is None
        assert dict(telemetry.drops["door"]) == {"paused": 3}

    trio.run(scenario)


def test_a_full_tracker_keeps_frames_in_the_slot() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("door", wait=False) as feed:
            for number in range(2):
                feed.slot.put(frame("door", number))
                pick = feeds.pick()
                assert pick is not None
                pick.deliver(no_faces())
            feed.slot.put(frame("door", 2))
            assert feeds.pick() is None
            await feed.receive()
            pick = feeds.pick()
            assert pick is not None
            assert pick.frame.sequence == 2

    trio.run(scenario)


def _picked(feeds: Feeds, feed: Feed, number: int) -> Pick:
    feed.slot.put(frame(feed.camera, number))
    pick = feeds.pick()
    assert pick is not None
    assert pick.feed is feed
    return pick


def test_recorded_frames_are_told_of_together_and_the_last_when_none_is_left() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("a", wait=True) as a, feeds.open("b", wait=True) as b:
            told = Counter[str]()
            for feed in (a, b):
                feed.arrive = partial(told.update, [feed.camera])  # type: ignore[method-assign]
            picks = [_picked(feeds, feed, n) for n in range(RECORDED_QUEUE) for feed in (a, b)]
            for pick in picks[: RECORDED_QUEUE - 1]:
                pick.deliver(no_faces())
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert not told, "others are in the detector, and will bring these along"
            picks[RECORDED_QUEUE - 1].deliver(no_faces())
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert told == {"a": 1, "b": 1}
            for feed in (a, b):
                feeds.settled(feed)  # as ``arrive`` would
            picks[-1].deliver(no_faces())
            for pick in picks[RECORDED_QUEUE:-1]:
                pick.give_up()
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert min(told.values()) >= 2, "nothing is left in the detector"

    trio.run(scenario)


def test_half_of_what_may_be_on_its_way_is_told_of_at_once() -> None:
    async def scenario(cameras: int) -> int:
        feeds = Feeds(Telemetry(ManualClock()))
        with ExitStack() as opened:
            every = [opened.enter_context(feeds.open(f"c{n}", wait=True)) for n in range(cameras)]
            opened.enter_context(feeds.open("live", wait=False))  # counts for nothing here
            told = Counter[str]()
            for feed in every:
                feed.arrive = partial(told.update, [feed.camera])  # type: ignore[method-assign]
            picks = [_picked(feeds, feed, n) for n in range(RECORDED_QUEUE) for feed in every]
            for delivered, pick in enumerate(picks, 1):
                pick.deliver(no_faces())
                await trio.testing.wait_all_tasks_blocked(0.01)
                if told:
                    return delivered
        return 0

    assert (RECORDED_QUEUE, TOLD_TOGETHER) == (5, 8)
    assert [trio.run(scenario, cameras) for cameras in (1, 2, 3, 8)] == [2, 5, 7, 8]


def test_a_live_frame_is_told_at_once_and_brings_recorded_ones_along() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("live", wait=False) as live, feeds.open("file", wait=True) as recorded:
            told = Counter[str]()
            for feed in (live, recorded):
                feed.arrive = partial(told.update, [feed.camera])  # type: ignore[method-assign]
            first, second = _picked(feeds, recorded, 0), _picked(feeds, live, 0)
            _picked(feeds, recorded, 1)
            second.deliver(no_faces())
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert told == {"live": 1}
            first.deliver(no_faces())
            _picked(feeds, live, 1).deliver(no_faces())
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert told == {"live": 2, "file": 1}

    trio.run(scenario)


def test_a_hung_detector_that_is_given_up_holds_no_finished_frame_back() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("a", wait=True) as a, feeds.open("b", wait=True) as b:
            finished = _picked(feeds, a, 0)
            _picked(feeds, b, 0)
            finished.deliver(no_faces())
            feeds.give_up()
            assert (await a.receive()).frame.sequence == 0

    trio.run(scenario)


def test_a_detectors_thread_waits_for_frames_and_is_told_to_stop() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        stop = threading.Event()
        taken: list[int] = []

        def detect() -> None:
            while (pick := feeds.take(stop)) is not None:
                taken.append(pick.frame.sequence)
                pick.deliver(no_faces())

        with feeds.open("door", wait=True) as feed:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.to_thread.run_sync, detect)
                for number in range(5):
                    feed.slot.put(frame("door", number))
                    assert (await feed.receive()).frame.sequence == number
                stop.set()
                feeds.wake()
        assert taken == [0, 1, 2, 3, 4]
        assert feeds.oldest_ns() is None

    trio.run(scenario)
