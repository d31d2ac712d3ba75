"""The deployment that tests of its rules begin with, on a clock they may turn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.deployment_rig import MovableClock, Rig


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def rig(tmp_path: Path, clock: MovableClock) -> Rig:
    return Rig(tmp_path / "data", clock=clock).build()
