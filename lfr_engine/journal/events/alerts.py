"""Events of the alert life cycle, of why there was no alert, and of the blue list.

``alert.generated`` is the engine's; every later step but ``alert.expired`` names a person (R2).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from lfr_engine.journal.events.fields import (
    Count,
    Event,
    Name,
    Number,
    PersonEvent,
    Ref,
    Role,
    Text,
    Time,
    kind,
)

Reasons = Annotated[list[Ref], msgspec.Meta(max_length=8)]
"""Codes as a person gave them, the most important first."""
ExpiryReason = Literal["timeout", "newer_pass", "withdrawn", "authority_end", "ended", "refused"]


@kind("alert.generated")
class AlertGenerated(Event, frozen=True, kw_only=True):
    """A possible match: the input that led to it, without biometrics (R16)."""

    deployment: Ref
    alert: Ref
    entry: Ref
    category: Ref
    site: Ref
    camera: Ref
    track: Ref
    captured: Time
    age_ms: Number
    late: bool
    score: Number
    threshold: Number
    sightings: Count
    margin: Number | None = None
    second_entry: Ref | None = None
    quality: Number | None = None
    evidence: Ref | None = None
    watchlist: Ref | None = None
    priority: Count | None = None
    blue: bool = False
    exercise: bool = False


@kind("alert.updated")
class AlertUpdated(Event, frozen=True, kw_only=True):
    """The same person on the same site again: the alert grows instead of repeating (R12)."""

    deployment: Ref
    alert: Ref
    camera: Ref
    track: Ref
    captured: Time
    score: Number
    sightings: Count


@kind("alert.suppressed")
class AlertSuppressed(Event, frozen=True, kw_only=True):
    """A possible match that was not raised, and why (R12, R22)."""

    deployment: Ref
    entry: Ref
    site: Ref
    camera: Ref
    reason: Literal["open_alert", "cooldown", "cleared", "withdrawn", "too_old", "policy"]
    alert: Ref | None = None
    track: Ref | None = None


@kind("recognition.declined")
class RecognitionDeclined(Event, frozen=True, kw_only=True):
    """A track came near an entry but gave no alert: the reason, for "why was nobody recognised?".

    Holds no nominal: a person who was not recognised is not tied to one.
    """

    deployment: Ref
    camera: Ref
    reason: Ref
    sightings: Count
    best_quality: Number | None = None


@kind("alert.displayed")
class AlertDisplayed(PersonEvent, frozen=True, kw_only=True):
    """First shown to a person; ``after_ms`` from the capture (R13)."""

    deployment: Ref
    alert: Ref
    after_ms: Number


@kind("alert.opinion")
class AlertOpinion(PersonEvent, frozen=True, kw_only=True):
    """An opinion before the score was shown (R10)."""

    deployment: Ref
    alert: Ref
    opinion: Literal["same", "different", "not_sure"]


@kind("alert.decided")
class AlertDecided(PersonEvent, frozen=True, kw_only=True):
    """The named human decision (R2). With two persons, ``second_actor`` is the other one.

    ``reasons``: every code given, ``reason`` first; ``reason_group`` is the first one's.
    """

    deployment: Ref
    alert: Ref
    decision: Literal["passed", "discounted"]
    reason: Ref
    reason_group: Literal["subject", "system", "environment"]
    reasons: Reasons | None = None
    note: Text | None = None
    second_actor: Name | None = None
    second_role: Role | None = None


@kind("alert.outcome")
class AlertOutcome(PersonEvent, frozen=True, kw_only=True):
    """What came of a passed alert; the last one of each step counts."""

    deployment: Ref
    alert: Ref
    outcome: Literal[
        "engaged",
        "lost",
        "no_action",
        "confirmed_true",
        "confirmed_false",
        "identity_not_established",
    ]
    reason: Ref | None = None
    reasons: Reasons | None = None
    note: Text | None = None


@kind("alert.expired")
class AlertExpired(Event, frozen=True, kw_only=True):
    """Nobody decided, and why nobody may any more; ``after_ms`` since it was raised.

    ``timeout``: the time to decide ran out; ``newer_pass``: the person came again and a fresh alert
    was raised; ``withdrawn``: the entry left the list; ``authority_end``, ``ended``, ``refused``:
    the deployment ended with it, by its authority, by a person, or because clock or list failed.
    """

    deployment: Ref
    alert: Ref
    after_ms: Number
    reason: ExpiryReason | None = None


@kind("alert.retained")
class AlertRetained(Event, frozen=True, kw_only=True):
    """The alert's pictures are kept, encrypted, until ``until`` (R19)."""

    deployment: Ref
    alert: Ref
    evidence: Ref
    what: Literal["alert_evidence", "discounted_evidence"]
    until: Time
    profile: Ref


@kind("alert.deleted")
class AlertDeleted(Event, frozen=True, kw_only=True):
    """The alert's pictures are gone, under this certificate."""

    deployment: Ref
    alert: Ref
    certificate: Ref


@kind("alert.viewed")
class AlertViewed(PersonEvent, frozen=True, kw_only=True):
    """Somebody looked at an alert's pictures (R16: every view)."""

    deployment: Ref
    alert: Ref


@kind("blue.pass")
class BluePass(PersonEvent, frozen=True, kw_only=True):
    """A consenting member of staff walked through (R9); ``actor`` is who registered it."""

    deployment: Ref
    blue_pass: Ref
    entry: Ref
    camera: Ref
    at: Time
    source: Literal["button", "api", "csv"]
    group: Name | None = None


@kind("blue.hit")
class BlueHit(Event, frozen=True, kw_only=True):
    """The engine recognised that pass; counted once a pass."""

    deployment: Ref
    blue_pass: Ref
    alert: Ref
