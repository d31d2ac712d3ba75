"""Lanes: the only door from trio to worker threads.

Owns: every use of ``trio.to_thread``. Never: the shared default limiter, nor an unbounded wait for
native code. Strategy: a lane is a small set of threads for one kind of work, with its own limiter
and a deadline for each call. A call over its deadline is a hang: ``LaneHung`` is raised, the lane
is spent and its owner opens another; the stuck thread is left behind and counted.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from lfr_engine.errors import DeviceError

Result = TypeVar("Result")


class LaneHung(DeviceError):
    """A call in a lane did not return within its deadline; the lane must not be used again."""


class Lane:
    """``width`` threads for one kind of synchronous work.

    Args:
        name: Shown in errors and thread names.
        width: Calls that may run at once, at least 1.
        deadline_s: Longest time one call may take.
    """

    def __init__(self, name: str, *, width: int, deadline_s: float) -> None:
        self.name = name
        self.deadline_s = deadline_s
        self._limiter = trio.CapacityLimiter(width)
        self._lock = threading.Lock()
        self._running = 0

    @property
    def running(self) -> int:
        """Calls that a thread is executing now, abandoned ones included."""
        return self._running

    async def run(self, call: Callable[..., Result], *args: object) -> Result:
        """``call(*args)`` in a thread of this lane.

        The call must have no side effect that matters once nobody waits for it: under cancellation
        it is left to finish alone (``open_lane`` waits for it before the lane's owner goes on).

        Raises:
            LaneHung: It took longer than ``deadline_s``, waiting for a thread not counted.
        """
        await self._turn()
        try:
            spare = trio.CapacityLimiter(1)  # the lane's own limiter is held here, in the loop
            with trio.move_on_after(self.deadline_s):
                return await trio.to_thread.run_sync(
                    self._counted,
                    call,
                    args,
                    abandon_on_cancel=True,
                    limiter=spare,
                    thread_name=f"lane {self.name}",
                )
            raise LaneHung(self.name, f"a call did not return within {self.deadline_s:g} s")
        finally:
            self._limiter.release()

    async def _turn(self) -> None:
        """Take a place in the lane, without a turn of the loop where one is free: an alert passes
        three lanes, and a turn of a busy loop takes milliseconds.
        """
        try:
            self._limiter.acquire_nowait()
        except trio.WouldBlock:
            await self._limiter.acquire()

    def _counted(self, call: Callable[..., Result], args: tuple[object, ...]) -> Result:
        with self._lock:
            self._running += 1
        try:
            return call(*args)
        finally:
            with self._lock:
                self._running -= 1


@asynccontextmanager
async def open_lane(
    name: str, *, width: int, deadline_s: float = 10.0, grace_s: float = 0.7
) -> AsyncIterator[Lane]:
    """A lane for the length of a block; leaving waits at most ``grace_s`` for calls under way.

    The wait is shielded: what a thread still uses must not be torn down under it.
    """
    lane = Lane(name, width=width, deadline_s=deadline_s)
    try:
        yield lane
    finally:
        with trio.move_on_after(grace_s, shield=True):
            while lane.running:  # noqa: ASYNC110 - a thread cannot set a trio event that may be gone
                await trio.sleep(0.002)


async def run_thread(
    work: Callable[[threading.Event], None], *, name: str, on_stop: Callable[[], None] | None = None
) -> None:
    """Run one long-lived piece of work in a thread of its own until it returns.

    ``work`` gets an event that is set when the task is cancelled; it must look at it at least once
    a second and keep its own limits on blocking calls. ``on_stop`` may wake it where it waits. The
    thread alone touches what it opened. A cancelled task waits half a second for the thread, then
    leaves it to end by itself.

    Raises:
        Whatever ``work`` raises.
    """
    stop = threading.Event()
    ended = threading.Event()

    def body() -> None:
        try:
            work(stop)
        finally:
            ended.set()

    try:
        await trio.to_thread.run_sync(
            body, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1), thread_name=name
        )
    finally:
        stop.set()
        if on_stop is not None:
            on_stop()
        with trio.move_on_after(0.5, shield=True):
            while not ended.is_set():  # noqa: ASYNC110 - as above
                await trio.sleep(0.005)
