from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from lfr_engine.cli.report import command
from lfr_engine.errors import InputError, RuleError
from tests.deployment.story import told
from tests.journal.building import SIGNER, opened


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "journal.jsonl"
    with opened(path) as journal:
        journal.append_batch([(record.kind, record.body) for record in told()])
    return path


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        command.main(list(map(str, words)), prog_name="report")
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_deployments_are_listed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--journal", path) == 0
    assert capsys.readouterr().out == "D-1\nD-2\n"


def test_the_summary_has_the_four_measures(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("D-1", "--journal", path, "--key", SIGNER.public_key) == 0
    said = capsys.readouterr().out
    assert "2 of 5,000" in said
    assert "1 in 2,500" in said
    assert said.count("95 %:") == 4


def test_json_and_pages(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("D-1", "--journal", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["passes"] == 5000
    page = tmp_path / "page.html"
    assert run("D-1", "--journal", path, "--html", "public", "--to", page) == 0
    assert hashlib.sha256(page.read_bytes()).hexdigest() in capsys.readouterr().out
    assert run("D-1", "--journal", path, "--html", "full") == 0
    assert "<h2>Alerts</h2>" in capsys.readouterr().out
    with pytest.raises(InputError, match="either"):
        run("D-1", "--journal", path, "--json", "--html", "full")
    with pytest.raises(InputError, match="cannot write"):
        run("D-1", "--journal", path, "--to", tmp_path / "no" / "page")


def test_nothing_is_counted_from_a_journal_that_does_not_hold(path: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(path.read_bytes().replace(b'"passes":3000', b'"passes":9000'))
    with pytest.raises(RuleError, match=r"does not hold: record \d+ was altered.*\(R16\)"):
        run("D-1", "--journal", bad)
    with pytest.raises(InputError, match="no journal"):
        run("D-1", "--journal", tmp_path / "absent")
    with pytest.raises(InputError, match="no start"):
        run("D-9", "--journal", path)


def test_a_running_engines_unfinished_write_does_not_stop_the_report(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    growing = tmp_path / "growing"
    growing.write_bytes(path.read_bytes() + b'{"hash":"12')
    assert run("D-1", "--journal", growing) == 0
    assert "2 of 5,000" in capsys.readouterr().out
