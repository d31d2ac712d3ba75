"""Open-set 1:N identification on a folder of people: random galleries, everybody else a stranger.

Owns: who is enrolled and who searches in each repeat, and the result. Never: metrics (``open_set``
has them), templates outside memory. Strategy: embed once, then search the real ``Gallery`` as often
as wanted; galleries are drawn from a seed, so a figure can be had again.
"""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec
import numpy as np

from lfr_engine.errors import InputError
from lfr_engine.evaluation.intervals import Rate, rate, too_few
from lfr_engine.evaluation.open_set import (
    FPIR_TARGETS,
    NO_SCORE,
    CurvePoint,
    Histogram,
    OperatingPoint,
    SearchScores,
    curve,
    histogram,
    operating_point,
    rank_one,
)
from lfr_engine.evaluation.pictures import Embedded
from lfr_engine.identity.calibration import Calibration
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.template import TemplateContract

DEFAULT_GALLERY = 1000
SUSPECTS_SHOWN = 10


class Suspect(msgspec.Struct, frozen=True):
    """A non-mated search that scored high: perhaps one person under two names."""

    picture: str
    candidate: str
    score: float


class Verdict(enum.Enum):
    """How a stated FPIR stands against the measured interval."""

    HOLDS = "holds"
    STRICTER = "stricter than stated"
    BROKEN = "BROKEN: more false positives than stated"
    UNTESTED = "too few events to say"


class StatedPoint(msgspec.Struct, frozen=True):
    """The calibration put to the test: what it promises at this list size, and what it gave."""

    stated_fpir: float
    measured: OperatingPoint
    verdict: Verdict


class IdentificationResult(msgspec.Struct, frozen=True):
    """Everything ``lfr evaluate identification`` reports.

    failure_to_enrol: pictures refused by the enrolment gate, of all readable ones of people who
    could be enrolled. failure_to_acquire: pictures with no face, of all readable ones. calibration:
    the cohort it was made on, or why there is none.
    """

    pack: str
    precision: str
    seed: int
    repeats: int
    gallery_size: int
    people: int
    single_picture_people: int
    pictures: int
    unreadable: tuple[str, ...]
    left_aside: tuple[str, ...]
    mated_searches: int
    nonmated_searches: int
    failure_to_enrol: Rate
    refusals: dict[str, int]
    failure_to_acquire: Rate
    rank_one: Rate
    points: tuple[OperatingPoint, ...]
    calibration: str
    stated: tuple[StatedPoint, ...]
    curve: tuple[CurvePoint, ...]
    histogram: Histogram
    suspects: tuple[Suspect, ...]


def able_people(embedded: Embedded) -> list[int]:
    """Who can be enrolled, by index: one enrollable picture, and another one to search with."""
    pictures = np.bincount(embedded.owner, minlength=len(embedded.people))
    good = np.bincount(embedded.owner, weights=embedded.enrollable, minlength=len(embedded.people))
    return [int(i) for i in np.flatnonzero((pictures >= 2) & (good >= 1))]


def search_all(
    embedded: Embedded,
    contract: TemplateContract,
    *,
    gallery_size: int | None,
    repeats: int,
    seed: int,
) -> SearchScores:
    """Draw ``repeats`` galleries and search every other picture against each.

    Args:
        embedded: All pictures.
        contract: Of the pack that embedded them.
        gallery_size: People enrolled, one picture each; None for 1,000 or as many as there are.
        repeats: How many random galleries.
        seed: Decides who is enrolled, and with which picture.

    Raises:
        InputError: fewer people can be enrolled than asked for, or nobody is left as a stranger.
    """
    able = able_people(embedded)
    size = min(DEFAULT_GALLERY, len(able)) if gallery_size is None else gallery_size
    if not len(embedded):
        raise InputError(
            "pictures", f"none of {len(embedded.unreadable)} can be read", embedded.unreadable[0]
        )
    if not able:
        unread = len(embedded.unreadable)
        raise InputError(
            "gallery",
            f"none of the {len(embedded.people)} people has a picture to enrol and another one to "
            "search with" + (f"; {unread} pictures cannot be read" if unread else ""),
            "give one folder a person, with two pictures or more in some of them",
        )
    if size > len(able):
        raise InputError(
            "gallery size",
            f"{size} people wanted, but only {len(able)} of {len(embedded.people)} have an "
            "enrollable picture and another one to search with",
            f"ask for {len(able)} or fewer",
        )
    if size == len(embedded.people):
        raise InputError(
            "gallery size", "everybody is enrolled: nobody is left to be a stranger", "enrol fewer"
        )
    rng = np.random.default_rng(seed)
    parts = [
        _search_once(embedded, contract, sorted(rng.permutation(able)[:size]), rng, repeat)
        for repeat in range(repeats)
    ]
    mated, nonmated = (
        [np.concatenate(column) for column in zip(*(part[kind] for part in parts), strict=True)]
        for kind in (0, 1)
    )
    return SearchScores(
        size, repeats, embedded.people, tuple(_short(path) for path in embedded.paths),
        *mated, *nonmated,
    )  # fmt: skip


