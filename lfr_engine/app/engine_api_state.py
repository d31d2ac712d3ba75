"""Commands that look at the engine as a whole, and the log level."""

from __future__ import annotations

from typing import Any

import structlog
import trio

from lfr_engine.api.port import Caller
from lfr_engine.app.running import Running
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s

log = structlog.get_logger("lfr_engine.app")


async def state_get(running: Running, _: a.StateGet, __: Caller) -> s.EngineState:
    """Mode, deployment, versions and hashes."""
    await trio.lowlevel.checkpoint()
    return running.state()


async def board_get(running: Running, _: a.BoardGet, __: Caller) -> s.Board:
    """The whole board."""
    await trio.lowlevel.checkpoint()
    return running.board()


async def metrics_get(running: Running, _: a.MetricsGet, __: Caller) -> s.Metrics:
    """Counters and gauges."""
    await trio.lowlevel.checkpoint()
    return running.metrics()


async def logs_level(running: Running, command: a.LogsLevel, caller: Caller) -> s.LogLevel:
    """Show the level, or set it for a while."""
    await trio.lowlevel.checkpoint()
    if command.level is not None:
        running.log.set(command.level, command.minutes)
        log.warning("log level set", to=command.level, minutes=command.minutes, by=caller.name)
    return running.log.shape()


STATE_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.StateGet: state_get,
    a.BoardGet: board_get,
    a.MetricsGet: metrics_get,
    a.LogsLevel: logs_level,
}
