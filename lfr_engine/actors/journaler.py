"""The journaler actor: one per engine. What it acknowledges is durable.

Owns: the open journal, in a lane of one thread. Never: tells of a record before it is committed;
lets the engine go on when it cannot be written: no journal, no alert. Strategy: whatever waits when
the disk is free is one append; a failed or overdue append raises, which ends the engine; leaving
drains what was posted, for a bounded time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import trio

from lfr_engine.errors import EngineError
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.kinds import checked, item
from lfr_engine.journal.lines import Record
from lfr_engine.journal.store import MOST_AT_ONCE, Journal
from lfr_engine.runtime.flow import Broadcast, Outbox
from lfr_engine.runtime.lanes import Lane, open_lane

Result = TypeVar("Result")

QUEUE = 256
"""Posts waiting at most, from ``docs/architecture.md``."""
TOGETHER = 64
"""Posts in one append."""
MOST_OF_ONE_POST = MOST_AT_ONCE // TOGETHER
HEARD = 512
"""Committed records queued for each listener before it lags."""


@dataclass(frozen=True, slots=True)
class JournalerSettings:
    """oldest_s: an event that waits longer to become durable ends the engine. grace_s: to drain."""

    oldest_s: float = 5.0
    grace_s: float = 2.0


class Journaler:
    """The journal as tasks see it. Make it with ``open_journaler``.

    ``failed``: nothing can be recorded any more. ``committed`` tells every record after it is
    durable, in order; the journal's own checkpoints are not told.
    """

    def __init__(self, journal: Journal, lane: Lane, settings: JournalerSettings) -> None:
        self.committed: Broadcast[Record] = Broadcast(HEARD)
        self.drained = trio.Event()
        self.failed = False
        self._journal = journal
        self._lane = lane
        self._settings = settings
        self._outbox: Outbox[Sequence[Event]] = Outbox(QUEUE)

    @property
    def peak(self) -> int:
        """The most posts that ever waited."""
        return self._outbox.peak

    async def record(self, events: Sequence[Event]) -> None:
        """Commit events together; returns once they are durable.

        Raises:
            EngineError: One does not fit the table of kinds; nothing was posted.
        """
        if not events:
            return
        if len(events) > MOST_OF_ONE_POST:
            raise EngineError("journal", f"{len(events)} events in one post")
        for event in events:
            checked(*item(event))  # the one who made it hears of it, not everybody in the batch
        await self._outbox.post(events)

    async def use(self, work: Callable[[Journal], Result]) -> Result:
        """Read the journal in its lane, between appends."""
        return await self._lane.run(work, self._journal)

    async def work(self) -> None:
        """Commit until closed and drained.

        Raises:
            EngineError: The journal cannot be written.
            LaneHung: The disk does not answer.
        """
        while True:
            try:
                posts, acknowledge = await self._outbox.receive(TOGETHER)
            except trio.EndOfChannel:
                break
            items = [item(event) for post in posts for event in post]
            try:
                records = await self._lane.run(self._journal.append_batch, items)
            except BaseException:
                self.failed = True
                raise
            for record in records:
                self.committed.publish(record)
            acknowledge()
        self.drained.set()

    async def watch(self) -> None:
        """Raise ``EngineError`` once something waited too long to become durable."""
        while True:
            await trio.sleep(min(0.25, self._settings.oldest_s / 4))
            oldest_s = self._outbox.oldest_s()
            if oldest_s > self._settings.oldest_s:
                raise EngineError(
                    "journal",
                    f"nothing became durable for {oldest_s:.1f} s",
                    "no journal, no alert: the engine stops; look at the disk",
                )

    def close(self) -> None:
        """Nothing more will be posted."""
        self._outbox.close()
        self.committed.close()


@asynccontextmanager
async def open_journaler(
    journal: Journal, settings: JournalerSettings | None = None
) -> AsyncIterator[Journaler]:
    """Write ``journal`` while the block lasts; it stays open behind it.

    Raises:
        ExceptionGroup: Of ``EngineError`` or ``LaneHung``, when the journal cannot be written; the
            block is cancelled then.
    """
    limits = settings or JournalerSettings()
    async with open_lane("journal", width=1, deadline_s=limits.oldest_s) as lane:
        journaler = Journaler(journal, lane, limits)
        # It ends by the drain below: a cancellation from outside would lose what is posted.
        scope = trio.CancelScope(shield=True)

        async def work() -> None:
            with scope:
                await journaler.work()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            nursery.start_soon(journaler.watch)
            try:
                yield journaler
            finally:
                journaler.close()
                with trio.move_on_after(limits.grace_s, shield=True):
                    await journaler.drained.wait()
                scope.cancel()
                nursery.cancel_scope.cancel()
