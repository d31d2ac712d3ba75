"""``lfr bench``: what it refuses, and that its table adds up on a real clip."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lfr_engine.cli.bench import command
from tests.inference.real_packs import installed, shared


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--source CLIP"),
        (["--source", "a.mp4", "matcher"], "--source is not for matcher"),
        (["--source", "a.mp4", "--live", "--peer", "opencv"], "leave out --live"),
        (["--source", "a.mp4", "--watchlist", "faces"], "--watchlist is for --live"),
        (["--source", "a.mp4", "--live", "--rounds", "2"], "--rounds is for files"),
        (["--source", "a.mp4", "--seconds", "9"], "--seconds is for --live"),
        (["--source", "a.mp4", "--peer", "avidbeam"], "avidbeam"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(words: list[str], said: str) -> None:
    told = CliRunner().invoke(command, words)
    assert told.exit_code == 2
    assert said in told.output


def test_a_clip_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    missing = [sys.executable, "-m", "lfr_engine", "bench", "--source", str(tmp_path / "no.mp4")]
    done = subprocess.run(missing, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [f"lfr: {tmp_path / 'no.mp4'}: no such file"]


def test_the_matcher_is_measured_and_right(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    told = CliRunner().invoke(command, ["matcher", "--rows", "500", "--json", str(figures)])
    assert told.exit_code == 0, told.output
    assert "200 of 200 answers are those of brute force" in told.output
    assert json.loads(figures.read_text())["right_entries"] == 200


@pytest.mark.long
@pytest.mark.shared
def test_the_engine_beside_its_bound_on_a_real_clip(tmp_path: Path) -> None:
    installed("opencv-zoo")
    lfr = [sys.executable, "-m", "lfr_engine"]
    walkby = ["simulate", "walkby", str(shared("data/lfw-dev")), "--out", str(tmp_path)]
    walkby += ["--duration", "4", "--people", "4", "--watchlist", "1", "--size", "640x360"]
    subprocess.run([*lfr, *walkby], check=True, timeout=120, capture_output=True)
    figures = tmp_path / "figures.json"
    bench = ["bench", "--source", str(tmp_path / "camera-1.mp4"), "--streams", "2"]
    bench += ["--rounds", "1", "--watchlist-size", "2000", "--json", str(figures)]
    done = subprocess.run([*lfr, *bench], check=True, timeout=300, capture_output=True, text=True)
    told = json.loads(figures.read_text())
    (one,) = told["rounds"]
    assert one["bound"] == pytest.approx(1 / (1 / one["decode_only"] + 1 / one["infer_only"]))
    assert told["ratio"] == pytest.approx(one["engine"] / one["bound"])
    assert sum(told["cpu_ms"].values()) == pytest.approx(one["engine_cpu_ms"])
    assert told["cpu_ms"]["decoding"] > 0
    assert told["stages"]["detect"]["count"] == 2 * 4 * 25
    for line in ("bound: decoder alone", "networks (OpenVINO", "stream-2: not used:", "resident"):
        assert line in done.stdout
