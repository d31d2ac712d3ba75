"""Feeds: oldest first, shares kept, order kept, nothing lost without a count."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import trio
import trio.testing

from lfr_engine.actors.feeds import Feeds, Share
from lfr_engine.actors.messages import Detected
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
        telemetry = Telemetry(ManualClock())
        feeds = Feeds(telemetry)
        with feeds.open("door", wait=True) as feed:
            await trio.to_thread.run_sync(feed.slot.put_from_thread, frame("door", 0))
            first = await feeds.next()
            await trio.to_thread.run_sync(feed.slot.put_from_thread, frame("door", 1))
            second = await feeds.next()
            assert not feed.has_room
            async with trio.open_nursery() as nursery:
                nursery.start_soon(second[2].deliver, Detected(second[1], no_faces(), 1))
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(first[2].deliver, Detected(first[1], no_faces(), 0))
                got = [(await feed.receive()).frame.sequence for _ in range(2)]
            assert got == [0, 1]

    trio.run(scenario)


def test_a_failed_frame_lets_the_next_pass_and_the_end_is_told() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("door", wait=True) as feed:
            await trio.to_thread.run_sync(feed.slot.put_from_thread, frame("door", 0))
            _, _, ticket = await feeds.next()
            feed.slot.close()
            assert ticket.give_up()
            assert not ticket.give_up()
            with pytest.raises(trio.EndOfChannel):
                await feed.receive()

    trio.run(scenario)


def test_an_old_live_frame_is_dropped_and_counted_a_recorded_one_never() -> None:
    async def scenario() -> None:
        clock = ManualClock()
        telemetry = Telemetry(clock)
        feeds = Feeds(telemetry, age_budget_s=0.5)
        with feeds.open("live", wait=False) as live, feeds.open("file", wait=True) as recorded:
            await trio.to_thread.run_sync(live.slot.put_from_thread, frame("live", 0))
            await trio.to_thread.run_sync(recorded.slot.put_from_thread, frame("file", 0))
            clock.advance(0.6)
            feed, picked, ticket = await feeds.next()
            assert feed.camera == "file"
            assert picked.sequence == 0
            assert dict(telemetry.drops["live"]) == {"age": 1}
            ticket.give_up()

    trio.run(scenario)


def test_a_full_tracker_keeps_frames_in_the_slot() -> None:
    async def scenario() -> None:
        feeds = Feeds(Telemetry(ManualClock()))
        with feeds.open("door", wait=False) as feed:
            for number in range(2):
                await trio.to_thread.run_sync(feed.slot.put_from_thread, frame("door", number))
                _, picked, ticket = await feeds.next()
                await ticket.deliver(Detected(picked, no_faces(), 0))
            await trio.to_thread.run_sync(feed.slot.put_from_thread, frame("door", 2))
            with trio.move_on_after(0.01) as scope:
                await feeds.next()
            assert scope.cancelled_caught
            await feed.receive()
            _, picked, ticket = await feeds.next()
            assert picked.sequence == 2
            ticket.give_up()

    trio.run(scenario)
