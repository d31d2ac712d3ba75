"""Tallies that people keep: CSV files with a header line. Owns: reading them with clear errors.
Never: guesses what a cell means. Strategy: every complaint names file, line and column.
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.errors import InputError

YES = frozenset({"yes", "y", "true", "1"})
NO = frozenset({"no", "n", "false", "0"})
MOST_ROWS = 1_000_000
"""More is no tally that people kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; ``where`` names it in errors."""

    where: str
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """A cell that must not be empty.

        Raises:
            InputError: it is empty.
        """
        value = self.cells.get(column, "").strip()
        if not value:
            raise InputError(self.where, f"column {column!r} is empty")
        return value

    def yes(self, column: str) -> bool:
        """A yes-or-no cell.

        Raises:
            InputError: it is neither.
        """
        value = self.text(column).lower()
        if value not in YES | NO:
            raise InputError(self.where, f"{column} is {value!r}", "write yes or no")
        return value in YES

    def number(self, column: str) -> float | None:
        """A number; None where the cell is empty or the column absent.

        Raises:
            InputError: it is no finite number.
        """
        value = self.cells.get(column, "").strip()
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if number - number != 0:
            raise InputError(self.where, f"{column} is {value!r}, which is no number")
        return number


def read_table(path: Path, required: Collection[str], *, or_none: bool = False) -> list[Row]:
    """The rows of a CSV file (UTF-8, comma or semicolon).

    or_none: a header alone will do, where it may be that nothing happened.

    Raises:
        InputError: it cannot be read, lacks a ``required`` column, or has no row.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(path, "is not UTF-8 text", "save it as CSV, UTF-8") from error
    if not lines:
        raise InputError(path, "is empty", f"expected columns {', '.join(required)}")
    delimiter = ";" if lines[0].count(";") > lines[0].count(",") else ","
    reader = csv.DictReader(lines, delimiter=delimiter, restval="", strict=True)
    names = [(name or "").strip().lower() for name in reader.fieldnames or ()]
    missing = [column for column in required if column not in names]
    if missing:
        raise InputError(
            path, f"lacks the column {missing[0]!r}", f"it has {', '.join(names) or 'none'}"
        )
    reader.fieldnames = names
    rows: list[Row] = []
    try:
        for cells in reader:
            if None in cells:
                raise InputError(f"{path}, line {reader.line_num}", "has more cells than columns")
            if len(rows) == MOST_ROWS:
                raise InputError(path, f"has more than {MOST_ROWS:,} rows")
            rows.append(Row(f"{path}, line {reader.line_num}", cells))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}", f"is no CSV: {error}") from error
    if not rows and not or_none:
        raise InputError(path, "has no row under its header")
    return rows
