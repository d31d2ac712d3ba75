"""Events of the engine itself: the journal's own, life and faults, settings, clock, cameras."""

from __future__ import annotations

from typing import Literal

from lfr_engine.journal.events.fields import (
    Count,
    Digest,
    Event,
    Mode,
    Name,
    Number,
    PersonEvent,
    Ref,
    Signature,
    Text,
    Time,
    kind,
)


@kind("journal.created")
class JournalCreated(Event, frozen=True, kw_only=True):
    """First record: which journal this is and which key signs its checkpoints."""

    format: Count
    journal: Ref
    public_key: Ref
    software: Name


@kind("journal.checkpoint")
class JournalCheckpoint(Event, frozen=True, kw_only=True):
    """Signs the record before it, and through the chain everything before that."""

    head_seq: Count
    head_hash: Digest
    signature: Signature
    closing: bool = False


@kind("journal.repaired")
class JournalRepaired(Event, frozen=True, kw_only=True):
    """A write cut short by a crash or power loss was removed; nothing committed was lost."""

    after_seq: Count
    bytes_removed: Count
    sha256: Digest


@kind("journal.viewed")
class JournalViewed(PersonEvent, frozen=True, kw_only=True):
    """Somebody read or exported records (R16: every view)."""

    purpose: Text
    exported: bool = False


@kind("engine.started")
class EngineStarted(Event, frozen=True, kw_only=True):
    """A process began; ``clean`` says whether the one before it ended in order."""

    software: Name
    mode: Mode
    clean: bool
    configuration: Digest | None = None


@kind("engine.stopped")
class EngineStopped(Event, frozen=True, kw_only=True):
    """A process ended in order."""

    reason: Text
    exit_status: Count = 0


@kind("engine.fault")
class EngineFault(Event, frozen=True, kw_only=True):
    """A part of the engine failed; how often it was restarted so far."""

    part: Ref
    cause: Text
    restarts: Count = 0
    deployment: Ref | None = None


@kind("setting.changed")
class SettingChanged(PersonEvent, frozen=True, kw_only=True):
    """A setting, a zone or a threshold was changed (R16)."""

    setting: Ref
    before: Text
    after: Text
    reason: Text | None = None
    deployment: Ref | None = None


@kind("clock.refused")
class ClockRefused(Event, frozen=True, kw_only=True):
    """The machine's clock cannot be trusted: unsynchronised, rewound or jumped (R3)."""

    cause: Literal["unsynchronised", "rewound", "jumped"]
    expected: Time | None = None
    found: Time | None = None
    deployment: Ref | None = None


@kind("clock.corrected")
class ClockCorrected(PersonEvent, frozen=True, kw_only=True):
    """A person vouches that the clock is right although the journal holds later times."""

    reason: Text


@kind("camera.up")
class CameraUp(Event, frozen=True, kw_only=True):
    """A camera delivers again; ``outage_s`` is how long it did not."""

    camera: Ref
    outage_s: Number = 0
    deployment: Ref | None = None


@kind("camera.down")
class CameraDown(Event, frozen=True, kw_only=True):
    """A camera stopped delivering; written once per outage."""

    camera: Ref
    cause: Text
    deployment: Ref | None = None


@kind("camera.health")
class CameraHealth(Event, frozen=True, kw_only=True):
    """A camera can or cannot meet its target: which measure, its value, its limit (R24)."""

    camera: Ref
    measure: Ref
    good: bool
    value: Number
    limit: Number
    deployment: Ref | None = None


@kind("camera.changed")
class CameraChanged(PersonEvent, frozen=True, kw_only=True):
    """A camera was added, altered, enabled, disabled or removed."""

    camera: Ref
    change: Literal["added", "altered", "enabled", "disabled", "removed"]
    note: Text | None = None
    deployment: Ref | None = None


@kind("calibration.fitted")
class CalibrationFitted(Event, frozen=True, kw_only=True):
    """A threshold was fitted: on which data, for which model, and what it promises (R5)."""

    calibration: Digest
    pack: Ref
    threshold: Number
    fpir: Number
    list_size: Count
    data: Text


@kind("calibration.refused")
class CalibrationRefused(Event, frozen=True, kw_only=True):
    """The calibration does not belong to what is loaded; the engine did not start (R5)."""

    cause: Text
    calibration: Digest | None = None
