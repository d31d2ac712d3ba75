"""Open-set metrics: by hand, and against an independent recomputation of exported scores."""

from __future__ import annotations

import bisect
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.evaluation.identification import search_all, summarise, write_scores
from lfr_engine.evaluation.open_set import (
    NO_SCORE,
    SearchScores,
    curve,
    fpir_at,
    histogram,
    operating_point,
    rank_one,
    threshold_for,
    tpir_at,
)
from tests.evaluation.support import CONTRACT, made_up_people


def _scores(
    mated: list[tuple[float, bool]], nonmated: list[float], repeats: int = 1
) -> SearchScores:
    def ints(count: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.arange(count, dtype=np.int32) % repeats

    return SearchScores(
        2, repeats, ("a", "b"), ("a/1", "b/1"),
        ints(len(mated)), ints(len(mated)), ints(len(mated)),
        np.array([score for score, _ in mated], np.float32),
        np.array([right for _, right in mated], bool),
        ints(len(nonmated)), ints(len(nonmated)), ints(len(nonmated)),
        np.array(nonmated, np.float32),
    )  # fmt: skip


def test_by_hand() -> None:
    scores = _scores(
        [(0.9, True), (0.8, False), (0.6, True), (NO_SCORE, False)], [0.1, 0.5, 0.7, NO_SCORE]
    )
    assert fpir_at(scores, 0.5).value == 0.5
    assert tpir_at(scores, 0.5).value == 0.5  # the wrong person above threshold is no success
    assert tpir_at(scores, 0.7).value == 0.25
    assert rank_one(scores).value == 0.5


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60), st.floats(0.0001, 1))
def test_the_threshold_is_the_least_that_keeps_the_target(
    values: list[float], target: float
) -> None:
    scores = np.array(values, np.float32)
    threshold = threshold_for(scores, target)
    above = sum(value >= threshold for value in scores.astype(np.float64).tolist())
    assert above <= target * len(values) + 1e-6
    lower = np.nextafter(threshold, -np.inf)
    if threshold > scores.min():
        assert sum(v >= lower for v in scores.astype(np.float64).tolist()) > target * len(values)


def test_few_expected_events_are_called_few() -> None:
    many = _scores([(0.9, True)], [n / 4000 for n in range(4000)])
    few = _scores([(0.9, True)], [n / 400 for n in range(400)])
    assert not operating_point(many, target=0.001).too_few_events
    assert operating_point(few, target=0.001).too_few_events


def test_a_histogram_counts_every_face() -> None:
    scores = _scores([(0.9, True), (0.3, False), (-0.9, True)], [0.1, 1.0, NO_SCORE])
    counts = histogram(scores)
    assert (sum(counts.mated), sum(counts.nonmated)) == (2, 2)


def test_figures_agree_with_a_recomputation_from_exported_scores(tmp_path: Path) -> None:
    """Plain Python on the exported file alone, by another route, to 1e-9."""
    embedded = made_up_people(400)
    scores = search_all(embedded, CONTRACT, gallery_size=80, repeats=4, seed=9)
    result = summarise(embedded, scores, CONTRACT, seed=9)
    write_scores(tmp_path / "scores.npz", scores)

    with np.load(tmp_path / "scores.npz") as file:
        strangers = sorted(float(score) for score in file["nonmated_score"])
        mates = list(zip(file["mated_score"].tolist(), file["mated_correct"].tolist(), strict=True))
        pictures, people = file["pictures"].tolist(), file["people"].tolist()
        candidates = file["mated_candidate"].tolist()
        probes = file["mated_probe"].tolist()
        assert not {"templates", "template"} & set(file.files)
    for (_, correct), probe, candidate in zip(mates, probes, candidates, strict=True):
        assert correct == (candidate >= 0 and pictures[probe].split("/")[0] == people[candidate])
    for point in (*result.points, *(operating_point(scores, threshold=t) for t in (0.3, 0.6))):
        false = len(strangers) - bisect.bisect_left(strangers, point.threshold)
        found = sum(correct and score >= point.threshold for score, correct in mates)
        assert point.fpir.value == pytest.approx(false / len(strangers), abs=1e-9)
        assert point.tpir.value == pytest.approx(found / len(mates), abs=1e-9)
        if point.target is not None:
            assert false <= point.target * len(strangers)
    assert result.rank_one.value == pytest.approx(
        sum(correct for _, correct in mates) / len(mates), abs=1e-9
    )
    for at in curve(scores):
        false = len(strangers) - bisect.bisect_left(strangers, at.threshold)
        found = sum(correct and score >= at.threshold for score, correct in mates)
        assert at.fpir == pytest.approx(false / len(strangers), abs=1e-9)
        assert at.fnir == pytest.approx(1 - found / len(mates), abs=1e-9)
