"""Open-set identification measured from scores: FPIR, FNIR, TPIR, thresholds. Pure.

Owns: the definitions (ISO/IEC 19795-1, NIST 1:N): FPIR(T) is the share of non-mated searches whose
best candidate scores T or more; TPIR(T) the share of mated searches whose best candidate is the
mate and scores T or more; FNIR = 1 − TPIR. A picture without a face is a search that finds nobody.
Never: a template, a picture. Strategy: everything is recomputed from the score arrays that can be
exported, so that anybody can check a figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from lfr_engine.evaluation.intervals import Rate, repeated_rate, too_few
from lfr_engine.vision.frame import FloatArray

IntArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]

FPIR_TARGETS = (0.01, 0.003, 0.001)
NO_SCORE = -2.0
"""Stands for the score of a picture without a face: below every cosine."""
HISTOGRAM_EDGES = np.round(np.linspace(-0.2, 1.0, 61), 6)
CURVE_POINTS = 160


@dataclass(frozen=True, slots=True, eq=False)
class SearchScores:
    """Every search of every repeat.

    Arrays of one length each: the repeat (int32), the probe's index in ``pictures`` (int32), the
    best candidate's index in ``people`` (int32, −1 for none), its score (float32, ``NO_SCORE``
    where the picture shows no face); for mated searches, whether the candidate is the mate.
    """

    gallery_size: int
    repeats: int
    people: tuple[str, ...]
    pictures: tuple[str, ...]
    mated_repeat: IntArray
    mated_probe: IntArray
    mated_candidate: IntArray
    mated_score: FloatArray
    mated_correct: BoolArray
    nonmated_repeat: IntArray
    nonmated_probe: IntArray
    nonmated_candidate: IntArray
    nonmated_score: FloatArray

    @property
    def mated(self) -> int:
        """Mated searches of all repeats."""
        return len(self.mated_score)

    @property
    def nonmated(self) -> int:
        """Non-mated searches of all repeats."""
        return len(self.nonmated_score)


class OperatingPoint(msgspec.Struct, frozen=True):
    """What a threshold gives.

    target: the FPIR it was chosen for; None where the threshold was given. tpir_lowest, _highest:
    of the single repeats. too_few_events: fewer than three false positives are expected a repeat.
    """

    threshold: float
    target: float | None
    fpir: Rate
    tpir: Rate
    tpir_lowest: float
    tpir_highest: float
    too_few_events: bool


class CurvePoint(msgspec.Struct, frozen=True):
    """One point of the FPIR/FNIR curve."""

    threshold: float
    fpir: float
    fnir: float


class Histogram(msgspec.Struct, frozen=True):
    """Counts between ``edges``; scores beyond them are in the outermost bins."""

    edges: tuple[float, ...]
    mated: tuple[int, ...]
    nonmated: tuple[int, ...]


def threshold_for(scores: FloatArray, target: float) -> float:
    """The least threshold at which at most ``target`` of ``scores`` are at or above it.

    Args:
        scores: (n,) best scores of non-mated searches, n at least 1.
        target: Share 0–1.
    """
    ordered = np.sort(scores.astype(np.float64))[::-1]
    allowed = int(np.floor(target * len(ordered) + 1e-9))
    if allowed >= len(ordered):
        return float(ordered[-1])
    return float(np.nextafter(ordered[allowed], np.inf))


def fpir_at(scores: SearchScores, threshold: float) -> Rate:
    """FPIR at ``threshold``."""
    events = int(np.count_nonzero(scores.nonmated_score.astype(np.float64) >= threshold))
    return repeated_rate(events, scores.nonmated, scores.repeats)


def tpir_at(scores: SearchScores, threshold: float) -> Rate:
    """TPIR at ``threshold``, the mate being the best candidate."""
    events = int(np.count_nonzero(_hits(scores, threshold)))
    return repeated_rate(events, scores.mated, scores.repeats)


def rank_one(scores: SearchScores) -> Rate:
    """Share of mated searches whose best candidate is the mate, at any score."""
    return repeated_rate(int(scores.mated_correct.sum()), scores.mated, scores.repeats)


def operating_point(
    scores: SearchScores, *, target: float | None = None, threshold: float | None = None
) -> OperatingPoint:
    """Measure at ``threshold``, or at the least one that keeps FPIR ≤ ``target``."""
    if threshold is None:
        assert target is not None
        threshold = threshold_for(scores.nonmated_score, target)
    fpir = fpir_at(scores, threshold)
    hits = _hits(scores, threshold)
    each = np.bincount(scores.mated_repeat, weights=hits, minlength=scores.repeats)
    searches = np.bincount(scores.mated_repeat, minlength=scores.repeats)
    shares = each[searches > 0] / searches[searches > 0]
    return OperatingPoint(
        threshold=threshold,
        target=target,
        fpir=fpir,
        tpir=tpir_at(scores, threshold),
        tpir_lowest=float(shares.min(initial=1.0)),
        tpir_highest=float(shares.max(initial=0.0)),
        too_few_events=too_few(
            target if target is not None else fpir.value or 0.0, fpir.trials_once
        ),
    )


def curve(scores: SearchScores) -> tuple[CurvePoint, ...]:
    """FPIR against FNIR, at FPIRs spread evenly in their logarithm, from 1 down to one search."""
    targets = np.geomspace(1.0, 1.0 / scores.nonmated, CURVE_POINTS)
    nonmated = np.sort(scores.nonmated_score.astype(np.float64))
    found = np.sort(scores.mated_score[scores.mated_correct].astype(np.float64))
    out: dict[float, CurvePoint] = {}
    for target in targets:
        threshold = threshold_for(scores.nonmated_score, float(target))
        false = len(nonmated) - int(np.searchsorted(nonmated, threshold, "left"))
        true = len(found) - int(np.searchsorted(found, threshold, "left"))
        out[threshold] = CurvePoint(
            threshold, false / scores.nonmated, 1 - true / max(1, scores.mated)
        )
    return tuple(out.values())


def histogram(scores: SearchScores) -> Histogram:
    """Best scores of mated searches that found the mate, and of non-mated searches."""
    return Histogram(
        tuple(float(edge) for edge in HISTOGRAM_EDGES),
        _binned(scores.mated_score[scores.mated_correct]),
        _binned(scores.nonmated_score[scores.nonmated_score > NO_SCORE]),
    )


def _binned(values: FloatArray) -> tuple[int, ...]:
    clipped = np.clip(values.astype(np.float64), HISTOGRAM_EDGES[0], HISTOGRAM_EDGES[-1])
    return tuple(int(count) for count in np.histogram(clipped, HISTOGRAM_EDGES)[0])


def _hits(scores: SearchScores, threshold: float) -> BoolArray:
    above: BoolArray = scores.mated_score.astype(np.float64) >= threshold
    return above & scores.mated_correct
