"""Results as lines for a terminal. Owns: the words; never: a figure without its counts and interval
(R8). Strategy: plain text, so that it reads the same on a pipe, over SSH and in a log.
"""

from __future__ import annotations

from collections.abc import Iterator

from lfr_engine.evaluation.blue_list import BlueListResult
from lfr_engine.evaluation.equitability import EquitabilityResult
from lfr_engine.evaluation.equitability import Verdict as Equality
from lfr_engine.evaluation.identification import IdentificationResult, Verdict
from lfr_engine.evaluation.intervals import (
    one_in,
    percent,
    rate,
    trials_for_half_width,
    trials_to_show,
)
from lfr_engine.evaluation.pool import PooledResult
from lfr_engine.evaluation.tracking import TrackingScores
from lfr_engine.evaluation.verification import VerificationResult
from lfr_engine.evaluation.video import SightingScores, VideoResult
from lfr_engine.evaluation.video_scores import Quantiles, SizeScores

SHOWN = 5


def identification_lines(result: IdentificationResult) -> Iterator[str]:
    """What ``lfr evaluate identification`` says."""
    yield (
        f"pack {result.pack} ({result.precision}); {result.people:,} people, "
        f"{result.pictures:,} pictures, {result.single_picture_people:,} people with one only"
    )
    yield from named(result.unreadable, "unreadable")
    yield from named(result.left_aside, "passed over")
    yield f"failure to enrol     {result.failure_to_enrol}"
    for reason, count in result.refusals.items():
        yield f"                     {count:,} × {reason.replace('_', ' ')} (all pictures)"
    yield f"failure to acquire   {result.failure_to_acquire}"
    yield (
        f"N = {result.gallery_size:,}, one picture each; {result.repeats} random galleries "
        f"(seed {result.seed}), each with {result.mated_searches:,} mated and "
        f"{result.nonmated_searches:,} non-mated searches"
    )
    yield "intervals are those of one gallery, as galleries share pictures"
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
                f"                     too few events: {point.target * point.fpir.trials_once:.1f} "
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


def verification_lines(result: VerificationResult) -> Iterator[str]:
    """What ``lfr evaluate verification`` says."""
    yield (
        f"{result.pairs:,} pairs, {result.mated:,} of one person; {result.pictures:,} pictures; "
        f"{len(result.fold_accuracies)} folds"
    )
    yield f"accuracy             {rate(result.pairs - result.errors, result.pairs)}"
    yield (
        f"mean of folds        {percent(result.accuracy)}, standard error "
        f"{percent(result.standard_error)}; threshold {result.threshold:.4f}"
    )
    yield from named(result.failures, "pictures without a usable face")


def blue_list_lines(result: BlueListResult) -> Iterator[str]:
    """What ``lfr evaluate bluelist`` says."""
    yield f"TPIR                 {result.tpir}"
    for camera in result.by_camera:
        yield f"  {camera.camera:18s} {camera.tpir}"
    yield f"time to alert        {seconds(result.time_to_alert)}"
    yield f"duplicates           {result.duplicates:,}"
    yield f"unexplained alerts   {result.unexplained:,}"
    yield from named(result.missed, "walks without an alert")
    low, high = result.tpir.low, result.tpir.high
    if high - low > 0.1 and result.tpir.value is not None:
        needed = trials_for_half_width(result.tpir.value, 0.05)
        yield f"± 5 points would take {needed:,} walks at this TPIR"


def equitability_lines(result: EquitabilityResult) -> Iterator[str]:
    """What ``lfr evaluate equitability`` says."""
    yield f"{result.people:,} people, groups as they declared themselves"
    yield f"TPIR                 {result.tpir}"
    yield f"failure to acquire   {result.failure_to_acquire}"
    for group in result.groups:
        yield f"{group.group}: {group.verdict.value}"
        if group.verdict is Equality.SUPPRESSED:
            continue
        yield f"  TPIR               {group.tpir}; {group.people} people"
        yield f"  others' TPIR       {group.others_tpir}"
        yield f"  failure to acquire {group.failure_to_acquire}"
        if group.scores:
            shown = ", ".join(f"{score:.3f}" for score in group.scores)
            yield f"  scores at 5, 25, 50, 75, 95 %: {shown}"
        if group.time_to_alert and group.time_to_alert.count:
            yield f"  time to alert      {seconds(group.time_to_alert)}"
        if group.p is not None:
            yield f"  p = {group.p:.4f} (Fisher, corrected by Holm)"
        if group.verdict is Equality.REFUSED:
            yield f"  too few events: a verdict takes {group.passes_needed:,} passes of the group"


def plan_lines(tpir: float, half_width: float, false_alerts: float) -> Iterator[str]:
    """What ``lfr evaluate plan`` says."""
    mated = trials_for_half_width(tpir, half_width)
    strangers = trials_to_show(false_alerts)
    yield (
        f"TPIR near {percent(tpir)} known to ± {percent(half_width)}: {mated:,} passes of people "
        "on the list"
    )
    yield (
        f"false alerts ≤ {one_in(false_alerts)} shown with 95 % confidence, if there is none: "
        f"{strangers:,} passes of others"
    )


