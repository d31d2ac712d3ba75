from __future__ import annotations

import pytest

from lfr_engine.api.bench import measure_api
from lfr_engine.clock import SystemClock


@pytest.mark.server
def test_the_bench_measures_something() -> None:
    figures = measure_api(SystemClock(), seconds=0.3, subscribers=2)
    assert figures.raw_per_second > 0
    assert figures.client_per_second > 0
    assert 0 < figures.p50_ms <= figures.p99_ms <= figures.worst_ms
    assert len(figures.lines()) == 3
