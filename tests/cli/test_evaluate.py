"""``lfr evaluate`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lfr_engine.cli import evaluate, main, root
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
