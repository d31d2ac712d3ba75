"""Lines of words with meanings: what the views produce and the screen draws.

Owns: ``Line``, and fitting lines and tables into a width. Never: colours (``theme``), terminals,
Textual. Strategy: a span is text with the name of a meaning, such as ``bad``; a line is a tuple of
spans, so lines are compared cheaply and only those that changed are drawn again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size

Meaning = Literal[
    "", "dim", "title", "good", "warn", "bad", "alarm", "key", "value", "accent", "banner", "stop"
]
Span = tuple[str, Meaning]
Line = tuple[Span, ...]

EMPTY: Line = ()
MEANINGS: tuple[Meaning, ...] = (
    "", "dim", "title", "good", "warn", "bad", "alarm", "key", "value", "accent", "banner", "stop",
)  # fmt: skip


def line(*parts: str | Span) -> Line:
    """A line from plain strings and ``(text, meaning)`` pairs; what would move the cursor is
    shown as a dot, since texts come from a network.
    """
    spans: list[Span] = [(part, "") if isinstance(part, str) else part for part in parts]
    return tuple((printable(text), meaning) for text, meaning in spans if text)


def printable(text: str) -> str:
    """``text`` without control characters: an engine's word must not drive the terminal."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "·" for one in text)


def plain(of: Line) -> str:
    """The words without their meanings."""
    return "".join(text for text, _ in of)


def width(of: Line) -> int:
    """Cells the line takes."""
    return sum(cell_len(text) for text, _ in of)


def clip(text: str, cells: int) -> str:
    """``text`` in at most ``cells``, the cut marked with an ellipsis."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 0 else ""


def fit(of: Line, cells: int) -> Line:
    """Exactly ``cells`` wide: cut with an ellipsis, or filled with spaces."""
    left = max(0, cells)
    out: list[Span] = []
    for text, meaning in of:
        size = cell_len(text)
        if size > left:
            if left:
                cut = clip(text, left)
                out.append((cut, meaning))
                left -= cell_len(cut)
            break
        out.append((text, meaning))
        left -= size
    if left:
        out.append((" " * left, ""))
    return tuple(out)


def ends(left: Line, right: Line, cells: int) -> Line:
    """``left`` and ``right`` at the two ends; the right end wins when both do not fit."""
    room = cells - width(right) - 1
    if room <= 0:
        return fit(right, cells)
    return (*fit(left, room), (" ", ""), *right)


def beside(left: Sequence[Line], right: Sequence[Line], cells: int, gap: int = 2) -> list[Line]:
    """Two blocks side by side, the left one ``cells`` wide."""
    rows = max(len(left), len(right))
    padded = [*left, *[EMPTY] * (rows - len(left))]
    other = [*right, *[EMPTY] * (rows - len(right))]
    return [(*fit(a, cells), (" " * gap, ""), *b) for a, b in zip(padded, other, strict=True)]


def wrap(text: str, cells: int, meaning: Meaning = "") -> list[Line]:
    """Words on as many lines as they need; a word longer than a line is cut."""
    out: list[Line] = []
    row = ""
    for word in printable(text).split():
        longer = f"{row} {word}" if row else word
        if cell_len(longer) <= cells:
            row = longer
            continue
        if row:
            out.append(line((row, meaning)))
        row = clip(word, cells)
    if row:
        out.append(line((row, meaning)))
    return out


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        title: Its head.
        cells: Its width; 0 takes what is left, shared with the other such columns.
        right: Aligned to the right.
        wanted: Tables narrower than this do without it.
    """

    title: str
    cells: int
    right: bool = False
    wanted: int = 0


def table(columns: Sequence[Column], rows: Iterable[Sequence[Line]], cells: int) -> list[Line]:
    """The head and the rows, each ``cells`` wide; columns that are not wanted here are left out."""
    shown = [number for number, column in enumerate(columns) if column.wanted <= cells]
    fixed = sum(columns[number].cells for number in shown) + len(shown) - 1
    growing = sum(1 for number in shown if columns[number].cells == 0)
    share = max(0, cells - fixed) // growing if growing else 0
    sizes = {number: columns[number].cells or share for number in shown}

    def row_of(fields: Sequence[Line]) -> Line:
        spans: list[Span] = []
        for place, number in enumerate(shown):
            if place:
                spans.append((" ", ""))
            spans.extend(_aligned(fields[number], sizes[number], right=columns[number].right))
        return fit(tuple(spans), cells)

    head = row_of([line((column.title, "title")) for column in columns])
    return [head, *(row_of(fields) for fields in rows)]


def _aligned(of: Line, cells: int, *, right: bool) -> Line:
    missing = cells - width(of)
    if right and missing > 0:
        return ((" " * missing, ""), *of)
    return fit(of, cells)
