"""Small plots as SVG text, for a page that must open anywhere and print in black and white.

Owns: three drawings. Never: a number that is not also in a table beside it; meaning by colour
alone. Strategy: plain SVG with a view box and presentation attributes, because not every reader
applies a page's style sheet inside a drawing; no script, no font of its own.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from html import escape

from lfr_engine.deployment.measures import Measure, interval_in_words
from lfr_engine.deployment.record import Latency

_WIDTH = 640
_LABEL = 232
_ROW = 26
_RARE = -6  # the logarithmic axis begins at one in a million
_RARE_TICKS = ("1 / million", "1 / 100,000", "1 / 10,000", "1 / 1,000", "1 %", "10 %", "100 %")
_INK, _PALE, _GREY, _ALARM = "#223344", "#99aabb", "#cccccc", "#aa0000"
_STYLES = {
    "grid": f'stroke="{_GREY}"',
    "bar": f'stroke="{_INK}" stroke-width="3"',
    "limit": f'stroke="{_ALARM}" stroke-width="2" stroke-dasharray="5 3"',
    "point": f'fill="{_INK}"',
    "block": f'fill="{_PALE}"',
    "label": 'font-size="12"',
    "tick": 'font-size="10" text-anchor="middle"',
    "left": 'font-size="10" text-anchor="end"',
}


def intervals(
    measures: Sequence[Measure], *, rare: bool = False, limit: float | None = None
) -> str:
    """Each share as a point with its 95 % interval as a bar.

    Args:
        measures: One row each.
        rare: A logarithmic axis from one in a million to 1; else 0 to 100 %.
        limit: A dashed line at this share, such as the ceiling.
    """

    def x(share: float) -> float:
        place = share
        if rare:
            place = 1 - math.log10(max(share, 10**_RARE)) / _RARE
        return _LABEL + place * (_WIDTH - _LABEL - 30)

    bottom = len(measures) * _ROW + 6
    parts = []
    if rare:
        ticks = [(10.0 ** (_RARE + n), label) for n, label in enumerate(_RARE_TICKS)]
    else:
        ticks = [(n / 5, f"{20 * n} %") for n in range(6)]
    for tick, label in ticks:
        parts.append(_line(x(tick), 0, x(tick), bottom, "grid"))
        parts.append(_text(x(tick), bottom + 14, label, "tick"))
    if limit is not None:
        parts.append(_line(x(limit), 0, x(limit), bottom, "limit"))
    for row, shown in enumerate(measures):
        y = row * _ROW + _ROW / 2 + 3
        parts.append(_text(0, y + 4, shown.name, "label"))
        said = f"{shown.name}: {shown.numerator} of {shown.denominator}, {interval_in_words(shown)}"
        bar = _line(x(shown.low), y, x(shown.high), y, "bar")
        point = ""
        if shown.share is not None:
            point = f'<circle cx="{x(shown.share):.1f}" cy="{y:.1f}" r="4.5" {_STYLES["point"]}/>'
        parts.append(f"<g><title>{escape(said)}</title>{bar}{point}</g>")
    return _svg(bottom + 20, "Shares with 95 % intervals", parts)


def over_time(
    passes: Sequence[tuple[dt.datetime, int]], alerts: Sequence[dt.datetime], bin_s: float = 600
) -> str:
    """People who passed, in bars of ten minutes, and a mark for each alert."""
    if not passes:
        return ""
    first = min([passes[0][0], *alerts])
    last = max([passes[-1][0] + dt.timedelta(seconds=bin_s), *alerts])
    span = max((last - first).total_seconds(), 1.0)
    highest = max(1, *(count for _, count in passes))
    height = 120

    def x(time: dt.datetime) -> float:
        return 40 + (time - first).total_seconds() / span * (_WIDTH - 60)

    parts = [
        _text(34, 14, f"{highest:,}", "left"),
        _text(34, height, "0", "left"),
        _line(40, height, _WIDTH - 20, height, "grid"),
    ]
    for time, count in passes:
        width = max(x(time + dt.timedelta(seconds=bin_s)) - x(time) - 1, 1)
        tall = count / highest * (height - 10)
        said = f"<title>{time:%H:%M}: {count:,} passes</title>"
        parts.append(
            f'<rect x="{x(time):.1f}" y="{height - tall:.1f}" width="{width:.1f}" '
            f'height="{tall:.1f}" {_STYLES["block"]}>{said}</rect>'
        )
    for time in alerts:
        mark = f"M{x(time):.1f} {height + 4} l4 8 h-8 z"
        said = f"<title>alert {time:%H:%M:%S}</title>"
        parts.append(f'<path d="{mark}" {_STYLES["point"]}>{said}</path>')
    hours = int(span // 3600) + 1
    step = dt.timedelta(hours=max(1, hours // 8))
    tick = first.replace(minute=0, second=0, microsecond=0) + dt.timedelta(hours=1)
    while tick <= last:
        parts.append(_text(x(tick), height + 26, f"{tick:%H:%M}", "tick"))
        tick += step
    return _svg(height + 32, "People who passed over time, and alerts", parts)


def latencies(rows: Sequence[Latency]) -> str:
    """p50, p95 and p99 of each stage, as marks on one line from 0."""
    if not rows:
        return ""
    longest = max(1.0, *(row.p99 for row in rows))

    def x(value: float) -> float:
        return _LABEL + value / longest * (_WIDTH - _LABEL - 70)

    parts = []
    for place, row in enumerate(rows):
        y = place * _ROW + _ROW / 2
        name = row.stage.replace("_", " ")
        parts.append(_text(0, y + 4, name if row.run == 1 else f"{name} (run {row.run})", "label"))
        said = f"{name}: p50 {row.p50:.0f}, p95 {row.p95:.0f}, p99 {row.p99:.0f} ms"
        marks = "".join(
            _line(x(value), y - size, x(value), y + size, "bar")
            for value, size in ((row.p50, 4), (row.p95, 7), (row.p99, 10))
        )
        line = _line(x(0), y, x(row.p99), y, "grid")
        parts.append(f"<g><title>{escape(said)}</title>{line}{marks}</g>")
        parts.append(_text(x(row.p99) + 6, y + 4, f"{row.p99:.0f} ms", "label"))
    return _svg(len(rows) * _ROW, "Latency: short, middle and tall marks are p50, p95, p99", parts)


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    frame = f'viewBox="0 0 {_WIDTH} {height:.0f}" font-family="sans-serif" role="img"'
    return f"<svg {frame}><title>{escape(title)}</title>{''.join(parts)}</svg>"


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {_STYLES[style]}/>'


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {_STYLES[style]}>{escape(text)}</text>'
