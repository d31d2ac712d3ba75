"""What every ``EngineApi`` must do, as tests: run against the fake, and against the real engine.

To run it against another implementation, subclass ``PortContract`` in a test module and give it a
``lab``: an engine, and a way to make it raise alerts. Each method is one promise of ``api.port``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest
import trio

from lfr_engine.api.port import Caller, EngineApi, Item
from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol.commands import ALERTS, BOARD, BY_ARGUMENTS, TOPICS, CallerRole
from lfr_engine.runtime.flow import Lagged

OPERATOR = Caller("alex", CallerRole.OPERATOR, "unix:uid=1", "s-1", "peer")
ENGINEER = Caller("kim", CallerRole.ENGINEER, "unix:uid=2", "s-2", "peer")


class Lab(Protocol):
    """An engine under test."""

    engine: EngineApi

    async def raise_alert(self) -> None:
        """Make one alert happen, completely: stored and announced."""
        ...


OpenLab = Callable[[], AbstractAsyncContextManager[Lab]]


class PortContract:
    """Subclass and provide ``open_lab``."""

    @pytest.fixture
    def open_lab(self) -> OpenLab:
        raise NotImplementedError

    @staticmethod
    def play(open_lab: OpenLab, scenario: Callable[[Lab], Awaitable[None]]) -> None:
        async def main() -> None:
            with trio.fail_after(20):
                async with open_lab() as lab:
                    await scenario(lab)

        trio.run(main)

    def test_results_have_the_type_the_table_names(self, open_lab: OpenLab) -> None:
        async def scenario(lab: Lab) -> None:
            for command in (a.StateGet(), a.BoardGet(), a.CamerasList(), a.MetricsGet()):
                spec = BY_ARGUMENTS[type(command)]
                result = await lab.engine.execute(spec, command, ENGINEER)
                assert isinstance(result, spec.result)

        self.play(open_lab, scenario)

    def test_unknown_things_are_somebodys_error(self, open_lab: OpenLab) -> None:
        async def scenario(lab: Lab) -> None:
            command = a.CamerasDisable(camera="absent")
            with pytest.raises(LfrError):
                await lab.engine.execute(BY_ARGUMENTS[type(command)], command, ENGINEER)

        self.play(open_lab, scenario)

    def test_the_head_grows_and_the_store_gives_what_was_raised(self, open_lab: OpenLab) -> None:
        async def scenario(lab: Lab) -> None:
            before = await lab.engine.head(ALERTS)
            for _ in range(5):
                await lab.raise_alert()
            head = await lab.engine.head(ALERTS)
            assert head > before
            page = await lab.engine.read(ALERTS, before, 100, OPERATOR)
            cursors = [item.cursor for item in page.items]
            assert len(cursors) == 5
            assert cursors == sorted(set(cursors), key=lambda cursor: cursor or 0)
            assert all(isinstance(item.body, ALERTS.body) for item in page.items)
            assert page.read_to == head

        self.play(open_lab, scenario)

    def test_pages_join_without_gap_or_overlap(self, open_lab: OpenLab) -> None:
        async def scenario(lab: Lab) -> None:
            before = await lab.engine.head(ALERTS)
            for _ in range(7):
                await lab.raise_alert()
            whole = await lab.engine.read(ALERTS, before, 100, OPERATOR)
            joined: list[Item] = []
            cursor = before
            while True:
                page = await lab.engine.read(ALERTS, cursor, 2, OPERATOR)
                assert len(page.items) <= 2
                joined += page.items
                if page.read_to <= cursor:
                    break
                cursor = page.read_to
            assert joined == list(whole.items)
            end = await lab.engine.read(ALERTS, cursor, 2, OPERATOR)
            assert (list(end.items), end.read_to) == ([], cursor)

        self.play(open_lab, scenario)

    def test_what_is_heard_was_stored_before_and_in_order(self, open_lab: OpenLab) -> None:
        async def scenario(lab: Lab) -> None:
            with lab.engine.subscribe(ALERTS, a.NoFilter(), OPERATOR) as reader:
                before = await lab.engine.head(ALERTS)
                last = before
                for _ in range(5):
                    await lab.raise_alert()
                    item = await reader.receive()
                    assert isinstance(item, Item)
                    assert item.cursor is not None
                    assert item.cursor > last
                    page = await lab.engine.read(ALERTS, last, 100, OPERATOR)
                    assert page.items[-1] == item
                    last = item.cursor

        self.play(open_lab, scenario)

    def test_a_slow_reader_hears_how_much_it_missed_and_then_the_newest(
        self, open_lab: OpenLab
    ) -> None:
        async def scenario(lab: Lab) -> None:
            with lab.engine.subscribe(ALERTS, a.NoFilter(), OPERATOR) as reader:
                for _ in range(200):
                    await lab.raise_alert()
                head = await lab.engine.head(ALERTS)
                first = await reader.receive()
                assert isinstance(first, Lagged)
                cursors: list[int | None] = []
                while not cursors or cursors[-1] != head:
                    item = await reader.receive()
                    assert isinstance(item, Item)
                    cursors.append(item.cursor)
                assert first.missed + len(cursors) == 200

        self.play(open_lab, scenario)

    def test_snapshots_are_there_for_topics_that_promise_them(self, open_lab: OpenLab) -> None:
        async def scenario(lab: Lab) -> None:
            assert BOARD.snapshot
            for topic in TOPICS.values():
                if topic.snapshot:
                    arguments: Any = topic.arguments()
                    body = await lab.engine.snapshot(topic, arguments, ENGINEER)
                    assert isinstance(body, topic.body)

        self.play(open_lab, scenario)
