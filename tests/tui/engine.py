"""A fake engine behind the real server, for a real cockpit to connect to; also a program.

``python -m tests.tui.engine SOCKET --cameras 6 --alerts-per-second 10`` plays the deployment:
boards four times a second, alerts, previews, logs, and a life for every alert by the engine's own
table of the life cycle. It keeps which commands reached it and what was decided.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import trio

from lfr_engine.alerts.lifecycle import OPEN, TRANSITIONS, AlertState, Step
from lfr_engine.alerts.reasons import require_reasons
from lfr_engine.api.callers import ALL_ROLES, ApiSettings
from lfr_engine.api.guard import Bounds
from lfr_engine.api.port import Caller, CallRecord, Conflict, NotFound, TopicReader
from lfr_engine.api.server import serve_api
from lfr_engine.clock import SystemClock
from lfr_engine.errors import RuleError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import CallerRole, CommandSpec, TopicSpec
from tests.api.fake_engine import FakeEngine
from tests.tui import samples

BOARD_SECONDS = 0.25


class PlayedEngine(FakeEngine):
    """See the module."""

    def __init__(self, cameras: int = 6, mode: str = "exercise") -> None:
        super().__init__()
        self.clock = SystemClock()
        self.begun = self.clock.utc()
        self.cameras = cameras
        self.mode = mode
        self.alerts: dict[str, s.Alert] = {}
        self.opinions: dict[str, set[str]] = {}
        self.zone = s.Zone(camera="north", corners=[(0.1, 0.2), (0.9, 0.2), (0.9, 0.9), (0.1, 0.9)])
        self.disabled: set[str] = set()
        self.added: list[str] = []
        self.stopped = False
        self.phase = "running"
        self.present = 0
        self.journal: list[s.JournalEvent] = []

    # -- what plays -----------------------------------------------------------------------------

    def seconds(self) -> float:
        return (self.clock.utc() - self.begun).total_seconds()

    def now(self) -> str:
        return self.clock.utc().isoformat().replace("+00:00", "Z")

    def shift(self, text: str) -> str:
        """A time of the sample moved to this engine's day."""
        moved = dt.datetime.fromisoformat(text) + (self.begun - samples.START)
        return moved.isoformat().replace("+00:00", "Z")

    def present_board(self) -> s.Board:
        made = samples.board(self.seconds(), self.cameras, self.mode)
        cameras = [
            msgspec.structs.replace(
                camera,
                state="disabled" if camera.camera in self.disabled else camera.state,
                enabled=camera.camera not in self.disabled,
                down_since=self.shift(camera.down_since) if camera.down_since else None,
            )
            for camera in made.cameras
        ]
        cameras += [
            s.CameraState(camera=name, address="rtsp://added", state="connecting")
            for name in self.added
        ]
        deployment = made.engine.deployment
        if deployment is not None:
            deployment = msgspec.structs.replace(
                deployment,
                phase="stopped" if self.stopped else self.phase,
                starts=self.shift(deployment.starts),
                ends=self.shift(deployment.ends),
            )
        engine = msgspec.structs.replace(
            made.engine, now=self.now(), safe_stop=self.stopped, deployment=deployment
        )
        waiting = sum(AlertState(one.state) in OPEN for one in self.alerts.values())
        return msgspec.structs.replace(
            made, at=self.now(), engine=engine, cameras=cameras, alerts_open=waiting
        )

    async def play(self, alerts_per_second: float = 0.0) -> None:
        """Boards, logs and alerts until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._boards)
            if alerts_per_second:
                nursery.start_soon(self._alerts, alerts_per_second)

    async def _boards(self) -> None:
        count = 0
        while True:
            self.publish_board()
            if count % 4 == 0:
                line = samples.logs()[count // 4 % 40]
                self.publish("logs", msgspec.structs.replace(line, at=self.now()))
            count += 1
            await trio.sleep(BOARD_SECONDS)

    async def _alerts(self, per_second: float) -> None:
        while True:
            self.raise_one()
            await trio.sleep(1 / per_second)

    def raise_one(self) -> s.Alert:
        number = len(self.alerts) + 1
        made = msgspec.structs.replace(
            samples.alert(number, 0.0),
            captured=self.shift(samples.at(self.seconds() - 0.4)),
            raised=self.shift(samples.at(self.seconds())),
            decide_by=self.shift(samples.at(self.seconds() + 60)),
        )
        self.alerts[made.alert] = made
        self.raise_alert(made)
        return made

    # -- the port -------------------------------------------------------------------------------

    async def record(self, record: CallRecord) -> None:
        await super().record(record)
        del self.records[:-500]
        self._write(record.what, record.name, dict(record.details))

    def _write(self, kind: str, actor: str, data: dict[str, Any]) -> None:
        number = len(self.journal) + 1
        self.journal.append(
            s.JournalEvent(
                sequence=number,
                at=self.now(),
                kind=kind,
                actor=actor,
                digest=f"{number:064x}",
                data=data,
            )
        )

    async def execute(self, spec: CommandSpec, arguments: Command[Any], caller: Caller) -> Any:
        await trio.lowlevel.checkpoint()
        assert isinstance(arguments, spec.arguments)
        self.calls.append((spec.name, arguments, caller))
        del self.calls[:-2_000]
        result = self._alert_command(arguments, caller)
        if result is None:
            result = self._other_command(arguments)
        if result is None:
            return await super().execute(spec, arguments, caller)
        return result

    def _alert_command(self, arguments: Command[Any], caller: Caller) -> Any:
        match arguments:
            case a.AlertsList():
                newest = sorted(self.alerts.values(), key=lambda one: one.raised, reverse=True)
                shown = [self._told(one, caller) for one in newest[: arguments.limit]]
                return s.AlertPage(alerts=shown)
            case a.AlertsPictures():
                return samples.pictures(self._known(arguments.alert))
            case a.AlertsDisplayed():
                return self._step(arguments.alert, Step.DISPLAY, caller, [], "")
            case a.AlertsOpinion():
                alert = self._known(arguments.alert)
                if alert.state != "displayed":
                    raise RuleError(
                        "R10", alert.reference, f"is {alert.state}: no opinion is asked"
                    )
                self.opinions.setdefault(alert.alert, set()).add(caller.name)
                return self._told(alert, caller)
            case a.AlertsDecide():
                require_reasons(arguments.alert, arguments.reasons, arguments.decision)
                step = Step(arguments.decision)
                return self._step(arguments.alert, step, caller, arguments.reasons, arguments.note)
            case a.AlertsOutcome():
                step = Step(arguments.outcome)
                return self._step(arguments.alert, step, caller, arguments.reasons, arguments.note)
        return None

    def _other_command(self, arguments: Command[Any]) -> Any:
        match arguments:
            case a.BoardGet():
                return self.present_board()
            case a.StateGet():
                return self.present_board().engine
            case a.PresenceHeartbeat():
                self.present += 1
                return s.Presence(next_before=self.shift(samples.at(self.seconds() + 15)))
            case a.DeploymentsStop():
                self.stopped = True
                return self.present_board().engine
            case a.DeploymentsPause():
                self.phase = "paused"
                return self.present_board().engine.deployment
            case a.DeploymentsResume():
                self.phase, self.stopped = "running", False
                return self.present_board().engine.deployment
            case a.CamerasDisable():
                self.disabled.add(arguments.camera)
                return s.Done()
            case a.CamerasEnable():
                self.disabled.discard(arguments.camera)
                return s.Done()
            case a.CamerasAdd():
                if arguments.camera in self.added:
                    raise Conflict(arguments.camera, "is there already")
                self.added.append(arguments.camera)
                return s.Done()
            case a.ZoneGet():
                return self.zone
            case a.ZoneEdit():
                self.zone = s.Zone(camera=arguments.camera, corners=list(arguments.corners))
                return s.Done()
            case a.WatchlistStatus():
                return samples.watchlist()
            case a.WatchlistList():
                return samples.entries()
            case a.WatchlistCheck():
                return s.ImageCheck(
                    usable=False,
                    reasons=["the face is turned by 41 degrees; at most 30"],
                    measures={"yaw": 41.0, "eyes px": 63.0},
                )
            case a.JournalQuery():
                lines = self.journal[arguments.after : arguments.after + arguments.limit]
                return s.JournalPage(events=lines, after=lines[-1].sequence if lines else None)
            case a.JournalVerify():
                return s.JournalCheck(
                    intact=True, events=len(self.journal), checkpoints=1, digest="0" * 64
                )
            case a.LogsLevel():
                return s.LogLevel(level=arguments.level or "info")
        return None

    def _known(self, alert: str) -> s.Alert:
        if alert not in self.alerts:
            raise NotFound(alert, "no such alert")
        return self.alerts[alert]

    def _told(self, alert: s.Alert, caller: Caller) -> s.Alert:
        """The score only after an opinion of this caller, or a decision (R10)."""
        if caller.name in self.opinions.get(alert.alert, ()) or AlertState(alert.state) not in OPEN:
            return msgspec.structs.replace(alert, score=0.612, margin=0.141, threshold=0.487)
        return alert

    def _step(
        self, name: str, step: Step, caller: Caller, reasons: list[str], note: str
    ) -> s.Alert:
        alert = self._known(name)
        went_to = TRANSITIONS.get((AlertState(alert.state), step))
        if went_to is None:
            raise RuleError("R2", alert.reference, f"is {alert.state} already")
        transition = s.Transition(
            alert=name,
            came_from=alert.state,
            went_to=went_to.value,
            at=self.now(),
            actor=caller.name,
            role=caller.role.value,
            reasons=reasons,
            note=note,
        )
        stepped = msgspec.structs.replace(
            alert, state=went_to.value, history=[*alert.history, transition]
        )
        self.alerts[name] = stepped
        self._write(f"alert.{step.value}", caller.name, {"alert": name, "reasons": reasons})
        self.raise_alert(transition, "decisions")
        return self._told(stepped, caller)

    async def snapshot(self, topic: TopicSpec[Any], arguments: Any, caller: Caller) -> Any:
        await trio.lowlevel.checkpoint()
        return (
            self.present_board()
            if topic.name == "board"
            else await super().snapshot(topic, arguments, caller)
        )

    @contextmanager
    def subscribe(
        self, topic: TopicSpec[Any], arguments: Any, caller: Caller
    ) -> Iterator[TopicReader]:
        if topic.name != "preview":
            with super().subscribe(topic, arguments, caller) as reader:
                yield reader
            return
        assert isinstance(arguments, a.PreviewFilter)
        yield _Previews(self, arguments)


class _Previews:
    """One subscriber's pictures, made when they are asked for."""

    def __init__(self, engine: PlayedEngine, wanted: a.PreviewFilter) -> None:
        self._engine, self._wanted = engine, wanted
        self.sent = 0

    async def receive(self) -> Any:
        from lfr_engine.api.port import Item

        if self.sent:
            await trio.sleep(1 / self._wanted.per_second)
        self.sent += 1
        street = samples.street(self._engine.seconds(), self._wanted.width)
        return Item(msgspec.structs.replace(street, camera=self._wanted.camera))


