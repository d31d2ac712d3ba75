"""R1: nothing of an unmatched face is anywhere once forgotten; the search is proven, too."""

from __future__ import annotations

import mmap
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lfr_engine.inference.store import ModelStore, data_folder
from tests.privacy.canary import STRANGERS, hits, hits_in_files, needles, template_of

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
SCRIPTS = ("hex", "HEX", "base64")
WANTED = {key: value for name in STRANGERS for key, value in needles(name).items()}


def deploy(folder: Path, *how: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tests.privacy.canary_child", str(folder), *how],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=False,
    )


def in_memory(folder: Path) -> list[str]:
    """Text forms are left out: what is written leaves through a file or a socket."""
    raw = {name: n for name, n in WANTED.items() if not any(how in name for how in SCRIPTS)}
    path = folder / "memory"
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        return hits(image, raw)


@pytest.mark.slow
def test_no_byte_of_a_stranger_outlives_the_run(tmp_path: Path) -> None:
    done = deploy(tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    seen = (tmp_path / "seen").read_text().split()
    assert {"ann", *STRANGERS} <= set(seen)  # they were templated, so there was something to forget
    assert (tmp_path / "memory").stat().st_size > 20_000_000
    assert in_memory(tmp_path) == []
    assert hits(done.stdout + done.stderr, WANTED) == []
    (tmp_path / "memory").unlink()
    assert hits_in_files(tmp_path, WANTED) == []


@pytest.mark.slow
def test_the_same_search_finds_what_is_planted(tmp_path: Path) -> None:
    done = deploy(tmp_path, "plant")
    assert done.returncode == 0, done.stderr.decode()
    found = in_memory(tmp_path)
    assert any(name.startswith(f"{STRANGERS[0]} template") for name in found)
    assert not any(name.startswith(STRANGERS[1]) for name in found)
    (tmp_path / "memory").unlink()
    shutil.rmtree(tmp_path / "data" / "evidence", ignore_errors=True)
    planted = template_of(STRANGERS[1])
    for number, data in enumerate(
        (
            planted.tobytes(),
            planted.tobytes().hex().encode(),
            repr(planted.tolist()).encode(),
        )
    ):
        (tmp_path / "data" / "planted").write_bytes(b"x" * number + data)
        assert hits_in_files(tmp_path, WANTED) != [], number


@pytest.mark.parametrize("shift", range(6))
def test_base64_is_found_wherever_it_begins(shift: int) -> None:
    import base64

    text = base64.b64encode(b"y" * shift + template_of("cid").tobytes())
    assert any("base64" in name for name in hits(text, needles("cid")))


@pytest.mark.slow
@pytest.mark.shared
def test_with_real_networks_and_video_too(tmp_path: Path) -> None:
    """Every sixth view of a real clip: its template and its crop; the first one is planted."""
    video, portrait = SHARED / "clips/hamilton.mp4", SHARED / "portraits/lin-manuel-miranda.png"
    if not video.is_file():
        pytest.skip("needs ../shared beside the project")
    store = ModelStore(data_folder())
    if not store.installed(store.packs.default):
        pytest.skip("the default pack is not installed: lfr models install")
    done = subprocess.run(
        [sys.executable, "-m", "tests.privacy.real_child", tmp_path, video, portrait],
        cwd=ROOT, capture_output=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    templates = np.fromfile(tmp_path / "templates", np.float32).reshape(-1, 128)
    crops = np.fromfile(tmp_path / "crops", np.uint8).reshape(len(templates), 112, 112, 3)
    assert len(templates) > 20
    wanted = {}
    for view in range(0, len(templates), 6):
        for start in (8, 60, 100):
            wanted[f"template {view} {start}"] = templates[view, start : start + 8].tobytes()
        for row in (30, 60, 90):
            wanted[f"crop {view} {row}"] = crops[view, row, 40:56].tobytes()
    with (
        (tmp_path / "memory").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image,
    ):
        assert hits(image, wanted) == ["template 0 8", "template 0 60", "template 0 100"]
    for noted in ("memory", "templates", "crops"):
        (tmp_path / noted).unlink()
    assert hits(done.stdout + done.stderr, wanted) == []
    assert hits_in_files(tmp_path, wanted) == []
