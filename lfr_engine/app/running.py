"""A run as the parts around the engine share it: what the API, the status and reloading look at.

Owns: the list of those parts. Never: behaviour beyond the state and the board, which need them all.
Strategy: plain data; what only some modes have is None in the others, and says so in its name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import trio

from lfr_engine import __version__
from lfr_engine.alerts.adjudication import Decision, Opinion, Outcome, Person
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.app import board as boards
from lfr_engine.app.board import Machine, Traffic, moment
from lfr_engine.app.cameras import Cameras
from lfr_engine.app.deployment_session import Session
from lfr_engine.app.deployment_settings import Models
from lfr_engine.app.engine import Engine
from lfr_engine.app.ledger import AlertLedger
from lfr_engine.app.logdial import LogDial
from lfr_engine.app.relaying import Relaying
from lfr_engine.clock import Clock
from lfr_engine.config import Config
from lfr_engine.identity.matcher import Gallery
from lfr_engine.inference.pack import OpenPack
from lfr_engine.protocol import shapes as s
from lfr_engine.runtime.lanes import Lane
from lfr_engine.runtime.telemetry import Telemetry


class AlertDesk(Protocol):
    """Where people act on alerts: a deployment's session, or an exercise's desk."""

    async def display(self, person: Person, reference: str) -> Alert:
        """It is before a person's eyes."""
        ...

    async def opinion(self, person: Person, reference: str, opinion: Opinion) -> Alert:
        """A first opinion (R10)."""
        ...

    async def decide(
        self,
        person: Person,
        reference: str,
        decision: Decision,
        reasons: list[str],
        note: str = "",
    ) -> Alert:
        """The named decision (R2)."""
        ...

    async def outcome(
        self,
        person: Person,
        reference: str,
        outcome: Outcome,
        reasons: list[str],
        note: str = "",
        *,
        arrest: bool = False,
    ) -> Alert:
        """What officers found."""
        ...

    async def show(self, person: Person, reference: str) -> s.AlertPictures:
        """The pictures; looking is recorded (R16)."""
        ...


class Run(Protocol):
    """Runs an engine; started once it watches."""

    async def __call__(self, *, task_status: trio.TaskStatus[None] = ...) -> None:
        """Until it ends."""
        ...


