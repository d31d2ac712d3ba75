"""The tail of non-mated scores: how rarely strangers look this much alike.

Owns: the generalised Pareto fit over a high score (peaks over threshold, Pickands 1975; Coles,
*An Introduction to Statistical Modeling of Extreme Values*, 2001, chapter 4) and the collection of
those scores from a cohort. Never: a mated score. Strategy: every pair of people weighs the same
however many pictures each has; pairs too alike to be two people are set aside by name, because
cohorts hold duplicates and mislabelled pictures, and one of them outweighs thousands of strangers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from lfr_engine.errors import InputError
from lfr_engine.identity.matcher import IndexArray
from lfr_engine.vision.frame import FloatArray

Reals = npt.NDArray[np.float64]

TAIL_SHARE = 1e-3
"""Share of comparisons above the score where the fit begins: high enough for the Pareto limit,
low enough for thousands of exceedances in a cohort of two thousand people."""
MIN_EXCEEDANCES = 200
"""Fewer make a shape parameter that is mostly noise."""
TOO_ALIKE = 0.01
"""A pair of people that would be expected at most this often in the whole cohort is set aside."""
CENSORED = 0.005
"""Share of the tail that the search for such pairs does not look at closely."""
_BLOCK = 1024
"""Templates compared with all others at a time: 1024 × 20,000 scores are 80 MB."""


@dataclass(frozen=True, slots=True)
class Tail:
    """P(score > t) of two strangers = ``share`` · (1 + shape·(t − start)/scale)^(−1/shape).

    Valid for t ≥ ``start``. A negative shape ends at a highest possible score.
    """

    start: float
    share: float
    scale: float
    shape: float

    def exceedance(self, score: npt.ArrayLike) -> Reals:
        """P that one comparison of strangers scores above ``score``; NaN below ``start``."""
        beyond = np.asarray(score, np.float64) - self.start
        inside = np.maximum(1 + self.shape * beyond / self.scale, 0.0)
        survival = (
            np.exp(-beyond / self.scale) if abs(self.shape) < 1e-9 else inside ** (-1 / self.shape)
        )
        return np.where(beyond >= 0, self.share * survival, np.nan)

    def score(self, exceedance: float) -> float:
        """The score that ``exceedance`` of stranger comparisons pass; at least ``start``."""
        ratio = min(1.0, exceedance / self.share)
        if abs(self.shape) < 1e-9:
            return self.start - self.scale * float(np.log(ratio))
        return self.start + self.scale / self.shape * (float(ratio**-self.shape) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Exceedances:
    """Every stranger comparison of a cohort above ``start``.

    scores, weights: (k,); a weight is the share of all comparisons this one stands for, so that
    ``weights.sum()`` is the share above ``start``. first, second: (k,) the two people's indices.
    pairs: pairs of people in the cohort.
    """

    start: float
    scores: Reals
    weights: Reals
    first: IndexArray
    second: IndexArray
    people: int

    @property
    def pairs(self) -> int:
        """Pairs of different people in the cohort."""
        return self.people * (self.people - 1) // 2

    def where(self, kept: npt.NDArray[np.bool_]) -> Exceedances:
        """Only the comparisons marked."""
        return replace(
            self,
            scores=self.scores[kept],
            weights=self.weights[kept],
            first=self.first[kept],
            second=self.second[kept],
        )

    def people_resampled(self, counts: IndexArray) -> Exceedances:
        """As if person i had been drawn ``counts[i]`` times (bootstrap over people).

        A person drawn twice is not compared with themself.
        """
        times = (counts[self.first] * counts[self.second]).astype(np.float64)
        total = float(counts.sum()) ** 2 - float((counts**2).sum())
        weights = self.weights * times * (self.people * (self.people - 1) / total)
        return replace(self, weights=weights).where(times > 0)


@dataclass(frozen=True, slots=True)
class TooAlike:
    """Two cohort people set aside before the fit: most likely one person under two names."""

    first: int
    second: int
    score: float


def collect(templates: FloatArray, owners: IndexArray, share: float = TAIL_SHARE) -> Exceedances:
    """Compare every picture of every person with every picture of every other.

    templates: (m, d) float32 unit rows; owners: (m,) person index, ascending from 0.
    """
    people = int(owners[-1]) + 1
    per_picture = 1.0 / np.bincount(owners)[owners]
    each = per_picture / people / (people - 1)
    start = _start(templates, owners, per_picture, share)
    parts: list[tuple[Reals, IndexArray, IndexArray]] = []
    for at in range(0, len(templates), _BLOCK):
        scores = templates[at : at + _BLOCK] @ templates.T
        row, column = np.nonzero(scores > start)
        row_owner = owners[row + at]
        # Each pair once; the other half is its mirror image.
        kept = row_owner < owners[column]
        row, column = row[kept], column[kept]
        parts.append((scores[row, column].astype(np.float64), row + at, column))
    score, row, column = (np.concatenate(some) for some in zip(*parts, strict=True))
    weight = 2 * each[row] * per_picture[column]
    return Exceedances(start, score, weight, owners[row], owners[column], people)


def fit(exceedances: Exceedances, censored: float = 0.0) -> Tail:
    """The maximum-likelihood Pareto tail.

    censored: share of the highest exceedances of which only is used that they are high, so that
    a few wrong ones cannot bend the fit that shall expose them.
    """
    beyond = exceedances.scores - exceedances.start
    weights = exceedances.weights / exceedances.weights.sum()
    limit = float(np.quantile(beyond, 1 - censored))
    seen = beyond <= limit
    beyond = np.minimum(beyond, limit)
    mean = float(weights @ beyond)
    share_seen = float(weights[seen].sum())

    def negative_log_likelihood(parameters: Reals) -> float:
        scale, shape = float(np.exp(parameters[0])), float(parameters[1])
        if abs(shape) < 1e-6:
            return float(share_seen * np.log(scale) + mean / scale)
        inside = 1 + shape * beyond / scale
        if inside.min() <= 0:
            return np.inf
        # density for the seen, survival for the censored: they share the exponent 1/shape
        logs = weights * np.log(inside)
        return float(share_seen * np.log(scale) + logs.sum() / shape + logs[seen].sum())

    first = np.array([np.log(mean), 0.0])
    best = minimize(
        negative_log_likelihood,
        first,
        method="Nelder-Mead",
        options={"initial_simplex": first + np.array([[0.0, 0.0], [0.2, 0.0], [0.0, -0.1]])},
    )
    scale, shape = float(np.exp(best.x[0])), float(best.x[1])
    return Tail(exceedances.start, float(exceedances.weights.sum()), scale, shape)


def fit_without_the_too_alike(exceedances: Exceedances) -> tuple[Tail, Exceedances, list[TooAlike]]:
    """Fit, set aside the pairs of people that the fit cannot believe in, and fit again until none.

    Returns the tail, the comparisons it was fitted on and the pairs set aside, most alike first.
    Raises ``InputError`` where there is too little data.
    """
    if len(exceedances.scores) < MIN_EXCEEDANCES:
        raise InputError(
            "cohort",
            f"only {len(exceedances.scores)} stranger comparisons in the tail",
            f"at least {MIN_EXCEEDANCES} are needed: use more people",
        )
    kept = exceedances
    apart: list[TooAlike] = []
    for _ in range(20):
        tail = fit(kept, CENSORED)
        doubtful = tail.exceedance(kept.scores) * exceedances.pairs < TOO_ALIKE
        if not doubtful.any():
            break
        worst: dict[tuple[int, int], float] = {}
        for i in np.flatnonzero(doubtful):
            pair = (int(kept.first[i]), int(kept.second[i]))
            worst[pair] = max(worst.get(pair, -1.0), float(kept.scores[i]))
        apart += [TooAlike(*pair, score) for pair, score in worst.items()]
        keys = kept.first * exceedances.people + kept.second
        gone = np.array([a * exceedances.people + b for a, b in worst], np.int64)
        kept = kept.where(~np.isin(keys, gone))
    return fit(kept), kept, sorted(apart, key=lambda one: -one.score)


def _start(templates: FloatArray, owners: IndexArray, per_picture: Reals, share: float) -> float:
    """The score that about ``share`` of the stranger comparisons pass, from a regular sample."""
    step = max(1, len(templates) // 512)
    sample = slice(step // 2, None, step)
    scores = templates[sample] @ templates.T
    strangers = owners[sample][:, None] != owners[None]
    values = scores[strangers].astype(np.float64)
    weights = (per_picture[sample][:, None] * per_picture[None])[strangers]
    order = np.argsort(values)[::-1]
    above = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(above, share * above[-1])]])
