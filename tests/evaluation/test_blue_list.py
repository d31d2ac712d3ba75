"""Blue-list walks joined with alerts."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lfr_engine.errors import InputError
from lfr_engine.evaluation.blue_list import (
    ALERT_COLUMNS,
    WALK_COLUMNS,
    BlueAlert,
    Walk,
    read_alerts,
    read_walks,
    score_walks,
)
from lfr_engine.evaluation.tables import read_table

START = dt.datetime(2026, 1, 31, 14, tzinfo=dt.UTC)


def _at(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


def test_each_alert_answers_the_latest_walk_before_it() -> None:
    walks = [
        Walk("1", "sgt-a", "north", _at(0)),
        Walk("2", "sgt-a", "north", _at(120)),
        Walk("3", "sgt-a", "south", _at(130)),
        Walk("4", "sgt-b", "north", _at(0)),
    ]
    alerts = [
        BlueAlert("sgt-a", "north", _at(4)),
        BlueAlert("sgt-a", "north", _at(9)),  # the same walk again
        BlueAlert("sgt-a", "north", _at(125)),
        BlueAlert("sgt-b", "north", _at(300)),  # too late for walk 4
        BlueAlert("sgt-b", "south", _at(2)),  # nobody walked there
    ]
    result = score_walks(walks, alerts, window_s=30)
    assert (result.tpir.events, result.tpir.trials) == (2, 4)
    assert [(c.camera, c.tpir.events, c.tpir.trials) for c in result.by_camera] == [
        ("north", 2, 3),
        ("south", 0, 1),
    ]
    assert (result.duplicates, result.unexplained) == (1, 2)
    assert result.missed == ("3 (sgt-a, south)", "4 (sgt-b, north)")
    assert result.time_to_alert.longest == 5


def _table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tally.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_tallies_are_read_with_any_zone_and_either_delimiter(tmp_path: Path) -> None:
    path = _table(
        tmp_path,
        "Pass;Entry;Camera;Time;Note\n1;a;north;2026-01-31T14:00:00Z;\n"
        "2;a;north;2026-01-31T16:00:00+02:00;x\n",
    )
    one, two = read_walks(read_table(path, WALK_COLUMNS))
    assert one.at == two.at == START


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "is empty"),
        ("pass,entry,camera\n1,a,n\n", "lacks the column 'time'"),
        ("pass,entry,camera,time\n", "has no row"),
        ("pass,entry,camera,time\n1,,n,2026-01-31\n", "line 2: column 'entry' is empty"),
        ("pass,entry,camera,time\n1,a,n,noon\n", "line 2: time is 'noon'"),
        ("pass,entry,camera,time\n1,a,n,2026-01-31,x\n", "line 2: has more cells"),
        (
            "pass,entry,camera,time\n1,a,n,2026-01-31\n1,a,n,2026-01-31\n",
            "line 3: pass '1' is there twice",
        ),
        ('pass,entry,camera,time\n1,a,n,"2026', "is no CSV"),
    ],
)
def test_wrong_tallies_are_named_by_line(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "tally.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=cause):
        read_walks(read_table(path, WALK_COLUMNS))


def test_no_alert_at_all_is_a_result(tmp_path: Path) -> None:
    alerts = _table(tmp_path, "entry,camera,time\n")
    assert read_alerts(read_table(alerts, ALERT_COLUMNS, or_none=True)) == []


def test_binary_and_missing_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "tally.csv"
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_table(path, ALERT_COLUMNS)
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path / "none.csv", ALERT_COLUMNS)


def test_alerts_need_no_pass_name(tmp_path: Path) -> None:
    path = _table(tmp_path, "entry,camera,time\na,north,2026-01-31T14:00:00\n")
    assert read_alerts(read_table(path, ALERT_COLUMNS)) == [BlueAlert("a", "north", START)]


def test_cells_are_read_as_what_they_should_be(tmp_path: Path) -> None:
    path = _table(tmp_path, "ok,n\nyes,1.5\nNO,\nmaybe,nan\n")
    yes, no, bad = read_table(path, ("ok",))
    assert (yes.yes("ok"), no.yes("ok"), yes.number("n"), no.number("n")) == (
        True,
        False,
        1.5,
        None,
    )
    with pytest.raises(InputError, match="line 4: ok is 'maybe'"):
        bad.yes("ok")
    with pytest.raises(InputError, match="line 4: n is 'nan'"):
        bad.number("n")
