"""Lanes: the only door from trio to worker threads.

Owns: every thread of the engine. Never: a shared pool, nor an unbounded wait for native code.
Strategy: a lane is a small set of threads for one kind of work, with a deadline for each call. A
call over its deadline is a hang: ``LaneHung`` is raised, the lane is spent and its owner opens
another; the stuck thread is left behind and counted. Bulk work (pictures, networks) has threads
that stand back for the rest.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, TypeVar

import trio

from lfr_engine.errors import DeviceError
from lfr_engine.priority import BULK_NICENESS, stand_back

Result = TypeVar("Result")


class LaneHung(DeviceError):
    """A call in a lane did not return within its deadline; the lane must not be used again."""


class _Call(Generic[Result]):
    """One call on its way through a thread, and what came of it."""

    def __init__(self, call: Callable[..., Result], args: tuple[object, ...]) -> None:
        self._call, self._args = call, args
        self._token = trio.lowlevel.current_trio_token()
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self.done = trio.Event()

    def execute(self) -> None:
        """In the thread."""
        try:
            self._result.append(self._call(*self._args))
        except BaseException as exc:  # noqa: BLE001 - it is raised where it was asked for
            self._error = exc
        del self._call, self._args  # what was handed over belongs to the caller again (R1)

    def tell(self) -> None:
        """In the thread: wake who waits, if the loop still runs."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.done.set)

    def result(self) -> Result:
        """What the call returned.

        Raises:
            Whatever it raised.
        """
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # else the error holds its own traceback, and all it saw
        return self._result.pop()


class Lane:
    """``width`` threads for one kind of synchronous work.

    Args:
        name: Shown in errors and thread names.
        width: Calls that may run at once, at least 1.
        deadline_s: Longest time one call may take.
        bulk: Its threads stand back for those of others.
    """

    def __init__(self, name: str, *, width: int, deadline_s: float, bulk: bool = False) -> None:
        self.name = name
        self.deadline_s = deadline_s
        self._bulk = bulk
        self._limiter = trio.CapacityLimiter(width)
        self._lock = threading.Lock()
        self._running = self._threads = 0
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()

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
            waiting = _Call(call, args)
            self._begin(waiting)
            with trio.move_on_after(self.deadline_s):
                await waiting.done.wait()
                return waiting.result()
            raise LaneHung(self.name, f"a call did not return within {self.deadline_s:g} s")
        finally:
            self._limiter.release()

    def close(self) -> None:
        """Let the threads end, each after the call it is in."""
        for _ in range(self._threads):
            self._calls.put(None)

    async def _turn(self) -> None:
        """Take a place in the lane, without a turn of the loop where one is free: an alert passes
        three lanes, and a turn of a busy loop takes milliseconds.
        """
        try:
            self._limiter.acquire_nowait()
        except trio.WouldBlock:
            await self._limiter.acquire()

    def _begin(self, waiting: _Call[Result]) -> None:
        with self._lock:
            self._running += 1
            begun = self._running > self._threads
            self._threads += begun
        self._calls.put(waiting)
        if begun:
            _start(f"lane {self.name}", self._work, BULK_NICENESS if self._bulk else 0)

    def _work(self) -> None:
        while (waiting := self._calls.get()) is not None:
            waiting.execute()
            with self._lock:
                self._running -= 1
            waiting.tell()
            del waiting


@asynccontextmanager
async def open_lane(
    name: str, *, width: int, deadline_s: float = 10.0, grace_s: float = 0.7, bulk: bool = False
) -> AsyncIterator[Lane]:
    """A lane for the length of a block; leaving waits at most ``grace_s`` for calls under way.

    The wait is shielded: what a thread still uses must not be torn down under it.
    """
    lane = Lane(name, width=width, deadline_s=deadline_s, bulk=bulk)
    try:
        yield lane
    finally:
        with trio.move_on_after(grace_s, shield=True):
            while lane.running:  # noqa: ASYNC110 - a thread cannot set a trio event that may be gone
                await trio.sleep(0.002)
        lane.close()


async def run_thread(
    work: Callable[[threading.Event], None],
    *,
    name: str,
    on_stop: Callable[[], None] | None = None,
    niceness: int = BULK_NICENESS,
) -> None:
    """Run one long-lived piece of bulk work in a thread of its own until it returns.

    ``work`` gets an event that is set when the task is cancelled; it must look at it at least once
    a second and keep its own limits on blocking calls. ``on_stop`` may wake it where it waits.
    ``niceness``: steps that it stands back. The thread alone touches what it opened. A cancelled
    task waits half a second for the thread, then leaves it to end by itself.

    Raises:
        Whatever ``work`` raises.
    """
    stop = threading.Event()
    call = _Call(work, (stop,))

    def body() -> None:
        call.execute()
        call.tell()

    _start(name, body, niceness)
    try:
        await call.done.wait()
    finally:
        stop.set()
        if on_stop is not None:
            on_stop()
        with trio.move_on_after(0.5, shield=True):
            await call.done.wait()
    call.result()


def _start(name: str, body: Callable[[], None], niceness: int) -> None:
    def run() -> None:
        if niceness:
            stand_back(niceness)
        body()

    threading.Thread(target=run, name=name, daemon=True).start()
