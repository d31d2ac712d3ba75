"""A picture in a terminal: two pixels a cell, as half blocks.

Owns: decoding, fitting and drawing one JPEG. Never: a file, a copy after another picture came.
Strategy: both halves of a comparison get the same box and the same rule (R10: equal size); the
whole picture is shown, never cropped; with 16 colours it is dithered to the four greys that every
terminal has, which shows a face better than sixteen colours do.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from PIL import Image, ImageOps, UnidentifiedImageError
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tui.text import Line, fit, line, plain, wrap

if TYPE_CHECKING:
    from tui.theme import Palette

Pixels = list[tuple[int, int, int]]
_COARSE = 0xFC
"""Colours in steps of four: no eye sees it, and neighbours become runs that cost fewer bytes."""
_GREYS = ("black", "bright_black", "white", "bright_white")
_LEVELS = (0, 96, 176, 255)
"""What terminals show of them, about."""


def decode(jpeg: bytes) -> Image.Image | None:
    """The picture in RGB, or ``None`` when it is none."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as opened:
            return opened.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None


def fitted(size: tuple[int, int], cells: int, rows: int) -> tuple[int, int]:
    """Pixels, each half a cell high, that ``size`` takes in a box: whole, as large as may be."""
    width, height = size
    scale = min(cells / max(1, width), 2 * rows / max(1, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class Picture(Widget):
    """See the module; ``show`` replaces the picture, ``overlay`` draws over it."""

    DEFAULT_CSS = "Picture { width: 1fr; height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._jpeg: bytes | None = None
        self._image: Image.Image | None = None
        self._words: Line = ()
        self._strips: list[Strip] | None = None
        self._drawn_for: tuple[object, ...] = ()
        self.most = 0
        """Cells it may be wide at most; 0 for all it has."""

    @property
    def drawn(self) -> bool:
        """Whether a picture, not words, is shown."""
        return self._image is not None

    @property
    def picture_size(self) -> tuple[int, int]:
        """Pixels of the picture shown, width and height; zeros without one."""
        return (0, 0) if self._image is None else self._image.size

    def show(self, jpeg: bytes | None, words: Line = ()) -> None:
        """Show a picture, or words where there is none."""
        if jpeg is self._jpeg and words == self._words:
            return
        if jpeg is not self._jpeg:
            self._image = None if jpeg is None else decode(jpeg)
        self._jpeg, self._words = jpeg, words
        self.changed()

    def changed(self) -> None:
        """Draw again at the next chance."""
        self._strips = None
        self.refresh()

    def place(self) -> tuple[int, int, int, int]:
        """Where the picture lies: left and top in cells, width in cells, height in half cells."""
        if self._image is None:
            return 0, 0, 0, 0
        cells, rows = self.size.width, self.size.height
        width, height = fitted(self._image.size, min(cells, self.most or cells), rows)
        return (cells - width) // 2, (rows - (height + 1) // 2) // 2, width, height

    def render_line(self, y: int) -> Strip:
        """One row of cells."""
        palette = cast("Palette", self.app.palette)  # type: ignore[attr-defined]
        wanted = (self.size, self.most, palette.name)
        if self._strips is None or wanted != self._drawn_for:
            self._drawn_for = wanted
            self._strips = self._draw(palette)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _draw(self, palette: Palette) -> list[Strip]:
        cells, rows = self.size.width, self.size.height
        if self._image is None:
            blank = Strip([Segment(" " * cells, palette.background)], cells)
            strips = [blank] * rows
            meaning = self._words[0][1] if self._words else ""
            said = wrap(plain(self._words), max(1, cells - 2), meaning)[:rows]
            for row, words in enumerate(said, start=max(0, rows - len(said)) // 2):
                spans = fit(line(" ", *words), cells)
                strips[row] = Strip([Segment(text, palette.styles[how]) for text, how in spans])
            return strips
        left, top, width, height = self.place()
        image = self._image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
        pixels = self.paint(image)
        lines = _grey_lines(pixels) if palette.few else _colour_lines(pixels, palette)
        blank = Strip([Segment(" " * cells, palette.background)], cells)
        strips = [blank] * rows
        for row, segments in enumerate(lines):
            if top + row < rows:
                edge = Segment(" " * left, palette.background)
                rest = Segment(" " * (cells - left - width), palette.background)
                strips[top + row] = Strip([edge, *segments, rest], cells)
        return strips

    def paint(self, image: Image.Image) -> Image.Image:
        """Draw over the fitted picture; a plain picture has nothing over it."""
        return image


def _colour_lines(image: Image.Image, palette: Palette) -> list[list[Segment]]:
    width, height = image.size
    data = image.tobytes()
    rows = [data[at : at + 3 * width] for at in range(0, len(data), 3 * width)]
    lines = []
    for top in range(0, height, 2):
        upper = rows[top]
        lower = rows[top + 1] if top + 1 < height else None
        lines.append(_runs(_pairs(upper, lower, width), palette))
    return lines


def _pairs(upper: bytes, lower: bytes | None, width: int) -> list[tuple[int, int]]:
    pairs = []
    for x in range(0, 3 * width, 3):
        above = (upper[x] & _COARSE) << 16 | (upper[x + 1] & _COARSE) << 8 | upper[x + 2] & _COARSE
        below = -1
        if lower is not None:
            below = (
                (lower[x] & _COARSE) << 16 | (lower[x + 1] & _COARSE) << 8 | lower[x + 2] & _COARSE
            )
        pairs.append((above, below))
    return pairs


def _runs(pairs: Sequence[tuple[int, int]], palette: Palette) -> list[Segment]:
    segments: list[Segment] = []
    begin = 0
    for at in range(1, len(pairs) + 1):
        if at == len(pairs) or pairs[at] != pairs[begin]:
            above, below = pairs[begin]
            style = _style(above, below)
            if below < 0:
                style = palette.background + style
            segments.append(Segment("▀" * (at - begin), style))
            begin = at
    return segments


@lru_cache(maxsize=2_048)  # the runs of one pair of pictures in full colour
def _style(above: int, below: int) -> Style:
    front = Color.from_rgb(above >> 16, above >> 8 & 255, above & 255)
    back = None if below < 0 else Color.from_rgb(below >> 16, below >> 8 & 255, below & 255)
    return Style(color=front, bgcolor=back)


def _grey_lines(image: Image.Image) -> list[list[Segment]]:
    """Stretched to the whole range, then Floyd and Steinberg's diffusion (1976) to four greys."""
    width, height = image.size
    levels = ImageOps.autocontrast(image.convert("L"), cutoff=2).convert("RGB")
    data = levels.quantize(palette=_four_greys(), dither=Image.Dither.FLOYDSTEINBERG).tobytes()
    lines = []
    for top in range(0, height, 2):
        upper = data[top * width : (top + 1) * width]
        lower = data[(top + 1) * width : (top + 2) * width]
        segments: list[Segment] = []
        begin = 0
        pairs = list(zip(upper, lower or [-1] * width, strict=True))
        for at in range(1, width + 1):
            if at == width or pairs[at] != pairs[begin]:
                segments.append(Segment("▀" * (at - begin), _grey_style(*pairs[begin])))
                begin = at
        lines.append(segments)
    return lines


@lru_cache(maxsize=1)
def _four_greys() -> Image.Image:
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for level in _LEVELS for _ in range(3)])
    return palette


@lru_cache(maxsize=32)
def _grey_style(above: int, below: int) -> Style:
    back = None if below < 0 else Color.parse(_GREYS[below])
    return Style(color=Color.parse(_GREYS[above]), bgcolor=back)
