from __future__ import annotations

from lfr_engine.deployment.permission import check
from lfr_engine.deployment.record import ListFacts
from lfr_engine.deployment.start import RunFacts, started
from lfr_engine.deployment.totals import build
from tests.deployment.diary import records
from tests.deployment.papers import END, FACTS, NOON, START, signed


def test_what_was_checked_and_loaded_comes_back_in_the_record() -> None:
    listed = ListFacts(
        id="WL-1", built=START, people=2, images=3, categories={"wanted": 2}, under_18=1,
        rejected=4, withdrawn=0,
    )  # fmt: skip
    live = check(signed(), NOON, FACTS)
    run = RunFacts(
        software="lfr-engine 1", model="a" * 64, calibration="b" * 64, configuration="c" * 64,
        thresholds={"all": 0.4}, stated_fpir=0.001, stated_list_size=1000, watchlist=listed,
        cameras=("cam1",), zones=("gate",), signage_confirmed=True,
    )  # fmt: skip
    record = build(records([(NOON, started("D-1", live, run))]), "D-1")
    assert record.watchlist == listed
    assert record.officer == live.authority.officer
    assert (record.authority, record.authority_digest) == ("A-1", live.digest)
    assert (record.started, record.planned_end) == (NOON, END)
    assert [camera.id for camera in record.cameras] == ["cam1"]
    assert (record.model, record.calibration, record.configuration) == (
        "a" * 64, "b" * 64, "c" * 64,
    )  # fmt: skip
