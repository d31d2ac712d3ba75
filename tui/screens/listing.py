"""A screen that is one long list: moving, paging, a head that stays, details of the chosen row.

Owns: the chosen row and how it moves. Never: what the rows say. Strategy: a list that grows at its
end is followed while its last row is chosen, and left alone otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.events import Click, MouseScrollDown, MouseScrollUp

from tui.keys import MOVES, Key
from tui.screens.base import CockpitScreen
from tui.text import Line
from tui.widgets.lines import Lines, window

WHEEL = 3
"""Rows a turn of the wheel moves."""


class ListingScreen(CockpitScreen):
    """See the module."""

    KEYS: ClassVar[tuple[Key, ...]] = MOVES
    DEFAULT_CSS = """
    ListingScreen #head { height: auto; }
    ListingScreen #foot { height: 3; }
    """
    FOLLOWS: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self._chosen = 0
        self._many = 0
        self._first = 0

    def body(self) -> ComposeResult:
        """Head, rows, details."""
        yield Lines(id="head")
        yield Lines(id="rows")
        yield Lines(id="foot")

    def head(self, cells: int) -> Sequence[Line]:
        """Lines above the list; the last one is its head."""
        raise NotImplementedError

    def rows(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def row_lines(self, first: int, last: int, cells: int) -> Sequence[Line]:
        """Rows ``first`` up to ``last``."""
        raise NotImplementedError

    def foot(self, row: int, cells: int) -> Sequence[Line]:
        """Details of the chosen row."""
        raise NotImplementedError

    def draw_body(self) -> None:
        """Head, the rows around the chosen one, its details."""
        head, rows, foot = (self.query_one(f"#{name}", Lines) for name in ("head", "rows", "foot"))
        cells = self.size.width
        above = self.head(cells)
        if head.styles.height is None or head.styles.height.value != len(above):
            head.styles.height = len(above)
            self.call_after_refresh(self.draw)
        head.show(above)
        before, self._many = self._many, self.rows()
        if self.FOLLOWS and self._chosen >= before - 1:
            self._chosen = self._many - 1
        self._chosen = max(0, min(self._chosen, self._many - 1))
        height = max(0, rows.size.height)
        numbers, chosen = window(range(self._many), self._chosen if self._many else None, height)
        self._first = numbers[0] if numbers else 0
        lines = self.row_lines(self._first, self._first + len(numbers), cells)
        rows.show(lines, chosen if self._many else None)
        foot.show(self.foot(self._chosen, cells) if self._many else [])

    def _move(self, by: int) -> None:
        self._chosen = max(0, min(self._chosen + by, self._many - 1))

    def _page(self) -> int:
        return max(1, self.query_one("#rows", Lines).size.height - 1)

    def do_down(self) -> None:
        """One down."""
        self._move(1)

    def do_up(self) -> None:
        """One up."""
        self._move(-1)

    def do_page_down(self) -> None:
        """A page down."""
        self._move(self._page())

    def do_page_up(self) -> None:
        """A page up."""
        self._move(-self._page())

    def do_first(self) -> None:
        """The first row."""
        self._move(-self._many)

    def do_last(self) -> None:
        """The last row."""
        self._move(self._many)

    def on_click(self, event: Click) -> None:
        """Choose the row that was clicked."""
        if event.widget is self.query_one("#rows", Lines):
            self._chosen = self._first + event.y
            self.draw()

    def on_mouse_scroll_down(self, _: MouseScrollDown) -> None:
        """The wheel moves the choice."""
        self._move(WHEEL)
        self.draw()

    def on_mouse_scroll_up(self, _: MouseScrollUp) -> None:
        """The wheel moves the choice."""
        self._move(-WHEEL)
        self.draw()
