"""Supervision: which failures are retried, how long to wait, and when to give up.

Owns: back-off, restart budgets and the loop that runs an actor again. Never: a retry of an error
group of which one leaf is not retryable. Strategy: the verdict for an error is a table from its
type to an action; every change is told to ``on_state``.
"""

from __future__ import annotations

import enum
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

import trio

from lfr_engine.errors import LfrError


class Action(enum.Enum):
    """What to do about a failure."""

    RETRY = "retry"  # for ever, with back-off
    BUDGET = "budget"  # again at once, while the restart budget lasts
    STOP = "stop"  # this actor ends, the others live on
    RAISE = "raise"  # the whole engine fails, loudly


class ActorState(enum.Enum):
    """What the board says of a supervised actor."""

    RUNNING = "running"
    WAITING = "waiting"
    STOPPED = "stopped"
    CRASHED = "crashed"
    DONE = "done"


@dataclass(slots=True)
class Backoff:
    """Seconds to wait before each try: 0, 1, 2, 4 … ``cap_s``, each with up to ``jitter`` more."""

    cap_s: float = 30.0
    jitter: float = 0.2
    random: random.Random = field(default_factory=random.Random)
    _tries: int = 0

    def next_s(self) -> float:
        """The wait before the coming try."""
        base = 0.0 if self._tries == 0 else min(self.cap_s, 2.0 ** (self._tries - 1))
        self._tries = min(self._tries + 1, 64)
        return min(self.cap_s, base * (1 + self.jitter * self.random.random()))

    def reset(self) -> None:
        """It worked: the next failure is tried again at once."""
        self._tries = 0


@dataclass(slots=True)
class Budget:
    """At most ``number`` restarts in any ``window_s`` seconds."""

    number: int = 5
    window_s: float = 60.0
    _spent: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    def spend(self, now_s: float) -> bool:
        """Take one restart at time ``now_s``; False when the budget is exhausted."""
        while self._spent and now_s - self._spent[0] >= self.window_s:
            self._spent.popleft()
        if len(self._spent) >= self.number:
            return False
        self._spent.append(now_s)
        return True


Policy = Mapping[type[Exception], Action]
"""Error type → action; the most derived type that fits wins."""

OnState = Callable[[ActorState, str], None]


def verdict(error: BaseException, policy: Policy, default: Action) -> Action:
    """The action for an error; for a group the gravest of its leaves (RETRY is the mildest)."""
    gravity = list(Action)
    actions = []
    for leaf in leaves(error):
        for kind in type(leaf).__mro__:
            if kind in policy:
                actions.append(policy[kind])
                break
        else:
            actions.append(default)
    return max(actions, key=gravity.index)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Every error inside nested groups, or the error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def describe(error: BaseException) -> str:
    """One line about an error or group: our own sentence, or type and text of a foreign one."""
    parts = [
        str(leaf) if isinstance(leaf, LfrError) else f"{type(leaf).__name__}: {leaf}"
        for leaf in leaves(error)
    ]
    return "; ".join(dict.fromkeys(parts))


async def supervise(
    run: Callable[[], Awaitable[object]],
    *,
    policy: Policy,
    on_state: OnState,
    default: Action = Action.BUDGET,
    backoff: Backoff | None = None,
    budget: Budget | None = None,
    steady_s: float = 10.0,
) -> None:
    """Run an actor until it returns, restarting it as ``policy`` says.

    ``on_state`` hears every change, with the reason. A run of ``steady_s`` seconds resets the
    back-off. Returns when the actor is done, stopped or crashed; cancellation passes through.

    Raises:
        Exception: What the actor raised, where the policy says ``RAISE``.
    """
    backoff = backoff or Backoff()
    budget = budget or Budget()
    while True:
        on_state(ActorState.RUNNING, "")
        began = trio.current_time()
        try:
            await run()
        except trio.Cancelled:
            raise
        except Exception as error:
            action = verdict(error, policy, default)
            reason = describe(error)
            if action is Action.RAISE:
                on_state(ActorState.CRASHED, reason)
                raise
            if action is Action.STOP:
                on_state(ActorState.STOPPED, reason)
                return
            now = trio.current_time()
            if now - began >= steady_s:
                backoff.reset()
            if action is Action.BUDGET:
                if not budget.spend(now):
                    on_state(ActorState.CRASHED, reason)
                    return
                wait = 0.0
            else:
                wait = backoff.next_s()
            on_state(ActorState.WAITING, reason)
            await trio.sleep(wait)
        else:
            on_state(ActorState.DONE, "")
            return
