"""The documented Node client, run for real."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lfr_engine.protocol.proof import Token, make_proof
from tests.client.support import server_thread

pytestmark = pytest.mark.server

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "node"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its dependency installed, in a folder of its own."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "client.mjs", "alerts.mjs"):
        shutil.copy(EXAMPLE / name, folder)
    done = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode:
        pytest.skip(f"the package registry cannot be reached: {done.stderr.splitlines()[-1:]}")
    return folder


def node(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *args], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )


def test_it_prints_every_alert_in_order_and_resumes(example: Path, tmp_path: Path) -> None:
    with server_thread(tmp_path) as server:
        server.alerts(60)
        socket = str(tmp_path / "api.sock")
        first = node(example, "alerts.mjs", socket, "--cursor", "0", "--count", "40")
        assert first.returncode == 0, first.stderr
        lines = [json.loads(line) for line in first.stdout.splitlines()]
        assert [line["cursor"] for line in lines] == list(range(1, 41))
        assert lines[0] == {
            "cursor": 1,
            "reference": "000001",
            "camera": "north",
            "captured": "2026-01-01T12:00:00Z",
            "late": False,
        }
        second = node(example, "alerts.mjs", socket, "--cursor", "40", "--count", "20")
        lines = [json.loads(line) for line in second.stdout.splitlines()]
        assert [line["cursor"] for line in lines] == list(range(41, 61))
        assert server.engine.calls[0][2].role == "integrator"


def test_it_says_why_it_was_refused(example: Path, tmp_path: Path) -> None:
    with server_thread(tmp_path):
        done = node(example, "alerts.mjs", str(tmp_path / "api.sock"), "--role", "engineer")
        assert done.returncode == 1
        assert "forbidden: not for the role engineer" in done.stderr
    gone = node(example, "alerts.mjs", str(tmp_path / "absent.sock"))
    assert gone.returncode == 1
    assert "ENOENT" in gone.stderr


def test_its_proof_equals_ours(example: Path) -> None:
    token = Token("console", bytes(range(32)))
    program = (
        'import { proof } from "./client.mjs";'
        f'const made = proof("{token.text()}", new Uint8Array(32));'
        'console.log(made.name, Buffer.from(made.proof).toString("hex"));'
    )
    done = node(example, "--input-type=module", "--eval", program)
    assert done.stdout.split() == ["console", make_proof(token, bytes(32), 1).hex()]