def _search_once(
    embedded: Embedded,
    contract: TemplateContract,
    enrolled: list[int],
    rng: np.random.Generator,
    repeat: int,
) -> tuple[tuple[np.ndarray[tuple[int], np.dtype[np.generic]], ...], ...]:
    """One gallery: columns of its mated searches and of its non-mated ones."""
    chosen = np.array(
        [
            rng.choice(np.flatnonzero((embedded.owner == person) & embedded.enrollable))
            for person in enrolled
        ]
    )
    names = [embedded.people[person] for person in enrolled]
    gallery = Gallery.build(
        names, names, embedded.references[chosen], np.arange(len(chosen)), contract
    )
    probes = np.setdiff1d(np.arange(len(embedded)), chosen)
    matches = gallery.match(embedded.templates[probes])
    found = embedded.has_face[probes]
    candidate = np.where(found, np.array(enrolled)[matches.entry], -1).astype(np.int32)
    score = np.where(found, matches.score, NO_SCORE).astype(np.float32)
    mated = np.isin(embedded.owner[probes], enrolled)
    correct = candidate == embedded.owner[probes]

    def columns(
        rows: np.ndarray[tuple[int], np.dtype[np.bool_]],
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.generic]], ...]:
        count = int(rows.sum())
        return (
            np.full(count, repeat, np.int32),
            probes[rows].astype(np.int32),
            candidate[rows],
            score[rows],
        )

    return (*columns(mated), correct[mated]), columns(~mated)


def summarise(
    embedded: Embedded,
    scores: SearchScores,
    contract: TemplateContract,
    *,
    seed: int,
    calibration: Calibration | None = None,
    without_calibration: str = "none was given",
    left_aside: tuple[str, ...] = (),
) -> IdentificationResult:
    """The result of ``scores``.

    Args:
        embedded: For what failed.
        scores: From ``search_all``.
        contract: Names pack and precision.
        seed: To be reported.
        calibration: To be put to the test.
        without_calibration: Why there is none.
        left_aside: What of the folder was passed over (``people.left_aside``).
    """
    pictures = np.bincount(embedded.owner, minlength=len(embedded.people))
    attempted = pictures[embedded.owner] >= 2
    return IdentificationResult(
        pack=contract.pack,
        precision=contract.precision,
        seed=seed,
        repeats=scores.repeats,
        gallery_size=scores.gallery_size,
        people=len(embedded.people),
        single_picture_people=int((pictures == 1).sum()),
        pictures=len(embedded),
        unreadable=embedded.unreadable,
        left_aside=left_aside,
        mated_searches=round(scores.mated / scores.repeats),
        nonmated_searches=round(scores.nonmated / scores.repeats),
        failure_to_enrol=rate(int((attempted & ~embedded.enrollable).sum()), int(attempted.sum())),
        refusals=embedded.refusals,
        failure_to_acquire=rate(int((~embedded.has_face).sum()), len(embedded)),
        rank_one=rank_one(scores),
        points=tuple(operating_point(scores, target=target) for target in FPIR_TARGETS),
        calibration=calibration.cohort.description if calibration else without_calibration,
        stated=tuple(stated_point(scores, calibration, f) for f in FPIR_TARGETS)
        if calibration
        else (),
        curve=curve(scores),
        histogram=histogram(scores),
        suspects=_suspects(scores),
    )


def stated_point(scores: SearchScores, calibration: Calibration, fpir: float) -> StatedPoint:
    """What the calibration's threshold for ``fpir`` at this list size really gives."""
    threshold = calibration.threshold_for(fpir, scores.gallery_size, looks=1).value
    point = operating_point(scores, threshold=threshold)
    return StatedPoint(fpir, point, judge(fpir, point.fpir))


def judge(stated: float, measured: Rate) -> Verdict:
    """Whether ``stated`` lies in the measured interval; a broken promise outranks few events."""
    if stated < measured.low:
        return Verdict.BROKEN
    if too_few(stated, measured.trials_once):
        return Verdict.UNTESTED
    return Verdict.STRICTER if stated > measured.high else Verdict.HOLDS


def _suspects(scores: SearchScores) -> tuple[Suspect, ...]:
    best: dict[tuple[str, str], float] = {}
    for row in np.argsort(scores.nonmated_score)[::-1][: 50 * scores.repeats]:
        if scores.nonmated_candidate[row] < 0:
            continue
        pair = (
            scores.pictures[scores.nonmated_probe[row]],
            scores.people[scores.nonmated_candidate[row]],
        )
        best.setdefault(pair, float(scores.nonmated_score[row]))
        if len(best) == SUSPECTS_SHOWN:
            break
    return tuple(Suspect(*pair, score) for pair, score in best.items())


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def write_scores(path: Path, scores: SearchScores) -> None:
    """Export every search's score as ``.npz``: scores and names, never a template.

    Raises:
        InputError: the file cannot be written.
    """
    arrays = {name: np.asarray(getattr(scores, name)) for name in SearchScores.__slots__}
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise InputError(path, f"cannot be written: {error.strerror}") from error
