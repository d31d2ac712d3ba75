"""Runs of every mode on painted people, as the socket's handlers see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog
import trio

from lfr_engine.actors.alerting import Record
from lfr_engine.actors.events import EngineEvent
from lfr_engine.alerts.adjudication import AdjudicationSettings
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.api.port import Caller, Item
from lfr_engine.app.board import Machine, Traffic
from lfr_engine.app.cameras import Cameras
from lfr_engine.app.deployed import over_session
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.engine import Engine
from lfr_engine.app.engine_api import LiveEngine
from lfr_engine.app.exercise_desk import ExerciseDesk
from lfr_engine.app.ledger import AlertLedger, EntryWords
from lfr_engine.app.logdial import LogDial
from lfr_engine.app.parts import exercise_matching
from lfr_engine.app.plan import Networks
from lfr_engine.app.running import Running
from lfr_engine.clock import SystemClock
from lfr_engine.config import CameraConfig, Config, ExerciseConfig
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.journal.events.fields import Event
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.arguments import Command, NoFilter
from lfr_engine.protocol.commands import ALERTS, BY_ARGUMENTS, CallerRole
from lfr_engine.runtime.lanes import open_lane
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.video_writer import write_video
from tests.app.deployment_rig import Rig
from tests.support import painted
from tests.support.painted import PaintedDetector, PaintedEmbedder, Walk

R = TypeVar("R")

ENGINEER, OPERATOR, OFFICER, INTEGRATOR, AO, AUDITOR = (
    Caller(f"{role.value}-1", role, "unix:uid=1", "s-1", "peer") for role in CallerRole
)
WALKS = [Walk("ann", 0.2, 3.8), Walk("cid", 1.0, 4.5, row=150)]


@dataclass
class Stage:
    """A run and its port."""

    running: Running
    engine: LiveEngine
    embedder: PaintedEmbedder
    raised: int = 0

    async def call(self, command: Command[R], caller: Caller = OPERATOR) -> R:
        result: R = await self.engine.execute(BY_ARGUMENTS[type(command)], command, caller)
        return result

    def generated(self, **changes: Any) -> AlertGenerated:
        """One alert more, as the table would raise it."""
        self.raised += 1
        fields: dict[str, Any] = {
            "deployment": "exercise", "alert": f"AAAA{self.raised:02X}", "entry": "ann",
            "category": "wanted", "site": "site", "camera": "door", "track": "door-1",
            "captured": dt.datetime.now(dt.UTC), "age_ms": 120.0, "late": False, "score": 0.9,
            "threshold": 0.5, "sightings": 2, "margin": 0.3,
        }  # fmt: skip
        return AlertGenerated(**{**fields, **changes})


async def _nothing(_: Sequence[Event]) -> None:
    await trio.lowlevel.checkpoint()


def clip(folder: Path, walks: Sequence[Walk] = WALKS, seconds: float = 5.0) -> Path:
    """The walks as a video file, 20 pictures a second."""
    path = folder / "walks.mp4"
    pictures = (painted.paint(walks, number / 20) for number in range(round(seconds * 20)))
    write_video(path, pictures, fps=20, size=(painted.WIDTH, painted.HEIGHT))
    return path


@asynccontextmanager
async def stage(
    folder: Path, *, exercise: bool, cameras: Sequence[CameraConfig] = (), run: bool = True
) -> AsyncIterator[Stage]:
    """A run in commissioning or exercise, on painted people."""
    structlog.reset_defaults()
    clock = SystemClock()
    telemetry, traffic = Telemetry(clock), Traffic(clock)
    config = Config(
        cameras=list(cameras), exercise=ExerciseConfig(watchlist=folder) if exercise else None
    )
    embedder = PaintedEmbedder()
    networks = Networks(PaintedDetector, lambda: embedder, painted.CROPPER)
    async with open_lane("test", width=1) as lane:
        book = Cameras(clock, recorded_only=exercise, pictures=exercise)
        gallery, matching, desk = None, None, None
        record: Record = _nothing
        ledger = AlertLedger(AdjudicationSettings("exercise"), EntryWords)
        if exercise:
            gallery = painted.gallery("ann", "bob")
            matching = exercise_matching(
                gallery, gallery.entries, EvidenceSettings(0.6), site="site", recorded=False
            )
            desk = ExerciseDesk(ledger, clock, lane, folder, expires=True)
            record = desk.record

        def publish(event: EngineEvent) -> None:
            traffic.take(event)
            if desk is not None:
                desk.hear(event)

        engine = Engine(
            book.plans(config.cameras), networks, matching, telemetry, record, publish, live=True
        )
        book.attach(engine)
        if desk is not None:
            desk.attach(engine)
        running = Running(
            path=folder / "c.toml", config=config, digest="c" * 64, clock=clock,
            telemetry=telemetry, engine=engine, cameras=book, log=LogDial("info", clock),
            lane=lane, traffic=traffic, machine=Machine(clock), ledger=ledger,
            run=engine.run, leave=engine.finish, desk=desk, gallery=gallery,
        )  # fmt: skip
        api = LiveEngine(running)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(api.tend)
            if desk is not None and run:
                nursery.start_soon(desk.tend)
            if run:
                await nursery.start(engine.run)
            yield Stage(running, api, embedder)
            engine.finish()
            nursery.cancel_scope.cancel()
    structlog.reset_defaults()


@asynccontextmanager
async def deployment_stage(rig: Rig, **changes: Any) -> AsyncIterator[Stage]:
    """A deployment that runs while the block lasts."""
    structlog.reset_defaults()
    config = Config(cameras=[])
    async with (
        open_lane("test", width=1) as lane,
        open_deployment(rig.settings(**changes), rig.models, rig.clock) as session,
        over_session(
            session,
            rig.data / "c.toml",
            config,
            Cameras(rig.clock, recorded_only=False, pictures=True),
            lane,
            LogDial("info", rig.clock),
        ) as running,
        trio.open_nursery() as nursery,
    ):
        assert running.tend is not None
        nursery.start_soon(running.tend)
        await nursery.start(session.run)
        api = LiveEngine(running)
        nursery.start_soon(api.tend)
        embedder = rig.embedder
        assert isinstance(embedder, PaintedEmbedder)
        yield Stage(running, api, embedder)
        session.leave()
        nursery.cancel_scope.cancel()
    structlog.reset_defaults()


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario, which may not hang."""

    async def main() -> None:
        with trio.fail_after(30):
            await scenario()

    trio.run(main)


async def first_alert(stage: Stage) -> s.Alert:
    """The oldest alert, which may still be to come."""
    with stage.engine.subscribe(ALERTS, NoFilter(), OPERATOR) as reader:
        page = await stage.engine.read(ALERTS, 0, 1, OPERATOR)
        item = page.items[0] if page.items else await reader.receive()
    assert isinstance(item, Item)
    assert isinstance(item.body, s.Alert)
    return item.body
