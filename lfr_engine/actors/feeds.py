"""The cameras one detector serves, and whose frame is next.

Owns: a slot and a short queue per camera, and the choice between cameras. Never: a frame sent to a
tracker that has no room (the pressure stays in the slot, where whole frames are dropped fairly and
counted). Strategy: the camera that had least lately goes first, and among equals the oldest capture
(by age alone, a camera whose waiting frame was just replaced by a newer one would always be last);
results return to each camera in capture order. The detector's threads take frames here themselves,
under one lock: the trio thread is woken once a frame, when its faces are known. For recordings
nobody waits: their readers go a few frames ahead, and several frames are told of at once, so that
each thread does more of one kind of work while the processor's caches are warm for it.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import trio

from lfr_engine.actors.messages import Detected
from lfr_engine.actors.reading import Reading, Turns
from lfr_engine.priority import processors
from lfr_engine.runtime.flow import LatestSlot
from lfr_engine.runtime.telemetry import TO_DETECTION, Telemetry
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Frame

TRACKER_QUEUE = 2
"""Frames of one camera between picking and its tracker: one in work, one waiting."""

RECORDED_AHEAD = 8
"""Frames that the reader of a recording decodes ahead; those of 1080p have 3 MB. With four such
files 8 give 1.4 % more frames/s than 5, and take 39 MB more; 12 give no more than 8."""

RECORDED_QUEUE = 5
"""Frames of one recording between picking and its tracker: 0.6 to 0.9 % more than 3, for 25 MB."""

TOLD_TOGETHER = 8
"""Frames of all recordings told of at once, at most; and no more than half of those that may be on
their way, so that the detector has the other half while the trackers have these."""

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


class Pick:
    """A frame in the detector, and its place in its camera's order. Settled once: delivered with
    its faces, or given up; from any thread.
    """

    __slots__ = ("_settle", "began_ns", "ended_ns", "faces", "feed", "frame", "settled")

    def __init__(
        self, feed: Feed, frame: Frame, began_ns: int, settle: Callable[[Pick, Faces | None], bool]
    ) -> None:
        self.feed, self.frame, self.began_ns = feed, frame, began_ns
        self.ended_ns = began_ns
        self.faces: Faces | None = None
        self.settled = False
        self._settle = settle

    def deliver(self, faces: Faces) -> bool:
        """Hand the faces to the camera's tracker, after its earlier frames; False if given up."""
        return self._settle(self, faces)

    def give_up(self) -> bool:
        """The frame failed: later ones may pass, it counts as ``device``. False if delivered."""
        return self._settle(self, None)


