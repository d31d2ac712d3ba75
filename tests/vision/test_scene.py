"""Scenes: a cut is seen, walkers and changing light are not cuts."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.vision.frame import ByteArray
from lfr_engine.vision.scene import SceneWatch


def street(seed: int, height: int = 360, width: int = 640) -> ByteArray:
    coarse = np.random.default_rng(seed).integers(30, 220, (height // 40, width // 40))
    return np.kron(coarse, np.ones((40, 40))).astype(np.uint8)


def test_another_scene_is_a_cut_and_the_same_is_not() -> None:
    watch = SceneWatch()
    assert [watch.changed(street(n)) for n in (1, 1, 2, 2, 1)] == [False, False, True, False, True]


def test_a_crowd_walking_through_is_no_cut() -> None:
    watch = SceneWatch()
    for step in range(20):
        picture = street(1)
        for person in range(6):
            x = (person * 100 + step * 12 * (1 if person % 2 else -1)) % 580
            picture[120:, x : x + 60] = 20 + 35 * person
        assert not watch.changed(picture)


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.15])
def test_light_that_changes_is_no_cut(gain: float) -> None:
    watch = SceneWatch()
    watch.changed(street(1))
    assert not watch.changed(np.clip(street(1) * gain, 0, 255).astype(np.uint8))


def test_another_resolution_is_another_scene() -> None:
    watch = SceneWatch()
    watch.changed(street(1))
    assert watch.changed(street(1)[:180, :320])
