"""The first two lines and the last one of every screen.

Owns: the banner (R27: the mode is always on screen) and the bar of keys. Never: keys of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.keys import Key
from tui.text import Line, Span, fit, line, width
from tui.widgets.lines import Lines


class Banner(Lines):
    """Two lines at the top."""

    DEFAULT_CSS = "Banner { dock: top; height: 2; width: 1fr; }"


class KeyBar(Lines):
    """One line of keys at the bottom."""

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; width: 1fr; }"


def key_line(keys: Sequence[Key], chosen: str, cells: int) -> Line:
    """The labelled keys: the way to every screen and the stop always, the screen's own while they
    fit; ``chosen`` is the action of the screen we are on.
    """
    stop = next((key for key in keys if key.action == "stop"), None)
    places = [key for key in keys if key.short]
    own = [key for key in keys if key.label and not key.short and key is not stop]
    right = line((f" {stop.shown} {stop.label} ", "stop")) if stop else ()
    room = cells - width(right)
    wide = sum(len(key.shown) + len(key.label) + 3 for key in (*own, *places)) <= room
    way: list[Span] = []
    for key in places:
        text = f" {key.label}" if wide else key.short
        if key.action == chosen:
            way.append((f" {key.shown}{text}", "banner"))
        else:
            way.extend([(f" {key.shown}", "key"), (text, "")])
        way.append((" " if wide else "", ""))
    left = room - width(tuple(way))
    first: list[Span] = []
    for key in own:
        piece = len(key.shown) + len(key.label) + 3
        if piece > left:
            break
        left -= piece
        first.extend([(f" {key.shown}", "key"), (f" {key.label} ", "")])
    return fit(line(*first, *way), room) + right
