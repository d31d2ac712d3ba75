"""Links between tasks that a plain memory channel cannot be: newest-wins, fan-out, acknowledged.

Owns: LatestSlot, Broadcast and Outbox. Never: an unbounded buffer, or a silent drop; every link
counts what it replaced and remembers its fullest moment (``peak``). Strategy: plain state guarded
where threads meet it, one ``trio.Event`` per waiting task, renewed at each wake.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class SlotClosed(Exception):
    """The other end of a slot is gone."""


class LatestSlot(Generic[T]):
    """A buffer of one between two threads, in which the newest wins; or of a few, before which the
    one who offers waits.

    Args:
        ahead: 0 for live sources (a new item replaces the waiting one and is counted); for files
            and evaluation how many may wait before the thread that offers one blocks.
        on_ready: Called by whoever offers or closes, after it, in his thread. It must not block.
    """

    def __init__(self, *, ahead: int = 0, on_ready: Callable[[], None] | None = None) -> None:
        self._ahead = ahead
        self._on_ready = on_ready
        self._lock = threading.Condition()
        self._items: deque[T] = deque(maxlen=max(1, ahead))
        self._closed = False
        self.replaced = 0
        self.passed = 0

    def put(self, item: T) -> T | None:
        """Offer an item; returns the one it replaced, if any.

        Raises:
            SlotClosed: The consumer is gone; the thread should end.
        """
        with self._lock:
            while 0 < self._ahead <= len(self._items) and not self._closed:
                self._lock.wait(timeout=0.5)
            if self._closed:
                raise SlotClosed
            replaced = self._items[0] if not self._ahead and self._items else None
            self._items.append(item)  # of a live source in place of the one before
            if replaced is not None:
                self.replaced += 1
        if replaced is None and self._on_ready is not None:
            self._on_ready()
        return replaced

    @property
    def waiting(self) -> int:
        """How many items could be taken."""
        with self._lock:
            return len(self._items)

    def wait_for_room(self, most: int) -> None:
        """In the thread that offers: return once no more than ``most`` items wait, or at close."""
        with self._lock:
            while len(self._items) > most and not self._closed:
                self._lock.wait(timeout=0.5)

    def close(self) -> None:
        """Nothing more will come.

        What waits can still be taken; a thread that offers more gets ``SlotClosed``.
        """
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        if self._on_ready is not None:
            self._on_ready()

    def peek(self) -> T | None:
        """The item to be taken next, without taking it."""
        with self._lock:
            return self._items[0] if self._items else None

    @property
    def exhausted(self) -> bool:
        """True once closed and empty."""
        with self._lock:
            return self._closed and not self._items

    def take(self) -> T | None:
        """Take the oldest waiting item, or None."""
        with self._lock:
            if not self._items:
                return None
            self.passed += 1
            self._lock.notify_all()
            return self._items.popleft()


@dataclass(frozen=True, slots=True)
class Lagged:
    """Stands in a subscription where ``missed`` items were dropped because its reader was slow."""

    missed: int


class Subscription(Generic[T]):
    """One reader of a Broadcast, with its own bounded queue."""

    def __init__(self, capacity: int) -> None:
        self._queue: deque[T] = deque(maxlen=capacity)
        self._missed = 0
        self._ready = trio.Event()
        self._closed = False
        self.peak = 0

    def offer(self, item: T) -> None:
        """Queue an item; when full the oldest goes and is counted as missed."""
        if len(self._queue) == self._queue.maxlen:
            self._missed += 1
        self._queue.append(item)
        self.peak = max(self.peak, len(self._queue))
        self._ready.set()

    def close(self) -> None:
        """Let the reader drain what is queued, then end."""
        self._closed = True
        self._ready.set()

    async def receive(self) -> T | Lagged:
        """The next item, or ``Lagged`` first when some were missed before it.

        Raises:
            trio.EndOfChannel: The broadcast was closed and everything queued was read.
        """
        while True:
            if self._missed:
                lagged, self._missed = Lagged(self._missed), 0
                await trio.lowlevel.checkpoint()
                return lagged
            if self._queue:
                item = self._queue.popleft()
                await trio.lowlevel.checkpoint()
                return item
            if self._closed:
                raise trio.EndOfChannel
            self._ready = trio.Event()
            await self._ready.wait()


class Broadcast(Generic[T]):
    """Fan-out to any number of readers; a slow one loses its own oldest items, never another's.

    Args:
        capacity: Items queued for each subscriber, at least 1.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError("a broadcast queues at least one item per subscriber")
        self._capacity = capacity
        self._subscriptions: set[Subscription[T]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._subscriptions)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription[T]]:
        """Receive everything published while the block lasts."""
        subscription: Subscription[T] = Subscription(self._capacity)
        if self._closed:
            subscription.close()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def publish(self, item: T) -> None:
        """Offer an item to every subscriber; never blocks."""
        for subscription in self._subscriptions:
            subscription.offer(item)

    def close(self) -> None:
        """End every subscription after what it has queued."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()


class Outbox(Generic[T]):
    """A bounded queue whose items leave only when they are acknowledged.

    The sender waits for the acknowledgement (``post``); the worker repeats an item until it could
    be done. ``oldest_s`` lets a supervisor stop the engine when the worker stands still.

    Args:
        capacity: Items waiting at most; further senders wait.
    """

    def __init__(self, capacity: int) -> None:
        self._send, self._receive = trio.open_memory_channel[tuple[T, trio.Event, float]](capacity)
        self._pending: dict[int, float] = {}
        self._serial = 0
        self.peak = 0

    async def post(self, item: T) -> None:
        """Queue ``item`` and return once acknowledged; a cancelled wait is not undone."""
        done = trio.Event()
        self._serial += 1
        serial = self._serial
        self._pending[serial] = trio.current_time()
        self.peak = max(self.peak, len(self._pending))
        try:
            await self._send.send((item, done, self._pending[serial]))
            await done.wait()
        finally:
            self._pending.pop(serial, None)

    async def receive(self, limit: int) -> tuple[list[T], Callable[[], None]]:
        """Wait for work: up to ``limit`` items and the call that acknowledges them all.

        Raises:
            trio.EndOfChannel: ``close`` was called and nothing is queued.
        """
        batch = [await self._receive.receive()]
        while len(batch) < limit:
            try:
                batch.append(self._receive.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                break

        def acknowledge() -> None:
            for _, done, _ in batch:
                done.set()

        return [item for item, _, _ in batch], acknowledge

    def oldest_s(self) -> float:
        """Seconds the oldest unacknowledged item has waited; 0 when none."""
        if not self._pending:
            return 0.0
        return trio.current_time() - min(self._pending.values())

    def close(self) -> None:
        """No more items will be posted."""
        self._send.close()
