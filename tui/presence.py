"""Whether somebody is at the keys, and telling the engine so (R17).

Owns: when the last key was pressed, when to ask for one, and the heartbeat of the operator. Never:
a heartbeat for nobody. Strategy: the engine says by when it wants the next one; it is sent after a
third of that time, so that a slow link is no absence.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from tui.figures import NS, utc_ns
from tui.link import EngineLink
from tui.port import Program

HEARTBEAT_SECONDS = 5.0
ANSWER_NS = 60 * NS
"""From the question to silence."""


class Presence:
    """See the module.

    Args:
        program: Its clock, and its estimate of the engine's.
        minutes: Ask for a key after so long without one; 0 never asks.
        ask: Puts the question on the screen.
    """

    def __init__(self, program: Program, minutes: float, ask: Callable[[], None]) -> None:
        self._program = program
        self._minutes = minutes
        self._ask = ask
        self.touched_ns = program.now_ns()
        """When the last key or button was pressed."""
        self.asked_ns: int | None = None
        """When the open question was asked."""

    def touched(self) -> None:
        """A key or a button was pressed."""
        self.touched_ns = self._program.now_ns()

    def somebody(self) -> bool:
        """Whether somebody is here; asks when it is time to."""
        now = self._program.now_ns()
        if not self._minutes or now - self.touched_ns < self._minutes * 60 * NS:
            self.asked_ns = None
            return True
        if self.asked_ns is None:
            self.asked_ns = now
            self._ask()
        return now - self.asked_ns < ANSWER_NS

    async def run(self, link: EngineLink) -> None:
        """Say that an operator is present, as long as one is, until cancelled."""
        while True:
            pause = HEARTBEAT_SECONDS
            if link.may(a.PresenceHeartbeat) and self.somebody():
                with contextlib.suppress(LfrError):
                    presence = await link.call(a.PresenceHeartbeat())
                    pause = self._pause_before(presence.next_before)
            await asyncio.sleep(pause)

    def _pause_before(self, next_before: str) -> float:
        program = self._program
        limit, now = utc_ns(next_before), program.state.engine_ns(program.now_ns())
        if limit is None or now is None:
            return HEARTBEAT_SECONDS
        return max(0.5, min(HEARTBEAT_SECONDS, (limit - now) / NS / 3))