def video_lines(result: VideoResult) -> Iterator[str]:
    """What ``lfr evaluate video`` says."""
    scores, engine = result.scores, result.engine
    yield (
        f"pack {engine.pack} ({engine.precision}), threshold {engine.threshold:.4f}, watchlist "
        f"{engine.watchlist_size:,}; {engine.frames:,} frames at {engine.frames_per_s:.1f} a second"
    )
    yield from named(result.problems, "problems")
    yield f"passes               {scores.passes:,}, alerts {scores.alerts:,}"
    yield f"TPIR per pass        {scores.tpir}"
    for camera in scores.by_camera:
        yield f"  {camera.camera:18s} {camera.tpir}"
    yield f"false alerts / pass  {scores.false_alerts}"
    yield f"  passes of others   {scores.nonmated_fpir}"
    yield from _verdict_lines(result.verdict, engine.stated_fpir)
    yield f"precision per alert  {scores.precision}"
    yield "precision per engagement: nobody engages in a simulation"
    yield f"duplicate alerts     {scores.duplicates:,}"
    yield f"time to alert        {seconds(scores.time_to_alert)}"
    yield f"lead time            {seconds(scores.lead_time)}"
    yield from _binned_lines(scores.by_face_size, result.by_sightings)
    yield from _tracking_lines(result.tracking)
    yield from named(scores.missed, "passes missed")
    yield from named(scores.wrong, "false alerts")


def pooled_lines(result: PooledResult) -> Iterator[str]:
    """What ``lfr evaluate pool`` says."""
    yield (
        f"{result.runs:,} runs; pack {result.pack} ({result.precision}), threshold "
        f"{result.threshold:.4f}, watchlist {result.watchlist_size:,}"
    )
    yield from named(result.problems, "problems")
    yield f"passes               {result.passes:,}, alerts {result.alerts:,}"
    yield f"TPIR per pass        {result.tpir}"
    yield f"false alerts / pass  {result.false_alerts}"
    yield f"  passes of others   {result.nonmated_fpir}"
    yield from _verdict_lines(result.verdict, result.stated_fpir)
    yield f"precision per alert  {result.precision_per_alert}"
    yield f"duplicate alerts     {result.duplicates:,}"
    if result.slowest_95_s is not None and result.slowest_alert_s is not None:
        yield (
            f"time to alert        95 % within {result.slowest_95_s:.2f} s in the slowest run, "
            f"longest {result.slowest_alert_s:.2f} s"
        )
    yield from _binned_lines(result.by_face_size, result.by_sightings)
    yield (
        f"tracking             IDF1 {result.idf1:.3f}, {result.switches:,} identity switches, "
        f"{result.fragmentations:,} fragmentations in {result.appearances:,} appearances"
    )
    yield from named(result.missed, "passes missed")
    yield from named(result.wrong, "false alerts")


def _verdict_lines(verdict: Verdict | None, stated_fpir: float | None) -> Iterator[str]:
    if verdict is not None and stated_fpir is not None:
        yield f"  stated             {percent(stated_fpir)}: {verdict.value}"
    if verdict is Verdict.BROKEN:
        yield "!!! THE STATED FPIR DOES NOT HOLD HERE: do not deploy with this calibration !!!"


def _binned_lines(
    sizes: tuple[SizeScores, ...], sightings: tuple[SightingScores, ...]
) -> Iterator[str]:
    yield "TPIR by largest clear face, in pixels"
    for size in sizes:
        if size.tpir.trials:
            yield f"  {size.from_px:>4} and more      {size.tpir}"
    yield "TPIR by sightings of a pass before a camera"
    for views in sightings:
        if views.tpir.trials:
            yield f"  {views.from_sightings:>4} and more      {views.tpir}"


def _tracking_lines(tracking: TrackingScores) -> Iterator[str]:
    yield (
        f"tracking             IDF1 {tracking.idf1:.3f}, recall {tracking.recall:.3f}, precision "
        f"{tracking.precision:.3f} of {tracking.truth_boxes:,} faces"
    )
    yield (
        f"                     {tracking.switches:,} identity switches, "
        f"{tracking.fragmentations:,} fragmentations in {tracking.passes:,} appearances"
    )


def seconds(times: Quantiles) -> str:
    """Quantiles in words."""
    if times.p50 is None or times.p95 is None or times.longest is None:
        return "none"
    return (
        f"median {times.p50:.2f} s, 95 % within {times.p95:.2f} s, longest {times.longest:.2f} s "
        f"({times.count:,})"
    )


def named(items: tuple[str, ...], what: str) -> Iterator[str]:
    """How many, and the first few by name."""
    if items:
        yield f"{len(items):,} {what}:"
        for item in items[:SHOWN]:
            yield f"  {item}"
        if len(items) > SHOWN:
            yield f"  … and {len(items) - SHOWN:,} more"
