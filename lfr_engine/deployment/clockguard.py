"""Whether the wall clock can be believed before and during a deployment (R3).

Owns: the question to the kernel, and the comparison of the wall clock with the monotonic one.
Never: sets a clock. Strategy: the two clocks were read together at the start; whoever turns the
wall clock, or suspends the machine, makes them disagree.
"""

from __future__ import annotations

import ctypes
import datetime as dt
from dataclasses import dataclass

from lfr_engine.clock import Stamp
from lfr_engine.journal.events.engine import ClockRefused

_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux


@dataclass(frozen=True, slots=True)
class ClockGuard:
    """Watches the wall clock of one run.

    start: both clocks as the run began. tolerance: what synchronisation may correct meanwhile.
    """

    start: Stamp
    tolerance: dt.timedelta = dt.timedelta(seconds=30)

    def check(self, now: Stamp, deployment: str | None = None) -> ClockRefused | None:
        """The event to journal before ending the run, or None while the clocks agree."""
        elapsed = dt.timedelta(microseconds=(now.monotonic_ns - self.start.monotonic_ns) / 1000)
        expected = self.start.utc + elapsed
        if abs(now.utc - expected) <= self.tolerance:
            return None
        return ClockRefused(
            cause="rewound" if now.utc < expected else "jumped",
            expected=expected,
            found=now.utc,
            deployment=deployment,
        )


def synchronised() -> bool | None:
    """Whether the kernel holds its clock to be synchronised; None where it cannot be asked.

    chrony, ntpd and systemd-timesyncd all tell the kernel (``adjtimex(2)``).
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))  # modes 0: only asks
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONISED
