"""What the screens and their helpers may ask of the program: the application as they see it.

Owns: that one list of words. Never: behaviour, an import of the application or of a screen.
Strategy: whoever needs the program names this, so nothing below the application imports it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from lfr_engine.protocol.arguments import Command
from tui.evidence import Evidence
from tui.link import EngineLink
from tui.messages import Message
from tui.pace import Pace
from tui.state import State
from tui.theme import Palette


class Program(Protocol):
    """See the module."""

    camera: str
    """The camera that the camera screen looks at; the first one when empty."""
    stop_asked: bool
    """The confirmation of the red stop stands in the banner."""
    link: EngineLink | None
    pictures: Evidence
    picture_kind: str
    pace: Pace
    palette: Palette
    state: State

    @property
    def flashing(self) -> bool:
        """Whether the banner is lit up."""

    def now_ns(self) -> int:
        """Local monotonic time."""

    def emit(self, message: Message) -> None:
        """Change the state by a message; it is drawn when the terminal can take it."""

    def mark(self) -> None:
        """Something outside the state changed what is to be seen."""

    def say(self, text: str, level: str = "good") -> None:
        """Tell the person at the keys a sentence."""

    def draw(self) -> None:
        """Draw every visible screen from the state."""

    def when_seen(self, then: Callable[[str], None], name: str) -> None:
        """Call ``then(name)`` once what is drawn now has reached the terminal."""

    def seconds_for(self, cells: int) -> float:
        """How long a picture of so many cells takes over the link to the terminal."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the screen; a defect in it ends the program, as any other does."""

    def do(
        self, command: Command[Any], done: str = "", then: Callable[[Any], None] | None = None
    ) -> None:
        """Send a command; say ``done`` or why not, and give the result to ``then``."""

    def adjudicate(self, command: Command[Any]) -> None:
        """Send what was said of an alert, after everything that was said before it."""

    def stop_now(self) -> None:
        """The confirmed red stop: sent until the engine answers."""

    def ask_text(self, title: str, hint: str, then: Callable[[str], None], value: str = "") -> None:
        """Ask for a line of text, and call ``then`` with it unless it is left."""

    def look_at(self, camera: str) -> None:
        """Show the camera screen on one camera."""
