"""Facts about this machine that no library tells: clock, cores, disk, core dumps, terminal.

Owns: reading them. Never: judging them (``doctor`` does) or changing them. What cannot be found out
is None, said honestly. Linux first; elsewhere most answers are None.
"""

from __future__ import annotations

import ctypes
import resource
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.priority import processors

_STA_UNSYNC = 0x0040  # <sys/timex.h>
_TIMEX_BYTES = 512
"""More than ``struct timex`` has (208 bytes on 64-bit Linux): the kernel writes no further."""


class _Timex(ctypes.Structure):
    """The first fields of ``struct timex``, all we read."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
    )


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """synchronised: as the kernel sees it. error_ms: its own bound on the error where it is."""

    synchronised: bool
    error_ms: float


def clock_facts() -> ClockFacts | None:
    """Whether something disciplines the system clock; None where the kernel does not tell."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes 0: read only
    if adjtimex(buffer) < 0:
        return None
    timex = _Timex.from_buffer(buffer)
    return ClockFacts(not timex.status & _STA_UNSYNC, timex.maxerror / 1000)


@dataclass(frozen=True, slots=True)
class CoreFacts:
    """usable: processors this process may run on. quota: a container's limit in processors."""

    usable: int
    quota: float | None


def core_facts(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> CoreFacts:
    """Processors, and the control group's quota where one is set."""
    try:
        limit, period = quota_file.read_text(encoding="ascii").split()
        quota = None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError):
        quota = None
    return CoreFacts(processors(), quota)


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """writable: a file could be made there. free_bytes: what a user may still fill."""

    path: Path
    writable: bool
    free_bytes: int
    cause: str = ""


def folder_facts(path: Path) -> FolderFacts:
    """Try the folder, or its nearest existing parent where it does not exist yet."""
    nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    try:
        free = shutil.disk_usage(nearest).free
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as exc:
        return FolderFacts(path, writable=False, free_bytes=0, cause=exc.strerror or str(exc))
    return FolderFacts(path, writable=True, free_bytes=free)


def core_dumps_allowed(
    pattern_file: Path = Path("/proc/sys/kernel/core_pattern"),
) -> bool | None:
    """Whether a crash could write this process's memory out, faces included (R1).

    The limit rules unless the kernel pipes dumps to a program, which may keep them regardless.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft != 0:
        return True
    try:
        return pattern_file.read_text(encoding="utf-8").startswith("|")
    except OSError:
        return None
