"""A table of blue-list passes, as somebody wrote them down beside the cameras (R9).

Owns: the columns ``entry``, ``camera``, ``at`` and ``group``, and what is wrong with a row. Never:
a guess: one bad row refuses the table. Strategy: text to ``Walked``, no clock and no list asked.
"""

from __future__ import annotations

import csv
import datetime as dt
import io

from lfr_engine.alerts.bluelist import Walked
from lfr_engine.errors import InputError

COLUMNS = ("entry", "camera", "at")
MOST_ROWS = 200
"""Of one table: each row may be two journal records, and 500 are the most of one post."""
LONGEST = 80
"""Characters of a group, as the journal takes them."""


def read_passes(table: bytes) -> list[Walked]:
    """The passes of a CSV table with a header; ``at`` is UTC where it says no zone.

    Raises:
        InputError: Which row, and what is wrong with it.
    """
    try:
        reader = csv.DictReader(io.StringIO(table.decode("utf-8-sig")), strict=True)
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("table", f"is not CSV in UTF-8: {error}") from error
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError("table", f"has no column {missing[0]}", "name entry, camera, at, group")
    if not 0 < len(rows) <= MOST_ROWS:
        raise InputError("table", f"has {len(rows)} rows", f"give 1 to {MOST_ROWS}")
    return [_walked(number, row) for number, row in enumerate(rows, 2)]


def _walked(line: int, row: dict[str, str | None]) -> Walked:
    values = {name: (row.get(name) or "").strip() for name in (*COLUMNS, "group")}
    for name in COLUMNS:
        if not values[name]:
            raise InputError(f"line {line}", f"has no {name}")
    if len(values["group"]) > LONGEST:
        raise InputError(f"line {line}", f"the group is longer than {LONGEST} characters")
    try:
        at = dt.datetime.fromisoformat(values["at"])
    except ValueError as error:
        raise InputError(
            f"line {line}", "at is not a time", "write it as 2026-07-01T10:00:00Z"
        ) from error
    at = at.replace(tzinfo=at.tzinfo or dt.UTC).astimezone(dt.UTC)
    return Walked(values["entry"], values["camera"], at, values["group"] or None)
