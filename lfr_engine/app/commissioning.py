"""The engine of a run that is no deployment: commissioning, and an exercise on recorded material.

Owns: how the two are put together. Never: a template in commissioning (R27), a live source in an
exercise. Strategy: whatever blocks runs in the lane it is given; an alert of an exercise is marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from lfr_engine.actors.events import EngineEvent
from lfr_engine.alerts.adjudication import AdjudicationSettings, Person
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.app.cameras import Cameras
from lfr_engine.app.engine import Engine
from lfr_engine.app.exercise_desk import ExerciseDesk
from lfr_engine.app.ledger import AlertLedger, EntryWords
from lfr_engine.app.parts import (
    Opened,
    PackRequest,
    Progress,
    choose_threshold,
    enrol_folder,
    exercise_matching,
)
from lfr_engine.app.plan import Networks
from lfr_engine.app.relay_pictures import Pictures as OfficerPictures
from lfr_engine.app.relaying import Relaying, Said, Say
from lfr_engine.clock import Clock
from lfr_engine.config import Config, EngineConfig, ExerciseConfig
from lfr_engine.errors import ConfigError, InputError
from lfr_engine.identity.matcher import Gallery
from lfr_engine.journal.events.fields import Event
from lfr_engine.relay.outbox import MemoryOutbox
from lfr_engine.relay.settings import RelaySettings
from lfr_engine.runtime.lanes import Lane
from lfr_engine.runtime.telemetry import Telemetry

Publish = Callable[[EngineEvent], None]


@dataclass(slots=True)
class Made:
    """An engine that is not a deployment's. desk, gallery: of an exercise. relaying: where one is
    configured; in commissioning it carries tests only.
    """

    engine: Engine
    ledger: AlertLedger
    desk: ExerciseDesk | None = None
    gallery: Gallery | None = None
    threshold: float | None = None
    relaying: Relaying | None = None


def commissioning(
    config: Config, networks: Networks, cameras: Cameras, telemetry: Telemetry, publish: Publish
) -> Made:
    """Live cameras, detection, tracking and health; nobody is templated."""
    engine = Engine(
        cameras.plans(config.cameras),
        networks,
        None,
        telemetry,
        _record_nothing,
        publish,
        live=True,
        age_budget_s=config.engine.age_budget,
    )
    cameras.attach(engine)
    relaying = None
    if config.relay is not None:
        relaying = _relaying(config.relay, telemetry, _nobody_says, None)
    ledger = AlertLedger(AdjudicationSettings("commissioning"), lambda _: EntryWords())
    return Made(engine, ledger, relaying=relaying)


async def exercise(
    config: Config,
    wanted: ExerciseConfig,
    opened: Opened,
    cameras: Cameras,
    telemetry: Telemetry,
    enrolling: Lane,
    pictures: Lane,
    publish: Publish,
    progress: Progress,
) -> Made:
    """Full matching on recorded material.

    Raises:
        LfrError: The watchlist, a source or the calibration cannot be used.
    """
    plans = cameras.plans(config.cameras)
    if len({plan.fast for plan in plans}) > 1:
        raise ConfigError(
            "cameras", "some are read live and some fast", "give all cameras the same pace"
        )
    fast = plans[0].fast
    listed = await enrolling.run(enrol_folder, wanted.watchlist, opened.pack, progress)
    gallery = listed.gallery
    threshold, _ = choose_threshold(gallery, config.matching.fpir)
    evidence = EvidenceSettings(threshold, config.matching.agree, margin=config.matching.margin)
    matching = exercise_matching(
        gallery, gallery.entries, evidence, site=config.engine.site, recorded=fast
    )
    ledger = AlertLedger(
        matching.alerting.adjudication, lambda entry: EntryWords(entry, "EXERCISE: no action")
    )
    desk = ExerciseDesk(ledger, telemetry.clock, pictures, wanted.watchlist, expires=not fast)

    def hear(event: EngineEvent) -> None:
        desk.hear(event)
        publish(event)

    engine = Engine(
        plans,
        opened.networks,
        matching,
        telemetry,
        desk.record,
        hear,
        live=True,
        age_budget_s=config.engine.age_budget,
    )
    cameras.attach(engine)
    desk.attach(engine)
    relaying = None
    if config.relay is not None:
        relaying = _relaying(config.relay, telemetry, desk.said, desk.picture_for)
        desk.relaying = relaying
    return Made(engine, ledger, desk, gallery, threshold, relaying)


def _relaying(
    settings: RelaySettings, telemetry: Telemetry, say: Say, pictures: OfficerPictures | None
) -> Relaying:
    """A relay whose outbox and journal end with the run."""
    return Relaying(
        settings, MemoryOutbox(), telemetry.clock, telemetry, _record_nothing, say, pictures
    )


def digest(path: Path) -> str:
    """SHA-256 of the configuration file. Raises ``ConfigError``."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigError(path, f"cannot be read: {error.strerror}") from error


def pack_request(engine: EngineConfig) -> PackRequest:
    """What the configuration asks of the networks."""
    return PackRequest(
        engine.pack, engine.device, engine.precision, engine.requests, engine.detector_size
    )


def camera_book(mode: str, clock: Clock) -> Cameras:
    """The cameras of a run, with the rules of its mode (R27)."""
    return Cameras(clock, recorded_only=mode == "exercise", pictures=mode != "commissioning")


async def _record_nothing(_: Sequence[Event]) -> None:
    """Commissioning has no alerts to record, an exercise no journal."""
    await trio.lowlevel.checkpoint()


async def _nobody_says(_: Person, alert: str, __: Said, ___: str) -> None:
    """There is no alert in commissioning that an officer could answer."""
    await trio.lowlevel.checkpoint()
    raise InputError(f"alert {alert:.20}", "there is no such alert")
