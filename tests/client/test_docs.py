"""Every example of docs/api.md, run as it stands there, against a real server."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.support import ServerThread, server_thread

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
SOCKET = "/run/lfr-engine/api.sock"
"""Where the examples look for the engine."""


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, without what a list indents them by."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", PAGE, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in found]


COMMANDS = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
PROGRAMS = blocks("python")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerThread]:
    (tmp_path / "lfr-engine").mkdir(mode=0o700)
    with server_thread(tmp_path / "lfr-engine") as made:
        made.alerts(5)
        yield made


def run(arguments: list[str], runtime: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_programs(program: str, server: ServerThread, tmp_path: Path) -> None:
    assert SOCKET in program
    path = tmp_path / "example.py"
    path.write_text(program.replace(SOCKET, f"{tmp_path}/lfr-engine/api.sock"))
    done = run([str(path)], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert "000005" in done.stdout or "ALERTS" not in program
    assert server.engine.calls or "call" not in program


@pytest.mark.slow
@pytest.mark.parametrize("line", COMMANDS)
def test_commands(line: str, server: ServerThread, tmp_path: Path) -> None:
    program, group, *rest = shlex.split(line)
    assert (program, group) == ("lfr", "ctl")
    connect = ["--connect", f"unix:{tmp_path}/lfr-engine/api.sock"]
    done = run(["-m", "lfr_engine", "ctl", *connect, *rest], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert server.engine.calls or "watch" in rest


def test_the_page_has_examples_for_shell_python_and_the_bare_wire() -> None:
    assert len(COMMANDS) >= 4
    assert len(PROGRAMS) == 3
    assert any("lfr_engine" not in program.replace(SOCKET, "") for program in PROGRAMS)
