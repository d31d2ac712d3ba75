"""When a picture was captured, as well as it can be known when its packet leaves the demuxer.

Owns: capture stamps, and the waiting that makes a recording come as a live camera would. Never:
a stamp later than the demuxer's. Strategy: a packet that had to be waited for is as fresh as it can
be, and is the anchor; one that was there already has waited in a buffer since some moment after the
anchor, and its media time says which. So neither the second of video that FFmpeg holds back while
it opens a stream, nor a decoder that lags behind, makes old pictures look fresh.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from lfr_engine.clock import Clock

WAITED_NS = 1_000_000
"""A demuxer that took this long had nothing in its buffer."""


_HELD = 64
"""Pictures a decoder may hold back at most; H.264 allows 16."""


class Arrivals(Protocol):
    """Says when each packet was captured."""

    def stamp(self, asked_ns: int, media_s: float | None) -> int:
        """Capture time (monotonic ns) of the packet just demuxed.

        Args:
            asked_ns: When the demuxer was asked for it.
            media_s: Its decoding time in the stream, in seconds; None where the stream says none.
        """
        ...


class FastArrivals:
    """Recorded material read as quickly as it is processed: captured when read."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def stamp(self, asked_ns: int, media_s: float | None) -> int:  # noqa: ARG002 - the protocol's
        """The present."""
        return self._clock.monotonic_ns()


class LiveArrivals:
    """A live stream.

    Args:
        opened_ns: When opening began: nothing was captured before it.
    """

    def __init__(self, clock: Clock, opened_ns: int) -> None:
        self._clock = clock
        self._anchor_ns = self._last_ns = opened_ns
        self._anchor_s: float | None = None

    def stamp(self, asked_ns: int, media_s: float | None) -> int:
        """The present if the packet was waited for, else between the last such and the present."""
        now_ns = self._clock.monotonic_ns()
        if now_ns - asked_ns >= WAITED_NS:
            self._anchor_ns, self._anchor_s = now_ns, media_s
            captured = now_ns
        elif media_s is None:
            captured = self._last_ns
        else:
            if self._anchor_s is None:
                self._anchor_s = media_s
            captured = self._anchor_ns + round((media_s - self._anchor_s) * 1e9)
        self._last_ns = min(now_ns, max(self._last_ns, captured))
        return self._last_ns


class PacedArrivals:
    """Recorded material that comes as from a live camera: each packet waits until it is due.

    Args:
        stop: Ends a wait early.
        start_ns: When the packet of media time 0 is due.
    """

    def __init__(self, clock: Clock, stop: threading.Event, start_ns: int) -> None:
        self._clock = clock
        self._stop = stop
        self._start_ns = self._last_ns = start_ns

    def stamp(self, asked_ns: int, media_s: float | None) -> int:  # noqa: ARG002 - the protocol's
        """When the packet was due, once that moment has come."""
        if media_s is not None:
            self._last_ns = max(self._last_ns, self._start_ns + round(media_s * 1e9))
        wait_ns = self._last_ns - self._clock.monotonic_ns()
        if wait_ns > 0:
            self._stop.wait(wait_ns / 1e9)
        return self._last_ns


class HeldStamps:
    """The capture stamps of pictures that are still in the decoder.

    Pictures leave a decoder in the order in which they are shown, which is not that of their
    packets where some are coded between others. Each takes the oldest stamp there is, so that
    stamps never go back, and a packet that gave no picture takes its stamp with it.
    """

    def __init__(self) -> None:
        self._stamps: deque[int] = deque()
        self._times: set[int] = set()

    def enter(self, pts: int | None, captured_ns: int) -> None:
        """A packet to be shown at ``pts`` goes into the decoder."""
        if pts is None or pts in self._times:
            return
        if len(self._times) == _HELD:
            self._times.remove(min(self._times))
            self._stamps.popleft()
        self._times.add(pts)
        self._stamps.append(captured_ns)

    def leave(self, pts: int | None, captured_ns: int) -> int:
        """The stamp of the picture shown at ``pts``; ``captured_ns`` where none was kept."""
        if pts is None:
            return captured_ns
        for past in [time for time in self._times if time <= pts]:
            self._times.remove(past)
            captured_ns = self._stamps.popleft()
        return captured_ns
