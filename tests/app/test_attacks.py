"""What attackers may cost: the server alone, its processor time by the kernel's account.

The rate of a whole engine under attack is measured by ``tests.app.attack_bench`` (figures in
docs/performance.md) and held at a camera's pace in ``test_run``. Here every kind of attack runs as
fast as the server lets it, and the server may take one twentieth of the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.app.api_child import furnish
from tests.app.attack_bench import ROOT, STORM, attack

pytestmark = pytest.mark.server

SHARE = 0.05
SETTLE_S = 1.0
"""The first burst of connections is greeted faster than the pace."""
WINDOW_S = 1.5


@dataclass
class Server:
    """The socket server in a process of its own."""

    folder: Path
    process: subprocess.Popen[str]
    port: int

    def used_s(self) -> float:
        """Processor seconds so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("attacked")
    furnish(folder)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.app.api_child", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        yield Server(folder, process, int(process.stdout.readline()))
        process.kill()


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("unix", "half-open"),
        ("unix", "loris"),
        ("unix", "prefix"),
        ("unix", "escalation"),
        ("unix", "refused"),
        ("tls", "half-open"),
        ("tls", "garbage"),
        ("tls", "expired"),
        # last: it locks this account out
        ("unix", "wrong-token"),
    ],
)
def test_an_attack_takes_a_twentieth_of_the_machine_at_most(
    server: Server, where: str, kind: str
) -> None:
    unix = f"unix:{server.folder}/s/api.sock"
    address = unix if where == "unix" else f"tls://localhost:{server.port}"
    with attack(kind, address, STORM, server.folder):
        time.sleep(SETTLE_S)
        began, before = time.monotonic(), server.used_s()
        time.sleep(WINDOW_S)
        used, lasted = server.used_s() - before, time.monotonic() - began
    assert used / lasted / (os.cpu_count() or 1) <= SHARE
    assert server.process.poll() is None
