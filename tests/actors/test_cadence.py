"""Cadence: coarser under measured overload, finer again when it is over."""

from __future__ import annotations

from lfr_engine.actors.cadence import COARSEST, PERIOD, QUIET_PERIODS, Cadence


def run(cadence: Cadence, frames: int, missed_every: int = 0, start: int = 0) -> int:
    admitted = 0
    for number in range(start, start + frames):
        if cadence.admits(number):
            admitted += 1
            if missed_every and admitted % missed_every == 0:
                cadence.missed()
    return admitted


def test_a_machine_that_keeps_up_detects_every_frame() -> None:
    cadence = Cadence(adaptive=True)
    assert run(cadence, 20 * PERIOD) == 20 * PERIOD


def test_overload_coarsens_and_calm_refines() -> None:
    cadence = Cadence(adaptive=True)
    run(cadence, PERIOD + 1, missed_every=5)
    assert cadence.every == 2
    run(cadence, 10 * PERIOD, missed_every=2)
    assert cadence.every == COARSEST
    run(cadence, (QUIET_PERIODS + 1) * PERIOD * COARSEST)
    assert cadence.every == 1


def test_recorded_material_is_detected_frame_by_frame() -> None:
    cadence = Cadence(adaptive=False)
    run(cadence, 5 * PERIOD, missed_every=1)
    assert cadence.every == 1
