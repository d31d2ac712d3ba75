"""Which threads stand back, so that an alert does not wait for pictures.

Owns: the niceness of threads, and how soon the interpreter changes hands. Never: a thread that
tells anybody anything (the loop, the journal, the radios) standing back, nor one asking for more
than the process was given. Strategy: decoding and the networks fill every core of a busy engine; on
Linux niceness belongs to a thread, so those threads alone, and the pools that native libraries
begin from them, are made to yield.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")

BULK_NICENESS = 10
"""Steps: a ninth of a core beside others that want it, and all of it when they do not."""

_TURN_S = 0.001


def short_turns() -> None:
    """Let a thread that waits for the interpreter have it after a millisecond, not five."""
    sys.setswitchinterval(min(_TURN_S, sys.getswitchinterval()))


def stand_back() -> None:
    """Let the calling thread, and those it will begin, yield to the others; for good."""
    if sys.platform == "linux":  # elsewhere niceness is the whole process's
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(
                os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + BULK_NICENESS
            )


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
