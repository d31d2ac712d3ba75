"""The files of compiled networks, once they are loaded: their pages go back to the system.

Owns: that advice to the kernel. Never: a file's content, or a page that was written to. Strategy:
OpenVINO maps a compiled network's file and keeps it mapped, though it reads it only while loading:
37 MB for each batch size of an embedder, that count as this process's own. Pages of a shared
mapping may be let go at any time; whatever is read again comes back from the file.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_MADV_DONTNEED = 4  # sys/mman.h


def let_go_of_blobs(folder: Path) -> int:
    """Let go of what is mapped, shared and read-only, of the files in ``folder``; returns how many
    bytes of address space that was. Does nothing where there is no such advice (outside Linux), or
    no account of what is mapped.
    """
    if sys.platform != "linux":
        return 0
    try:
        maps = os.fsdecode(_MAPS.read_bytes())  # paths are whatever bytes somebody chose
    except OSError:
        return 0
    inside, told = f"{folder.resolve()}{os.sep}", 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in maps.splitlines():
        span, permissions, _, _, _, *path = line.split(maxsplit=5)
        if permissions == "r--s" and path and path[0].startswith(inside):
            begin, end = (int(edge, 16) for edge in span.split("-"))
            if advise(begin, end - begin, _MADV_DONTNEED) == 0:
                told += end - begin
    return told
