"""What this process takes of the machine: processor time by kind of thread, and memory.

Owns: the kernel's account of our threads. Never: a clock of its own, or a verdict. Strategy: Linux
keeps each thread's time on a processor; the interpreter knows the names of its own threads, and
those without one are the pools of OpenVINO. A thread's account is gone with it, so it is read often
enough (``look``), and what was missed between a last look and a thread's end is told as such.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from pathlib import Path

NETWORKS = "networks (OpenVINO's threads)"
MISSED = "not told apart"

_KINDS = (
    ("camera ", "decoding"),
    ("detector ", "shrinking pictures, reading faces"),
    ("lane embedder", "embedder's lane"),
    ("lane matcher", "matching"),
    ("MainThread", "loop: tracking, views, crops"),
)
_TASKS = Path("/proc/self/task")


def kind_of(name: str) -> str:
    """What a thread of that name does in the engine; ``MISSED`` for one of anything else."""
    return next((kind for start, kind in _KINDS if name.startswith(start)), MISSED)


class ThreadTimes:
    """Processor seconds from the making of this, by kind of thread (on Linux)."""

    def __init__(self) -> None:
        self._began_s = time.process_time()
        self._first: dict[int, float] = _seconds()
        self._last: dict[int, float] = dict(self._first)
        self._kinds: dict[int, str] = {}

    def look(self) -> None:
        """Read every thread that lives."""
        for thread in threading.enumerate():
            if thread.native_id is not None:
                self._kinds[thread.native_id] = kind_of(thread.name)
        self._last |= _seconds()

    def told(self) -> dict[str, float]:
        """Seconds by kind, the largest first; they add up to the process's."""
        total_s = time.process_time() - self._began_s
        found: defaultdict[str, float] = defaultdict(float)
        for thread, seconds in self._last.items():
            found[self._kinds.get(thread, NETWORKS)] += seconds - self._first.get(thread, 0.0)
        found[MISSED] += max(0.0, total_s - sum(found.values()))
        return dict(sorted(found.items(), key=lambda one: -one[1]))


def _seconds() -> dict[int, float]:
    """Seconds on a processor of each thread of this process, by its native id."""
    found: dict[int, float] = {}
    try:
        tasks = list(_TASKS.iterdir())
    except OSError:
        return found
    for task in tasks:
        try:
            found[int(task.name)] = int((task / "schedstat").read_text("ascii").split()[0]) / 1e9
        except (OSError, IndexError, ValueError):  # it ended meanwhile, or the kernel does not tell
            continue
    return found


def resident_mb() -> float:
    """Resident memory of this process in MB; 0 where the system does not tell."""
    try:
        fields = Path("/proc/self/statm").read_text("ascii").split()
    except OSError:
        return 0.0
    return int(fields[1]) * 4096 / 1e6
