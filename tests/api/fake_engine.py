"""An engine in memory that keeps the port's contract strictly; see ``test_port_contract``.

It refuses unknown names, keeps a journal of alerts that retention can cut, and counts what reached
it, so that tests can say that something never did.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import trio

from lfr_engine.api.port import Caller, CallRecord, Conflict, Item, NotFound, Page, TopicReader
from lfr_engine.errors import RuleError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import commands as c
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import CommandSpec, TopicSpec
from lfr_engine.runtime.flow import Broadcast

NOW = "2026-01-01T12:00:00Z"


def example(kind: Any) -> Any:
    """A plausible value of any type a shape uses."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind)
        return kind(
            **{field.name: example(hints[field.name]) for field in msgspec.structs.fields(kind)}
        )
    if origin is typing.Literal:
        return inner[0]
    if origin is list:
        return [example(inner[0])]
    if origin is tuple:
        return tuple(example(one) for one in inner)
    if origin is dict:
        return {"one": example(inner[1])}
    if origin is not None:  # an optional
        return example(inner[0])
    simple = {str: "x", int: 1, float: 0.5, bool: True, bytes: b"\xff\xd8\xff", Any: "x"}
    return simple[kind]


def alert(number: int, *, state: str = "generated") -> s.Alert:
    return s.Alert(
        alert=f"A{number}",
        reference=f"{number:06X}",
        entry="E1",
        category="C2",
        camera="north",
        site="gate",
        captured=NOW,
        raised=NOW,
        state=state,
    )


class FakeEngine:
    """See the module."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Command[Any], Caller]] = []
        self.records: list[CallRecord] = []
        self.stored: dict[str, list[Item]] = {"alerts": [], "decisions": []}
        self.kept_after = 0
        self.broadcasts: dict[str, Broadcast[Item]] = {name: Broadcast(128) for name in c.TOPICS}
        self.board = 0
        self.hang = trio.Event()
        self.cancelled = 0

    # -- what tests do to it --------------------------------------------------------------------

    def raise_alert(self, body: Any = None, topic: str = "alerts") -> Item:
        """Store, then announce: the order the port promises."""
        cursor = len(self.stored[topic]) + 1
        item = Item(alert(cursor) if body is None else body, cursor)
        self.stored[topic].append(item)
        self.broadcasts[topic].publish(item)
        return item

    def publish(self, topic: str, body: Any) -> None:
        self.broadcasts[topic].publish(Item(body))

    def publish_board(self) -> None:
        self.board += 1
        self.publish("board", self.present_board())

    def present_board(self) -> s.Board:
        state = s.EngineState(mode="exercise", version="0", started=NOW, now=NOW)
        return s.Board(at=NOW, engine=state, passes=self.board)

    async def record(self, record: CallRecord) -> None:
        await trio.lowlevel.checkpoint()
        self.records.append(record)

    # -- the port -------------------------------------------------------------------------------

    async def execute(self, spec: CommandSpec, arguments: Command[Any], caller: Caller) -> Any:
        await trio.lowlevel.checkpoint()
        assert isinstance(arguments, spec.arguments)
        self.calls.append((spec.name, arguments, caller))
        match arguments:
            case a.CamerasDisable(camera="absent"):
                raise NotFound("absent", "no such camera")
            case a.DeploymentsStart(signage_confirmed=False):
                raise RuleError("R3", "deployment", "signage is not confirmed")
            case a.DeploymentsResume(reason="twice"):
                raise Conflict("deployment", "is running")
            case a.AlertsDecide(alert="defect"):
                raise ZeroDivisionError
            case a.JournalVerify():
                try:
                    await self.hang.wait()
                except trio.Cancelled:
                    self.cancelled += 1
                    raise
            case a.ReportGet(page="oversight"):
                return s.Report(deployment="d", record={}, page="x" * 9_000_000)
            case a.BoardGet():
                return self.present_board()
        return example(spec.result)

    async def head(self, topic: TopicSpec[Any]) -> int:
        await trio.lowlevel.checkpoint()
        return len(self.stored[topic.name])

    async def read(self, topic: TopicSpec[Any], after: int, limit: int, caller: Caller) -> Page:
        await trio.lowlevel.checkpoint()
        after = max(after, self.kept_after)
        items = self.stored[topic.name][after : after + limit]
        return Page(items, after + len(items), self.kept_after)

    async def snapshot(self, topic: TopicSpec[Any], arguments: Any, caller: Caller) -> Any:
        await trio.lowlevel.checkpoint()
        return self.present_board() if topic is c.BOARD else example(topic.body)

    @contextmanager
    def subscribe(
        self, topic: TopicSpec[Any], arguments: Any, caller: Caller
    ) -> Iterator[TopicReader]:
        assert isinstance(arguments, topic.arguments)
        with self.broadcasts[topic.name].subscribe() as reader:
            yield reader
