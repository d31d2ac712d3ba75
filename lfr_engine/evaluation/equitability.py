"""Equitability by self-declared group, after ISO/IEC 19795-10. Pure.

Owns: the table, the comparison of each group with all others, small-cell suppression, and the
refusal of a verdict where there is too little to go on (R20). Never: a guess of anybody's group:
groups are what consenting participants said of themselves. Strategy: the person is the unit of
independence, so a group needs people, not only passes; comparisons are exact (Fisher) and corrected
for their number (Holm).
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.stats import fisher_exact

from lfr_engine.evaluation.intervals import Rate, rate, trials_for_half_width
from lfr_engine.evaluation.tables import Row
from lfr_engine.evaluation.video_scores import Quantiles, quantiles

COLUMNS = ("person", "group", "acquired", "alerted")
SMALLEST_CELL = 10
"""Groups of fewer people are not shown at all: figures of few can be figures of one. Where that
would hide a single group, the next smallest is hidden too, or the total would give it away."""
VERDICT_HALF_WIDTH = 0.10
"""A verdict needs as many passes as give ± 10 points at the TPIR measured over all."""
SIGNIFICANCE = 0.05


class Verdict(enum.Enum):
    """What may be said of a group against all others."""

    SUPPRESSED = "suppressed: too few people"
    REFUSED = "no verdict: too few passes"
    NO_DIFFERENCE = "no difference shown at this size"
    LOWER = "found less often than the others"
    HIGHER = "found more often than the others"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pass of one participant.

    acquired: whether a usable face was had. alerted: whether the right alert came. score, wait_s:
    of the alert or best sighting, where known.
    """

    person: str
    group: str
    acquired: bool
    alerted: bool
    score: float | None
    wait_s: float | None


class GroupScores(msgspec.Struct, frozen=True):
    """One group; figures are None where suppressed.

    others_tpir: of everybody else. p: chance of so unequal a table among equals (Fisher, Holm).
    scores: 5th, 25th, 50th, 75th and 95th percentile. passes_needed: for a verdict.
    """

    group: str
    verdict: Verdict
    passes_needed: int
    people: int | None = None
    tpir: Rate | None = None
    others_tpir: Rate | None = None
    failure_to_acquire: Rate | None = None
    scores: tuple[float, ...] | None = None
    time_to_alert: Quantiles | None = None
    p: float | None = None


class EquitabilityResult(msgspec.Struct, frozen=True):
    """All groups, and everybody together."""

    people: int
    tpir: Rate
    failure_to_acquire: Rate
    groups: tuple[GroupScores, ...]


def read_attempts(rows: Sequence[Row]) -> list[Attempt]:
    """Attempts of a table with ``COLUMNS`` and perhaps ``score`` and ``seconds``.

    Raises:
        InputError: a cell is empty or not of its kind.
    """
    return [
        Attempt(
            row.text("person"),
            row.text("group"),
            row.yes("acquired"),
            row.yes("alerted"),
            row.number("score"),
            row.number("seconds"),
        )
        for row in rows
    ]


def compare_groups(attempts: Sequence[Attempt]) -> EquitabilityResult:
    """The table of all groups, smallest p first corrected by Holm's step-down."""
    groups: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        groups[attempt.group].append(attempt)
    hidden = _hidden({name: _people(members) for name, members in groups.items()})
    overall = _tpir(attempts)
    needed = trials_for_half_width(overall.value or 0.0, VERDICT_HALF_WIDTH)
    judged = {
        name: _p_value(members, [a for a in attempts if a.group != name])
        for name, members in groups.items()
        if name not in hidden and len(members) >= needed and len(groups) > 1
    }
    corrected = holm(judged)
    return EquitabilityResult(
        people=_people(attempts),
        tpir=overall,
        failure_to_acquire=_failures(attempts),
        groups=tuple(
            GroupScores(name, Verdict.SUPPRESSED, needed)
            if name in hidden
            else _group(name, groups[name], attempts, needed, corrected.get(name))
            for name in sorted(groups)
        ),
    )


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Holm's step-down correction (1979): adjusted p-values, monotone, at most 1."""
    out: dict[str, float] = {}
    highest = 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        out[name] = highest
    return out


def _hidden(people: dict[str, int]) -> set[str]:
    """Groups not to be shown: the small ones, and one more where that would be a single one."""
    small = {name for name, count in people.items() if count < SMALLEST_CELL}
    if len(small) == 1 and len(people) > 1:
        small.add(min(people.keys() - small, key=lambda name: (people[name], name)))
    return small


def _group(
    name: str,
    members: Sequence[Attempt],
    attempts: Sequence[Attempt],
    needed: int,
    p: float | None,
) -> GroupScores:
    own, others = _tpir(members), _tpir([a for a in attempts if a.group != name])
    scores = [a.score for a in members if a.score is not None]
    return GroupScores(
        group=name,
        verdict=_verdict(own, others, p),
        passes_needed=needed,
        people=_people(members),
        tpir=own,
        others_tpir=others,
        failure_to_acquire=_failures(members),
        scores=tuple(float(q) for q in np.percentile(scores, [5, 25, 50, 75, 95]))
        if len(scores) >= SMALLEST_CELL
        else None,
        time_to_alert=quantiles([a.wait_s for a in members if a.wait_s is not None]),
        p=p,
    )


def _verdict(own: Rate, others: Rate, p: float | None) -> Verdict:
    if p is None:
        return Verdict.REFUSED
    if p >= SIGNIFICANCE:
        return Verdict.NO_DIFFERENCE
    return Verdict.LOWER if (own.value or 0) < (others.value or 0) else Verdict.HIGHER


def _p_value(members: Sequence[Attempt], others: Sequence[Attempt]) -> float:
    table = np.array(
        [
            [sum(a.alerted for a in part), sum(not a.alerted for a in part)]
            for part in (members, others)
        ]
    )
    return float(fisher_exact(table).pvalue)


def _tpir(attempts: Sequence[Attempt]) -> Rate:
    return rate(sum(a.alerted for a in attempts), len(attempts))


def _failures(attempts: Sequence[Attempt]) -> Rate:
    return rate(sum(not a.acquired for a in attempts), len(attempts))


def _people(attempts: Sequence[Attempt]) -> int:
    return len({a.person for a in attempts})
