from __future__ import annotations

import subprocess
import sys

CODE = """
import ctypes, os, resource
from lfr_engine.runtime.hardening import core_dumps_forbidden, forbid_core_dumps
assert not core_dumps_forbidden() or resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
forbid_core_dumps()
assert core_dumps_forbidden()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
forbid_core_dumps()
print("done")
"""


def test_a_process_forbids_core_dumps_for_good() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "done\n"
