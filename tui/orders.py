"""What a person asks the engine for, on its way.

Owns: sending commands, in order where order matters, and the red stop until it is heard. Never: a
decision of its own, a command that nobody asked for. Strategy: every answer or refusal becomes a
message or a sentence; nothing here waits for the engine in the way of the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.arguments import Command
from tui import messages as m
from tui.port import Program

DECISIONS = 64
"""Opinions and decisions on their way, in order; a person types no faster."""
STOP_SECONDS = 5.0
AGAIN_SECONDS = 0.1
"""Between two attempts at the red stop."""


class Orders:
    """See the module.

    Args:
        program: Whose link is used, and who is told.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._decisions: asyncio.Queue[Command[Any]] = asyncio.Queue(DECISIONS)

    async def answer(self, command: Command[Any]) -> Any:
        """The engine's answer; ``None`` when there is none, and the person was told why."""
        link = self._program.link
        if link is None:
            self._program.say("not connected to the engine", "bad")
            return None
        try:
            return await link.call(command)
        except LfrError as error:
            self._program.say(str(error), "bad")
            return None

    async def send(
        self, command: Command[Any], done: str, then: Callable[[Any], None] | None
    ) -> None:
        """Send one command; say ``done`` and give the result to ``then``."""
        result = await self.answer(command)
        if result is None:
            return
        if done:
            self._program.say(done)
        if then is not None:
            then(result)
        self._program.mark()

    def adjudicate(self, command: Command[Any]) -> None:
        """Send what was said of an alert, after everything that was said before it."""
        try:
            self._decisions.put_nowait(command)
        except asyncio.QueueFull:
            self._program.say("the engine does not answer; this was not sent", "bad")

    async def run(self) -> None:
        """Send what is said of alerts, one after the other, until cancelled."""
        while True:
            command = await self._decisions.get()
            result = await self.answer(command)
            if isinstance(result, s.Alert):
                self._program.emit(m.AlertAnswered(self._program.now_ns(), result))
                if isinstance(command, a.AlertsDecide):
                    said = f"{result.reference} {command.decision}: {command.reasons[0]}"
                    self._program.say(said)
                if isinstance(command, a.AlertsOutcome):
                    said = f"{result.reference}: {command.outcome.replace('_', ' ')} recorded"
                    self._program.say(said)

    async def stop(self) -> None:
        """The red stop, sent until the engine answers."""
        program = self._program
        program.emit(m.StopWanted(pending=True))
        try:
            while True:
                try:
                    if program.link is not None:
                        command = a.DeploymentsStop(reason="red stop at the terminal")
                        await program.link.call(command, timeout=STOP_SECONDS)
                        program.say("stopped: the engine is in its safe state")
                        return
                except CallRefused as error:
                    program.say(f"NOT STOPPED: {error}", "bad")
                    return
                except LinkLost:
                    pass
                await asyncio.sleep(AGAIN_SECONDS)
        finally:
            program.emit(m.StopWanted(pending=False))
