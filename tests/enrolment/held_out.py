"""Does a stated FPIR hold on people who were not used for fitting?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lfr_engine.identity.matcher import IndexArray
from lfr_engine.identity.tail import collect, fit_without_the_too_alike
from lfr_engine.vision.frame import FloatArray

Rng = np.random.Generator


def of_people(
    templates: FloatArray, owners: IndexArray, people: npt.NDArray[np.int64]
) -> tuple[FloatArray, IndexArray]:
    """The pictures of some people, who are numbered anew."""
    chosen = np.isin(owners, people)
    return templates[chosen], np.searchsorted(np.sort(people), owners[chosen])


def measured_fpir(
    templates: FloatArray, owners: IndexArray, n: int, threshold: float, rng: Rng, repeats: int
) -> float:
    """FPIR of galleries of ``n`` random people, one picture each, against everybody else.

    Every probe's person weighs the same; pairs of people that are most likely one person are not
    counted against the threshold.
    """
    people = int(owners[-1]) + 1
    _, _, apart = fit_without_the_too_alike(collect(templates, owners))
    first_row = np.searchsorted(owners, np.arange(people))
    pictures = np.bincount(owners)
    rates = []
    for _ in range(repeats):
        listed = rng.permutation(people)[:n]
        rows = first_row[listed] + rng.integers(0, pictures[listed])
        probes = np.flatnonzero(~np.isin(owners, listed))
        scores = templates[probes] @ templates[rows].T
        for pair in apart:
            for a, b in ((pair.first, pair.second), (pair.second, pair.first)):
                scores[np.ix_(owners[probes] == a, listed == b)] = -1
        weights = 1 / pictures[owners[probes]]
        rates.append(float(weights[scores.max(axis=1) >= threshold].sum() / weights.sum()))
    return float(np.mean(rates))
