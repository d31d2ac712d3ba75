"""A picture in a terminal with graphics: kitty's protocol or sixel, through textual-image.

Owns: fitting the picture into its box in whole cells, and the order of what is written. Never: the
encoding of pictures (textual-image has it). Strategy: the same words as ``Picture``, so the screen
does not know which it has; textual-image writes kitty's pictures to the standard output by itself,
past Textual's writer, so that output is led through Textual's driver: nothing lands within another
escape sequence.
"""

from __future__ import annotations

import fcntl
import struct
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from PIL import Image
from textual.app import ComposeResult
from textual.widget import Widget

from tui.text import Line, line, plain, wrap
from tui.widgets.lines import Lines
from tui.widgets.picture import Picture, decode

KINDS = ("kitty", "sixel")


def fitted_cells(
    size: tuple[int, int], cells: int, rows: int, cell: tuple[int, int]
) -> tuple[int, int]:
    """Whole cells that a picture takes in a box, as large as may be; ``cell`` is one in pixels."""
    width, height = size
    across, down = cell
    scale = min(cells * across / max(1, width), rows * down / max(1, height))
    return max(1, int(width * scale / across)), max(1, int(height * scale / down))


def cell_pixels() -> tuple[int, int]:
    """Pixels of one cell, as the terminal says; 10 by 20, as textual-image takes them, if not."""
    if sys.__stderr__ is None:
        return 10, 20
    try:
        answer = fcntl.ioctl(sys.__stderr__.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except (OSError, ValueError):
        return 10, 20
    rows, columns, width, height = struct.unpack("4H", answer)
    if not (rows and columns and width and height):
        return 10, 20
    return max(1, width // columns), max(1, height // rows)


class GraphicPicture(Widget):
    """See the module; ``show`` replaces the picture."""

    DEFAULT_CSS = """
    GraphicPicture { width: 1fr; height: 1fr; align: center middle; }
    GraphicPicture Lines { height: 3; width: 100%; }
    GraphicPicture .picture { display: none; }
    GraphicPicture.-drawn .picture { display: block; }
    GraphicPicture.-drawn Lines { display: none; }
    """

    def __init__(self, kind: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._kind = kind
        self._jpeg: bytes | None = None
        self._image: Image.Image | None = None
        self._box = (0, 0)
        self.most = 0
        """Cells it may be wide at most; 0 for all it has."""

    def compose(self) -> ComposeResult:
        """Words, or the picture."""
        from textual_image.widget import SixelImage, TGPImage  # noqa: PLC0415 - only where wanted

        yield Lines()
        made: Any = TGPImage if self._kind == "kitty" else SixelImage
        yield made(classes="picture")

    @property
    def drawn(self) -> bool:
        """Whether a picture, not words, is shown."""
        return self._image is not None

    def place(self) -> tuple[int, int, int, int]:
        """As ``Picture.place``; only the size means something here."""
        return 0, 0, self._box[0], 2 * self._box[1]

    def show(self, jpeg: bytes | None, words: Line = ()) -> None:
        """Show a picture, or words where there is none."""
        if jpeg is not self._jpeg:
            self._jpeg = jpeg
            self._image = None if jpeg is None else decode(jpeg)
            self._box = (0, 0)
        self.set_class(self._image is not None, "-drawn")
        if self._image is None:
            meaning = words[0][1] if words else ""
            said = wrap(plain(words), max(1, self.size.width - 2), meaning)
            self.query_one(Lines).show([line(" ", *one) for one in said])
            return
        cell = cell_pixels()
        most = min(self.size.width, self.most or self.size.width)
        box = fitted_cells(self._image.size, most, self.size.height, cell)
        if box != self._box:
            self._box = box
            inner = cast("Any", self.query_one(".picture"))
            inner.styles.width, inner.styles.height = box
            inner.image = self._image


class _ThroughDriver:
    """A standard output whose words go where Textual's go, in their order."""

    def __init__(self, write: Callable[[str], None], instead_of: Any) -> None:
        self._write = write
        self._instead_of = instead_of

    def write(self, text: str) -> int:
        """Give it to the driver."""
        self._write(text)
        return len(text)

    def flush(self) -> None:
        """The driver flushes by itself."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._instead_of, name)


@contextmanager
def in_order(write: Callable[[str], None]) -> Iterator[None]:
    """While the block lasts, what is written to the original standard output goes to ``write``."""
    before = sys.__stdout__
    sys.__stdout__ = cast("Any", _ThroughDriver(write, before))  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stdout__ = before  # type: ignore[misc]


def picture_widget(kind: str, name: str) -> Picture | GraphicPicture:
    """The widget for one picture: ``kind`` as in ``--pictures``."""
    return GraphicPicture(kind, id=name) if kind in KINDS else Picture(id=name)
