"""Aim help speaks from the engine's own limits."""

from __future__ import annotations

import math

import pytest

from lfr_engine.protocol import shapes as s
from lfr_engine.sources.health import HealthTargets
from tui import aim


def camera(
    face: float | None = 92, light: float | None = 118, edge: float | None = 2.5
) -> s.CameraState:
    return s.CameraState(
        camera="north", address="", state="live", face_pixels=face, brightness=light, blur=edge
    )


def test_the_limits_are_the_engines() -> None:
    targets = HealthTargets()
    assert aim.FACE_PIXELS[0] == targets.face_px
    assert aim.EDGE_PIXELS[1] == targets.edge_px
    assert (aim.BRIGHTNESS[0], aim.BRIGHTNESS[3]) == (
        targets.min_brightness,
        targets.max_brightness,
    )


@pytest.mark.parametrize(
    ("seen", "verdict", "word"),
    [
        (camera(), "good", "good"),
        (camera(face=40), "fair", "missed"),
        (camera(face=20), "poor", "most missed"),
        (camera(light=30), "fair", "missed"),
        (camera(light=250), "poor", "most missed"),
        (camera(edge=5), "fair", "missed"),
        (camera(edge=9), "poor", "most missed"),
        (camera(face=None), "unknown", "no face"),
        (camera(face=None, edge=9), "poor", "most missed"),
    ],
)
def test_the_estimate_is_the_weakest_measure(seen: s.CameraState, verdict: str, word: str) -> None:
    estimate = aim.estimate(seen)
    assert estimate.verdict == verdict
    assert word in estimate.value


def test_what_is_not_good_says_what_to_do() -> None:
    for face in (10, 40, 90, None):
        for light in (5, 30, 120, 220, 250):
            for edge in (1, 5, 9):
                for one in aim.aims(camera(face, light, edge)):
                    assert bool(one.advice) == (one.verdict in {"fair", "poor"}), one


def test_every_verdict_has_its_own_sign() -> None:
    signs = [aim.Aim("x", "y", verdict).sign[0] for verdict in ("good", "fair", "poor", "unknown")]
    assert len(set(signs)) == len(signs)
    assert math.isclose(aim.FACE_PIXELS[1], 48)
