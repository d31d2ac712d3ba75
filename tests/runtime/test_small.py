"""Logs, systemd and the slow-step instrument."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import structlog
import trio

from lfr_engine.clock import SystemClock
from lfr_engine.errors import ConfigError
from lfr_engine.runtime.logs import logging_to
from lfr_engine.runtime.notify import keep_watchdog, notify
from lfr_engine.runtime.slow import SlowSteps


def test_log_lines_are_json_and_hold_no_biometrics(tmp_path: Path) -> None:
    file = tmp_path / "engine.log"
    with logging_to("info", "json", file):
        log = structlog.get_logger().bind(camera="door")
        log.debug("too quiet")
        log.info("seen", template=[0.1, 0.2], views=np.ones(3), raw=b"x", count=3)
    (line,) = file.read_text().splitlines()
    told = json.loads(line)
    assert (told["camera"], told["event"], told["level"], told["count"]) == (
        *("door", "seen", "info"),
        3,
    )
    assert told["template"] == told["views"] == told["raw"] == "withheld"


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "none" / "engine.log"
    with pytest.raises(ConfigError, match="cannot be written"), logging_to("info", "json", file):
        pass


def test_systemd_is_told_when_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        assert notify("READY=1")
        assert receiver.recv(100) == b"READY=1"

        async def scenario() -> None:
            with trio.move_on_after(0.05):
                await keep_watchdog()

        trio.run(scenario)
        assert receiver.recv(100) == b"WATCHDOG=1"


def test_a_step_that_holds_the_loop_is_named() -> None:
    told: list[tuple[str, float]] = []

    async def hog() -> None:
        time.sleep(0.03)  # noqa: ASYNC251 - the very thing that is to be noticed
        await trio.lowlevel.checkpoint()

    async def scenario() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hog, name="the hog")

    slow = SlowSteps(SystemClock(), lambda name, seconds: told.append((name, seconds)))
    trio.run(scenario, instruments=[slow])
    assert [name for name, seconds in told if seconds > 0.025] == ["the hog"]
