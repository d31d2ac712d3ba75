"""How a deployment that may not begin is refused: journalled as what it is, then raised.

Owns: the event that each kind of refusal becomes. Never: decides whether to refuse (the opening and
``deployment.permission`` do). Strategy: pure functions from the problem to its event, and one
context manager that writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from lfr_engine.clock import Clock
from lfr_engine.deployment.authority import Document
from lfr_engine.deployment.permission import CLOCK_TOLERANCE, Requirements, refusal
from lfr_engine.errors import LfrError, RuleError
from lfr_engine.journal.events.deployment import AuthorityRefused
from lfr_engine.journal.events.engine import CalibrationRefused, ClockRefused
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import WatchlistRefused


@contextmanager
def journalled(
    write: Callable[[Sequence[Event]], None], event_of: Callable[[LfrError], Event]
) -> Iterator[None]:
    """A problem in the block is journalled and goes on."""
    try:
        yield
    except LfrError as problem:
        write([event_of(problem)])
        raise


def clock_is_good(facts: Requirements, clock: Clock) -> bool:
    """Neither behind the journal, nor unsynchronised where that is required."""
    last = facts.last_recorded
    rewound = last is not None and last - clock.utc() > CLOCK_TOLERANCE
    required = facts.settings.require_synchronised_clock
    return not rewound and (facts.clock_synchronised or not required)


def clock_or_refusal(
    problem: LfrError, document: Document | None, facts: Requirements, clock: Clock
) -> Event:
    """A refusal for the clock's sake is journalled as what it is."""
    if clock_is_good(facts, clock):
        return refused(problem, document)
    last, now = facts.last_recorded, clock.utc()
    if last is not None and last - now > CLOCK_TOLERANCE:
        return ClockRefused(cause="rewound", expected=last, found=now)
    return ClockRefused(cause="unsynchronised", found=now)


def refused(problem: LfrError, document: Document | None) -> Event:
    """The authority does not permit it."""
    if isinstance(problem, RuleError):
        return refusal(problem, document)
    return AuthorityRefused(rule="R3", cause=plain(problem.cause))


def list_refused(problem: LfrError, watchlist: str) -> Event:
    """The list cannot be used, or may not."""
    rule = problem.rule if isinstance(problem, RuleError) else "R4"
    return WatchlistRefused(watchlist=watchlist, rule=rule, cause=plain(problem.cause))


def calibration_refused(problem: LfrError) -> Event:
    """The threshold does not mean what it should (R5)."""
    return CalibrationRefused(cause=plain(problem.cause))


def plain(text: str) -> str:
    """A sentence as the journal takes it: words of at most 80 characters, 500 in all."""
    return " ".join(word[:80] for word in text.split())[:500] or "not known"