@dataclass(slots=True)
class Running:
    """One run.

    Args:
        path: Of the configuration file.
        config: As it was last read.
        digest: SHA-256 of the file.
        clock: Where time comes from.
        telemetry: The engine's measures.
        engine: What runs.
        cameras: What people change of it.
        log: The log's level and lines.
        lane: For pictures and whatever else blocks for a moment.
        hashes: Of what is loaded, by name.
        ledger: Alerts and decisions as subscribers follow them; empty in commissioning.
        desk: Where people act on alerts; None in commissioning.
        gallery: Of an exercise.
        pack: The networks, for pictures that are to be checked.
        session: Of a deployment.
        relaying: How officers are told; None where nothing is configured.
        run: Runs the engine, in the way of its mode, until ``leave`` or the end of a deployment.
        leave: Ends it in good order.
        tend: What the mode does beside the engine, until cancelled.
        grace_s: What leaving may take.
        withdrawn: Entries taken off an exercise's list.
        models: What a deployment of this configuration would run; only in commissioning, and only
            where an authority may be loaded.
        loading: Whether an authority is being verified.
        handover: Set when this run is to end, because a deployment begins after it.
        stopped, paused: Why capture stands still where there is no deployment; empty otherwise.
    """

    path: Path
    config: Config
    digest: str
    clock: Clock
    telemetry: Telemetry
    engine: Engine
    cameras: Cameras
    log: LogDial
    lane: Lane
    traffic: Traffic
    machine: Machine
    ledger: AlertLedger
    run: Run
    leave: Callable[[], None]
    hashes: dict[str, str] = field(default_factory=dict)
    desk: AlertDesk | None = None
    gallery: Gallery | None = None
    pack: OpenPack | None = None
    session: Session | None = None
    relaying: Relaying | None = None
    tend: Callable[[], Awaitable[None]] | None = None
    grace_s: float = 1.0
    withdrawn: set[str] = field(default_factory=set)
    models: Callable[[], Models] | None = None
    loading: bool = False
    handover: trio.Event = field(default_factory=trio.Event)
    stopped: str = ""
    paused: str = ""
    started: dt.datetime = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock.utc()

    @property
    def mode(self) -> str:
        """commissioning, exercise or deployment (R27)."""
        if self.session is not None:
            return "exercise" if self.session.opened.live.exercise else "deployment"
        return self.config.mode

    def state(self) -> s.EngineState:
        """Where the engine stands."""
        deployment = None if self.session is None else deployment_state(self.session)
        return s.EngineState(
            mode=self.mode,
            version=__version__,
            started=moment(self.started),
            now=moment(self.clock.utc()),
            safe_stop=bool(self.stopped)
            or (deployment is not None and deployment.phase == "stopped"),
            operator_present=self.session is None or self.session.state().present,
            deployment=deployment,
            hashes={"configuration": self.digest, **self.hashes},
        )

    def camera_states(self) -> list[s.CameraState]:
        """Every camera."""
        site = self.config.engine.site
        return [
            boards.camera_state(
                camera,
                self.engine.reports.get(camera.config.name),
                self.traffic,
                self.telemetry,
                site,
            )
            for camera in self.cameras
        ]

    def bearers(self) -> list[s.BearerState]:
        """Every way to officers."""
        relaying = self.relaying
        if relaying is None:
            return []
        return relaying.links.states(relaying.table, self.telemetry, relaying.stopped)

    def board(self) -> s.Board:
        """Everything, now."""
        passes, ceiling, rate = self.traffic.passes.total(), "green", None
        if self.session is not None:
            state = self.session.state()
            reading, passes = state.ceiling, state.passes
            ceiling = reading.level.value
            rate = s.Interval(
                events=reading.false_alerts,
                trials=reading.passes,
                low=reading.low,
                high=reading.high,
                rate=reading.false_alerts / reading.passes if reading.passes else None,
            )
        return s.Board(
            at=moment(self.clock.utc()),
            engine=self.state(),
            cameras=self.camera_states(),
            queues=boards.queues(self.engine, self.telemetry),
            bearers=self.bearers(),
            latency=boards.latencies(self.telemetry),
            drops=boards.drops_by_reason(self.telemetry),
            cpu_percent=self.machine.cpu_percent(),
            memory_bytes=self.machine.memory_bytes(),
            passes=passes,
            alerts_open=self.ledger.open_alerts,
            false_alert_rate=rate,
            ceiling=ceiling,
            warnings=boards.actor_warnings(self.engine.actors),
        )

    def metrics(self) -> s.Metrics:
        """Counters and gauges, now."""
        present = boards.gauges(self.engine, self.traffic, self.machine)
        present["alerts_open"] = float(self.ledger.open_alerts)
        return s.Metrics(
            at=moment(self.clock.utc()), values=boards.metrics(self.telemetry, present)
        )


def deployment_state(session: Session) -> s.DeploymentState:
    """A deployment in the protocol's shape."""
    state = session.state()
    authority = state.authority
    return s.DeploymentState(
        deployment=state.deployment,
        phase=state.capture.value,
        authority=authority.id,
        authorising_officer=authority.officer.name,
        purpose=authority.purpose,
        place=authority.place,
        starts=moment(authority.start),
        ends=moment(authority.end),
        watchlist=state.watchlist.id,
        reason=state.capture_reason,
    )


def capture_state(running: Running) -> s.DeploymentState:
    """Whether capture runs: of the deployment, or of a mode that has none and no authority."""
    if running.session is not None:
        return deployment_state(running.session)
    phase = "stopped" if running.stopped else "paused" if running.paused else "running"
    began = moment(running.started)
    return s.DeploymentState(
        deployment=running.mode,
        phase=phase,
        authority="",
        authorising_officer="",
        purpose="",
        place=running.config.engine.site,
        starts=began,
        ends=began,
        watchlist="",
        reason=running.stopped or running.paused,
    )
