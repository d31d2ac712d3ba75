"""An exercise: the whole engine on recorded material, marked so, with a watchlist from a folder.

Owns: from names of files to an engine and back to a report. Never: a live source (R27), or a
template that outlives the run. Strategy: everything that blocks runs in a lane, so that Ctrl-C is
heard at any moment; a source that fails is reported and the others go on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from lfr_engine.actors.camera import CameraSettings
from lfr_engine.actors.events import AlertTold, EngineEvent, PassEnded
from lfr_engine.actors.tracker import Follow
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.app.engine import Engine
from lfr_engine.app.parts import (
    PackRequest,
    Progress,
    choose_threshold,
    enrol_folder,
    exercise_matching,
    open_networks,
)
from lfr_engine.app.plan import CameraPlan, Matching, Networks
from lfr_engine.app.report import (
    AlertReport,
    CameraFigures,
    ExerciseReport,
    stage_summaries,
)
from lfr_engine.clock import Clock
from lfr_engine.config import REQUESTS
from lfr_engine.errors import RuleError
from lfr_engine.inference.store import ModelStore
from lfr_engine.journal.events.fields import Event
from lfr_engine.runtime.lanes import Lane, open_lane
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.spec import SourceAddress, parse_address, unique_names

_Result = TypeVar("_Result")

SITE = "exercise"
DRAIN_S = 0.6
"""After a stop, how long what is under way may take to reach its end."""


@dataclass(frozen=True, slots=True)
class ExerciseRequest:
    """What to run. fpir: stated rate of the calibrated threshold. threshold: instead of it, where
    stricter or no calibration fits. strict: a picture that cannot be enrolled ends it; otherwise
    ``Ready`` says which.
    """

    sources: tuple[str, ...]
    watchlist: Path
    pack: str | None = None
    device: str = "CPU"
    fpir: float = 0.001
    threshold: float | None = None
    requests: int = REQUESTS
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """What is about to run: told once, before the first frame.

    names: of the entries. rejected: pictures that could not be enrolled, each with its reason.
    """

    entries: int
    references: int
    cameras: tuple[str, ...]
    threshold: float
    stated_fpir: float | None
    device: str
    precision: str
    pack: str
    names: tuple[str, ...]
    rejected: tuple[str, ...]


Tell = Callable[[Ready | EngineEvent], None]


@dataclass(slots=True)
class _Tally:
    """What the report needs of the events."""

    passes: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    alerts: dict[str, tuple[AlertTold, Alert]] = field(default_factory=dict)

    def take(self, event: EngineEvent) -> None:
        if isinstance(event, AlertTold):
            first = self.alerts.get(event.alert.reference, (event, event.alert))[0]
            self.alerts[event.alert.reference] = (first, event.alert)
        elif isinstance(event, PassEnded) and event.confirmed:
            camera = event.track.camera
            self.passes[camera] = self.passes.get(camera, 0) + 1
            verdict = event.finding.verdict.value if event.finding else "no usable view"
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1


def check_sources(texts: Sequence[str]) -> list[SourceAddress]:
    """Parse the sources of an exercise.

    Raises:
        RuleError: R27, one of them is live.
        ConfigError: One is not an address.
    """
    addresses = [parse_address(text) for text in texts]
    for address in addresses:
        if address.live:
            raise RuleError(
                "R27",
                address,
                "is a live source, and an exercise runs on recorded material only",
                "record it first, or run a deployment under a signed authority",
            )
    return addresses


async def run_exercise(
    request: ExerciseRequest,
    clock: Clock,
    store: ModelStore,
    tell: Tell,
    progress: Progress,
    stopping: trio.Event,
    follow: Follow | None = None,
) -> ExerciseReport | None:
    """Run an exercise to its end, or until ``stopping`` is set.

    ``tell`` hears ``Ready`` and then every event; ``progress`` hears (what, done, in all) while the
    watchlist is enrolled, from a thread. ``follow`` hears whose every face is, for measuring. None
    where it was stopped before the first frame.

    Raises:
        LfrError: Nothing could run: a bad watchlist, model or option. A bad source is in the
            report instead.
    """
    addresses = check_sources(request.sources)
    telemetry = Telemetry(clock)
    async with open_lane("prepare", width=1, deadline_s=3600.0) as lane:
        prepared = await _until(stopping, lambda: _prepare(request, store, lane, progress))
    if prepared is None:
        return None
    ready, networks, matching = prepared
    tally = _Tally()

    def publish(event: EngineEvent) -> None:
        tally.take(event)
        tell(event)

    names = unique_names(addresses)
    engine = Engine(
        cameras=[
            _camera(name, address, clock) for name, address in zip(names, addresses, strict=True)
        ],
        networks=networks,
        matching=matching,
        telemetry=telemetry,
        record=_record_nothing,
        publish=publish,
        follow=follow,
    )
    tell(ready)
    began_ns = clock.monotonic_ns()
    interrupted = await _run(engine, stopping)
    duration_s = (clock.monotonic_ns() - began_ns) / 1e9
    return _report(ready, engine, tally, duration_s, interrupted=interrupted)


def _camera(name: str, address: SourceAddress, clock: Clock) -> CameraPlan:
    settings = CameraSettings(name, address)
    return CameraPlan(settings, reader_for(name, address, settings.reader, clock), fast=True)


async def _until(stopping: trio.Event, work: Callable[[], Awaitable[_Result]]) -> _Result | None:
    """The result of ``work``, or None as soon as ``stopping`` is set."""
    result: list[_Result] = []
    async with trio.open_nursery() as nursery:

        async def do() -> None:
            result.append(await work())
            nursery.cancel_scope.cancel()

        nursery.start_soon(do)
        await stopping.wait()
        nursery.cancel_scope.cancel()
    return result[0] if result else None


async def _prepare(
    request: ExerciseRequest, store: ModelStore, lane: Lane, progress: Progress
) -> tuple[Ready, Networks, Matching]:
    wanted = PackRequest(request.pack or "", request.device, requests=request.requests)
    opened = await lane.run(open_networks, wanted, store)
    enrol = partial(enrol_folder, strict=request.strict)
    listed = await lane.run(enrol, request.watchlist, opened.pack, progress)
    gallery = listed.gallery
    threshold, stated = choose_threshold(gallery, request.fpir, request.threshold)
    ready = Ready(
        entries=len(gallery),
        references=len(gallery.owners),
        cameras=tuple(unique_names(check_sources(request.sources))),
        threshold=threshold,
        stated_fpir=stated,
        device=opened.device,
        precision=opened.precision,
        pack=opened.name,
        names=gallery.entries,
        rejected=tuple(map(str, listed.rejects)),
    )
    matching = exercise_matching(
        gallery, gallery.entries, EvidenceSettings(threshold), site=SITE, recorded=True
    )
    return ready, opened.networks, matching


async def _run(engine: Engine, stopping: trio.Event) -> bool:
    """Run to the end; True where it was stopped before."""
    async with trio.open_nursery() as nursery:

        async def stop_when_asked() -> None:
            await stopping.wait()
            engine.stop()
            await trio.sleep(DRAIN_S)
            nursery.cancel_scope.cancel()

        nursery.start_soon(stop_when_asked)
        await engine.run()
        nursery.cancel_scope.cancel()
    return stopping.is_set()


async def _record_nothing(_: Sequence[Event]) -> None:
    """An exercise keeps no journal; its report is its record."""
    await trio.lowlevel.checkpoint()


def _report(
    ready: Ready,
    engine: Engine,
    tally: _Tally,
    duration_s: float,
    *,
    interrupted: bool,
) -> ExerciseReport:
    telemetry = engine.telemetry
    cameras = [
        CameraFigures(
            camera=name,
            source=report.source,
            state=report.condition.state.value,
            frames=report.frames,
            detected=telemetry.counts[f"detected {name}"],
            passes=tally.passes.get(name, 0),
            media_s=round(report.last_media_s, 3),
            drops=dict(telemetry.drops.get(name, {})),
            error=report.error,
        )
        for name in (plan.settings.camera for plan in engine.cameras)
        if (report := engine.reports.get(name)) is not None
    ]
    frames = sum(camera.frames for camera in cameras)
    return ExerciseReport(
        mode="exercise",
        pack=ready.pack,
        device=ready.device,
        precision=ready.precision,
        threshold=round(ready.threshold, 4),
        stated_fpir=ready.stated_fpir,
        watchlist_size=ready.entries,
        frames=frames,
        duration_s=round(duration_s, 3),
        frames_per_s=round(frames / duration_s, 1) if duration_s > 0 else 0.0,
        passes=sum(tally.passes.values()),
        interrupted=interrupted,
        cameras=cameras,
        stages=stage_summaries(telemetry),
        verdicts=tally.verdicts,
        erased_templates=telemetry.counts["erased templates"],
        alerts=[_alert_report(first, alert) for first, alert in tally.alerts.values()],
    )


def _alert_report(first: AlertTold, alert: Alert) -> AlertReport:
    return AlertReport(
        reference=alert.reference,
        entry=alert.entry,
        camera=alert.camera,
        cameras=sorted({camera for camera, _ in alert.tracks}),
        media_time_s=round(first.scene_s, 3),
        score=round(alert.score, 4),
        margin=None if alert.margin is None else round(alert.margin, 4),
        sightings=alert.sightings,
        latency_ms=round(first.age_s * 1e3, 1),
        late=alert.late,
    )
