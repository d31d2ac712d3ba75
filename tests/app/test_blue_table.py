"""Blue-list passes from a table."""

from __future__ import annotations

import datetime as dt

import pytest

from lfr_engine.alerts.bluelist import Walked
from lfr_engine.app.blue_table import MOST_ROWS, read_passes
from lfr_engine.errors import InputError

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


def test_rows_become_passes_in_utc() -> None:
    table = (
        "\ufeffentry,camera,at,group\r\nS-1,door,2026-07-01T12:00:00Z,\r\n"
        "S-2,gate,2026-07-01 14:00:00+02:00,A\r\nS-3,gate,2026-07-01T12:00:00,B\r\n"
    )
    assert read_passes(table.encode()) == [
        Walked("S-1", "door", NOON),
        Walked("S-2", "gate", NOON, "A"),
        Walked("S-3", "gate", NOON, "B"),
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"entry,camera\nS,door\n", "no column at"),
        (b"entry,camera,at\n", "0 rows"),
        (b"entry,camera,at\n" + b"S,door,2026-07-01T12:00Z\n" * (MOST_ROWS + 1), "201 rows"),
        (b"entry,camera,at\nS,door,noon\n", "line 2: at is not a time"),
        (b"entry,camera,at\nS,door,2026-07-01\n,door,2026-07-01\n", "line 3: has no entry"),
        (b"entry,camera,at,group\nS,door,2026-07-01," + b"x" * 81 + b"\n", "longer than 80"),
        (b"entry,camera,at\n\xff\xfe", "not CSV"),
    ],
)
def test_one_bad_row_refuses_the_table(table: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_passes(table)
