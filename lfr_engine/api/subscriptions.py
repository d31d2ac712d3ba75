"""One subscription: catch up from the store, then follow live, at the pace of the client's credit.

Owns: cursors, lag and truncation of one subscriber. Never: a queue of its own; what a slow client
has not taken stays in the store (durable topics), in the bounded broadcast, or is replaced by the
newest. Strategy: live events are heard before the store is read, so nothing falls between; an event
at or below the cursor was sent before and is skipped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from lfr_engine.api.outgoing import Doorbell
from lfr_engine.api.port import Caller, EngineApi, Item, NotFound, TopicReader
from lfr_engine.errors import InputError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.commands import TopicSpec
from lfr_engine.runtime.flow import Lagged

PAGE = 64
"""Stored events read at once."""

Send = Callable[[m.Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """What a subscription needs of its connection.

    Args:
        id: The subscription's id.
        caller: Who gets it.
        send: Queues a message, waiting for room.
        credit: Events that may be sent now.
        granted: Rings when credit came.
    """

    id: int
    caller: Caller
    send: Send
    credit: Callable[[], int]
    granted: Doorbell

    async def event(self, item: Item) -> None:
        """Send one event as soon as there is credit."""
        await self.allowed()
        await self.send(m.Event(id=self.id, body=item.body, cursor=item.cursor))

    async def allowed(self) -> None:
        """Wait for credit."""
        while self.credit() < 1:
            await self.granted.wait()


async def follow(
    engine: EngineApi,
    topic: TopicSpec[Any],
    arguments: Any,
    cursor: int | None,
    subscriber: Subscriber,
) -> None:
    """Feed ``subscriber`` until cancelled or until the topic ends.

    Raises:
        InputError: The cursor is not one of this engine's.
        trio.EndOfChannel: The topic ended.
        LfrError: The engine's, from reading.
    """
    with engine.subscribe(topic, arguments, subscriber.caller) as reader:
        if topic.durable:
            await _durable(engine, topic, cursor, subscriber, reader)
        elif cursor is not None:
            raise InputError("cursor", f"{topic.name} is not durable and cannot be resumed")
        elif topic.newest:
            first = None
            if topic.snapshot:
                body = await engine.snapshot(topic, arguments, subscriber.caller)
                first = Item(body)
            await subscriber.send(m.Subscribed(id=subscriber.id))
            await _newest(first, subscriber, reader)
        else:
            await subscriber.send(m.Subscribed(id=subscriber.id))
            await _live(subscriber, reader)


async def _durable(
    engine: EngineApi,
    topic: TopicSpec[Any],
    asked: int | None,
    subscriber: Subscriber,
    reader: TopicReader,
) -> None:
    head = await engine.head(topic)
    if asked is not None and asked > head:
        raise NotFound(
            "cursor",
            f"{asked} is ahead of this engine's newest event, {head}",
            "it belongs to another journal; subscribe with cursor 0",
        )
    cursor = head if asked is None else asked
    await subscriber.send(m.Subscribed(id=subscriber.id, cursor=cursor))
    cursor = await _catch_up(engine, topic, cursor, subscriber)
    while True:
        await subscriber.allowed()
        item = await reader.receive()
        if isinstance(item, Lagged):
            await subscriber.send(m.Lagged(id=subscriber.id, missed=item.missed))
            cursor = await _catch_up(engine, topic, cursor, subscriber)
        elif item.cursor is not None and item.cursor > cursor:
            await subscriber.event(item)
            cursor = item.cursor


async def _catch_up(
    engine: EngineApi, topic: TopicSpec[Any], cursor: int, subscriber: Subscriber
) -> int:
    """Send what is stored after ``cursor``; returns the cursor reached."""
    while True:
        page = await engine.read(topic, cursor, PAGE, subscriber.caller)
        if page.kept_after > cursor:
            cursor = page.kept_after
            await subscriber.send(m.Truncated(id=subscriber.id, resumed=cursor))
        for item in page.items:
            await subscriber.event(item)
        if page.read_to <= cursor:
            return cursor
        cursor = page.read_to


async def _live(subscriber: Subscriber, reader: TopicReader) -> None:
    while True:
        await subscriber.allowed()
        item = await reader.receive()
        if isinstance(item, Lagged):
            await subscriber.send(m.Lagged(id=subscriber.id, missed=item.missed))
        else:
            await subscriber.event(item)


class _Cell:
    """The newest event, and how many it replaced."""

    def __init__(self, first: Item | None) -> None:
        self.item = first
        self.replaced = 0
        self.ended = False
        self.changed = Doorbell()
        if first is not None:
            self.changed.ring()

    def put(self, item: Item | Lagged) -> None:
        if isinstance(item, Lagged):
            self.replaced += item.missed
            return
        if self.item is not None:
            self.replaced += 1
        self.item = item
        self.changed.ring()


async def _newest(first: Item | None, subscriber: Subscriber, reader: TopicReader) -> None:
    cell = _Cell(first)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_keep_newest, reader, cell)
        while True:
            await cell.changed.wait()
            while cell.item is not None:
                await subscriber.allowed()
                missed, cell.replaced = cell.replaced, 0
                if missed:
                    await subscriber.send(m.Lagged(id=subscriber.id, missed=missed))
                newest, cell.item = cell.item, None
                await subscriber.event(newest)
            if cell.ended:
                raise trio.EndOfChannel


async def _keep_newest(reader: TopicReader, cell: _Cell) -> None:
    try:
        while True:
            cell.put(await reader.receive())
    except trio.EndOfChannel:
        cell.ended = True
        cell.changed.ring()
