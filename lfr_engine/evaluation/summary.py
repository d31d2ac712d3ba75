"""Results as lines for a terminal. Owns: the words; never: a figure without its counts and interval
(R8). Strategy: plain text, so that it reads the same on a pipe, over SSH and in a log.
"""

from __future__ import annotations

from collections.abc import Iterator

from lfr_engine.evaluation.identification import IdentificationResult, Verdict
from lfr_engine.evaluation.intervals import percent

SHOWN = 5


def identification_lines(result: IdentificationResult) -> Iterator[str]:
    """What ``lfr evaluate identification`` says."""
    yield (
        f"pack {result.pack} ({result.precision}); {result.people:,} people, "
        f"{result.pictures:,} pictures, {result.single_picture_people:,} people with one only"
    )
    yield from named(result.unreadable, "unreadable")
    yield f"failure to enrol     {result.failure_to_enrol}"
    for reason, count in result.refusals.items():
        yield f"                     {count:,} × {reason.replace('_', ' ')} (all pictures)"
    yield f"failure to acquire   {result.failure_to_acquire}"
    yield (
        f"N = {result.gallery_size:,}, one picture each; {result.repeats} random galleries "
        f"(seed {result.seed}), each with {result.mated_searches:,} mated and "
        f"{result.nonmated_searches:,} non-mated searches"
    )
    yield "counts and intervals are those of one gallery: galleries share pictures"
    yield f"rank 1               {result.rank_one}"
    for point in result.points:
        assert point.target is not None
        yield (
            f"FPIR ≤ {percent(point.target):7s} TPIR  {point.tpir}; galleries "
            f"{percent(point.tpir_lowest)} to {percent(point.tpir_highest)}"
        )
        yield f"  at {point.threshold:.4f}    FPIR  {point.fpir}"
        if point.too_few_events:
            yield (
                f"                     too few events: {point.target * point.fpir.trials:.1f} "
                "false positives are expected, at least 3 are needed"
            )
    if not result.stated:
        yield f"calibration          {result.calibration}"
    else:
        yield f"calibration, made on {result.calibration}"
    for stated in result.stated:
        yield (
            f"states FPIR {percent(stated.stated_fpir):8s} at {stated.measured.threshold:.4f}: "
            f"measured {stated.measured.fpir}; {stated.verdict.value}"
        )
        yield f"                     TPIR  {stated.measured.tpir}"
    if any(stated.verdict is Verdict.BROKEN for stated in result.stated):
        yield "!!! THE STATED FPIR DOES NOT HOLD HERE: do not deploy with this calibration !!!"
    yield "highest scores of strangers (one person under two names?):"
    for suspect in result.suspects:
        yield f"  {suspect.score:.4f}  {suspect.picture}  as  {suspect.candidate}"


def named(items: tuple[str, ...], what: str) -> Iterator[str]:
    """How many, and the first few by name."""
    if items:
        yield f"{len(items):,} {what}:"
        for item in items[:SHOWN]:
            yield f"  {item}"
        if len(items) > SHOWN:
            yield f"  … and {len(items) - SHOWN:,} more"
