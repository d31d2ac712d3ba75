"""The deployment record: everything oversight asks for, as one machine-readable value (R7).

Owns: its fields. Never: a figure that is not counted from the journal (``tally`` counts), a
person's biometrics or name from the list. Strategy: plain structs that become JSON as they stand;
``format`` grows when a field changes its meaning.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from lfr_engine.deployment.authority import Officer
from lfr_engine.deployment.measures import Measure


class ListFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The watchlist as it was sealed; ``withdrawn`` counts entries taken off during the run."""

    id: str
    built: dt.datetime
    people: int
    images: int
    categories: dict[str, int]
    under_18: int
    rejected: int
    withdrawn: int


class CameraFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One camera: what it saw, and how long it could see.

    uptime: share of the deployment's actual time; None until it has ended.
    """

    id: str
    passes: int
    detections: int
    re_entries: int
    not_acquired: int
    up_s: float
    uptime: float | None
    outages: int
    outage_s: float
    alerts: int
    drops: dict[str, int]
    blue: Measure


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of one stage; ``run`` counts the engine's starts within the deployment."""

    run: int
    stage: str
    count: int
    p50: float
    p95: float
    p99: float
    longest: float


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from decision to overwritten crop and template (R1), by run."""

    run: int
    count: int
    p50: float
    p99: float
    longest: float
    over_target: int


class AlertFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One alert from beginning to end, without the nominal's id; full record only.

    score: None where whoever asks may still have to judge it (R10). reasons: every code given.
    expired: why nobody may decide any more, None where it did not expire.
    """

    alert: str
    raised: dt.datetime
    camera: str
    category: str
    score: float | None
    threshold: float
    late: bool
    displayed_after_ms: float | None
    decision: str | None
    reasons: list[str]
    decided_by: str | None
    action: str | None
    outcome: str | None
    expired: str | None


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Something was erased, and this is the proof's number."""

    certificate: str
    utc: dt.datetime
    what: str
    method: str
    count: int
    reason: str


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something oversight should see, at a time: a stop, a pause, an incident, a refusal."""

    utc: dt.datetime
    kind: str
    text: str
    actor: str | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Which journal records this was counted from, so that anybody can count again."""

    first_seq: int
    last_seq: int
    last_hash: str


class AlertTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, the blue list left out. Each alert is in one of ``passed``, ``discounted``,
    ``expired`` and ``open``; ``false`` is discounted or confirmed false after engagement.
    by_reason: decisions that gave a code; one may give several. by_expiry: why alerts expired.
    """

    raised: int
    late: int
    displayed: int
    passed: int
    discounted: int
    expired: int
    open: int
    engaged: int
    lost: int
    no_action: int
    confirmed_true: int
    confirmed_false: int
    identity_not_established: int
    false: int
    by_category: dict[str, int]
    by_reason: dict[str, int]
    by_expiry: dict[str, int]


class DeploymentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one deployment (``docs/authority.md`` explains the words).

    ended and duration_s are None while it runs or where a crash left no end. measures: the four of
    R8. groups: TPIR by self-declared group of consenting staff (R20), small ones left out and
    counted in ``small_groups``. findings: what does not add up, in words.
    """

    format: int = 2
    deployment: str
    mode: str
    authority: str
    authority_digest: str
    authority_key: str
    officer: Officer
    use_case: str
    purpose: str
    place: str
    zones: list[str]
    planned_start: dt.datetime
    planned_end: dt.datetime
    started: dt.datetime
    ended: dt.datetime | None
    ended_because: str | None
    duration_s: float | None
    signage_confirmed: bool
    software: str
    model: str
    calibration: str
    configuration: str
    thresholds: dict[str, float]
    stated_fpir: float
    stated_list_size: int
    false_alert_ceiling: float
    retention: str
    watchlist: ListFacts
    passes: int
    detections: int
    re_entries: int
    not_acquired: int
    cameras: list[CameraFacts]
    alerts: AlertTotals
    suppressed: dict[str, int]
    declined: dict[str, int]
    outcomes: dict[str, int]
    blue_passes: int
    blue_hits: int
    measures: list[Measure]
    groups: list[Measure]
    small_groups: int
    latencies: list[Latency]
    erasures: list[Erasure]
    drops: dict[str, int]
    relayed: dict[str, dict[str, int]]
    deletions: list[Certificate]
    complaints: list[Happening]
    incidents: list[Happening]
    stops: list[Happening]
    alert_list: list[AlertFacts]
    passes_over_time: list[tuple[dt.datetime, int]]
    evidence: Evidence
    findings: list[str]


def without_open_scores(record: DeploymentRecord) -> DeploymentRecord:
    """The record for somebody who may still have to judge its undecided alerts (R10)."""
    shown = [
        alert
        if alert.decision is not None or alert.expired is not None
        else msgspec.structs.replace(alert, score=None)
        for alert in record.alert_list
    ]
    return msgspec.structs.replace(record, alert_list=shown)


def as_json(record: DeploymentRecord) -> bytes:
    """The full record as indented JSON, UTF-8, with a line feed at the end."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def as_values(record: DeploymentRecord) -> dict[str, Any]:
    """The full record as plain values, for the socket API."""
    built: dict[str, Any] = msgspec.to_builtins(record)
    return built
