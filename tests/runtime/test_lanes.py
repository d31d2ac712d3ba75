"""Lanes: bounded calls in threads, hangs noticed, threads not left behind without need."""

from __future__ import annotations

import threading

import pytest
import trio

from lfr_engine.runtime.lanes import LaneHung, open_lane, run_thread


def test_a_lane_runs_at_most_its_width_at_once() -> None:
    async def scenario() -> None:
        lock, running, highest = threading.Lock(), 0, 0

        def work() -> None:
            nonlocal running, highest
            with lock:
                running += 1
                highest = max(highest, running)
            threading.Event().wait(0.005)
            with lock:
                running -= 1

        async with open_lane("test", width=2) as lane, trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(lane.run, work)
        assert highest == 2

    trio.run(scenario)


def test_a_call_over_its_deadline_is_a_hang() -> None:
    release = threading.Event()

    async def scenario() -> None:
        async with open_lane("stuck", width=1, deadline_s=0.02, grace_s=0.02) as lane:
            with pytest.raises(LaneHung, match="stuck: a call did not return"):
                await lane.run(release.wait, 5)
            assert lane.running == 1
        release.set()

    trio.run(scenario)


def test_leaving_waits_for_the_call_under_way() -> None:
    async def scenario() -> None:
        began, ended = threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            threading.Event().wait(0.02)
            ended.set()

        with trio.move_on_after(5) as scope:
            async with open_lane("slow", width=1) as lane, trio.open_nursery() as nursery:
                nursery.start_soon(lane.run, work)
                while not began.is_set():
                    await trio.sleep(0.001)
                scope.cancel()
        assert ended.is_set()

    trio.run(scenario)


def test_a_cancelled_reader_is_told_and_waited_for() -> None:
    async def scenario() -> None:
        began, ended = threading.Event(), threading.Event()

        def read(stop: threading.Event) -> None:
            began.set()
            stop.wait(5)
            ended.set()

        async with trio.open_nursery() as nursery:

            async def reader() -> None:
                await run_thread(read, name="reader")

            nursery.start_soon(reader)
            while not began.is_set():
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()
        assert ended.is_set()

    trio.run(scenario)


def test_a_reader_error_reaches_the_task() -> None:
    def read(stop: threading.Event) -> None:
        raise ValueError("broken")

    async def scenario() -> None:
        with pytest.raises(ValueError, match="broken"):
            await run_thread(read, name="reader")

    trio.run(scenario)
