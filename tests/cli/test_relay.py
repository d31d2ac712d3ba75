"""``lfr relay``: what it prints, what it leaves for the engine, and its plain errors."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.cli.relay import command
from lfr_engine.errors import LfrError
from lfr_engine.relay.delivery import Delivery, Happening, Key, step
from tests.relay.samples import T0, make_cue

ROOT = Path(__file__).parents[2]

CONFIG = """
[relay]
review = "after"
[[relay.bearers]]
kind = "tetra"
name = "radio"
port = "{port}"
speeds = [38400]
[[relay.recipients]]
id = "E1"
addresses = {{ radio = "1234567" }}
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), env={"COLUMNS": "160"})


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    path = tmp_path / "outbox.db"
    delivery = Delivery(
        key=Key("a1", "E1", "radio"),
        cue=make_cue(),
        address="1234567",
        group=False,
        priority=5,
        created=T0,
        deadline=T0 + 90,
    )
    sent, change = step(delivery, Happening.LEFT, T0 + 2)
    assert change is not None
    SqliteOutbox(path).save([sent], [change])
    return path


def test_status_and_timeline(outbox: Path) -> None:
    everything = run("status", "--outbox", str(outbox))
    assert everything.exit_code == 0
    assert all(word in everything.output for word in ("a1", "E1", "radio", "sent", "14:06:30"))
    timeline = run("status", "--outbox", str(outbox), "--alert", "a1")
    assert all(word in timeline.output for word in ("14:05:02", "left", "sent"))


@pytest.mark.parametrize("verb", ["cancel", "resend"])
def test_commands_are_left_for_the_engine(outbox: Path, verb: str) -> None:
    assert run(verb, "a1", "--outbox", str(outbox)).exit_code == 0
    assert [(v, a) for _, v, a in SqliteOutbox(outbox).commands()] == [(verb, "a1")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "--outbox", "nothing.db"], "nothing.db"),
        (["cancel", "a9", "--outbox", "{outbox}"], "a9"),
        (["status", "--alert", "a9", "--outbox", "{outbox}"], "a9"),
        (["cancel", "a1", "--outbox", "nothing.db"], "no outbox"),
        (["test", "fax", "--to", "E1", "--config", "{config}"], "there are: radio"),
        (["test", "radio", "--to", "E9", "--config", "{config}"], "E9"),
        (["test", "radio", "--to", "E1", "--config", "nothing.toml"], "nothing.toml"),
    ],
)
def test_plain_errors(outbox: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    config = tmp_path / "lfr.toml"
    config.write_text(CONFIG.format(port="ttyX"))
    filled = [part.format(outbox=outbox, config=config) for part in arguments]
    result = run(*filled)
    assert isinstance(result.exception, LfrError)
    assert words in str(result.exception)
    assert result.exception.exit_status == 2


@pytest.fixture
def modem(tmp_path: Path) -> Iterator[Path]:
    """A simulated modem with one radio."""
    port = tmp_path / "ttyRADIO"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulators.tetra_modem", str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"do": "radio", "issi": "1234567"}).encode() + b"\n")
    process.stdin.flush()
    for _ in range(500):
        if port.exists():
            break
        time.sleep(0.02)
    yield port
    process.kill()
    process.wait()
    process.stdin.close()


@pytest.mark.slow
def test_a_quiet_test_says_what_became_of_it(tmp_path: Path, modem: Path) -> None:
    config = tmp_path / "lfr.toml"
    config.write_text(CONFIG.format(port=modem))
    result = run("test", "radio", "--to", "E1", "--config", str(config))
    assert result.exit_code == 0, result.output + str(result.exception)
    assert "radio is up" in result.output
    assert [line.split()[1] for line in result.output.splitlines() if line[2:3] == ":"][-1] == (
        "delivered"
    )


@pytest.mark.slow
def test_a_quiet_test_that_cannot_leave_fails(tmp_path: Path) -> None:
    config = tmp_path / "lfr.toml"
    config.write_text(CONFIG.format(port=tmp_path / "absent"))
    result = run("test", "radio", "--to", "E1", "--config", str(config), "--wait", "0.5")
    assert isinstance(result.exception, LfrError)
    assert "did not leave" in str(result.exception)
