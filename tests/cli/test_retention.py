from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from lfr_engine.cli.retention import command
from lfr_engine.clock import SystemClock
from lfr_engine.errors import InputError
from lfr_engine.journal.events.alerts import AlertRetained
from lfr_engine.journal.kinds import item
from lfr_engine.journal.signing import load_or_create
from lfr_engine.journal.store import Journal
from lfr_engine.journal.verification import verify


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pieces of evidence: E-old is due, E-new is not."""
    monkeypatch.setenv("LFR_DATA", str(tmp_path))
    now = SystemClock().utc()
    folder = tmp_path / "evidence" / "D-1"
    folder.mkdir(parents=True)
    signer = load_or_create(tmp_path / "journal.key")
    with Journal.open(tmp_path / "journal.jsonl", signer, SystemClock()) as journal:
        for name, days in (("E-old", -1), ("E-new", 1)):
            event = AlertRetained(
                deployment="D-1", alert=f"al-{name}", evidence=name, what="alert_evidence",
                until=now + dt.timedelta(days), profile="met",
            )  # fmt: skip
            journal.append(*item(event))
            (folder / name).write_bytes(b"sealed")
    return tmp_path


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        command.main(list(words), prog_name="retention")
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_show_tells_the_profiles_and_what_is_due(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show") == 0
    said = capsys.readouterr().out
    assert "met:\n  alert evidence       31 days after it was made\n" in said
    assert "2 kept, 1 due" in said
    assert run("show", "--json") == 0
    kept = {row["id"]: row for row in json.loads(capsys.readouterr().out)["kept"]}
    assert (kept["E-old"]["erase_now"], kept["E-new"]["erase_now"]) == (True, False)


def test_run_only_says_what_it_would_do(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (data / "journal.jsonl").read_bytes()
    assert run("run") == 0
    assert "1 would be erased" in capsys.readouterr().out
    assert (data / "evidence" / "D-1" / "E-old").exists()
    assert (data / "journal.jsonl").read_bytes() == before


def test_run_erases_what_is_due_and_certifies(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="needs a name"):
        run("run", "--erase")
    assert run("run", "--erase", "--by", "Sgt A", "--yes") == 0
    assert "1 erased" in capsys.readouterr().out
    assert [p.name for p in (data / "evidence" / "D-1").iterdir()] == ["E-new"]
    assert verify(data / "journal.jsonl").ok
    assert run("run") == 0
    assert "nothing is due" in capsys.readouterr().out


def test_a_hold_keeps_it_until_it_is_released(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ["--by", "Sgt A", "--role", "officer", "--reason", "court"]
    with pytest.raises(InputError, match="not held"):
        run("release", "E-old", *who)
    assert run("hold", "E-old", *who) == 0
    assert run("run") == 0
    assert "nothing is due" in capsys.readouterr().out
    assert run("show") == 0
    assert "held by Sgt A: court" in capsys.readouterr().out
    assert run("release", "E-old", *who) == 0
    assert run("run") == 0
    assert "1 would be erased" in capsys.readouterr().out
    with pytest.raises(InputError, match="nothing is kept under this name"):
        run("hold", "E-9", *who)


def test_what_cannot_be_erased_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data / "evidence" / "D-1" / "E-old"
    path.unlink()
    path.mkdir()
    assert run("run", "--erase", "--by", "Sgt A", "--yes") == 1
    captured = capsys.readouterr()
    assert "E-old" in captured.err
    assert "0 erased" in captured.out


def test_without_a_journal_nothing_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LFR_DATA", str(tmp_path))
    assert run("show") == 0
    assert "0 kept" in capsys.readouterr().out
    with pytest.raises(InputError, match="no journal"):
        run("run")
