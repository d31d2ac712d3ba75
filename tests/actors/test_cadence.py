"""Cadence: what is detected falls to what got through under overload, and rises when it is over."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.actors.cadence import LEAST, PERIOD, Cadence


def run(cadence: Cadence, frames: int, missed_every: int = 0) -> int:
    admitted = 0
    for _ in range(frames):
        if cadence.admits():
            admitted += 1
            if missed_every and admitted % missed_every == 0:
                cadence.missed()
    return admitted


def test_a_machine_that_keeps_up_detects_every_frame() -> None:
    cadence = Cadence(adaptive=True)
    assert run(cadence, 20 * PERIOD) == 20 * PERIOD


def test_overload_lowers_the_share_to_what_got_through_and_calm_raises_it() -> None:
    cadence = Cadence(adaptive=True)
    run(cadence, PERIOD + 1, missed_every=2)
    assert cadence.share == pytest.approx(0.5)
    run(cadence, 20 * PERIOD, missed_every=2)
    assert cadence.share == LEAST
    run(cadence, 9 * PERIOD)
    assert cadence.share == 1.0


def test_a_rare_miss_changes_nothing() -> None:
    cadence = Cadence(adaptive=True)
    run(cadence, 20 * PERIOD, missed_every=PERIOD)
    assert cadence.share == 1.0


def test_recorded_material_is_detected_frame_by_frame() -> None:
    cadence = Cadence(adaptive=False)
    assert run(cadence, 5 * PERIOD, missed_every=1) == 5 * PERIOD


@given(st.floats(LEAST, 1.0))
def test_what_is_left_out_is_spread_evenly(share: float) -> None:
    cadence = Cadence(adaptive=False)
    cadence.share = share
    taken = [n for n in range(200) if cadence.admits()]
    assert len(taken) == pytest.approx(200 * share, abs=1.01)
    gaps = {b - a for a, b in itertools.pairwise(taken)}
    assert max(gaps) - min(gaps) <= 1
