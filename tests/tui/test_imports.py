"""The cockpit is its own process: it loads no engine, and writes nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TUI = Path(__file__).parents[2] / "tui"
MODULES = sorted(TUI.rglob("*.py"))
FORBIDDEN = ("trio", "numpy", "openvino", "cv2", "av", "lfr_engine.app", "lfr_engine.api")


@pytest.mark.parametrize("module", ["tui.app", "lfr_engine.cli.tui"])
def test_it_loads_no_engine(module: str) -> None:
    code = f"import sys, {module}; print([m for m in {FORBIDDEN!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TUI)))
def test_of_the_engine_it_knows_only_the_client_and_the_protocol(path: Path) -> None:
    allowed = (
        "lfr_engine.client.",
        "lfr_engine.protocol",
        "lfr_engine.errors",
        "lfr_engine.clock",
    )
    ours = [name for name in imported(path) if name.startswith("lfr_engine")]
    assert all(name.startswith(allowed) for name in ours), ours
    assert "time" not in imported(path)
