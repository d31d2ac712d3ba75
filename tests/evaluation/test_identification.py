"""The identification protocol: who is enrolled, who searches, what is said of a calibration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfr_engine.errors import InputError
from lfr_engine.evaluation.identification import (
    Verdict,
    able_people,
    judge,
    search_all,
    summarise,
    write_scores,
)
from lfr_engine.evaluation.intervals import rate
from lfr_engine.evaluation.open_set import NO_SCORE
from lfr_engine.evaluation.summary import identification_lines
from tests.evaluation.support import CONTRACT, made_up_people


def test_every_other_picture_searches_every_gallery_once() -> None:
    embedded = made_up_people(60)
    scores = search_all(embedded, CONTRACT, gallery_size=20, repeats=3, seed=1)
    for repeat in range(3):
        mated = scores.mated_probe[scores.mated_repeat == repeat]
        nonmated = scores.nonmated_probe[scores.nonmated_repeat == repeat]
        searched = np.concatenate([mated, nonmated])
        assert len(set(searched.tolist())) == len(searched) == len(embedded) - 20
        enrolled = set(embedded.owner[mated].tolist())
        assert len(enrolled) == 20  # each enrolled person has another picture to search with
        assert not enrolled & set(embedded.owner[nonmated].tolist())


def test_only_enrollable_pictures_are_enrolled() -> None:
    embedded = made_up_people(60)
    scores = search_all(embedded, CONTRACT, gallery_size=20, repeats=30, seed=1)
    for repeat in range(30):
        mine = scores.mated_repeat == repeat
        searched = {*scores.mated_probe[mine].tolist()}
        searched |= {*scores.nonmated_probe[scores.nonmated_repeat == repeat].tolist()}
        enrolled = set(range(len(embedded))) - searched
        assert embedded.enrollable[sorted(enrolled)].all()


def test_pictures_without_a_face_search_and_find_nobody() -> None:
    embedded = made_up_people(200)
    scores = search_all(embedded, CONTRACT, gallery_size=50, repeats=2, seed=1)
    faceless = ~embedded.has_face[scores.mated_probe]
    assert faceless.any()
    assert (scores.mated_score[faceless] == NO_SCORE).all()
    assert not scores.mated_correct[faceless].any()
    assert (scores.mated_candidate[faceless] == -1).all()


def test_a_seed_gives_the_same_galleries() -> None:
    embedded = made_up_people(60)
    one, same, other = (
        search_all(embedded, CONTRACT, gallery_size=20, repeats=2, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(one.mated_probe, same.mated_probe)
    assert np.array_equal(one.mated_score, same.mated_score)
    assert not np.array_equal(one.mated_probe, other.mated_probe)


def test_by_default_all_who_can_be_are_enrolled() -> None:
    embedded = made_up_people(60)
    scores = search_all(embedded, CONTRACT, gallery_size=None, repeats=1, seed=1)
    assert scores.gallery_size == len(able_people(embedded)) < 60


def test_impossible_galleries_are_refused_with_the_number_that_is_possible() -> None:
    embedded = made_up_people(60)
    with pytest.raises(InputError, match=r"61 people wanted, but only \d+ of 60"):
        search_all(embedded, CONTRACT, gallery_size=61, repeats=1, seed=1)
    single = replace(
        embedded,
        people=tuple(f"p{n}" for n in range(len(embedded))),
        owner=np.arange(len(embedded), dtype=np.int32),
    )
    with pytest.raises(
        InputError, match=r"none of the \d+ people has a picture to enrol and another"
    ):
        search_all(single, CONTRACT, gallery_size=None, repeats=1, seed=1)
    pairs = replace(
        embedded,
        people=("a",),
        owner=np.zeros(len(embedded), np.int32),
    )
    with pytest.raises(InputError, match="nobody is left to be a stranger"):
        search_all(pairs, CONTRACT, gallery_size=1, repeats=1, seed=1)


@pytest.mark.parametrize(
    ("events", "trials", "stated", "verdict"),
    [
        (10, 1000, 0.01, Verdict.HOLDS),
        (30, 1000, 0.01, Verdict.BROKEN),
        (1, 1000, 0.01, Verdict.STRICTER),
        (0, 1000, 0.001, Verdict.UNTESTED),
        (9, 1000, 0.001, Verdict.BROKEN),
    ],
)
def test_a_stated_rate_is_judged_by_the_measured_interval(
    events: int, trials: int, stated: float, verdict: Verdict
) -> None:
    assert judge(stated, rate(events, trials)) is verdict


def test_the_summary_never_prints_a_bare_rate() -> None:
    embedded = made_up_people(120)
    scores = search_all(embedded, CONTRACT, gallery_size=30, repeats=3, seed=1)
    result = summarise(embedded, scores, CONTRACT, seed=1, without_calibration="no file")
    lines = list(identification_lines(result))
    for line in lines:
        if "TPIR" in line or "FPIR " in line or "rank 1" in line:
            assert " of " in line
            assert " to " in line
    assert any("too few events" in line for line in lines)
    assert any("no file" in line for line in lines)


def test_suspects_are_named_once_each() -> None:
    embedded = made_up_people(120)
    scores = search_all(embedded, CONTRACT, gallery_size=30, repeats=10, seed=1)
    suspects = summarise(embedded, scores, CONTRACT, seed=1).suspects
    assert len({(s.picture, s.candidate) for s in suspects}) == len(suspects) > 1
    assert [s.score for s in suspects] == sorted((s.score for s in suspects), reverse=True)


def test_an_unwritable_export_is_named(tmp_path: Path) -> None:
    embedded = made_up_people(60)
    scores = search_all(embedded, CONTRACT, gallery_size=20, repeats=1, seed=1)
    with pytest.raises(InputError, match="cannot be written"):
        write_scores(tmp_path / "nowhere" / "scores.npz", scores)
