"""The cameras one detector serves, and whose frame is next.

Owns: a slot and a short queue per camera, and the choice between cameras. Never: a frame sent to a
tracker that has no room (the pressure stays in the slot, where whole frames are dropped fairly and
counted). Strategy: the camera that had least lately goes first, and among equals the oldest capture
(by age alone, a camera whose waiting frame was just replaced by a newer one would always be last);
results return to each camera in capture order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import trio

from lfr_engine.actors.messages import Detected
from lfr_engine.runtime.flow import LatestSlot
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.frame import Frame

TRACKER_QUEUE = 2
"""Frames of one camera between picking and its tracker: one in work, one waiting."""

SHARE_WINDOW = 32
"""Picks remembered for the share; about 0.3 s of a busy two-core machine."""


class Share:
    """Who had how many of the last picks; pure."""

    def __init__(self, window: int = SHARE_WINDOW) -> None:
        self._picks: deque[str] = deque(maxlen=window)
        self._counts: Counter[str] = Counter()

    def choose(self, waiting: Mapping[str, int]) -> str:
        """The camera to serve of ``waiting``, a mapping from camera to scene time (ns), not
        empty: the one with the fewest of the last picks, and among equals the oldest capture.
        """
        camera = min(waiting, key=lambda c: (self._counts[c], waiting[c], c))
        if len(self._picks) == self._picks.maxlen:
            self._counts[self._picks[0]] -= 1
        self._picks.append(camera)
        self._counts[camera] += 1
        return camera


class Feed:
    """One camera's way through the detector: ``slot`` in, ``detected`` out."""

    def __init__(self, camera: str, *, wait: bool, notify: Callable[[], None]) -> None:
        self.camera = camera
        self.recorded = wait
        self.slot: LatestSlot[Frame] = LatestSlot(wait=wait, on_ready=notify)
        self._notify = notify
        self._send, self._receive = trio.open_memory_channel[Detected](TRACKER_QUEUE)
        self._turns: deque[trio.Event] = deque()
        self.in_flight = 0

    @property
    def has_room(self) -> bool:
        """True while the tracker keeps up."""
        return self.in_flight + self._send.statistics().current_buffer_used < TRACKER_QUEUE

    def scene_ns(self, frame: Frame) -> int:
        """When the frame happened: its capture stamp if live, its media time if recorded."""
        return round(frame.media_time_s * 1e9) if self.recorded else frame.captured_ns

    async def receive(self) -> Detected:
        """The next frame with its faces, in capture order.

        Raises:
            trio.EndOfChannel: The source ended and everything was delivered.
        """
        detected = await self._receive.receive()
        self._notify()
        return detected

    def begin(self) -> Ticket:
        """Reserve the next place in this camera's order."""
        self.in_flight += 1
        turn = trio.Event()
        if not self._turns:
            turn.set()
        self._turns.append(turn)
        return Ticket(self, turn)

    def finish(self, turn: trio.Event, detected: Detected | None) -> None:
        """Give up a place, handing on its result if there is one."""
        self.in_flight -= 1
        self._turns.remove(turn)
        if self._turns:
            self._turns[0].set()
        if detected is not None:
            self._send.send_nowait(detected)
        self.close_if_done()
        self._notify()

    def close_if_done(self) -> None:
        """Tell the tracker when nothing more can come."""
        if self.slot.exhausted and not self.in_flight:
            self._send.close()


class Ticket:
    """A frame's place in its camera's order, held while it is in the detector."""

    def __init__(self, feed: Feed, turn: trio.Event) -> None:
        self._feed, self._turn = feed, turn
        self._done = False

    async def deliver(self, detected: Detected) -> None:
        """Hand the result on when the camera's earlier frames were."""
        await self._turn.wait()
        self._done = True
        self._feed.finish(self._turn, detected)

    def give_up(self) -> bool:
        """The frame failed or was cancelled: later frames may pass. False if it was delivered."""
        lost = not self._done
        if lost:
            self._done = True
            self._feed.finish(self._turn, None)
        return lost


class Feeds:
    """Every camera of one detector.

    Args:
        telemetry: Where drops are counted.
        age_budget_s: Live frames older than this are dropped as ``age``; the newest comes next.
    """

    def __init__(self, telemetry: Telemetry, *, age_budget_s: float = 0.5) -> None:
        self._feeds: dict[str, Feed] = {}
        self._telemetry = telemetry
        self._age_budget_ns = round(age_budget_s * 1e9)
        self._share = Share()
        self._wake = trio.Event()
        self.capture = True
        """False drops every frame as ``paused`` (R17)."""

    @contextmanager
    def open(self, camera: str, *, wait: bool) -> Iterator[Feed]:
        """Serve a camera while the block lasts. ``wait``: recorded, so no frame may be dropped."""
        feed = Feed(camera, wait=wait, notify=self._notify)
        self._feeds[camera] = feed
        try:
            yield feed
        finally:
            self._feeds.pop(camera, None)
            feed.slot.close()

    async def next(self) -> tuple[Feed, Frame, Ticket]:
        """Wait for the frame to detect next: oldest capture first, every camera its share."""
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()
            if self._wake.is_set():
                self._wake = trio.Event()
            waiting = self._waiting()
            if waiting:
                # Recorded cameras advance together through the scene, whatever their frame rates.
                recorded = all(self._feeds[camera].recorded for camera in waiting)
                camera = min(waiting, key=waiting.__getitem__) if recorded else None
                feed = self._feeds[camera or self._share.choose(waiting)]
                frame = feed.slot.take()
                if frame is not None:
                    return feed, frame, feed.begin()
            else:
                await self._wake.wait()

    def _waiting(self) -> dict[str, int]:
        """Scene times by camera of the frames that may go now; drops those past their age."""
        oldest_ns = self._telemetry.clock.monotonic_ns() - self._age_budget_ns
        waiting: dict[str, int] = {}
        for camera, feed in self._feeds.items():
            frame = feed.slot.peek()
            if frame is None:
                feed.close_if_done()
            elif not self.capture:
                if feed.slot.take() is not None:
                    self._telemetry.dropped(camera, "paused")
            elif frame.captured_ns < oldest_ns and not feed.recorded:
                if feed.slot.take() is not None:
                    self._telemetry.dropped(camera, "age")
            elif feed.has_room:
                waiting[camera] = feed.scene_ns(frame)
        return waiting

    def _notify(self) -> None:
        self._wake.set()
