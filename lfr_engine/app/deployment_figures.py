"""What a deployment counts while it runs, and the summaries it journals of that (R6, R7, R23).

Owns: passes, time in view and what was journalled of the engine's measures so far. Never: anything
about a person. Strategy: summaries of traffic and drops are differences since the last, so that
their sums are the totals; latencies and erasure stand for the whole run, the last one counts.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping

from lfr_engine.actors.camera import CameraReport
from lfr_engine.actors.events import PassEnded
from lfr_engine.journal.events.deployment import (
    DropsSummary,
    ErasureSummary,
    LatencySummary,
    TrafficSummary,
)
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.telemetry import Histogram, Telemetry
from lfr_engine.sources.condition import CameraState

ERASE = "erase"
ERASE_TARGET_S = 0.1
"""R1: from the decision that somebody is unmatched to the erasure, 99 of 100."""
TO_OPERATOR = "to operator"
_MOST_REASONS = 100


class Figures:
    """One run's counts. passes: of the whole deployment, earlier runs included."""

    def __init__(self, deployment: str, telemetry: Telemetry, now: dt.datetime) -> None:
        self.passes = 0
        self._deployment = deployment
        self._telemetry = telemetry
        self._since = now
        self._passes: Counter[str] = Counter()
        self._unseen: Counter[str] = Counter()
        self._up_s: dict[str, float] = {}
        self._faces: Counter[str] = Counter()
        self._drops: dict[str, Counter[str]] = {}

    def restore(self, past: Iterable[Event]) -> None:
        """Take the passes that earlier runs journalled."""
        self.passes += sum(e.passes for e in past if isinstance(e, TrafficSummary))

    def ended(self, event: PassEnded) -> None:
        """Somebody walked through."""
        if event.confirmed:
            self.passes += 1
            self._passes[event.track.camera] += 1
            if event.finding is None:
                self._unseen[event.track.camera] += 1

    def watched(self, reports: Mapping[str, CameraReport], seconds: float) -> None:
        """So long again each live camera could see."""
        for name, report in reports.items():
            if report.condition.state is CameraState.LIVE:
                self._up_s[name] = self._up_s.get(name, 0.0) + seconds

    def summaries(self, cameras: Iterable[str], now: dt.datetime) -> list[Event]:
        """The events to journal for the time since the last call."""
        events: list[Event] = []
        since, self._since = self._since, now
        for camera in cameras:
            events.append(self._traffic(camera, since, now))
            drops = self._new_drops(camera)
            if drops:
                events.append(
                    DropsSummary(
                        deployment=self._deployment,
                        camera=camera,
                        since=since,
                        until=now,
                        counts=dict(drops.most_common(_MOST_REASONS)),
                    )
                )
        for stage, histogram in self._telemetry.stages.items():
            events.append(self._latency(stage, histogram))
        if ERASE in self._telemetry.stages:
            events.append(self._erasure(self._telemetry.stages[ERASE]))
        return events

    def _traffic(self, camera: str, since: dt.datetime, now: dt.datetime) -> TrafficSummary:
        faces = self._telemetry.counts[f"faces {camera}"]
        unseen = self._unseen.pop(camera, 0)
        event = TrafficSummary(
            deployment=self._deployment,
            camera=camera,
            since=since,
            until=now,
            passes=self._passes.pop(camera, 0),
            detections=faces - self._faces[camera],
            not_acquired=unseen,
            up_s=self._up_s.pop(camera, 0.0),
            not_acquired_reasons={"no_usable_view": unseen} if unseen else None,
        )
        self._faces[camera] = faces
        return event

    def _new_drops(self, camera: str) -> Counter[str]:
        present = Counter(
            {_code(why): many for why, many in self._telemetry.drops.get(camera, {}).items()}
        )
        new = present - self._drops.get(camera, Counter())
        self._drops[camera] = present
        return new

    def _latency(self, stage: str, histogram: Histogram) -> LatencySummary:
        return LatencySummary(
            deployment=self._deployment,
            stage=_code(stage),
            count=histogram.count,
            p50=histogram.percentile(0.50) * 1e3,
            p95=histogram.percentile(0.95) * 1e3,
            p99=histogram.percentile(0.99) * 1e3,
            longest=histogram.maximum * 1e3,
        )

    def _erasure(self, histogram: Histogram) -> ErasureSummary:
        return ErasureSummary(
            deployment=self._deployment,
            count=histogram.count,
            p50=histogram.percentile(0.50) * 1e3,
            p99=histogram.percentile(0.99) * 1e3,
            longest=histogram.maximum * 1e3,
            over_target=histogram.above(ERASE_TARGET_S),
        )


def _code(words: str) -> str:
    """A reason or stage as the journal's codes are: without spaces."""
    return words.replace(" ", "_")
