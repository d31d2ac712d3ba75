"""The log level while the engine runs, and the log as a topic.

Owns: the level in force, its fall-back, and what subscribers hear. Never: a line that the log
itself would not hold; it stands behind the gate that withholds biometrics. Strategy: structlog is
configured again when the level changes; lines from other threads are handed over to the loop.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog
import trio

from lfr_engine.api.port import Item, TopicReader
from lfr_engine.app.board import moment
from lfr_engine.clock import Clock
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.flow import Broadcast, Lagged, Subscription

HEARD = 256
_ORDER = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}


class LogDial:
    """The log of this process; made in the trio thread, within ``logging_to``.

    Args:
        level: As configured; a level set for a while falls back to it.
        clock: Says when.
    """

    def __init__(self, level: str, clock: Clock) -> None:
        self.level = level
        self.until: dt.datetime | None = None
        self._configured = level
        self._clock = clock
        self._lines: Broadcast[s.LogLine] = Broadcast(HEARD)
        self._thread = threading.get_ident()
        self._token = trio.lowlevel.current_trio_token()
        *before, renderer = structlog.get_config()["processors"]
        structlog.configure(processors=[*before, self._tee, renderer])

    def configure(self, level: str) -> None:
        """The level the configuration asks for now."""
        self._configured = level
        self._set(level, None)

    def set(self, level: str, minutes: int) -> None:
        """Another level for a while."""
        self._set(level, self._clock.utc() + dt.timedelta(minutes=minutes))

    def tick(self) -> None:
        """Fall back when the time is up; call it about once a second."""
        if self.until is not None and self._clock.utc() >= self.until:
            self._set(self._configured, None)

    def shape(self) -> s.LogLevel:
        """The level in force and when it falls back."""
        return s.LogLevel(level=self.level, until=moment(self.until) if self.until else None)

    @contextmanager
    def subscribe(self, level: str) -> Iterator[TopicReader]:
        """Lines of at least ``level`` from now on."""
        with self._lines.subscribe() as subscription:
            yield _Lines(subscription, _ORDER[level])

    def _set(self, level: str, until: dt.datetime | None) -> None:
        self.level, self.until = level, until
        number = logging.getLevelNamesMapping()[level.upper()]
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(number))

    def _tee(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if not len(self._lines):
            return event
        line = s.LogLine(
            at=str(event.get("timestamp", "")),
            level=str(event.get("level", "info")),
            logger="lfr_engine",
            text=str(event.get("event", "")),
            fields={
                key: value if isinstance(value, int | float | str | bool) else str(value)
                for key, value in event.items()
                if key not in {"timestamp", "level", "event"}
            },
        )
        if threading.get_ident() == self._thread:
            self._lines.publish(line)
        else:
            self._token.run_sync_soon(self._lines.publish, line)
        return event


class _Lines:
    """One subscriber's lines."""

    def __init__(self, subscription: Subscription[s.LogLine], least: int) -> None:
        self._subscription = subscription
        self._least = least

    async def receive(self) -> Item | Lagged:
        """The next line loud enough, or how many were missed."""
        while True:
            line = await self._subscription.receive()
            if isinstance(line, Lagged):
                return line
            if _ORDER.get(line.level, 20) >= self._least:
                return Item(line)
