"""One subscription as the client sees it: what arrived, what was taken, where to go on from.

Owns: the queue of arrived items, the credit window, and the cursor to resume from. Never: sockets,
tasks. Strategy: the engine may only send as many events as the window allows, so the queue is
bounded by what this end granted; credit is given back as items are taken, in halves of the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lfr_engine.client.errors import NotWhatWasAsked
from lfr_engine.errors import LfrError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import BadArgument, to_plain, to_record
from lfr_engine.protocol.commands import TopicSpec

B = TypeVar("B")
_NOTICES = 8
"""Notices beyond one for each event; more than this means an engine that babbles."""


@dataclass(frozen=True, slots=True)
class Delivery(Generic[B]):
    """One event; ``cursor`` is set on durable topics and is what to remember to resume later."""

    body: B
    cursor: int | None


@dataclass(frozen=True, slots=True)
class Missed:
    """The program was too slow: ``count`` live events were skipped.

    On a durable topic nothing is lost: the engine goes on from its journal.
    """

    count: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Durable events were deleted by retention before they were read; the next is after
    ``resumed``.
    """

    resumed: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection was lost and is back; live events in between were not seen."""


Item = Delivery[B] | Missed | Gap | Reconnected
"""What a subscription yields."""


class Feed(Generic[B]):
    """One subscription, over as many connections as it takes.

    Args:
        topic: Which.
        arguments: The topic's filter, or ``None`` for a topic without.
        cursor: Resume after this event (durable topics); 0 for all that is kept; ``None`` for what
            happens from now on.
        window: Events that may wait here unread, at least 2.
        on_change: Called whenever an item arrived or the feed ended.
    """

    def __init__(
        self,
        topic: TopicSpec[B],
        arguments: Any = None,
        *,
        cursor: int | None = None,
        window: int = 64,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.topic = topic
        self.id: int | None = None
        self.cursor = cursor
        self.error: LfrError | None = None
        self.ended = False
        self._arguments = {} if arguments is None else to_plain(arguments)
        self._window = max(2, window)
        self._owed = 0
        self._queue: deque[tuple[Item[B], bool]] = deque()
        self._on_change = on_change
        self._connected_before = False

    def __len__(self) -> int:
        """Items that wait to be taken."""
        return len(self._queue)

    def subscribe(self, new: int) -> m.Subscribe:
        """The message that opens or reopens the subscription under id ``new``."""
        self.id = new
        self._owed = 0
        if self._connected_before and not self.topic.durable:
            self._notice(Reconnected())
        waiting = sum(counted for _, counted in self._queue)
        return m.Subscribe(
            id=new,
            topic=self.topic.name,
            args=self._arguments,
            cursor=self.cursor if self.topic.durable else None,
            credit=max(0, self._window - waiting),
        )

    def opened(self, cursor: int | None) -> None:
        """The engine confirmed; from now on a cut resumes after ``cursor``."""
        self._connected_before = True
        if self.cursor is None:
            self.cursor = cursor

    def arrived(self, event: m.Event) -> None:
        """Queue an event; one that was seen before the cut costs its credit and is dropped.

        Raises:
            NotWhatWasAsked: The body does not have the topic's shape.
        """
        if self.ended:
            return
        if event.cursor is not None:
            if self.cursor is not None and event.cursor <= self.cursor:
                self._owed += 1
                return
            self.cursor = event.cursor
        try:
            body = to_record(event.body, self.topic.body)
        except BadArgument as error:
            raise NotWhatWasAsked(self.topic.name, f"an event of another shape: {error}") from error
        self._queue.append((Delivery(body, event.cursor), True))
        self._on_change()

    def informed(self, message: m.Lagged | m.Truncated) -> None:
        """Queue a notice in its place among the events."""
        if isinstance(message, m.Lagged):
            self._notice(Missed(message.missed))
        else:
            self.cursor = max(self.cursor or 0, message.resumed)
            self._notice(Gap(message.resumed))

    def take(self) -> Item[B] | None:
        """The oldest item, or ``None``; taking is what earns new credit."""
        if not self._queue:
            return None
        item, counted = self._queue.popleft()
        self._owed += counted
        return item

    def credit_due(self) -> m.Credit | None:
        """The message that grants what was taken, once it is half a window."""
        if self.id is None or self.ended or self._owed < self._window // 2:
            return None
        owed, self._owed = self._owed, 0
        return m.Credit(id=self.id, n=owed)

    def lost(self) -> None:
        """The connection is gone; what is queued stays."""
        self.id = None

    def end(self, error: LfrError | None = None) -> None:
        """Nothing more will come; what is queued stays."""
        self.ended = True
        self.error = error
        self._on_change()

    def _notice(self, notice: Missed | Gap | Reconnected) -> None:
        last = self._queue[-1][0] if self._queue else None
        if isinstance(last, Missed) and isinstance(notice, Missed):
            self._queue[-1] = (Missed(last.count + notice.count), False)
        elif type(last) is type(notice):
            self._queue[-1] = (notice, False)
        elif len(self._queue) < 2 * self._window + _NOTICES:
            self._queue.append((notice, False))
        else:
            raise NotWhatWasAsked(self.topic.name, "notices without end")
        self._on_change()