async def serve(
    engine: PlayedEngine,
    socket: Path,
    alerts_per_second: float = 0.0,
    roles: tuple[CallerRole, ...] = ALL_ROLES,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve and play until cancelled."""
    import getpass

    bounds = replace(Bounds(), connections=64)
    settings = ApiSettings((UnixAddress(socket),), bounds=bounds, users={getpass.getuser(): roles})
    async with trio.open_nursery() as nursery:

        async def listen(task_status: trio.TaskStatus[Any] = trio.TASK_STATUS_IGNORED) -> None:
            await serve_api(
                settings, engine, clock=engine.clock, record=engine.record, task_status=task_status
            )

        await nursery.start(listen)
        task_status.started()
        await engine.play(alerts_per_second)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("socket", type=Path)
    parser.add_argument("--cameras", type=int, default=6)
    parser.add_argument("--alerts-per-second", type=float, default=0.2)
    parser.add_argument("--mode", default="exercise")
    parser.add_argument("--roles", nargs="*", type=CallerRole, default=ALL_ROLES)
    given = parser.parse_args()
    import structlog

    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    engine = PlayedEngine(given.cameras, given.mode)
    with contextlib.suppress(KeyboardInterrupt):
        trio.run(serve, engine, given.socket, given.alerts_per_second, tuple(given.roles))


if __name__ == "__main__":
    main()
