"""Several runs on video as one trial: sums of their counts, with the intervals of the sums.

Owns: what may be summed. Never: a run, or a rate averaged over runs. Strategy: a long trial is run
video by video, each leaves its JSON, and a cut loses one video; the sum is refused where the runs
were not made with one pack, one threshold and one size of list, or count a video twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from lfr_engine.errors import InputError
from lfr_engine.evaluation.identification import Verdict, judge
from lfr_engine.evaluation.intervals import Rate, rate
from lfr_engine.evaluation.video import SightingScores, VideoResult
from lfr_engine.evaluation.video_scores import SizeScores

_Runs: TypeAlias = Sequence[tuple[Path, VideoResult]]


class PooledResult(msgspec.Struct, frozen=True):
    """The sums of ``runs`` results, as of ``VideoResult`` and ``VideoScores``.

    idf1, switches, fragmentations: of all runs' boxes and appearances; identities of different runs
    are different. slowest_alert_s, slowest_95_s: the worst run's longest and 95th percentile of the
    time to alert; None where no run had a right alert.
    """

    runs: int
    pack: str
    precision: str
    threshold: float
    stated_fpir: float | None
    watchlist_size: int
    passes: int
    alerts: int
    tpir: Rate
    false_alerts: Rate
    nonmated_fpir: Rate
    verdict: Verdict | None
    precision_per_alert: Rate
    duplicates: int
    slowest_95_s: float | None
    slowest_alert_s: float | None
    by_face_size: tuple[SizeScores, ...]
    by_sightings: tuple[SightingScores, ...]
    idf1: float
    switches: int
    fragmentations: int
    appearances: int
    missed: tuple[str, ...]
    wrong: tuple[str, ...]
    problems: tuple[str, ...]


def read_result(path: Path) -> VideoResult:
    """Read what ``lfr evaluate video --json`` wrote.

    Raises:
        InputError: it cannot be read or is none of ours.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=VideoResult)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            path, f"is no result on video: {error}", "use the --json of lfr evaluate video"
        ) from error


def pool(paths: Sequence[Path]) -> PooledResult:
    """Sum the results in ``paths``.

    Raises:
        InputError: there is none, one cannot be read, two are of one video, or they differ in what
            must be the same.
    """
    if not paths:
        raise InputError("results", "none was given")
    runs = [(path, read_result(path)) for path in paths]
    _check(runs)
    results = [result for _, result in runs]
    first = results[0]
    nonmated = _sum(results, lambda r: r.scores.nonmated_fpir)
    stated = first.engine.stated_fpir
    times = [r.scores.time_to_alert for r in results]
    boxes = sum(r.tracking.truth_boxes + r.tracking.track_boxes for r in results)
    true = sum(round(r.tracking.id_recall * r.tracking.truth_boxes) for r in results)
    return PooledResult(
        runs=len(results),
        pack=first.engine.pack,
        precision=first.engine.precision,
        threshold=first.engine.threshold,
        stated_fpir=stated,
        watchlist_size=first.engine.watchlist_size,
        passes=sum(r.scores.passes for r in results),
        alerts=sum(r.scores.alerts for r in results),
        tpir=_sum(results, lambda r: r.scores.tpir),
        false_alerts=_sum(results, lambda r: r.scores.false_alerts),
        nonmated_fpir=nonmated,
        verdict=judge(stated, nonmated) if stated else None,
        precision_per_alert=_sum(results, lambda r: r.scores.precision),
        duplicates=sum(r.scores.duplicates for r in results),
        slowest_95_s=max((t.p95 for t in times if t.p95 is not None), default=None),
        slowest_alert_s=max((t.longest for t in times if t.longest is not None), default=None),
        by_face_size=tuple(
            SizeScores(low, rate(*counts))
            for low, counts in _binned(
                (s.from_px, s.tpir) for r in results for s in r.scores.by_face_size
            )
        ),
        by_sightings=tuple(
            SightingScores(low, rate(*counts))
            for low, counts in _binned(
                (s.from_sightings, s.tpir) for r in results for s in r.by_sightings
            )
        ),
        idf1=2 * true / boxes if boxes else 1.0,
        switches=sum(r.tracking.switches for r in results),
        fragmentations=sum(r.tracking.fragmentations for r in results),
        appearances=sum(r.tracking.passes for r in results),
        missed=_named(runs, lambda r: r.scores.missed),
        wrong=_named(runs, lambda r: r.scores.wrong),
        problems=_named(runs, lambda r: r.problems),
    )


def _check(runs: _Runs) -> None:
    seen: dict[tuple[str, tuple[str, ...]], Path] = {}
    first_path, first = runs[0]
    for path, result in runs:
        trial = (result.truth, tuple(camera.camera for camera in result.engine.cameras))
        if trial in seen:
            raise InputError(path, f"is of the same video as {seen[trial]}", "give each video once")
        seen[trial] = path
        for what in ("pack", "precision", "threshold", "stated_fpir", "watchlist_size"):
            here, there = getattr(result.engine, what), getattr(first.engine, what)
            if here != there:
                raise InputError(
                    path,
                    f"has {what.replace('_', ' ')} {here}, but {first_path} has {there}",
                    "sum only runs made alike",
                )


def _sum(results: Sequence[VideoResult], of: Callable[[VideoResult], Rate]) -> Rate:
    rates = [of(result) for result in results]
    return rate(sum(r.events for r in rates), sum(r.trials for r in rates))


def _binned(rows: Iterable[tuple[int, Rate]]) -> list[tuple[int, tuple[int, int]]]:
    """Events and trials summed by the lower end of their bin."""
    sums: dict[int, tuple[int, int]] = {}
    for low, one in rows:
        events, trials = sums.get(low, (0, 0))
        sums[low] = events + one.events, trials + one.trials
    return sorted(sums.items())


def _named(runs: _Runs, of: Callable[[VideoResult], Sequence[str]]) -> tuple[str, ...]:
    return tuple(f"{path.stem}: {line}" for path, result in runs for line in of(result))
