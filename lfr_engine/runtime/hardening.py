"""What a process does first so that faces and keys in its memory stay there (R1).

Owns: core dumps off and the process closed to debuggers of the same user. Never: gives either back.
Strategy: the limit stops the kernel from writing a core file; the dumpable flag also stops crash
collectors, which ignore the limit, and hides ``/proc/PID/mem`` from other processes of the user.
"""

from __future__ import annotations

import ctypes
import os
import resource

from lfr_engine.errors import EngineError

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> None:
    """Keep this process, and those it starts, from leaving their memory anywhere; Linux only.

    Raises:
        EngineError: The system refused.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as exc:
        raise EngineError("core dumps", f"cannot be switched off: {exc}") from exc
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise EngineError("core dumps", os.strerror(ctypes.get_errno()))


def core_dumps_forbidden() -> bool:
    """Whether both hold now."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(
        resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
        and libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0
    )
