"""A client drags no other loop and no engine into its program."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENGINE = {"numpy", "av", "openvino", "cv2", "scipy", "cryptography", "lfr_engine.runtime"}


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("aio", ENGINE | {"trio"}),
        ("blocking", ENGINE | {"trio", "asyncio"}),
        ("trio_client", ENGINE | {"asyncio"}),
    ],
)
def test_importing_a_client_loads_only_what_it_needs(module: str, absent: set[str]) -> None:
    program = (
        f"import sys, lfr_engine.client.{module}\n"
        f"sys.exit(', '.join(sorted(set({sorted(absent)}) & sys.modules.keys())) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
