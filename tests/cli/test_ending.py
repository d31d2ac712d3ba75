"""How commands end: words, statuses, and at once where the engine ran."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from lfr_engine.cli.ending import told
from lfr_engine.errors import ConfigError, EngineError


def interrupted() -> click.Abort:
    stop = click.Abort()
    stop.__cause__ = KeyboardInterrupt()
    return stop


BAD = ConfigError("a.toml", "it is empty")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (BAD, 2, ["lfr: a.toml: it is empty"]),
        (click.Abort(), 1, ["lfr: left as it was"]),
        (interrupted(), 130, ["lfr: interrupted"]),
        (KeyboardInterrupt(), 130, ["lfr: interrupted"]),
        (
            ExceptionGroup("two", [BAD, ExceptionGroup("deep", [EngineError("disk", "full")])]),
            2,
            ["lfr: a.toml: it is empty", "lfr: disk: full"],
        ),
        (ValueError("ours"), None, []),
        (ExceptionGroup("mixed", [BAD, ValueError("ours")]), None, []),
    ],
    ids=repr,
)
def test_each_way_to_end_has_its_words_and_its_status(
    error: BaseException,
    status: int | None,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(error) == status
    assert capsys.readouterr().err.splitlines() == words


def test_a_refused_engine_ends_though_a_thread_does_not(tmp_path: Path) -> None:
    """As a native library's thread that waits for a clock: ``lfr run`` must not wait for it."""
    config = tmp_path / "engine.toml"
    config.write_text(
        '[[cameras]]\nname = "door"\nsource = "walk.mp4"\n[engine]\npack = "nobody"\n'
    )
    program = (
        "import sys, threading, time\n"
        "from lfr_engine.cli import main\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "main(['run', sys.argv[1]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(config)],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("lfr: ")
    assert "Traceback" not in done.stderr
