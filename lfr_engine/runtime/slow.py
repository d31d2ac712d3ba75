"""Names the task step that held the event loop for too long.

Owns: one trio instrument. Never: an interruption; it only says so. Strategy: each step is timed,
and one over the limit is reported with its task's name.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from lfr_engine.clock import Clock

LIMIT_S = 0.010


class SlowSteps(trio.abc.Instrument):
    """Reports steps longer than ``limit_s``.

    Args:
        clock: What times them.
        report: Told (task name, seconds).
        limit_s: Seconds a step may take.
    """

    def __init__(
        self, clock: Clock, report: Callable[[str, float], None], *, limit_s: float = LIMIT_S
    ) -> None:
        self._clock = clock
        self._report = report
        self._limit_ns = round(limit_s * 1e9)
        self._began_ns = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - trio names it
        """A step begins."""
        self._began_ns = self._clock.monotonic_ns()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """A step ended."""
        took = self._clock.monotonic_ns() - self._began_ns
        if took > self._limit_ns:
            self._report(task.name, took / 1e9)
