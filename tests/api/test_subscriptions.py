"""Following a topic, against a model: whatever is cut, nothing durable is lost or doubled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.api.outgoing import Doorbell
from lfr_engine.api.port import Caller
from lfr_engine.api.subscriptions import Subscriber, follow
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.commands import ALERTS, BOARD, LOGS, CallerRole, TopicSpec
from tests.api.fake_engine import FakeEngine, example

CALLER = Caller("alex", CallerRole.OPERATOR, "o", "s", "peer")


class Reader:
    """A client end with credit by hand."""

    def __init__(self, credit: int = 0) -> None:
        self.heard: list[m.Message] = []
        self.credit = credit
        self.bell = Doorbell()
        self.scope = trio.CancelScope()

    async def send(self, message: m.Message) -> None:
        await trio.lowlevel.checkpoint()
        if isinstance(message, m.Event):
            assert self.credit > 0
            self.credit -= 1
        self.heard.append(message)

    def grant(self, n: int) -> None:
        self.credit += n
        self.bell.ring()

    def cursors(self) -> list[int | None]:
        return [message.cursor for message in self.heard if isinstance(message, m.Event)]

    async def run(
        self, engine: FakeEngine, topic: TopicSpec[Any], cursor: int | None = None
    ) -> None:
        arguments = a.LogsFilter() if topic is LOGS else a.NoFilter()
        subscriber = Subscriber(1, CALLER, self.send, lambda: self.credit, self.bell)
        with self.scope:
            await follow(engine, topic, arguments, cursor, subscriber)


def play(scenario: Callable[[FakeEngine, trio.Nursery], Awaitable[None]]) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            await scenario(FakeEngine(), nursery)
            nursery.cancel_scope.cancel()

    trio.run(main)


quiet = trio.testing.wait_all_tasks_blocked


def test_from_now_on_is_the_default() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        engine.raise_alert()
        reader = Reader(10)
        nursery.start_soon(reader.run, engine, ALERTS)
        await quiet()
        engine.raise_alert()
        await quiet()
        assert reader.heard[0] == m.Subscribed(id=1, cursor=1)
        assert reader.cursors() == [2]

    play(scenario)


def test_everything_kept_can_be_had() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        for _ in range(200):
            engine.raise_alert()
        reader = Reader(1_000)
        nursery.start_soon(reader.run, engine, ALERTS, 0)
        await quiet()
        assert reader.cursors() == list(range(1, 201))

    play(scenario)


def test_what_retention_deleted_is_said() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        for _ in range(10):
            engine.raise_alert()
        engine.kept_after = 7
        reader = Reader(100)
        nursery.start_soon(reader.run, engine, ALERTS, 2)
        await quiet()
        assert reader.heard[:2] == [m.Subscribed(id=1, cursor=2), m.Truncated(id=1, resumed=7)]
        assert reader.cursors() == [8, 9, 10]

    play(scenario)


def test_a_stuck_subscriber_is_told_and_then_gets_everything_from_the_store() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        reader = Reader(1)
        nursery.start_soon(reader.run, engine, ALERTS)
        await quiet()
        for _ in range(500):
            engine.raise_alert()
        await quiet()
        assert reader.cursors() == [1]
        reader.grant(1_000)
        await quiet()
        assert reader.cursors() == list(range(1, 501))
        lagged = [message for message in reader.heard if isinstance(message, m.Lagged)]
        assert len(lagged) == 1
        assert lagged[0].missed >= 500 - 128 - 2

    play(scenario)


def test_the_board_skips_to_the_newest() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        reader = Reader(1)
        nursery.start_soon(reader.run, engine, BOARD)
        await quiet()
        for _ in range(500):
            engine.publish_board()
            await quiet()
        assert len(reader.heard) == 2  # subscribed, first snapshot
        reader.grant(1)
        await quiet()
        lagged, event = reader.heard[2:]
        assert lagged == m.Lagged(id=1, missed=499)
        assert isinstance(event, m.Event)
        assert event.body.passes == 500

    play(scenario)


def test_a_slow_reader_of_logs_is_told_how_many_are_gone() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        reader = Reader(0)
        nursery.start_soon(reader.run, engine, LOGS)
        await quiet()
        for _ in range(200):
            engine.publish("logs", example(LOGS.body))
        reader.grant(1_000)
        await quiet()
        assert m.Lagged(id=1, missed=200 - 128) in reader.heard
        assert len(reader.cursors()) == 128

    play(scenario)


def test_a_topic_that_ends_ends_its_subscriptions() -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        for topic in (ALERTS, BOARD, LOGS):
            engine.broadcasts[topic.name].close()
            with pytest.RaisesGroup(
                trio.EndOfChannel, flatten_subgroups=True, allow_unwrapped=True
            ):
                await Reader(10).run(engine, topic)

    play(scenario)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("alert"), st.integers(1, 200)),
        st.tuples(st.just("grant"), st.integers(1, 150)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("settle"), st.just(0)),
    ),
    max_size=25,
)


@given(steps)
@settings(deadline=None, max_examples=60)
def test_cut_and_resumed_at_will_nothing_is_lost_or_doubled(plan: list[tuple[str, int]]) -> None:
    async def scenario(engine: FakeEngine, nursery: trio.Nursery) -> None:
        seen: list[int | None] = []
        reader = Reader(10)
        nursery.start_soon(reader.run, engine, ALERTS, 0)
        for what, number in plan:
            if what == "alert":
                for _ in range(number):
                    engine.raise_alert()
            elif what == "grant":
                reader.grant(number)
            elif what == "settle":
                await quiet()
            else:
                reader.scope.cancel()
                await quiet()
                seen += reader.cursors()
                reader = Reader(10)
                nursery.start_soon(reader.run, engine, ALERTS, seen[-1] if seen else 0)
        reader.grant(100_000)
        await quiet()
        seen += reader.cursors()
        assert seen == list(range(1, len(engine.stored["alerts"]) + 1))

    play(scenario)
