"""The overview screen: cameras, pipeline, machine, ceiling, relay.

Owns: which camera is chosen. Never: more than drawing.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from tui.keys import Key
from tui.screens.base import CockpitScreen
from tui.views.overview import overview
from tui.widgets.lines import Lines


class OverviewScreen(CockpitScreen):
    """See the module."""

    PLACE = "overview"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("down", "↓", "next", "", "The next camera", ("j",)),
        Key("up", "↑", "previous", "", "The camera before", ("k",)),
        Key("enter", "Enter", "look", "look at camera", "Look at the chosen camera"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._chosen = 0

    def body(self) -> ComposeResult:
        """One block."""
        yield Lines(id="overview")

    def draw_body(self) -> None:
        """The page, with the chosen camera marked."""
        block = self.query_one("#overview", Lines)
        app = self.cockpit
        page = overview(app.state, app.now_ns(), block.size.width, block.size.height)
        board = app.state.board
        many = len(board.cameras) if board else 0
        self._chosen = max(0, min(self._chosen, many - 1))
        block.show(page, self._chosen + 1 if many else None)

    def do_next(self) -> None:
        """The camera below."""
        self._chosen += 1

    def do_previous(self) -> None:
        """The camera above."""
        self._chosen -= 1

    def do_look(self) -> None:
        """Open the camera screen on the chosen one."""
        board = self.cockpit.state.board
        if board is not None and board.cameras:
            self.cockpit.look_at(board.cameras[self._chosen].camera)
