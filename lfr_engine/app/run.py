"""``lfr run``: the engine in its mode, until it is told to end.

Owns: how each mode is made ready, and which run follows which. Never: a decision of a mode
(``commissioning``, ``deployment``), or a mode that changes inside a run (R27). Strategy: a loop
over runs; each has its own cameras and socket (``serving``), and says what comes after it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog
import trio

from lfr_engine.actors.events import EngineEvent
from lfr_engine.app.board import Machine, Traffic
from lfr_engine.app.commissioning import (
    camera_book,
    commissioning,
    digest,
    exercise,
    pack_request,
)
from lfr_engine.app.deployed import deployed, state_folder
from lfr_engine.app.deployment_settings import Models
from lfr_engine.app.loaded_authority import (
    commissioning_began,
    commissioning_ended,
    forget,
    forget_if_over,
    kept,
)
from lfr_engine.app.logdial import LogDial
from lfr_engine.app.parts import Opened, open_networks
from lfr_engine.app.relay_pictures import require_files
from lfr_engine.app.running import Running
from lfr_engine.app.serving import Signals, serve_run
from lfr_engine.app.voice import say
from lfr_engine.clock import Clock
from lfr_engine.config import Config, DeploymentConfig
from lfr_engine.errors import InputError, LfrError, RuleError
from lfr_engine.identity import calibration
from lfr_engine.inference.store import ModelStore
from lfr_engine.runtime.lanes import Lane, open_lane
from lfr_engine.runtime.notify import keep_watchdog
from lfr_engine.runtime.slow import SlowSteps
from lfr_engine.runtime.telemetry import Telemetry

log = structlog.get_logger("lfr_engine.run")

DRAIN_S = 0.6
"""After a signal, how long what is under way may take to reach its end."""
RECORDING_S = 5.0
OPENING_S = 3600.0
"""A watchlist of thousands of pictures is enrolled in it on a slow machine."""
_MOST_SLOW = 64

_Result = TypeVar("_Result")


async def run_engine(
    path: Path, config: Config, store: ModelStore, clock: Clock, signals: Signals
) -> None:
    """Run until ``signals.stopping``, or until a deployment is over.

    A commissioning run in which an authority was loaded is followed by the deployment under it.

    Raises:
        LfrError: It cannot run, or an actor it cannot do without failed for good; also in groups.
    """
    if config.relay is not None:
        require_files(config.relay)
    dial = LogDial(config.log.level, clock)
    async with (
        open_lane("pictures", width=1, deadline_s=60.0) as work,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(keep_watchdog)  # between two runs as well
        runs = _Runs(path, store, clock, work, dial, signals)
        following: Config | None = config
        while following is not None:
            following = await runs.one(following)
        nursery.cancel_scope.cancel()


@dataclass(frozen=True, slots=True)
class _Runs:
    """What every run of a process shares; each says with which configuration another follows."""

    path: Path
    store: ModelStore
    clock: Clock
    work: Lane
    dial: LogDial
    signals: Signals

    async def one(self, config: Config) -> Config | None:
        """The deployment whose authority is named or was loaded; else what needs none."""
        wanted = config.deployment
        if wanted is not None:
            if wanted.authority is not None:
                await self._named(config, wanted, wanted.authority)
                return None
            loaded = kept(state_folder(wanted))
            if loaded is not None and await self._loaded(config, wanted, loaded):
                return None
        return await self._without_authority(config)

    async def _named(self, config: Config, wanted: DeploymentConfig, authority: Path) -> None:
        """The deployment under the authority that the configuration names."""
        self._starting("deployment", config)
        async with deployed(
            self.path, config, wanted, authority, self.store, self.clock, self.work, self.dial
        ) as made:
            await serve_run(made, self.signals)

    async def _loaded(self, config: Config, wanted: DeploymentConfig, authority: Path) -> bool:
        """Whether there was a deployment under the loaded authority; it is forgotten once over."""
        data, opened = state_folder(wanted), False
        self._starting("deployment", config)
        try:
            async with deployed(
                self.path, config, wanted, authority, self.store, self.clock, self.work, self.dial
            ) as made:
                opened = True
                await serve_run(made, self.signals)
        except (RuleError, InputError) as refused:
            if opened:
                raise
            gone = await self.work.run(forget_if_over, data, self.clock)
            log.warning("no deployment: commissioning", cause=str(refused), forgotten=gone)
            return False
        if made.session is not None and made.session.ended:
            await self.work.run(forget, data)
        return True

    async def _without_authority(self, config: Config) -> Config | None:
        """Commissioning or an exercise; what follows it."""
        self._starting(config.mode, config)
        stopping = self.signals.stopping
        if config.exercise is not None:  # refused before the networks are compiled (R27)
            camera_book(config.mode, self.clock).plans(config.cameras)
        opened = await until(stopping, lambda: _open_networks(config, self.store))
        if opened is None:
            return None
        ready = await until(
            stopping, lambda: _made(self.path, config, opened, self.clock, self.work, self.dial)
        )
        if ready is None:
            return None
        async with self._recorded(ready):
            await serve_run(ready, self.signals)
        if ready.handover.is_set() and not stopping.is_set():
            return ready.config
        return None

    @asynccontextmanager
    async def _recorded(self, running: Running) -> AsyncIterator[None]:
        """Where an authority may be loaded, the journal says when commissioning began and ended."""
        wanted = running.config.deployment
        if wanted is None:
            yield
            return
        data = state_folder(wanted)
        await self.work.run(commissioning_began, data, running.digest, self.clock)
        reason, status = "failed", 1
        try:
            yield
            reason = "an authority was loaded" if running.handover.is_set() else "asked to stop"
            status = 0
        finally:
            with trio.move_on_after(RECORDING_S, shield=True):
                try:
                    await self.work.run(commissioning_ended, data, reason, status, self.clock)
                except LfrError as error:  # a list is being built just now: it must not stop us
                    log.warning("the end of commissioning is not journalled", cause=str(error))

    def _starting(self, mode: str, config: Config) -> None:
        cameras = len(config.cameras)
        log.info("starting", mode=mode, configuration=str(self.path), cameras=cameras)


async def _open_networks(config: Config, store: ModelStore) -> Opened:
    async with open_lane("prepare", width=1, deadline_s=OPENING_S) as lane:
        opened = await lane.run(open_networks, pack_request(config.engine), store)
    log.info("networks ready", pack=opened.name, device=opened.device, precision=opened.precision)
    return opened


async def _made(
    path: Path, config: Config, opened: Opened, clock: Clock, lane: Lane, dial: LogDial
) -> Running:
    """The engine of a mode without a deployment, ready to run."""
    telemetry, cameras = Telemetry(clock), camera_book(config.mode, clock)
    traffic = Traffic(clock)

    def publish(event: EngineEvent) -> None:
        traffic.take(event)
        say(event)

    if config.exercise is not None:
        async with open_lane("enrol", width=1, deadline_s=OPENING_S) as enrolling:
            made = await exercise(
                config,
                config.exercise,
                opened,
                cameras,
                telemetry,
                enrolling,
                lane,
                publish,
                _progress,
            )
        log.info("EXERCISE", entries=len(made.gallery or ()), threshold=made.threshold)
    else:
        made = commissioning(config, opened.networks, cameras, telemetry, publish)
    return Running(
        path=path,
        config=config,
        digest=digest(path),
        clock=clock,
        telemetry=telemetry,
        engine=made.engine,
        cameras=cameras,
        log=dial,
        lane=lane,
        traffic=traffic,
        machine=Machine(clock),
        ledger=made.ledger,
        hashes={"model": opened.pack.contract.model_sha256},
        desk=made.desk,
        gallery=made.gallery,
        pack=opened.pack,
        run=made.engine.run,
        leave=made.engine.finish,
        relaying=made.relaying,
        models=_models(opened) if config.deployment is not None else None,
        tend=made.desk.tend if made.desk is not None else None,
        grace_s=DRAIN_S,
    )


def _models(opened: Opened) -> Callable[[], Models]:
    """The networks of this run, as the deployment that may follow it has them."""
    contract = opened.pack.contract
    return lambda: Models(opened.networks, contract, calibration.shipped(contract))


def slow_steps(clock: Clock) -> SlowSteps:
    """The instrument that names tasks which hold the loop; one name at most every 10 s."""
    told: dict[str, int] = {}

    def report(task: str, seconds: float) -> None:
        now_ns = clock.monotonic_ns()
        if now_ns - told.get(task, -(10**11)) < 10**10:
            return
        if len(told) >= _MOST_SLOW:
            told.clear()
        told[task] = now_ns
        log.warning("slow step", task=task, ms=round(seconds * 1e3, 1))

    return SlowSteps(clock, report, limit_s=0.05)


async def until(stopping: trio.Event, work: Callable[[], Awaitable[_Result]]) -> _Result | None:
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


def _progress(what: str, done: int, total: int) -> None:
    if done == total or done % 100 == 0:
        log.info(what, done=done, of=total)
