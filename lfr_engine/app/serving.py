"""What stands around an engine while it runs: socket, metrics, voice, reloading.

Owns: the tasks beside the engine, the order in which they leave, and the words about how it fares.
Never: which run follows which (``run``). Strategy: ready means that cameras are watched and the
socket listens; cameras leave first, what is under way ends within a second, and the fullest moment
of every link is logged.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog
import trio

from lfr_engine.api.callers import ApiSettings, TlsSettings
from lfr_engine.api.server import serve_api
from lfr_engine.app.board import gauges
from lfr_engine.app.engine_api import LiveEngine
from lfr_engine.app.reload import reload
from lfr_engine.app.running import Running
from lfr_engine.config import ApiConfig
from lfr_engine.errors import ConfigError
from lfr_engine.protocol.address import Address, UnixAddress, default_socket, parse_address
from lfr_engine.runtime.metrics import page, serve_metrics
from lfr_engine.runtime.notify import notify

log = structlog.get_logger("lfr_engine.run")

STATUS_EVERY_S = 10.0
LINKS_EVERY_S = 0.1


@dataclass(slots=True)
class Signals:
    """What the outside asks of a run. stopping: end. again: read the configuration again."""

    stopping: trio.Event = field(default_factory=trio.Event)
    again: trio.Event = field(default_factory=trio.Event)


async def serve_run(running: Running, signals: Signals) -> None:
    """Everything around the engine while it runs: until a signal, its end, or a hand-over."""
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
        await _first(signals.stopping, over, running.handover)
        if not running.handover.is_set():
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
