"""Who on one list looks like whom: outlying pictures, one person twice, look-alikes (R14, R22).

Owns: the comparison of a list with itself and the words of its result. Never: a decision to drop
anybody – people decide, this names pairs. Strategy: every limit comes from the calibration, so it
means the same on every pack: a *look-alike* pair would raise each other's alert; *one person* is a
likeness that strangers would not reach once in a hundred such lists; an *outlier* looks no more
like the person's other pictures than one stranger in a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from lfr_engine.identity.calibration import DEFAULT_FPIR, Calibration
from lfr_engine.identity.matcher import Gallery
from lfr_engine.vision.frame import FloatArray

ONE_PERSON_EXPECTED = 0.01
"""Pairs this alike expected on a whole list of strangers: fewer means one person listed twice."""
SURPRISE = 0.01
"""A count of look-alikes that strangers would reach this rarely says: these are not strangers."""
MAX_PAIRS = 1000
"""Pairs listed, most alike first; a longer report helps nobody."""
_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """Two entries and the cosine of their most alike pictures."""

    first: str
    second: str
    score: float


@dataclass(frozen=True, slots=True)
class Outlier:
    """A picture (index among its entry's) that does not resemble the entry's others.

    score: its best cosine with any of them.
    """

    entry: str
    picture: int
    score: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """The self-check of a list.

    threshold: the score of an alert at ``fpir`` for this list. one_person, look_alikes: pairs at or
    above their limits, most alike first (a pair is in one of them only). found: how many look-alike
    pairs there are in all; expected: how many among strangers. too_alike: ``found`` would surprise
    among strangers, so the stated FPIR may not hold for people like these. leave_one_out: share of
    entries that would raise another entry's alert.
    """

    threshold: float
    one_person_limit: float
    outlier_limit: float
    one_person: tuple[Pair, ...]
    look_alikes: tuple[Pair, ...]
    outliers: tuple[Outlier, ...]
    found: int
    expected: float
    too_alike: bool
    leave_one_out: float


def check(gallery: Gallery, calibration: Calibration, fpir: float = DEFAULT_FPIR) -> Likeness:
    """Compare every picture of a list with every other; m pictures take m² products.

    Raises ``RuleError`` (R5) where the calibration is of another pack.
    """
    calibration.require(gallery.contract)
    templates = len(gallery.owners)
    comparisons = max(1, templates * (templates - 1) // 2)
    threshold = calibration.threshold_for(fpir, max(1, templates), looks=1).value
    tail = calibration.tail
    one_person_limit = max(threshold, tail.score(ONE_PERSON_EXPECTED / comparisons))
    best = _cross_entry_maxima(gallery, threshold)
    pairs = [
        Pair(gallery.entries[a], gallery.entries[b], score)
        for (a, b), score in sorted(best.items(), key=lambda one: -one[1])
    ]
    expected = comparisons * float(tail.exceedance(threshold))
    same = [one for one in pairs if one.score >= one_person_limit]
    alike = [one for one in pairs if one.score < one_person_limit]
    involved = {name for one in pairs for name in (one.first, one.second)}
    return Likeness(
        threshold,
        one_person_limit,
        tail.start,
        tuple(same[:MAX_PAIRS]),
        tuple(alike[:MAX_PAIRS]),
        tuple(_outliers(gallery, tail.start)),
        len(pairs),
        expected,
        bool(poisson.sf(len(alike) - 1, expected) < SURPRISE) if alike else False,
        len(involved) / len(gallery.entries) if gallery.entries else 0.0,
    )


def _cross_entry_maxima(gallery: Gallery, threshold: float) -> dict[tuple[int, int], float]:
    """The best score of each pair of entries at or above ``threshold``."""
    best: dict[tuple[int, int], float] = {}
    templates: FloatArray = gallery.templates
    owners = gallery.owners
    for at in range(0, len(templates), _BLOCK):
        scores = templates[at : at + _BLOCK] @ templates[at:].T
        row, column = np.nonzero(scores >= threshold)
        first, second = owners[row + at], owners[column + at]
        for i in np.flatnonzero(first < second):
            pair = (int(first[i]), int(second[i]))
            best[pair] = max(best.get(pair, -1.0), float(scores[row[i], column[i]]))
    return best


def _outliers(gallery: Gallery, limit: float) -> list[Outlier]:
    found: list[Outlier] = []
    for index, entry in enumerate(gallery.entries):
        mine = gallery.references(index)
        if len(mine) < 2:
            continue
        scores = mine @ mine.T
        np.fill_diagonal(scores, -1.0)
        found += [
            Outlier(entry, i, float(score))
            for i, score in enumerate(scores.max(axis=1))
            if score < limit
        ]
    return found
