"""Which threads stand back, so that an alert does not wait for pictures.

Owns: the niceness of threads, and how soon the interpreter changes hands. Never: a thread that
tells anybody anything (the loop, the journal, the radios) standing back, nor one asking for more
than the process was given. Strategy: decoding and the networks fill every core of a busy engine; on
Linux niceness belongs to a thread, so those threads alone, and the pools that native libraries
begin from them, are made to yield. In return they keep a core for longer once they have it: a
picture's decoding or detection is then rarely cut in two, and finds its caches as it left them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")

BULK_NICENESS = 10
"""Steps: a ninth of a core beside others that want it, and all of it when they do not."""

READING_NICENESS = 6
"""Steps for the readers of recordings where no camera is live: nobody waits for the networks then,
and a reader that they do not interrupt finds the pictures it decodes from still in the caches."""

_TURN_S = 0.001
_BULK_SLICE_NS = 20_000_000
"""About two pictures; Linux takes 0.1 to 100 ms, and itself chooses 1 to 4."""

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
"""The system call's number; the C library has no name for it before glibc 2.41."""


def processors() -> int:
    """How many processors this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def short_turns() -> None:
    """Let a thread that waits for the interpreter have it after a millisecond, not five."""
    sys.setswitchinterval(min(_TURN_S, sys.getswitchinterval()))


def stand_back(steps: int = BULK_NICENESS) -> None:
    """Let the calling thread, and those it will begin, yield to the others; for good."""
    if sys.platform == "linux":  # elsewhere niceness is the whole process's
        thread = threading.get_native_id()
        with suppress(OSError):
            niceness = min(19, os.getpriority(os.PRIO_PROCESS, thread) + steps)
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                _lengthen_slice(thread, niceness)


def _lengthen_slice(thread: int, niceness: int) -> None:
    """``sched_setattr(2)``; without effect before Linux 6.12, and where it is not allowed."""
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        attributes = struct.pack(
            "=IIQiIQQQ", 48, os.SCHED_OTHER, 0, niceness, 0, _BULK_SLICE_NS, 0, 0
        )
        ctypes.CDLL(None).syscall(number, thread, attributes, 0)


def standing_back(call: Callable[[], Result]) -> Result:
    """``call()`` in a thread of its own that stands back, whose native threads inherit that."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def body() -> None:
        stand_back()
        try:
            results.append(call())
        except BaseException as exc:  # noqa: BLE001 - it is raised where it was asked for
            errors.append(exc)

    thread = threading.Thread(target=body, name="standing back", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
