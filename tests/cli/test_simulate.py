"""``lfr simulate`` as a user meets it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lfr_engine.cli import main, root


def _faces(folder: Path) -> Path:
    for name in ("ann", "bob"):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            picture = np.full((200, 200, 3), 90 + 40 * number, np.uint8)
            cv2.imwrite(str(folder / name / f"{number}.png"), picture)
    return folder


def test_a_small_walkby(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LFR_DATA", str(tmp_path / "no-models"))
    run = CliRunner().invoke(
        root,
        [
            "simulate", "walkby", str(_faces(tmp_path / "faces")), "--out", str(tmp_path / "out"),
            "--size", "320x240", "--fps", "5", "--watchlist", "1", "--face-px", "10:60",
        ],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "2 passes" in run.output
    assert "faces are taken to be in the middle" in run.output
    assert (tmp_path / "out" / "camera-1.mp4").stat().st_size > 1000


@pytest.mark.parametrize("size", ["big", "640", "640xabc"])
def test_a_wrong_size_is_refused_plainly(tmp_path: Path, size: str) -> None:
    run = CliRunner().invoke(root, ["simulate", "walkby", ".", "--out", "o", "--size", size])
    assert run.exit_code == 2
    assert "is not of the form WxH" in run.output


def test_a_wrong_folder_exits_2_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["simulate", "walkby", str(tmp_path / "nowhere"), "--out", str(tmp_path)])
    assert left.value.code == 2
    assert "nowhere: is not a folder" in capsys.readouterr().err
