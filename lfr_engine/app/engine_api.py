"""The engine as the socket server sees it: every command to its handler, every topic to its source.

Owns: the dispatch, and the topics that are made only while somebody listens. Never: a socket, a
permission (``api`` checked it), a decision. Strategy: handlers are functions in one table per group
of commands; a test holds the tables against the table of commands, so none is forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
import trio

from lfr_engine.api.port import Caller, CallRecord, Item, Page, TopicReader
from lfr_engine.app.engine_api_alerts import ALERT_HANDLERS
from lfr_engine.app.engine_api_cameras import CAMERA_HANDLERS, PreviewReader
from lfr_engine.app.engine_api_deployment import DEPLOYMENT_HANDLERS, journalled
from lfr_engine.app.engine_api_loading import LOADING_HANDLERS
from lfr_engine.app.engine_api_relay import RELAY_HANDLERS
from lfr_engine.app.engine_api_state import STATE_HANDLERS
from lfr_engine.app.engine_api_watchlist import WATCHLIST_HANDLERS
from lfr_engine.app.running import Running
from lfr_engine.errors import EngineError
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import BOARD, LOGS, METRICS, PREVIEW, CommandSpec, TopicSpec
from lfr_engine.runtime.flow import Broadcast

log = structlog.get_logger("lfr_engine.app")

EVERY_S = 1.0
"""Between boards and metrics, while somebody listens."""
HEARD = 8
"""Boards queued for a subscriber; each replaces the one before it."""

Handler = Callable[[Running, Any, Caller], Awaitable[Any]]

HANDLERS: Mapping[type[Command[Any]], Handler] = {
    **STATE_HANDLERS,
    **CAMERA_HANDLERS,
    **ALERT_HANDLERS,
    **DEPLOYMENT_HANDLERS,
    **WATCHLIST_HANDLERS,
    **LOADING_HANDLERS,
    **RELAY_HANDLERS,
}
"""What does each command; the keys are those of ``protocol.commands``."""


class LiveEngine:
    """``EngineApi`` over a run.

    Args:
        running: The run; all calls come in its Trio thread.
    """

    def __init__(self, running: Running) -> None:
        self._running = running
        self._board: Broadcast[Item] = Broadcast(HEARD)
        self._metrics: Broadcast[Item] = Broadcast(HEARD)

    async def execute(self, spec: CommandSpec, arguments: Command[Any], caller: Caller) -> Any:
        """Do it; see ``api.port``."""
        await trio.lowlevel.checkpoint()
        return await HANDLERS[spec.arguments](self._running, arguments, caller)

    async def head(self, topic: TopicSpec[Any]) -> int:
        """Cursor of the newest alert or decision."""
        await trio.lowlevel.checkpoint()
        return self._running.ledger.head(topic.name)

    async def read(self, topic: TopicSpec[Any], after: int, limit: int, caller: Caller) -> Page:
        """Alerts or decisions after a cursor, as this caller may see them."""
        await trio.lowlevel.checkpoint()
        return self._running.ledger.read(topic.name, after, limit, caller)

    async def snapshot(self, topic: TopicSpec[Any], arguments: Any, caller: Caller) -> Any:  # noqa: ARG002 - the port names them
        """The present board or metrics."""
        await trio.lowlevel.checkpoint()
        if topic is BOARD:
            return self._running.board()
        if topic is METRICS:
            return self._running.metrics()
        raise EngineError(topic.name, "has no snapshot")

    @contextmanager
    def subscribe(
        self, topic: TopicSpec[Any], arguments: Any, caller: Caller
    ) -> Iterator[TopicReader]:
        """Hear a topic from now on."""
        running = self._running
        if topic.durable:
            with running.ledger.subscribe(topic.name, caller) as durable:
                yield durable
        elif topic is PREVIEW:
            yield PreviewReader(running, arguments)
        elif topic is LOGS:
            with running.log.subscribe(arguments.level) as lines:
                yield lines
        else:
            source = {BOARD: self._board, METRICS: self._metrics}[topic]
            with source.subscribe() as reader:
                yield reader

    async def tend(self) -> None:
        """Publish board and metrics once a second while somebody listens, until cancelled.

        The last minute of the measures goes on while nobody does.
        """
        while True:
            await trio.sleep(EVERY_S)
            self._running.log.tick()
            self._running.telemetry.tick()
            if len(self._board):
                self._board.publish(Item(self._running.board()))
            if len(self._metrics):
                self._metrics.publish(Item(self._running.metrics()))

    async def record(self, call: CallRecord) -> None:
        """Journal a call where there is a journal; log it in every mode (R16)."""
        log.info(
            "call",
            command=call.what,
            outcome=call.outcome,
            caller=call.name,
            role=call.role,
            origin=call.origin,
            code=call.code,
        )
        session = self._running.session
        if session is not None:
            await session.journaler.record([journalled(call, session.deployment)])
        await trio.lowlevel.checkpoint()
