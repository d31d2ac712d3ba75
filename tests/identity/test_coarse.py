"""The int8 copy keeps its promised bound."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.identity.coarse import Int8Scorer, coarse_for
from lfr_engine.identity.template import normalised


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [128, 256])
def test_no_score_leaves_the_bound(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    templates = normalised(rng.standard_normal((70_000, dimension), np.float32))
    scorer = Int8Scorer(templates)
    assert 0 < scorer.bound < 0.03
    probes = normalised(rng.standard_normal((5, dimension), np.float32))
    for few in (probes[:1], probes[1:3], probes):  # one compiled network takes any number
        errors = np.abs(scorer.scores(few) - few @ templates.T)
        assert errors.shape == (len(few), 70_000)
        assert errors.max() <= scorer.bound


def test_small_galleries_are_searched_exactly() -> None:
    assert coarse_for(np.eye(8, dtype=np.float32)) is None
