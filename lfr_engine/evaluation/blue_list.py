"""Blue-list walks: TPIR of a live site from staged passes of consenting staff (R9). Pure.

Owns: which staged pass an alert answers, and TPIR by camera. Never: an officer's outcome, an arrest
count. Strategy: staff tally their walks (pass, entry, camera, time); a walk is found if an alert
for that entry came on that camera within the window.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lfr_engine.errors import InputError
from lfr_engine.evaluation.intervals import Rate, rate
from lfr_engine.evaluation.tables import Row
from lfr_engine.evaluation.video_scores import Quantiles, quantiles

WALK_COLUMNS = ("pass", "entry", "camera", "time")
ALERT_COLUMNS = ("entry", "camera", "time")


@dataclass(frozen=True, slots=True)
class Walk:
    """One staged walk; ``at`` is when the face came into view, by the tally."""

    name: str
    entry: str
    camera: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class BlueAlert:
    """One alert for a blue-list entry."""

    entry: str
    camera: str
    at: dt.datetime


class CameraTally(msgspec.Struct, frozen=True):
    """One camera's walks, and how many raised their alert."""

    camera: str
    tpir: Rate


class BlueListResult(msgspec.Struct, frozen=True):
    """TPIR of all walks and by camera.

    duplicates: further alerts within a walk's window. unexplained: alerts that answer no walk:
    an unlogged walk, a wrong clock, or a false alert.
    """

    tpir: Rate
    by_camera: tuple[CameraTally, ...]
    time_to_alert: Quantiles
    duplicates: int
    unexplained: int
    missed: tuple[str, ...]


def read_walks(rows: Sequence[Row]) -> list[Walk]:
    """Walks of a tally; raises ``InputError`` where a cell is empty, no time, or a name repeats."""
    walks = [
        Walk(row.text("pass"), row.text("entry"), row.text("camera"), read_time(row))
        for row in rows
    ]
    seen: set[str] = set()
    for walk, row in zip(walks, rows, strict=True):
        if walk.name in seen:
            raise InputError(row.where, f"pass {walk.name!r} is there twice")
        seen.add(walk.name)
    return walks


def read_alerts(rows: Sequence[Row]) -> list[BlueAlert]:
    """Alerts of a table; raises ``InputError`` as ``read_walks``."""
    return [BlueAlert(row.text("entry"), row.text("camera"), read_time(row)) for row in rows]


def read_time(row: Row) -> dt.datetime:
    """The ``time`` cell, ISO 8601; UTC where it names no zone.

    Raises:
        InputError: it is no time.
    """
    text = row.text("time")
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            row.where, f"time is {text!r}", "write it as 2026-01-31T14:05:09Z"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def score_walks(
    walks: Sequence[Walk], alerts: Sequence[BlueAlert], window_s: float
) -> BlueListResult:
    """Join walks and alerts; an alert answers the latest walk that began before it.

    Args:
        walks: What staff walked.
        alerts: What the engine said of blue-list entries.
        window_s: How long after its walk's time an alert still answers it.
    """
    starts: dict[tuple[str, str], list[Walk]] = defaultdict(list)
    for walk in sorted(walks, key=lambda walk: walk.at):
        starts[walk.entry, walk.camera].append(walk)
    waits: dict[str, float] = {}
    duplicates = unexplained = 0
    for alert in sorted(alerts, key=lambda alert: alert.at):
        before = [w for w in starts.get((alert.entry, alert.camera), ()) if w.at <= alert.at]
        wait_s = (alert.at - before[-1].at).total_seconds() if before else window_s + 1
        if wait_s > window_s:
            unexplained += 1
        elif before[-1].name in waits:
            duplicates += 1
        else:
            waits[before[-1].name] = wait_s
    by_camera: dict[str, list[Walk]] = defaultdict(list)
    for walk in walks:
        by_camera[walk.camera].append(walk)
    return BlueListResult(
        tpir=rate(len(waits), len(walks)),
        by_camera=tuple(
            CameraTally(camera, rate(sum(w.name in waits for w in members), len(members)))
            for camera, members in sorted(by_camera.items())
        ),
        time_to_alert=quantiles(list(waits.values())),
        duplicates=duplicates,
        unexplained=unexplained,
        missed=tuple(f"{w.name} ({w.entry}, {w.camera})" for w in walks if w.name not in waits),
    )
