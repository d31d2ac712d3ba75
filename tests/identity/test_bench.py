"""The bench reports true figures; its times are not judged here."""

from __future__ import annotations

import pytest

from lfr_engine.clock import SystemClock
from lfr_engine.identity import coarse
from lfr_engine.identity.bench import bench_matcher


def test_every_answer_is_compared_with_the_exact_one() -> None:
    found = bench_matcher(SystemClock(), 2_000, references=2, probes=20)
    assert (found.rows, found.entries, found.right_entries) == (2_000, 1_000, 20)
    assert found.largest_score_error < 1e-5
    assert 0 < found.p50_ms <= found.p95_ms


@pytest.mark.slow
def test_the_int8_search_is_exact_too() -> None:
    rows = 60_000
    assert rows * 128 * 4 > coarse.COARSE_FROM_BYTES
    found = bench_matcher(SystemClock(), rows, references=3, probes=40)
    assert found.right_entries == 40
    assert found.largest_score_error < 1e-5
