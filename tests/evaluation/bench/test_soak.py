"""Ten real minutes of live cameras: memory stays where it is, no task or thread is left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lfr_engine.evaluation.bench.live import Look, growth_mb, noise_mb
from tests.inference.real_packs import installed, shared

SECONDS = 600
GROWTH_MB = 12.0
"""A frame of this clip is 1.4 MB and two cameras make 30 a second: what leaks shows at once."""


def _looks(*memory_mb: float) -> list[Look]:
    return [Look(float(second), mb, 9, 5) for second, mb in enumerate(memory_mb)]


def test_growth_is_told_from_noise() -> None:
    flat = _looks(*([100.0, 104.0] * 50))
    assert growth_mb(flat) == 0.0
    assert noise_mb(flat) == 2.0
    rising = _looks(*(100.0 + second for second in range(100)))
    assert growth_mb(rising) == 90.0
    assert noise_mb(rising) == 4.5


@pytest.mark.soak
@pytest.mark.shared
def test_ten_minutes_of_live_cameras(tmp_path: Path) -> None:
    installed("opencv-zoo")
    faces = shared("data/lfw-dev")
    lfr = [sys.executable, "-m", "lfr_engine"]
    walkby = ["simulate", "walkby", str(faces), "--out", str(tmp_path / "street")]
    walkby += ["--duration", "40", "--people", "20", "--watchlist", "4", "--density", "2"]
    walkby += ["--size", "1280x720", "--fps", "15"]
    subprocess.run([*lfr, *walkby], check=True, timeout=300, capture_output=True)
    clip, watchlist = tmp_path / "street" / "camera-1.mp4", tmp_path / "street" / "watchlist"
    figures = tmp_path / "figures.json"
    live = ["bench", "--source", str(clip), "--live", "--watchlist", str(watchlist)]
    live += ["--streams", "2", "--seconds", str(SECONDS), "--json", str(figures)]
    done = subprocess.run([*lfr, *live], check=True, timeout=SECONDS + 120, capture_output=True)
    print(done.stdout.decode())
    told = json.loads(figures.read_text())
    assert told["uncounted"] == 0
    assert told["alerts"] > 0
    assert told["passes"] > 100
    assert told["growth_mb"] <= max(GROWTH_MB, 2 * told["noise_mb"])
    assert told["tasks"][0] == told["tasks"][1]
    assert told["threads"][1] <= told["threads"][0] + 1
    assert {"tracker → embedder", "embedder → matcher", "matcher → alerting"} <= set(told["peaks"])
    for link, (peak, bound) in told["peaks"].items():
        assert peak <= bound, link
