"""The first two lines and the last one of every screen.

Owns: the banner (R27: the mode is always on screen) and the bar of keys. Never: keys of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.keys import Key
from tui.text import Line, Meaning, fit, line, width
from tui.widgets.lines import Lines


class Banner(Lines):
    """Two lines at the top."""

    DEFAULT_CSS = "Banner { dock: top; height: 2; width: 1fr; }"


class KeyBar(Lines):
    """One line of keys at the bottom."""

    DEFAULT_CSS = "KeyBar { dock: bottom; height: 1; width: 1fr; }"


def key_line(keys: Sequence[Key], chosen: str, cells: int) -> Line:
    """As many labelled keys as fit; the stop is always there, at the right end."""
    stop = next((key for key in keys if key.action == "stop"), None)
    right = line((f" {stop.shown} {stop.label} ", "stop")) if stop else ()
    room = cells - width(right)
    parts: list[str | tuple[str, Meaning]] = []
    used = 0
    for key in keys:
        if not key.label or key is stop:
            continue
        marked = key.action == chosen
        piece = f"{key.shown} {key.label} "
        if used + len(piece) + 1 > room:
            continue
        used += len(piece) + 1
        parts.append((" ", ""))
        if marked:
            parts.append((f"{key.shown} {key.label}", "banner"))
        else:
            parts.extend([(key.shown, "key"), (f" {key.label}", "")])
        parts.append((" ", ""))
    return fit(line(*parts), room) + right
