"""The arithmetic from a tally to the deployment record (R7, R8).

Owns: ``build`` and every total in the record. Never: a figure from anywhere but the journal.
Strategy: blue-list alerts are set aside first, once; every share goes through ``measures``.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from lfr_engine.deployment.authority import Officer
from lfr_engine.deployment.measures import SMALL_CELL, Measure, four_measures, measure
from lfr_engine.deployment.record import (
    AlertFacts,
    AlertTotals,
    CameraFacts,
    DeploymentRecord,
    Erasure,
    Evidence,
    Latency,
    ListFacts,
)
from lfr_engine.deployment.tally import AlertTally, CameraTally, Tally, collect
from lfr_engine.journal.events.alerts import AlertDecided
from lfr_engine.journal.lines import Record


def build(records: Iterable[Record], deployment_id: str) -> DeploymentRecord:
    """The record of one deployment.

    Args:
        records: The journal's records in order; more than the deployment's own may be among them.
        deployment_id: Which deployment.

    Raises:
        InputError: The journal has no start of such a deployment.
    """
    return _record(collect(records, deployment_id))


def _record(tally: Tally) -> DeploymentRecord:
    start = tally.started
    ended = tally.ended[0] if tally.ended else None
    duration_s = (ended - tally.begun).total_seconds() if ended else None
    public = [alert for alert in tally.raised.values() if not alert.event.blue]
    totals = _alert_totals(public)
    hits = {name for name in tally.blue_hits if name in tally.blue_passes}
    cameras = [
        _camera(name, tally, public, hits, duration_s)
        for name in dict.fromkeys([*start.cameras, *tally.cameras])
    ]
    passes = sum(camera.passes for camera in cameras)
    groups, small = _groups(tally, hits)
    return DeploymentRecord(
        deployment=start.deployment,
        mode=start.mode,
        authority=start.authority,
        authority_digest=start.authority_digest,
        authority_key=start.authority_key,
        officer=Officer(start.officer_name, start.officer_rank, start.officer_id),
        use_case=start.use_case,
        purpose=start.purpose,
        place=start.place,
        zones=start.zones,
        planned_start=start.planned_start,
        planned_end=start.planned_end,
        started=tally.begun,
        ended=ended,
        ended_because=tally.ended[1].reason if tally.ended else None,
        duration_s=duration_s,
        signage_confirmed=tally.signage,
        software=start.software,
        model=start.model,
        calibration=start.calibration,
        configuration=start.configuration,
        thresholds=start.thresholds,
        stated_fpir=start.stated_fpir,
        stated_list_size=start.stated_list_size,
        false_alert_ceiling=start.false_alert_ceiling,
        retention=start.retention,
        watchlist=ListFacts(
            id=start.watchlist,
            built=start.watchlist_built,
            people=start.watchlist_people,
            images=start.watchlist_images,
            categories=start.watchlist_categories,
            under_18=start.watchlist_under_18,
            rejected=start.watchlist_rejected,
            withdrawn=len(tally.withdrawn),
        ),
        passes=passes,
        detections=sum(camera.detections for camera in cameras),
        re_entries=sum(camera.re_entries for camera in cameras),
        not_acquired=sum(camera.not_acquired for camera in cameras),
        cameras=cameras,
        alerts=totals,
        suppressed=_sorted(tally.suppressed),
        declined=_sorted(tally.declined),
        outcomes=_outcomes(tally),
        blue_passes=len(tally.blue_passes),
        blue_hits=len(hits),
        measures=four_measures(
            passes=passes,
            alerts=totals.raised,
            false_alerts=totals.false,
            engaged=totals.engaged,
            true=totals.confirmed_true,
            blue=(len(hits), len(tally.blue_passes)),
        ),
        groups=groups,
        small_groups=small,
        latencies=[
            Latency(
                run=run,
                stage=stage,
                count=event.count,
                p50=event.p50,
                p95=event.p95,
                p99=event.p99,
                longest=event.longest,
            )
            for (run, stage), event in tally.latencies.items()
        ],
        erasures=[
            Erasure(
                run=run,
                count=event.count,
                p50=event.p50,
                p99=event.p99,
                longest=event.longest,
                over_target=event.over_target,
            )
            for run, event in tally.erasures.items()
        ],
        drops=_sorted(sum((c.drops for c in tally.cameras.values()), Counter[str]())),
        relayed=_relay_totals(tally.relayed),
        deletions=tally.deletions,
        complaints=tally.complaints,
        incidents=tally.incidents,
        stops=tally.stops,
        alert_list=[_alert_facts(alert) for alert in public],
        passes_over_time=sorted(tally.bins.items()),
        evidence=Evidence(
            first_seq=tally.first.seq, last_seq=tally.last.seq, last_hash=tally.last.hash
        ),
        findings=tally.findings + _findings(tally, totals, passes),
    )


def _alert_totals(public: list[AlertTally]) -> AlertTotals:
    decisions = Counter(
        alert.decision.decision if alert.decision else "expired" if alert.expired else "open"
        for alert in public
    )
    actions = Counter(alert.action for alert in public)
    outcomes = Counter(alert.outcome for alert in public)
    reasons = Counter(
        code for alert in public if alert.decision for code in _reasons(alert.decision)
    )
    unread: Counter[str] = Counter(
        alert.expired.reason or "unknown" for alert in public if alert.expired is not None
    )
    return AlertTotals(
        raised=len(public),
        late=sum(alert.event.late for alert in public),
        displayed=sum(alert.displayed_after_ms is not None for alert in public),
        passed=decisions["passed"],
        discounted=decisions["discounted"],
        expired=decisions["expired"],
        open=decisions["open"],
        engaged=actions["engaged"],
        lost=actions["lost"],
        no_action=actions["no_action"],
        confirmed_true=outcomes["confirmed_true"],
        confirmed_false=outcomes["confirmed_false"],
        identity_not_established=outcomes["identity_not_established"],
        false=sum(
            alert.outcome == "confirmed_false"
            or (alert.decision is not None and alert.decision.decision == "discounted")
            for alert in public
        ),
        by_category=_sorted(Counter(alert.event.category for alert in public)),
        by_reason=_sorted(reasons),
        by_expiry=_sorted(unread),
    )


def _camera(
    name: str, tally: Tally, public: list[AlertTally], hits: set[str], duration_s: float | None
) -> CameraFacts:
    sums = tally.cameras.get(name, CameraTally())
    walked = [p.blue_pass for p in tally.blue_passes.values() if p.camera == name]
    return CameraFacts(
        id=name,
        passes=sums.passes,
        detections=sums.detections,
        re_entries=sums.re_entries,
        not_acquired=sums.not_acquired,
        up_s=sums.up_s,
        uptime=min(sums.up_s / duration_s, 1.0) if duration_s else None,
        outages=sums.outages,
        outage_s=sums.outage_s,
        alerts=sum(alert.event.camera == name for alert in public),
        drops=_sorted(sums.drops),
        blue=measure(name, "TPIR by camera", len(hits.intersection(walked)), len(walked)),
    )


def _groups(tally: Tally, hits: set[str]) -> tuple[list[Measure], int]:
    walked: defaultdict[str, list[str]] = defaultdict(list)
    for blue in tally.blue_passes.values():
        if blue.group is not None:
            walked[blue.group].append(blue.blue_pass)
    large = {name: names for name, names in sorted(walked.items()) if len(names) >= SMALL_CELL}
    shown = [
        measure(name, "TPIR by self-declared group", len(hits.intersection(names)), len(names))
        for name, names in large.items()
    ]
    return shown, len(walked) - len(large)


def _reasons(decision: AlertDecided) -> list[str]:
    """Every code that was given; older journals hold the first alone."""
    return decision.reasons or [decision.reason]


def _outcomes(tally: Tally) -> dict[str, int]:
    counts = Counter(tally.outcomes)
    for (_, outcome), count in tally.alert_outcomes.items():
        counts[outcome] += count
    return _sorted(counts)


def _relay_totals(relayed: Mapping[tuple[str, str, str], str]) -> dict[str, dict[str, int]]:
    by_bearer: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (_, _, bearer), state in relayed.items():
        by_bearer[bearer][state] += 1
    return {bearer: _sorted(states) for bearer, states in sorted(by_bearer.items())}


def _alert_facts(alert: AlertTally) -> AlertFacts:
    event, decision = alert.event, alert.decision
    return AlertFacts(
        alert=event.alert,
        raised=alert.raised,
        camera=event.camera,
        category=event.category,
        score=event.score,
        threshold=event.threshold,
        late=event.late,
        displayed_after_ms=alert.displayed_after_ms,
        decision=decision.decision if decision else None,
        reasons=_reasons(decision) if decision else [],
        decided_by=decision.actor if decision else None,
        action=alert.action,
        outcome=alert.outcome,
        expired=(alert.expired.reason or "unknown") if alert.expired else None,
    )


def _findings(tally: Tally, totals: AlertTotals, passes: int) -> list[str]:
    found = []
    if tally.ended is None:
        found.append("the end was not recorded: it still runs, or the engine was killed")
    elif tally.ended[0] > tally.started.planned_end + dt.timedelta(minutes=1):
        found.append("it ended after the authority's end (R3)")
    if not tally.signage:
        found.append("nobody confirmed the signs")
    if totals.false > passes or totals.raised > passes:
        found.append("there are more alerts than passes: passes were not all counted")
    if totals.open and tally.ended is not None:
        found.append(f"{totals.open} alerts were neither decided nor expired")
    unknown = sum(name not in tally.blue_passes for name in tally.blue_hits)
    if unknown:
        found.append(f"{unknown} blue hits belong to no registered pass")
    return found


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
