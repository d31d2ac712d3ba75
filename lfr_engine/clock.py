"""Time, injected: the only module that calls ``time`` or asks for the current date.

Everything that decides by time takes a ``Clock``. Durations and ages come from the monotonic
reading; the UTC reading is for people and records.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant read twice: ``monotonic_ns`` for arithmetic, ``utc`` for the record."""

    monotonic_ns: int
    utc: dt.datetime


class Clock(Protocol):
    """Where time comes from."""

    def monotonic_ns(self) -> int:
        """Nanoseconds from an arbitrary origin; never goes back."""
        ...

    def utc(self) -> dt.datetime:
        """The present, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary origin."""
        return time.monotonic_ns()

    def utc(self) -> dt.datetime:
        """The machine's idea of now, in UTC."""
        return dt.datetime.now(dt.UTC)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told: for tests and for replaying recorded time."""

    now_ns: int = 0
    started: dt.datetime = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)

    def monotonic_ns(self) -> int:
        """Nanoseconds advanced so far."""
        return self.now_ns

    def utc(self) -> dt.datetime:
        """``started`` plus the time advanced so far."""
        return self.started + dt.timedelta(microseconds=self.now_ns / 1000)

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``, at least 0."""
        if seconds < 0:
            raise ValueError("a clock does not go back")
        self.now_ns += round(seconds * 1e9)


def stamp(clock: Clock) -> Stamp:
    """Read both clocks at once."""
    return Stamp(clock.monotonic_ns(), clock.utc())
