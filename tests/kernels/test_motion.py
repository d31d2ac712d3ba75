"""The compiled filter of walkers, against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.kernels.compiled import Absent, Kernels, kernels
from lfr_engine.vision import motion
from lfr_engine.vision.motion import Motion, MotionSettings

FAR = 1e-9
"""Pixels, sizes: of another order of sums."""


def walkers(count: int, seed: int) -> npt.NDArray[np.float64]:
    random = np.random.default_rng(seed)
    places, sizes = random.uniform(0, 2000, (count, 2)), random.uniform(3, 6, (count, 1))
    return np.concatenate((places, sizes), axis=1)


def portable_motion() -> Motion:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(motion, "kernels", lambda: Absent("not compiled", ""))
        return Motion(MotionSettings())


@given(
    count=st.integers(1, 9),
    steps=st.lists(st.floats(0, 2), min_size=1, max_size=6),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_walkers_are_where_the_definition_has_them(
    count: int, steps: list[float], seed: int
) -> None:
    random = np.random.default_rng(seed)
    both = Motion(MotionSettings()), portable_motion()
    for one in both:
        one.begin(walkers(count, seed))
    for number, step in enumerate(steps):
        for one in both:
            one.advance(step)
        faces = walkers(count + 1, seed) + random.normal(0, 5, (count + 1, 3)) * [1, 1, 0.01]
        (costs, possible), (same, likewise) = (one.costs(faces) for one in both)
        np.testing.assert_allclose(costs, same, rtol=1e-9, atol=1e-12)
        near = np.abs(same - 0.7) < FAR  # at the edge of the reach either is right
        assert (possible == likewise)[~near].all()
        rows = random.permutation(count)[: random.integers(0, count + 1)].tolist()
        faint = random.random(len(rows)) < 0.3
        for one in both:
            one.correct(rows, faces[: len(rows)], faint)
        if number == 2:
            kept = sorted(random.permutation(count)[: max(1, count - 1)].tolist())
            for one in both:
                one.keep(kept)
                one.begin(walkers(count - len(kept), seed + 1))
        places, again = (one.ahead(0.1) for one in both)
        np.testing.assert_allclose(places, again, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("rows", [[0, 3], [-1, 0]])
def test_a_walker_who_is_not_there_changes_nothing(rows: list[int]) -> None:
    made = kernels()
    if not isinstance(made, Kernels):
        pytest.skip(f"{made.reason}: there is no C compiler here")
    state, noise = np.ones((5, 3, 3)), np.ones(3)
    with pytest.raises(IndexError, match="among 3"):
        made.motion_correct(state, rows, np.zeros((2, 3)), np.zeros(2, np.bool_), noise, 4.0)
    with pytest.raises(IndexError, match="1 faces"):
        made.motion_correct(state, [0, 1], np.zeros((1, 3)), np.zeros(1, np.bool_), noise, 4.0)
    assert (state == 1).all()


def test_a_state_of_another_shape_is_refused() -> None:
    made = kernels()
    if not isinstance(made, Kernels):
        pytest.skip(f"{made.reason}: there is no C compiler here")
    whole: Any = np.ones((5, 3, 3), np.int64)
    for state in (np.ones((4, 3, 3)), np.ones((5, 3, 6))[:, :, ::2], whole):
        with pytest.raises(ValueError, match="a state is"):
            made.motion_advance(state, 0.04, np.ones(3), 1.0)
