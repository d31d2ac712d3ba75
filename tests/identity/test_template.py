"""Templates of one person brought together, and what everybody shares taken away."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.identity.template import centre_of, centred, fused, normalised


def test_a_centred_template_is_of_unit_length_and_no_nearer_the_centre() -> None:
    rng = np.random.default_rng(1)
    everybody = np.array([0.4, 0, 0, 0, 0, 0, 0, 0], np.float32)
    raw = normalised(everybody + rng.normal(0, 0.3, (200, 8)).astype(np.float32))
    centre = raw.mean(axis=0)
    before = float(np.mean(raw @ raw.T))
    found = centred(raw.copy(), centre)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    assert before > 0.15
    assert abs(float(np.mean(found @ found.T))) < 0.02
    assert found.dtype == np.float32


def test_the_centre_of_nothing_changes_nothing_and_a_zero_row_stays_finite() -> None:
    rows = np.array([[0.6, 0.8], [0, 0]], np.float32)
    np.testing.assert_array_equal(centred(rows.copy(), np.zeros(2, np.float32)), rows)


def test_each_person_weighs_the_same_in_the_centre() -> None:
    rows = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    np.testing.assert_allclose(centre_of(rows, np.array([0, 0, 0, 1])), [0.5, 0.5])


def test_fusion_is_the_weighted_mean_of_unit_length() -> None:
    rows = np.array([[1, 0], [0, 1]], np.float32)
    assert fused(rows, np.array([3, 4], np.float32)) == pytest.approx([0.6, 0.8])
