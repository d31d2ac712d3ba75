"""Supervision under a clock that jumps: budgets, back-off, and errors that must not be retried."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import trio
import trio.testing

from lfr_engine.errors import DeviceError, SourceLost, SourceRefused
from lfr_engine.runtime.supervise import (
    Action,
    ActorState,
    Backoff,
    Budget,
    Policy,
    supervise,
    verdict,
)

POLICY: Policy = {
    SourceLost: Action.RETRY,
    SourceRefused: Action.STOP,
    MemoryError: Action.RAISE,
}


def run_failing(error: Callable[[int], Exception | None]) -> tuple[list[ActorState], list[float]]:
    states: list[ActorState] = []
    starts: list[float] = []

    async def actor() -> None:
        starts.append(trio.current_time())
        fault = error(len(starts))
        if fault is not None:
            raise fault

    async def scenario() -> None:
        began = trio.current_time()
        await supervise(
            actor,
            policy=POLICY,
            on_state=lambda state, reason: states.append(state),
            backoff=Backoff(jitter=0.0, random=random.Random(1)),
        )
        starts[:] = [start - began for start in starts]

    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))
    return states, starts


def test_a_lost_source_is_tried_again_after_0_1_2_4_seconds() -> None:
    states, starts = run_failing(lambda n: SourceLost("cam", "gone") if n < 9 else None)
    assert starts == pytest.approx([0, 0, 1, 3, 7, 15, 31, 61, 91])
    assert states[-1] is ActorState.DONE


def test_the_sixth_crash_in_a_minute_is_the_last() -> None:
    states, starts = run_failing(lambda n: ValueError("defect"))
    assert len(starts) == 6
    assert states[-1] is ActorState.CRASHED


def test_a_refused_source_stops_at_once() -> None:
    states, starts = run_failing(lambda n: SourceRefused("cam", "no such file"))
    assert len(starts) == 1
    assert states == [ActorState.RUNNING, ActorState.STOPPED]


def test_a_grave_error_reaches_the_engine() -> None:
    with pytest.raises(MemoryError):
        run_failing(lambda n: MemoryError())


def test_a_group_is_as_grave_as_its_gravest_leaf() -> None:
    mild, grave = SourceLost("a", "b"), SourceRefused("a", "b")
    assert verdict(ExceptionGroup("x", [mild]), POLICY, Action.BUDGET) is Action.RETRY
    assert verdict(ExceptionGroup("x", [mild, grave]), POLICY, Action.BUDGET) is Action.STOP
    nested = ExceptionGroup("x", [mild, ExceptionGroup("y", [DeviceError("d", "e")])])
    assert verdict(nested, POLICY, Action.BUDGET) is Action.BUDGET


def test_the_budget_refills_with_time() -> None:
    budget = Budget(number=2, window_s=10)
    assert [budget.spend(t) for t in (0, 1, 2, 10.5)] == [True, True, False, True]


def test_backoff_never_passes_its_cap() -> None:
    backoff = Backoff(cap_s=30, jitter=0.5, random=random.Random(3))
    waits = [backoff.next_s() for _ in range(200)]
    assert waits[0] == 0
    assert max(waits) <= 30
    backoff.reset()
    assert backoff.next_s() == 0
