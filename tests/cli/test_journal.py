from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfr_engine.cli.journal import command
from lfr_engine.clock import SystemClock
from lfr_engine.errors import InputError
from lfr_engine.journal.signing import load_or_create
from lfr_engine.journal.store import Journal
from tests.journal.building import SIGNER, filled, opened, up


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine's own journal, closed: 3 cameras up, one down in deployment D-1."""
    monkeypatch.setenv("LFR_DATA", str(tmp_path))
    path = tmp_path / "journal.jsonl"
    signer = load_or_create(tmp_path / "journal.key")
    with Journal.open(path, signer, SystemClock()) as journal:
        for number in range(3):
            up(journal, f"c{number}")
        journal.append(
            "camera.down", {"camera": "c0", "cause": "cut\x1b[2J cable", "deployment": "D-1"}
        )
    return path


def run(*words: str | Path) -> int:
    """The exit status of ``lfr journal …``; errors of ours pass through."""
    with pytest.raises(SystemExit) as caught:
        command.main(list(map(str, words)), prog_name="journal")
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_verify_says_that_it_holds(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify") == 0
    said = capsys.readouterr().out
    assert "holds\n  records that hold  7, signed to 7\n" in said
    assert "name the key you trust" in said
    head = said.split("head")[1].split()[0]
    assert run("verify", path, "--expect", head, "--json") == 0
    assert json.loads(capsys.readouterr().out)["head"] == head


def test_verify_names_the_first_bad_record(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(path.read_bytes().replace(b'"c1"', b'"c9"'))
    assert run("verify", "--json") == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["ok"], result["first_bad"]) == (False, 4)
    assert run("verify") == 1
    assert "DOES NOT HOLD\n  record 4 was altered" in capsys.readouterr().out


def test_verify_tells_an_unfinished_write_from_damage(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(path.read_bytes() + b'{"hash":')
    assert run("verify") == 1
    assert "record 8 is cut short\n  a writer is at work" in capsys.readouterr().out


def test_show_filters(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def seqs(*words: str) -> list[int]:
        assert run("show", "--json", *words) == 0
        return [json.loads(line)["seq"] for line in capsys.readouterr().out.splitlines()]

    assert seqs() == list(range(1, 10))  # the last two are this very look and its signature
    assert seqs("--last", "2") == [10, 11]
    assert seqs("--kind", "camera.*") == [3, 4, 5, 6]
    assert seqs("--kind", "camera.up", "--kind", "journal.created", "--after", "3") == [4, 5]
    assert seqs("--deployment", "D-1") == [6]
    assert seqs("--since", "2000-01-01", "--until", "2001-01-01T00:00Z") == []


def test_show_lets_no_text_steer_the_terminal(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("show", "--kind", "camera.down") == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert r'camera.down            camera=c0 cause="cut\u001b[2J cable" deployment=D-1' in said


def test_follow_shows_what_is_written_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "j") as journal:
        steps: Iterator[str] = iter(["late", "later"])

        def wait(_: object, timeout: float) -> None:
            try:
                up(journal, next(steps))
            except StopIteration:
                raise KeyboardInterrupt from None

        monkeypatch.setattr(threading.Event, "wait", wait)
        assert run("show", tmp_path / "j", "--follow", "--kind", "camera.up") == 1
    assert [line.split("=")[1] for line in capsys.readouterr().out.splitlines()] == [
        "late",
        "later",
    ]


def test_export_writes_json_lines(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("export", "--kind", "camera.up") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["body"]["camera"] for line in lines] == ["c0", "c1", "c2"]
    out = tmp_path / "out.jsonl"
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    assert run("export", copy, "--to", out) == 0
    assert len(out.read_text().splitlines()) == 9  # 7, and what the first export left
    with pytest.raises(InputError, match="exists already"):
        run("export", "--to", out)


def test_clock_corrected_is_recorded(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("clock-corrected", "--by", "J. Doe", "--reason", "battery", "--yes") == 0
    capsys.readouterr()
    assert run("show", "--kind", "clock.corrected") == 0
    assert 'actor="J. Doe" role=engineer reason=battery' in capsys.readouterr().out
    assert run("verify") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["verify", "--expect", "3"], "SEQ:HASH"),
        (["verify", "--key", "x"], "public key"),
        (["show", "--kind", "face.*"], "no kind of record"),
        (["show", "nowhere"], "there is no journal here"),
        (["verify", "nowhere"], "cannot read the journal"),
    ],
)
def test_wrong_words_are_explained(path: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(*words)


def test_a_copy_without_this_machine_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "copy", 2)
    assert run("verify", tmp_path / "copy", "--key", SIGNER.public_key) == 0
    assert "note" not in capsys.readouterr().out


def test_who_looks_is_recorded_first_and_a_copy_is_free(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    before = path.read_bytes()
    assert run("show", copy) == 0
    assert run("verify") == 0
    assert path.read_bytes() == before
    assert run("show", "--by", "A. Auditor", "--purpose", "complaint 7") == 0
    assert run("export", "--kind", "journal.viewed") == 0
    first, second = (json.loads(line)["body"] for line in capsys.readouterr().out.splitlines()[-2:])
    assert first == {"actor": "A. Auditor", "role": "auditor", "purpose": "complaint 7"}
    assert second["exported"] is True
    assert second["actor"]
    assert run("verify") == 0
    with pytest.raises(InputError, match="cannot be recorded"):
        run("show", "--by", "x" * 100)
