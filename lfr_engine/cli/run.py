"""``lfr run``: the engine, until it is told to end.

Owns: signals, the log's place and the exit status. Never: what runs (``app.run``).
"""

from __future__ import annotations

import signal
from pathlib import Path

import click
import trio

from lfr_engine import config as configuration
from lfr_engine.app.run import run_engine, slow_steps
from lfr_engine.app.serving import Signals
from lfr_engine.cli.ending import leave, leaving
from lfr_engine.clock import SystemClock
from lfr_engine.config import Config
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.runtime.hardening import forbid_core_dumps
from lfr_engine.runtime.logs import logging_to


@click.command(name="run")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Run the engine as FILE configures it, until SIGTERM or Ctrl-C.

    Without [exercise] or [deployment] it is commissioning: cameras, detection, tracking and health,
    and nobody is templated. SIGHUP reads FILE again. Exit status 0 after a signal, 2 where
    something given is wrong, 1 where the engine failed.
    """
    config = configuration.load(file)
    forbid_core_dumps()
    clock = SystemClock()
    logs = logging_to(config.log.level, config.log.format, config.log.file)
    with leaving(), logs:
        trio.run(_run, file, config, clock, instruments=[slow_steps(clock)])
    leave(0)


async def _run(file: Path, config: Config, clock: SystemClock) -> None:
    signals = Signals()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_hear, signals)
        await run_engine(file, config, ModelStore(data_folder()), clock, signals)
        nursery.cancel_scope.cancel()


async def _hear(signals: Signals) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as heard:
        async for number in heard:
            if number == signal.SIGHUP:
                signals.again.set()
            else:
                signals.stopping.set()
