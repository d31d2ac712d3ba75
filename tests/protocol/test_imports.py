"""The wire protocol is cheap to import and drags nothing of the engine along."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import pkgutil, sys
import lfr_engine.protocol
for module in pkgutil.iter_modules(lfr_engine.protocol.__path__):
    __import__("lfr_engine.protocol." + module.name)
heavy = {"trio", "numpy", "av", "openvino", "cv2", "asyncio", "socket"} & set(sys.modules)
sys.exit(", ".join(sorted(heavy)) or None)
"""


def test_importing_the_protocol_loads_no_engine_and_no_loop() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
