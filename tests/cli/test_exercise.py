"""``lfr exercise`` as its user meets it: a real program, real video, real networks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lfr_engine.inference.store import ModelStore, data_folder
from tests.sources.test_reader import make_video, silent_audio

SHARED = Path(__file__).parents[3] / "shared" / "data"
CLIP = SHARED / "clips" / "hamilton.mp4"
PORTRAITS = SHARED / "portraits"
LFR = [sys.executable, "-m", "lfr_engine"]

pytestmark = pytest.mark.slow


def need(pack: str) -> None:
    if not ModelStore(data_folder()).installed(pack):
        pytest.skip(f"the {pack} pack is not installed: lfr models install {pack}")


def need_shared() -> None:
    if not CLIP.is_file():
        pytest.skip("needs ../shared beside the project")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    need_shared()
    folder = tmp_path / "watchlist"
    folder.mkdir()
    for name in ("lin-manuel-miranda.png", "obama.jpg", "biden.jpg"):
        shutil.copy(PORTRAITS / name, folder)
    return folder


def run(*words: object, timeout: float = 180) -> subprocess.CompletedProcess[str]:
    command = [*LFR, "exercise", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def report_of(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_bytes())
    return report


@pytest.mark.shared
@pytest.mark.parametrize("pack", ["opencv-zoo", "omz"])
def test_two_wanted_faces_in_real_video_and_nobody_else(
    pack: str, listed: Path, tmp_path: Path
) -> None:
    need(pack)
    done = run("--source", CLIP, "--watchlist", listed, "--pack", pack, "--json", tmp_path / "r")
    assert done.returncode == 0, done.stderr
    report = report_of(tmp_path / "r")
    assert {alert["entry"] for alert in report["alerts"]} == {"lin-manuel-miranda", "obama"}
    assert len(report["alerts"]) == 2
    assert report["frames"] == report["cameras"][0]["detected"] == 275
    assert report["watchlist_size"] == 3
    assert report["erased_templates"] == report["stages"]["match"]["count"]
    for alert in report["alerts"]:
        assert alert["sightings"] >= 2
        assert alert["latency_ms"] > 0
        assert alert["camera"] == "hamilton"
    assert done.stdout.count("EXERCISE possible match") == 2


@pytest.mark.shared
def test_a_bad_source_is_one_line_and_the_good_one_runs(listed: Path, tmp_path: Path) -> None:
    need("opencv-zoo")
    bad = tmp_path / "notes.mp4"
    bad.write_text("not a video " * 50)
    done = run(
        *("--source", bad, "--source", CLIP, "--watchlist", listed, "--json", tmp_path / "r")
    )
    assert done.returncode == 2
    assert done.stderr == f"lfr: {bad}: not a video, damaged, or cut short\n"
    report = report_of(tmp_path / "r")
    assert len(report["alerts"]) == 2
    assert [camera["state"] for camera in report["cameras"]] == ["refused", "ended"]


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["missing", "empty", "audio", "cut"])
def test_a_source_that_cannot_be_read_is_named_with_its_cause(
    kind: str, listed: Path, tmp_path: Path
) -> None:
    need("opencv-zoo")
    path = tmp_path / "clip.mp4"
    cause = "no such file"
    if kind == "empty":
        path.touch()
        cause = "the file is empty (0 bytes)"
    elif kind == "audio":
        silent_audio(path)
        cause = "holds no video stream, only audio"
    elif kind == "cut":
        whole = make_video(tmp_path / "whole.mp4", frames=60, size=(320, 240)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        cause = "cut short"
    done = run("--source", path, "--watchlist", listed)
    assert done.returncode == 2
    assert done.stderr.startswith(f"lfr: {path}: {cause}")
    assert len(done.stderr.splitlines()) == 1


def bad_picture(kind: str, folder: Path) -> tuple[Path, str]:
    portrait = PORTRAITS / "biden.jpg"
    if kind == "no face":
        cv2.imwrite(str(folder / "a.png"), np.full((300, 300, 3), 90, np.uint8))
        return folder / "a.png", "no face"
    if kind == "two faces":
        shutil.copy(PORTRAITS / "two_people.jpg", folder / "a.jpg")
        return folder / "a.jpg", "faces"
    if kind == "zero bytes":
        (folder / "a.jpg").touch()
        return folder / "a.jpg", "empty"
    if kind == "wrong extension":
        shutil.copy(portrait, folder / "a.png")
        return folder / "a.png", "JPEG"
    if kind == "cut":
        (folder / "a.jpg").write_bytes(portrait.read_bytes()[:20_000])
        return folder / "a.jpg", "cut or damaged"
    header = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (100_000).to_bytes(4, "big") * 2
    (folder / "a.png").write_bytes(header + bytes(2000))
    return folder / "a.png", "pixels"


@pytest.mark.shared
@pytest.mark.parametrize(
    "kind", ["no face", "two faces", "zero bytes", "wrong extension", "cut", "huge"]
)
def test_a_picture_that_cannot_be_enrolled_is_named_with_its_cause(
    kind: str, tmp_path: Path
) -> None:
    need_shared()
    need("opencv-zoo")
    folder = tmp_path / "watchlist"
    folder.mkdir()
    path, cause = bad_picture(kind, folder)
    done = run("--source", CLIP, "--watchlist", folder)
    assert done.returncode == 2
    assert done.stderr.startswith(f"lfr: {path}: ")
    assert cause in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_empty_watchlist_and_a_live_source_are_refused(tmp_path: Path) -> None:
    need("opencv-zoo")
    done = run("--source", make_video(tmp_path / "a.mp4"), "--watchlist", tmp_path / "none")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    (tmp_path / "list").mkdir()
    done = run("--source", tmp_path / "a.mp4", "--watchlist", tmp_path / "list")
    assert done.returncode == 2
    assert "the watchlist is empty" in done.stderr
    done = run("--source", "rtsp://me:s3cret@camera/1", "--watchlist", tmp_path / "list")
    assert done.returncode == 2
    assert "R27" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.shared
@pytest.mark.parametrize("after_s", [0.6, 1.5, 3.0])
def test_ctrl_c_ends_cleanly_at_any_moment(after_s: float, listed: Path, tmp_path: Path) -> None:
    need("opencv-zoo")
    sources = ["--source", str(CLIP)] * 4
    command = [*LFR, "exercise", *sources, "--watchlist", str(listed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    # Killed by the signal while modules are imported, which shells show as 130, too.
    assert process.returncode in {0, 130, -signal.SIGINT}
    assert "Traceback" not in out + err
    if process.returncode == 130:
        assert "interrupted" in out + err


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, lfr_engine.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'trio', 'cv2', 'av', 'openvino', 'rich'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "exercise" in done.stdout
