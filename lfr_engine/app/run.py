"""``lfr run``: the engine in its mode, with its socket, metrics and voice, until it is told to end.

Owns: the nesting around the engine, and the words about how it fares. Never: a decision of a mode
(``commissioning``, ``deployment``). Strategy: ready means that cameras are watched and the socket
listens; on a signal the cameras leave first, what is under way ends within a second, and the
fullest moment of every link is logged.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
import trio

from lfr_engine.actors.events import EngineEvent
from lfr_engine.api.callers import ApiSettings, TlsSettings
from lfr_engine.api.server import serve_api
from lfr_engine.app.board import Machine, Traffic, gauges
from lfr_engine.app.commissioning import (
    camera_book,
    commissioning,
    digest,
    exercise,
    pack_request,
)
from lfr_engine.app.deployed import deployed
from lfr_engine.app.engine_api import LiveEngine
from lfr_engine.app.logdial import LogDial
from lfr_engine.app.parts import Opened, open_networks
from lfr_engine.app.relay_pictures import require_files
from lfr_engine.app.reload import reload
from lfr_engine.app.running import Running
from lfr_engine.app.voice import say
from lfr_engine.clock import Clock
from lfr_engine.config import ApiConfig, Config
from lfr_engine.errors import ConfigError
from lfr_engine.inference.store import ModelStore
from lfr_engine.protocol.address import Address, UnixAddress, default_socket, parse_address
from lfr_engine.runtime.lanes import Lane, open_lane
from lfr_engine.runtime.metrics import page, serve_metrics
from lfr_engine.runtime.notify import keep_watchdog, notify
from lfr_engine.runtime.slow import SlowSteps
from lfr_engine.runtime.telemetry import Telemetry

log = structlog.get_logger("lfr_engine.run")

STATUS_EVERY_S = 10.0
LINKS_EVERY_S = 0.1
DRAIN_S = 0.6
"""After a signal, how long what is under way may take to reach its end."""
OPENING_S = 3600.0
"""A watchlist of thousands of pictures is enrolled in it on a slow machine."""
_MOST_SLOW = 64

_Result = TypeVar("_Result")


@dataclass(slots=True)
class Signals:
    """What the outside asks of a run. stopping: end. again: read the configuration again."""

    stopping: trio.Event = field(default_factory=trio.Event)
    again: trio.Event = field(default_factory=trio.Event)


async def run_engine(
    path: Path, config: Config, store: ModelStore, clock: Clock, signals: Signals
) -> None:
    """Run until ``signals.stopping``, or until a deployment is over.

    Raises:
        LfrError: It cannot run, or an actor it cannot do without failed for good; also in groups.
    """
    log.info("starting", mode=config.mode, configuration=str(path), cameras=len(config.cameras))
    dial = LogDial(config.log.level, clock)
    if config.relay is not None:
        require_files(config.relay)
    async with open_lane("pictures", width=1, deadline_s=60.0) as work:
        if config.deployment is not None:
            async with deployed(path, config, config.deployment, store, clock, work, dial) as made:
                await _serve(made, signals)
            return
        if config.exercise is not None:  # refused before the networks are compiled (R27)
            camera_book(config, clock).plans(config.cameras)
        opened = await until(signals.stopping, lambda: _open_networks(config, store))
        if opened is None:
            return
        ready = await until(
            signals.stopping, lambda: _made(path, config, opened, clock, work, dial)
        )
        if ready is not None:
            await _serve(ready, signals)


async def _open_networks(config: Config, store: ModelStore) -> Opened:
    async with open_lane("prepare", width=1, deadline_s=OPENING_S) as lane:
        opened = await lane.run(open_networks, pack_request(config.engine), store)
    log.info("networks ready", pack=opened.name, device=opened.device, precision=opened.precision)
    return opened


async def _made(
    path: Path, config: Config, opened: Opened, clock: Clock, lane: Lane, dial: LogDial
) -> Running:
    """The engine of a mode without a deployment, ready to run."""
    telemetry, cameras = Telemetry(clock), camera_book(config, clock)
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
        tend=made.desk.tend if made.desk is not None else None,
        grace_s=DRAIN_S,
    )


async def _serve(running: Running, signals: Signals) -> None:
    """Everything around the engine while it runs."""
    config = running.config
    api = LiveEngine(running)
    over = trio.Event()

    async def run(task_status: trio.TaskStatus[None]) -> None:
        await running.run(task_status=task_status)
        over.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(run)
        tasks: list[Callable[[], Awaitable[None]]] = [
            api.tend,
            keep_watchdog,
            partial(_watch_links, running),
            partial(_tell_status, running),
            partial(_reload_when_asked, running, signals),
        ]
        if running.tend is not None:
            tasks.append(running.tend)
        if running.relaying is not None and running.session is None:
            tasks.append(running.relaying.run)  # a deployment's session runs its own
        for task in tasks:
            nursery.start_soon(task)
        if config.metrics.listen:
            render = partial(_metrics_page, running)
            port = await nursery.start(serve_metrics, config.metrics.listen, render)
            log.info("metrics", port=port)
        if config.api.enabled:
            serve = partial(serve_api, clock=running.clock, record=api.record)
            bound = await nursery.start(serve, api_settings(config.api), api)
            log.info("listening", addresses=[str(address) for address in bound])
        notify("READY=1")
        log.info("running", mode=running.mode)
        await _first(signals.stopping, over)
        notify("STOPPING=1")
        log.info("stopping")
        running.leave()
        with trio.move_on_after(running.grace_s):
            await over.wait()
        nursery.cancel_scope.cancel()
    say_links(running)


async def _first(*events: trio.Event) -> None:
    """Wait for any of them."""
    async with trio.open_nursery() as nursery:

        async def hear(event: trio.Event) -> None:
            await event.wait()
            nursery.cancel_scope.cancel()

        for event in events:
            nursery.start_soon(hear, event)


def say_links(running: Running) -> None:
    """The fullest moment of every link."""
    for link, (used, bound) in running.telemetry.peaks.items():
        log.info("peak of link", link=link, used=used, bound=bound)


def status(running: Running) -> str:
    """One line on how the run fares."""
    cameras = []
    for state in running.camera_states():
        words = f"{state.camera} {state.state}"
        if state.state == "live":
            words += f" {state.fps_in:.1f} fps, {state.fps_detected:.1f} detected"
        cameras.append(words)
    drops = sum(count for reasons in running.telemetry.drops.values() for count in reasons.values())
    return (
        f"{running.mode.upper()}: {'; '.join(cameras) or 'no camera'}; "
        f"passes {running.traffic.passes.total()}, open alerts {running.ledger.open_alerts}, "
        f"dropped {drops}"
    )


def api_settings(config: ApiConfig) -> ApiSettings:
    """Where the socket API listens and whom it knows.

    Raises:
        ConfigError: TCP without a certificate, or an address that is none.
        InputError: There is no default place for the socket.
    """
    listen: list[Address] = []
    if config.socket:
        listen.append(UnixAddress(Path(config.socket).expanduser().absolute()))
    else:
        listen.append(UnixAddress(default_socket(os.environ, os.geteuid())))
    tls: TlsSettings | None = None
    if config.tcp:
        if config.certificate is None or config.key is None:
            raise ConfigError("api.tcp", "needs api.certificate and api.key", "TCP is TLS only")
        tls = TlsSettings(config.certificate, config.key, config.client_authority)
        listen.append(parse_address(f"tls://{config.tcp.removeprefix('tls://')}"))
    return ApiSettings(
        tuple(listen),
        tls=tls,
        token_file=config.tokens,
        users=config.users,
        certificates=config.certificates,
    )


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


async def _reload_when_asked(running: Running, signals: Signals) -> None:
    while True:
        await signals.again.wait()
        signals.again = trio.Event()
        notify("RELOADING=1")
        await reload(running)
        notify("READY=1")


async def _tell_status(running: Running) -> None:
    while True:
        await trio.sleep(STATUS_EVERY_S)
        line = status(running)
        log.info(line)
        notify(f"STATUS={line}")


async def _watch_links(running: Running) -> None:
    while True:
        for name, (held, bound) in running.engine.links().items():
            running.telemetry.peak(name, held, bound)
        await trio.sleep(LINKS_EVERY_S)


def _metrics_page(running: Running) -> str:
    return page(running.telemetry, gauges(running.engine, running.traffic, running.machine))


def _progress(what: str, done: int, total: int) -> None:
    if done == total or done % 100 == 0:
        log.info(what, done=done, of=total)
