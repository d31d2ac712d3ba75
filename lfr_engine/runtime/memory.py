"""How this process holds memory: large blocks go back to the system when they are freed.

Owns: the C library's choice between its heaps and the system. Never: a limit. Strategy: glibc has a
heap a thread, and once a large block was freed it takes all such blocks from there; a decoder's
pictures then leave holes in the heap of every thread that ever read a camera, and a process whose
cameras reconnect grows by tens of megabytes each time. Blocks of their own leave none.
"""

from __future__ import annotations

import ctypes
import sys

LARGE_BYTES = 256 * 1024
"""A chroma plane of 960 × 540 is larger; what a frame needs and gives back again is smaller, or is
kept (``vision.resize.Scratch``), for a block of its own costs a page fault every 4 KiB."""

_SLACK_BYTES = 4 * 1024 * 1024  # of a heap's end that is kept, for what comes and goes
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def give_back_large_blocks() -> bool:
    """From now on; True where the C library takes it (glibc), False elsewhere."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    slack = mallopt(_M_TRIM_THRESHOLD, _SLACK_BYTES)
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(slack)
