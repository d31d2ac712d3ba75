"""Events of one deployment: authority, start to end, stops, traffic, performance, incidents."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lfr_engine.journal.events.fields import (
    Count,
    Counts,
    Digest,
    Event,
    Mode,
    Name,
    Number,
    PersonEvent,
    Ref,
    Refs,
    Share,
    Text,
    Time,
    kind,
)


@kind("authority.refused")
class AuthorityRefused(Event, frozen=True, kw_only=True):
    """The engine did not run: what was missing and which rule asks for it."""

    rule: Ref
    cause: Text
    authority: Ref | None = None
    digest: Digest | None = None


@kind("authority.loaded")
class AuthorityLoaded(PersonEvent, frozen=True, kw_only=True):
    """Somebody gave a running engine an authority, and it was found good: a deployment is to begin
    under it.
    """

    authority: Ref
    digest: Digest


@kind("deployment.started")
class DeploymentStarted(Event, frozen=True, kw_only=True):
    """Everything that was decided before the first frame (R7)."""

    deployment: Ref
    mode: Mode
    authority: Ref
    authority_digest: Digest
    authority_key: Ref
    officer_name: Name
    officer_rank: Name
    officer_id: Ref
    use_case: Text
    purpose: Text
    place: Text
    zones: Refs
    cameras: Refs
    planned_start: Time
    planned_end: Time
    signage_confirmed: bool
    retention: Ref
    false_alert_ceiling: Share
    software: Name
    model: Digest
    calibration: Digest
    configuration: Digest
    thresholds: Annotated[dict[Ref, Number], msgspec.Meta(max_length=50)]
    stated_fpir: Share
    stated_list_size: Count
    watchlist: Ref
    watchlist_built: Time
    watchlist_people: Count
    watchlist_images: Count
    watchlist_categories: Counts
    watchlist_under_18: Count
    watchlist_rejected: Count
    resumed: bool = False


@kind("deployment.ended")
class DeploymentEnded(Event, frozen=True, kw_only=True):
    """Cameras are closed: at the authority's end, by a person, or by a refusal."""

    deployment: Ref
    reason: Literal["authority_end", "operator", "stop", "refused", "fault"]
    actor: Name | None = None
    note: Text | None = None


@kind("deployment.paused")
class DeploymentPaused(Event, frozen=True, kw_only=True):
    """Capture stands still until it is resumed."""

    deployment: Ref
    reason: Literal["operator", "presence", "ceiling", "journal", "fault"]
    actor: Name | None = None
    note: Text | None = None


@kind("deployment.resumed")
class DeploymentResumed(PersonEvent, frozen=True, kw_only=True):
    """A person let capture go on after a pause or a stop."""

    deployment: Ref
    note: Text | None = None


@kind("deployment.stopped")
class DeploymentStopped(PersonEvent, frozen=True, kw_only=True):
    """The big red stop (R17); ``capture_ended_ms`` from the press to the last frame taken."""

    deployment: Ref
    reason: Text
    capture_ended_ms: Number | None = None


@kind("signage.confirmed")
class SignageConfirmed(PersonEvent, frozen=True, kw_only=True):
    """A person saw that the signs stand."""

    deployment: Ref
    note: Text | None = None


@kind("presence.changed")
class PresenceChanged(Event, frozen=True, kw_only=True):
    """The operator's heartbeat was lost or came back (R17)."""

    deployment: Ref
    present: bool
    silent_s: Number = 0


@kind("ceiling.crossed")
class CeilingCrossed(Event, frozen=True, kw_only=True):
    """The live false-alert share changed its colour (R6), with its 95 % interval."""

    deployment: Ref
    level: Literal["green", "amber", "red"]
    false_alerts: Count
    passes: Count
    low: Share
    high: Share
    paused: bool = False


@kind("traffic.summary")
class TrafficSummary(Event, frozen=True, kw_only=True):
    """What one camera saw in one period. Totals are the sums; periods never overlap."""

    deployment: Ref
    camera: Ref
    since: Time
    until: Time
    passes: Count
    detections: Count = 0
    re_entries: Count = 0
    not_acquired: Count = 0
    up_s: Number = 0
    not_acquired_reasons: Counts | None = None


@kind("drops.summary")
class DropsSummary(Event, frozen=True, kw_only=True):
    """Frames and crops of one camera that were not processed in one period, by reason (R23)."""

    deployment: Ref
    camera: Ref
    since: Time
    until: Time
    counts: Counts


@kind("latency.summary")
class LatencySummary(Event, frozen=True, kw_only=True):
    """Milliseconds of one stage since the deployment began; the last one is the record's (R13)."""

    deployment: Ref
    stage: Ref
    count: Count
    p50: Number
    p95: Number
    p99: Number
    longest: Number


@kind("erasure.summary")
class ErasureSummary(Event, frozen=True, kw_only=True):
    """Milliseconds from decision to overwritten crop and template since the beginning (R1)."""

    deployment: Ref
    count: Count
    p50: Number
    p99: Number
    longest: Number
    over_target: Count


@kind("complaint.recorded")
class ComplaintRecorded(PersonEvent, frozen=True, kw_only=True):
    """A complaint was received; its text is kept elsewhere under ``reference``."""

    deployment: Ref
    reference: Ref


@kind("incident.recorded")
class IncidentRecorded(PersonEvent, frozen=True, kw_only=True):
    """Something that oversight should know."""

    deployment: Ref
    text: Text


@kind("outcome.entered")
class OutcomeEntered(PersonEvent, frozen=True, kw_only=True):
    """Counts entered by officers: arrests, safeguarding and others; never for blue-list alerts."""

    deployment: Ref
    outcome: Ref
    count: Count
    alert: Ref | None = None
    note: Text | None = None


@kind("report.made")
class ReportMade(Event, frozen=True, kw_only=True):
    """A deployment record was written: for whom, and the digest of the file."""

    deployment: Ref
    form: Literal["json", "public", "full"]
    sha256: Digest
    actor: Name | None = None
