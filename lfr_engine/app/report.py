"""What an exercise leaves behind: figures and alerts, ready for JSON; no template, no picture."""

from __future__ import annotations

import msgspec

from lfr_engine.runtime.telemetry import Telemetry


class AlertReport(msgspec.Struct, frozen=True):
    """One alert, as it stood at its last update.

    camera: the one that raised it; cameras: all that saw the person on this pass.
    media_time_s: in the recording, of the sighting that raised it. score: cosine of the fused
    template with the entry, -1 to 1. margin: to the next entry, absent with one entry. sightings:
    agreeing ones. latency_ms: from capture (demux) of the deciding frame to the alert. late: over
    the age budget.
    """

    reference: str
    entry: str
    camera: str
    cameras: list[str]
    media_time_s: float
    score: float
    margin: float | None
    sightings: int
    latency_ms: float
    late: bool


class CameraFigures(msgspec.Struct, frozen=True):
    """One source. error: why it was refused or ended early, empty where all went well."""

    camera: str
    source: str
    state: str
    frames: int
    detected: int
    passes: int
    media_s: float
    drops: dict[str, int]
    error: str


class ExerciseReport(msgspec.Struct, frozen=True):
    """Everything an exercise measured. stages: count, mean and percentiles in
    milliseconds. verdicts: how the sightings of each pass ended.
    """

    mode: str
    pack: str
    device: str
    precision: str
    threshold: float
    stated_fpir: float | None
    watchlist_size: int
    frames: int
    duration_s: float
    frames_per_s: float
    passes: int
    interrupted: bool
    cameras: list[CameraFigures]
    stages: dict[str, dict[str, float | int]]
    verdicts: dict[str, int]
    erased_templates: int
    alerts: list[AlertReport]


def stage_summaries(telemetry: Telemetry) -> dict[str, dict[str, float | int]]:
    """Every stage's summary, in the order the stages were first met."""
    return {name: histogram.summary() for name, histogram in telemetry.stages.items()}
