"""Numbers and times as a field engineer reads them at a glance.

Owns: the words for durations, rates, sizes, bars and trends. Never: decisions, colours. Strategy:
short, with its unit, and never a bare rate: an interval stands beside it (``domain.md``, R8).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import pairwise

from lfr_engine.protocol.shapes import Interval

NS = 1_000_000_000
_TREND = "▁▂▃▄▅▆▇█"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def utc_ns(text: str) -> int | None:
    """RFC 3339 text as nanoseconds since 1970; ``None`` when it is not a time."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    whole = at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (whole.days * 86_400 + whole.seconds) * NS + whole.microseconds * 1_000


def clock_text(engine_ns: int | None) -> str:
    """Time of day in UTC, ``12:04:31Z``."""
    if engine_ns is None:
        return "--:--:--Z"
    seconds = engine_ns // NS % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def time_of(text: str) -> str:
    """Time of day of RFC 3339 text, or the text itself when it is not a time."""
    at = utc_ns(text)
    return text if at is None else clock_text(at)[:-1]


def age(seconds: float) -> str:
    """``0.4s``, ``12s``, ``2m05s``, ``3h02m``, ``4d03h``: at most six cells for a hundred days."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3_600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86_400:
        return f"{whole // 3_600}h{whole // 60 % 60:02}m"
    return f"{whole // 86_400}d{whole // 3_600 % 24:02}h"


def countdown(seconds: float) -> str:
    """``03:12:45``; a minus sign once the time is over."""
    whole = math.ceil(abs(seconds))
    sign = "-" if seconds < 0 else ""
    return f"{sign}{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def count(number: int) -> str:
    """``950``, ``12,345``, ``1.2M``."""
    return f"{number:,}" if number < 1_000_000 else f"{number / 1e6:.1f}M"


def memory(size: int | None) -> str:
    """``812 MB``."""
    if size is None:
        return "–"
    return f"{size / 1e6:.0f} MB" if size < 10e9 else f"{size / 1e9:.1f} GB"


def number(value: float | None, digits: int = 0) -> str:
    """The number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def trend(values: Sequence[float], cells: int, full: float = 0.0) -> str:
    """All values as bars in at most ``cells``, the largest of neighbours where they share one; a
    whole bar is ``full``, or the largest value where that is more, and the floor is 0.
    """
    many = len(values)
    bars = min(many, cells)
    edges = [number * many // bars for number in range(bars + 1)] if bars else []
    shown = [max(values[one:next_one]) for one, next_one in pairwise(edges)]
    top = max([full, *shown])
    if top <= 0:
        return _TREND[0] * len(shown)
    return "".join(_TREND[min(7, int(max(0.0, value) / top * 7.999))] for value in shown)


def bar(share: float, cells: int) -> str:
    """A bar ``cells`` wide, filled to ``share`` in 0…1, in eighths of a cell."""
    eighths = round(max(0.0, min(1.0, share)) * cells * 8)
    full, rest = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[rest] if rest else "")
    return text + "·" * (cells - len(text))


def per_thousand(interval: Interval) -> str:
    """``0.32 in 1,000 (0.01–1.8)``, the exact 95 % interval beside the rate."""
    rate = "–" if interval.rate is None else _three(interval.rate * 1_000)
    return f"{rate} in 1,000 ({_three(interval.low * 1_000)}–{_three(interval.high * 1_000)})"


def percent(interval: Interval) -> str:
    """``89 % (76–96), 44 of 50``."""
    rate = "–" if interval.rate is None else f"{interval.rate * 100:.0f}"
    return (
        f"{rate} % ({interval.low * 100:.0f}–{interval.high * 100:.0f}), "
        f"{count(interval.events)} of {count(interval.trials)}"
    )


def _three(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def gauge(interval: Interval, limit: float, cells: int) -> str:
    """The interval on a scale from 0 to four times ``limit``: ``─`` is the interval, ``●`` the
    rate, ``│`` the ceiling; what goes beyond the scale ends in ``►``.
    """
    top = 4 * limit

    def place(rate: float) -> int:
        return min(cells - 1, int(rate / top * cells))

    marks = ["·"] * cells
    for at in range(place(interval.low), place(interval.high) + 1):
        marks[at] = "─"
    if interval.high > top:
        marks[-1] = "►"
    marks[place(limit)] = "│"
    if interval.rate is not None:
        marks[place(interval.rate)] = "●"
    return "".join(marks)