class Feed:
    """One camera's way through the detector: ``slot`` in, ``receive`` out.

    ``order``, ``settled`` and ``held`` (frames from picked to received or lost) are guarded by the
    lock of ``Feeds``; the rest belongs to the trio thread.
    """

    def __init__(self, camera: str, *, wait: bool, feeds: Feeds) -> None:
        self.camera = camera
        self.recorded = wait
        self._ahead, self._room = (RECORDED_AHEAD, RECORDED_QUEUE) if wait else (0, TRACKER_QUEUE)
        self.slot: LatestSlot[Frame] = LatestSlot(ahead=self._ahead, on_ready=self._slot_changed)
        self.order: deque[Pick] = deque()
        self.settled: deque[Pick] = deque()
        self.held = 0
        self._feeds = feeds
        self._arrived: deque[Detected] = deque()
        self._over = False
        self._told = trio.Event()

    def reading(self) -> Reading:
        """For a thread that will read the source: how it hands its frames over."""
        return Reading(self.slot, self._ahead, self._feeds.turns)

    @property
    def unhurried(self) -> bool:
        """True while nobody waits for any camera's frames: all of them are recorded."""
        return self._feeds.all_recorded()

    @property
    def has_room(self) -> bool:
        """True while the tracker keeps up."""
        return self.held < self._room

    def scene_ns(self, frame: Frame) -> int:
        """When the frame happened: its capture stamp if live, its media time if recorded."""
        return round(frame.media_time_s * 1e9) if self.recorded else frame.captured_ns

    async def receive(self) -> Detected:
        """The next frame with its faces, in capture order.

        Raises:
            trio.EndOfChannel: The source ended and everything was delivered.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._arrived:
            if self._over:
                raise trio.EndOfChannel
            self._told = trio.Event()
            await self._told.wait()
        self._feeds.received(self)
        return self._arrived.popleft()

    def arrive(self) -> None:
        """In the trio thread: count what the detector settled, and wake the tracker."""
        settled, self._over = self._feeds.settled(self)
        telemetry = self._feeds.telemetry
        for pick in settled:
            frame, faces = pick.frame, pick.faces
            if faces is None:
                telemetry.dropped(self.camera, "device")
                continue
            telemetry.observe("wait for detector", (pick.began_ns - frame.captured_ns) / 1e9)
            telemetry.observe("detect", (pick.ended_ns - pick.began_ns) / 1e9)
            telemetry.since(TO_DETECTION, frame.captured_ns, self.camera)
            telemetry.counts[f"detected {self.camera}"] += 1
            telemetry.counts[f"faces {self.camera}"] += len(faces)
            self._arrived.append(Detected(frame, faces, self.scene_ns(frame)))
        self._told.set()

    def _slot_changed(self) -> None:
        self._feeds.wake()
        if self.slot.exhausted:
            self._feeds.tell(self)


class Feeds:
    """Every camera of one detector. Made in the trio thread.

    Args:
        telemetry: Where drops and the stages of detection are counted.
        age_budget_s: Live frames older than this are dropped as ``age``; the newest comes next.
    """

    def __init__(self, telemetry: Telemetry, *, age_budget_s: float = 0.5) -> None:
        self.telemetry = telemetry
        self.capture = True
        """False drops every frame as ``paused`` (R17)."""
        self._feeds: dict[str, Feed] = {}
        self._age_budget_ns = round(age_budget_s * 1e9)
        self._share = Share()
        self.turns = Turns(processors())
        """Of the readers of recordings."""
        self._untold: list[Feed] = []
        self._changed = threading.Condition(threading.Lock())
        self._token = trio.lowlevel.current_trio_token()

    @contextmanager
    def open(self, camera: str, *, wait: bool) -> Iterator[Feed]:
        """Serve a camera while the block lasts. ``wait``: recorded, so no frame may be dropped."""
        feed = Feed(camera, wait=wait, feeds=self)
        with self._changed:
            self._feeds[camera] = feed
        try:
            yield feed
        finally:
            with self._changed:
                self._feeds.pop(camera, None)
            feed.slot.close()

    def take(self, stop: threading.Event) -> Pick | None:
        """Wait in a detector's thread for the frame to detect next; None once ``stop`` is set
        (``wake`` makes it look).
        """
        with self._changed:
            while not stop.is_set():
                pick = self._choose()
                if pick is not None:
                    return pick
                self._changed.wait(timeout=0.5)
        return None

    def pick(self) -> Pick | None:
        """The frame to detect next, if one may go now: oldest capture first, each its share."""
        with self._changed:
            return self._choose()

    def wake(self) -> None:
        """Something changed: whoever waits in ``take`` looks again."""
        with self._changed:
            self._changed.notify_all()

    def oldest_ns(self) -> int | None:
        """Since when the detector has had the frame that it has had for longest."""
        with self._changed:
            return min(
                (p.began_ns for feed in self._feeds.values() for p in feed.order if not p.settled),
                default=None,
            )

    def all_recorded(self) -> bool:
        """True while no camera is live."""
        with self._changed:
            return all(feed.recorded for feed in self._feeds.values())

    def give_up(self) -> None:
        """Give up every frame in the detector, which is gone."""
        with self._changed:
            lost = [p for feed in self._feeds.values() for p in feed.order if not p.settled]
        for pick in lost:
            pick.give_up()

    def settled(self, feed: Feed) -> tuple[Sequence[Pick], bool]:
        """What the detector is done with, in capture order, and whether nothing more can come."""
        with self._changed:
            found = list(feed.settled)
            feed.settled.clear()
            lost = sum(pick.faces is None for pick in found)
            if lost:
                self._release(feed, lost)
            return found, feed.slot.exhausted and not feed.order

    def received(self, feed: Feed) -> None:
        """The tracker took a frame: there is room for another."""
        with self._changed:
            self._release(feed, 1)

    def tell(self, *feeds: Feed) -> None:
        """Have ``arrive`` of each called in one turn of the trio thread; from any thread."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(_arrive, *feeds, idempotent=True)

    def _settle(self, pick: Pick, faces: Faces | None) -> bool:
        feed = pick.feed
        with self._changed:
            if pick.settled:
                return False
            pick.settled, pick.faces = True, faces
            pick.ended_ns = self.telemetry.clock.monotonic_ns()
            if feed.order[0].settled and feed not in self._untold:
                self._untold.append(feed)
            while feed.order and feed.order[0].settled:
                feed.settled.append(feed.order.popleft())
            due = self._due()
        if due:
            self.tell(*due)
        return True

    def _due(self) -> Sequence[Feed]:
        """Whom to tell now of what is settled. What is held back is told with what is still in the
        detector, at the latest: everything in there is settled one day.
        """
        frames = sum(len(feed.settled) for feed in self._untold)
        recordings = sum(feed.recorded for feed in self._feeds.values())
        if (
            frames < min(TOLD_TOGETHER, RECORDED_QUEUE * recordings // 2)
            and all(feed.recorded for feed in self._untold)
            and any(feed.order for feed in self._feeds.values())
        ):
            return ()
        due, self._untold = self._untold, []
        return due

    def _release(self, feed: Feed, frames: int) -> None:
        was_full = not feed.has_room
        feed.held -= frames
        if was_full:  # else nobody waits for this
            self._changed.notify_all()

    def _choose(self) -> Pick | None:
        waiting = self._waiting()
        if not waiting:
            return None
        # Recorded cameras advance together through the scene, whatever their frame rates.
        recorded = all(self._feeds[camera].recorded for camera in waiting)
        camera = min(waiting, key=waiting.__getitem__) if recorded else None
        feed = self._feeds[camera or self._share.choose(waiting)]
        frame = feed.slot.take()
        assert frame is not None  # it was there, and it is only ever taken under this lock
        pick = Pick(feed, frame, self.telemetry.clock.monotonic_ns(), self._settle)
        feed.order.append(pick)
        feed.held += 1
        return pick

    def _waiting(self) -> dict[str, int]:
        """Scene times by camera of the frames that may go now; drops those past their age."""
        oldest_ns = self.telemetry.clock.monotonic_ns() - self._age_budget_ns
        waiting: dict[str, int] = {}
        for camera, feed in self._feeds.items():
            frame = feed.slot.peek()
            if frame is None:
                continue
            if not self.capture:
                self._drop(feed, "paused")
            elif frame.captured_ns < oldest_ns and not feed.recorded:
                self._drop(feed, "age")
            elif feed.has_room:
                waiting[camera] = feed.scene_ns(frame)
        return waiting

    def _drop(self, feed: Feed, reason: str) -> None:
        """Drop all that waits: nobody would look again for the rest of it."""
        while feed.slot.take() is not None:
            self.telemetry.dropped(feed.camera, reason)
        if feed.slot.exhausted:
            self.tell(feed)


def _arrive(*feeds: Feed) -> None:
    for feed in feeds:
        feed.arrive()
