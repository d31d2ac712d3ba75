"""``lfr evaluate`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lfr_engine.cli import evaluate, main, root
from lfr_engine.evaluation.verification import VerificationResult
from tests.evaluation.support import GreyPack, write_people


@pytest.fixture
def grey_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "open_installed", lambda _name: GreyPack())


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(root, ["evaluate", *map(str, arguments)])


@pytest.mark.usefixtures("grey_pack")
def test_identification_end_to_end(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "people", people=12, pictures=3)
    run = _run(
        "identification", folder, "--gallery-size", 5, "--repeats", 2,
        "--json", tmp_path / "out.json", "--scores", tmp_path / "scores.npz",
        "--report", tmp_path / "page.html",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "N = 5, one picture each; 2 random galleries" in run.output
    assert "too few events" in run.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["gallery_size"] == 5
    assert [point["target"] for point in figures["points"]] == [0.01, 0.003, 0.001]
    with np.load(tmp_path / "scores.npz") as file:
        assert len(file["nonmated_score"]) == 2 * 7 * 3
    assert "<svg" in (tmp_path / "page.html").read_text()


@pytest.mark.usefixtures("grey_pack")
def test_a_wrong_folder_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["evaluate", "identification", str(tmp_path)])
    assert left.value.code == 2
    assert "holds no picture" in capsys.readouterr().err


def test_a_blue_list_tally(tmp_path: Path) -> None:
    (tmp_path / "walks.csv").write_text(
        "pass,entry,camera,time\n1,a,north,2026-01-31T14:00:00\n2,a,north,2026-01-31T15:00:00\n"
    )
    (tmp_path / "alerts.csv").write_text("entry,camera,time\na,north,2026-01-31T14:00:03\n")
    run = _run(
        "bluelist", tmp_path / "walks.csv", tmp_path / "alerts.csv", "--json", tmp_path / "out.json"
    )
    assert run.exit_code == 0, run.output
    assert "TPIR                 1 of 2 = 50.0 % (1.26 % to 98.7 %)" in run.output
    assert "± 5 points would take" in run.output
    assert json.loads((tmp_path / "out.json").read_text())["tpir"]["events"] == 1


def test_equitability_refuses_what_it_cannot_say(tmp_path: Path) -> None:
    rows = [f"p{n % 20},{'ab'[n % 20 // 10]},yes,{'yes' if n % 9 else 'no'}" for n in range(60)]
    table = tmp_path / "table.csv"
    table.write_text("person,group,acquired,alerted\n" + "\n".join(rows) + "\n")
    run = _run(
        "equitability", table, "--report", tmp_path / "page.html", "--json", tmp_path / "out.json"
    )
    assert run.exit_code == 0, run.output
    assert "no verdict: too few passes" in run.output
    assert "too few events: a verdict takes" in run.output
    assert (tmp_path / "page.html").read_text().count("<svg") == 2
    assert len(json.loads((tmp_path / "out.json").read_text())["groups"]) == 2


def test_a_plan_names_both_numbers() -> None:
    run = _run("plan", "--tpir", 0.89, "--half-width", 0.1, "--false-alerts", 0.001)
    assert run.exit_code == 0, run.output
    assert "1 in 1,000" in run.output
    assert "2,995 passes" in run.output


@pytest.mark.usefixtures("grey_pack")
def test_verification_of_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = VerificationResult(
        0.9, 0.01, (0.9, 0.9), (0.4, 0.5), 20, 10, 2, 30, ("x.jpg: no face",)
    )
    monkeypatch.setattr(evaluate, "run_verification", lambda *_arguments: result)
    run = _run("verification", tmp_path, tmp_path / "pairs.txt", "--json", tmp_path / "out.json")
    assert run.exit_code == 0, run.output
    assert "18 of 20 = 90.0 %" in run.output
    assert "1 pictures without a usable face" in run.output
    assert json.loads((tmp_path / "out.json").read_text())["errors"] == 2
