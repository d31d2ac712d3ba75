"""The real program against the real engine: real networks on real video, and a real deployment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfr_engine.inference.store import ModelStore, data_folder
from tests.tui.served import ROOT, wait_for
from tests.tui.terminal import PROGRAM, Terminal, cockpit_in
from tests.tui.test_terminal import Tmux, needs_tmux

SHARED = ROOT.parent / "shared" / "data"
CLIP = SHARED / "clips" / "hamilton.mp4"
FACES = ("alex-lacamoire.png", "lin-manuel-miranda.png")
LFR = PROGRAM[:-1]

pytestmark = [pytest.mark.server, pytest.mark.slow, needs_tmux]


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Path]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.tui.deployed", str(tmp_path)], cwd=ROOT
    ) as process:
        try:
            wait_for(lambda: (tmp_path / "e").exists() or process.poll() is not None)
            assert process.poll() is None
            yield tmp_path / "e"
        finally:
            process.kill()


@pytest.fixture
def exercise(tmp_path: Path) -> Iterator[Path]:
    if not CLIP.exists():
        pytest.skip("../shared holds no recorded video")
    if not ModelStore(data_folder()).installed("opencv-zoo"):
        pytest.skip("the opencv-zoo pack is not installed: lfr models install opencv-zoo")
    (tmp_path / "list").mkdir()
    for face in FACES:
        shutil.copy(SHARED / "portraits" / face, tmp_path / "list" / face)
    (tmp_path / "c.toml").write_text(
        f'[[cameras]]\nname = "door"\nsource = "{CLIP}"\nrepeat = true\n'
        f'[exercise]\nwatchlist = "{tmp_path / "list"}"\n[api]\nsocket = "{tmp_path / "e"}"\n',
        encoding="utf-8",
    )
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen([*LFR, "run", str(tmp_path / "c.toml")], stderr=log) as process,
    ):
        try:
            wait_for(lambda: (tmp_path / "e").exists() or process.poll() is not None, 60)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield tmp_path / "e"
        finally:
            process.kill()


def reference(text: str) -> str:
    found = re.search(r"POSSIBLE MATCH +([0-9A-F]{4,8})", text)
    assert found is not None, text
    return found[1]


def test_a_deployments_alert_is_passed_and_the_journal_shows_who_decided(
    deployment: Path, tmp_path: Path
) -> None:
    tmux = Tmux(tmp_path, (100, 30), [*PROGRAM, "--connect", str(deployment), "--no-bell"])
    try:
        tmux.until("DEPLOYMENT")
        tmux.until("● RUNNING")
        tmux.press("2")
        tmux.until("Is it the same person?")
        alert = reference(tmux.text())
        assert "score hidden until your opinion" in tmux.text()
        tmux.press("s")
        tmux.until("threshold")  # the engine shows the score after the opinion, not before
        tmux.press("a")
        tmux.until(f"{alert} passed: likeness")
        tmux.press("5")
        tmux.until("chain intact")
        tmux.press("f", *"alert.decided", "Enter")
        tmux.until(f"alert={alert}")
        assert "alert.decided" in tmux.text()
        tmux.press("!")
        tmux.until("Enter: STOP NOW")
        tmux.press("Enter")
        tmux.until("■ STOPPED")
    finally:
        tmux.run("kill-server")


@pytest.mark.shared
def test_an_exercise_on_recorded_video_is_watched_and_adjudicated(
    exercise: Path, tmp_path: Path
) -> None:
    tmux = Tmux(tmp_path, (80, 24), [*PROGRAM, "--connect", str(exercise), "--no-bell"])
    try:
        tmux.until("EXERCISE")
        tmux.press("2")
        tmux.until("Is it the same person?", 90)
        alert = reference(tmux.text())
        tmux.press("s")
        tmux.until("PASS, because")
        tmux.press("a")
        tmux.until(f"{alert} passed: likeness")
        tmux.press("3")
        tmux.until("preview")
        assert "▀▀▀▀" in tmux.text()
        tmux.press("6")
        tmux.until("state=passed")
        tmux.press("5")
        tmux.until("needs a deployment")  # an exercise keeps no journal, and says so
    finally:
        tmux.run("kill-server")


@pytest.mark.shared
def test_the_preview_of_a_real_camera_is_blurred_and_its_zone_can_be_edited(
    exercise: Path,
) -> None:
    line: Terminal
    with cockpit_in(exercise, "--no-bell") as line:
        line.until("RUNNING")
        line.press("3")
        line.until("ZONE whole picture")
        line.press("z")
        line.until("corner 1 of 4")
        line.press("\x1b[C\x1b[B\r")
        line.until("zone of door saved")
        line.until("ZONE 4 corners")
