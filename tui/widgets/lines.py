"""A block of lines: the one widget that draws text.

Owns: turning ``text.Line`` into strips, scrolling to the selected line. Never: what the lines say.
Strategy: only lines that changed are drawn again, which is what keeps a busy screen cheap over a
thin link; there is no scroll bar to draw, the lines say where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.text import EMPTY, Line, fit

if TYPE_CHECKING:
    from tui.theme import Palette

R = TypeVar("R")


class Lines(Widget):
    """See the module; ``show`` replaces what is drawn."""

    DEFAULT_CSS = "Lines { height: 1fr; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []
        self._chosen: int | None = None
        self._palette_name = ""

    @property
    def lines(self) -> Sequence[Line]:
        """What is drawn, top first."""
        return self._lines

    def show(self, lines: Sequence[Line], chosen: int | None = None) -> None:
        """Draw ``lines`` from the top; ``chosen`` is the row to mark. What does not fit is cut."""
        height = self.size.height
        coming = list(lines[: height or None])
        palette = self._palette().name
        everything = palette != self._palette_name
        before, was, self._lines, self._chosen = self._lines, self._chosen, coming, chosen
        self._palette_name = palette
        if everything:
            self.refresh()
            return
        width = self.size.width
        for row in range(max(len(before), len(coming))):
            old = before[row] if row < len(before) else EMPTY
            new = coming[row] if row < len(coming) else EMPTY
            if old != new or (row == was) != (row == chosen):
                self.refresh(Region(0, row, width, 1))

    def render_line(self, y: int) -> Strip:
        """One row as the terminal shows it."""
        palette = self._palette()
        width = self.size.width
        of = fit(self._lines[y] if y < len(self._lines) else EMPTY, width)
        marked = y == self._chosen
        spans = [(text, palette.styles[meaning]) for text, meaning in of]
        if marked:
            spans = [(text, style + palette.chosen) for text, style in spans]
        return Strip([Segment(text, style) for text, style in runs(spans)], width)

    def _palette(self) -> Palette:
        return cast("Palette", self.app.palette)  # type: ignore[attr-defined]


def runs(spans: Sequence[tuple[str, Style]]) -> list[tuple[str, Style]]:
    """Neighbours of one look joined, and spaces joined to what stands before them: every change of
    style costs a dozen bytes, and a modem carries less than a thousand a second.
    """
    joined: list[tuple[str, Style]] = []
    for text, style in spans:
        if joined:
            before, look = joined[-1]
            blank = text.isspace() and not (look.underline or style.underline)
            if look == style or (
                blank and look.bgcolor == style.bgcolor and look.reverse == style.reverse
            ):
                joined[-1] = (before + text, look)
                continue
        joined.append((text, style))
    return joined


def window(rows: Sequence[R], chosen: int | None, height: int) -> tuple[list[R], int | None]:
    """The ``height`` rows to show so that ``chosen`` is among them, and its place there."""
    if chosen is None or len(rows) <= height:
        return list(rows[:height]), chosen
    first = max(0, min(chosen - height // 2, len(rows) - height))
    return list(rows[first : first + height]), chosen - first
