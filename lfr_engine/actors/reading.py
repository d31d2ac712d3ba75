"""How the reader of a camera hands its frames over: at once where it is live, else in bursts.

Owns: which readers of recordings decode now. Never: a frame, or a lock of the detector. Strategy:
decoding is quickest while the pictures it refers to are still in the processor's caches, and those
of four 1080p streams do not fit there together. So no more readers of recordings decode at once
than there are processors; each goes on until it is far enough ahead or its turn is over, and
whoever is furthest behind in the scene comes next. Turns are a matter of speed only: a frame handed
over without one is as good, and a reader that hangs in its turn soon loses it.
"""

from __future__ import annotations

import threading

from lfr_engine.runtime.flow import LatestSlot
from lfr_engine.vision.frame import Frame

LONGEST_WAIT_S = 1.0
"""For a turn, much longer than a burst of 1080p takes. Whoever waited so long takes another's."""

BURST_S = 1.0
"""Of the scene, decoded in one turn at most: recordings stay about so close to each other."""

AHEAD_BYTES = 32 * 1024 * 1024
"""Decoded ahead by one reader at most, if it is more than one frame: two of 4K."""


class Turns:
    """Who of the readers of recordings may decode.

    Args:
        places: Readers that have a turn at once.
        patience_s: After so long a wait, whoever has had a turn for longest loses it.
    """

    def __init__(self, places: int, patience_s: float = LONGEST_WAIT_S) -> None:
        self._places = places
        self._patience_s = patience_s
        self._changed = threading.Condition()
        self._holders: dict[object, None] = {}  # in the order in which they came
        self._waiting: list[float] = []

    @property
    def held(self) -> int:
        """Readers whose turn it is."""
        with self._changed:
            return len(self._holders)

    def take(self, reader: object, scene_s: float) -> None:
        """In a reader's thread: wait for its turn, no longer than ``patience_s``.

        Args:
            reader: Whose turn it will be; hashable, and without one.
            scene_s: How far it is in its recording, in seconds: the smallest goes first.
        """
        with self._changed:
            self._waiting.append(scene_s)
            if not self._changed.wait_for(lambda: self._is_next(scene_s), self._patience_s):
                self._end(next(iter(self._holders), None))
            self._waiting.remove(scene_s)
            self._holders[reader] = None
            self._changed.notify_all()

    def give_back(self, reader: object) -> None:
        """Its turn is over; without effect where it was lost before."""
        with self._changed:
            self._end(reader)
            self._changed.notify_all()

    def _is_next(self, scene_s: float) -> bool:
        return len(self._holders) < self._places and scene_s <= min(self._waiting)

    def _end(self, reader: object) -> None:
        self._holders.pop(reader, None)


class Reading:
    """One reader's way into its camera's slot; for the reader's thread alone.

    Args:
        slot: Where frames go.
        ahead: Frames that the slot holds for a recording, if they are not too large; 0 for a live
            camera, which never waits.
        turns: Shared by all readers.
    """

    def __init__(self, slot: LatestSlot[Frame], ahead: int, turns: Turns) -> None:
        self._slot = slot
        self._ahead = ahead
        self._turns = turns
        self._has_turn = False
        self._until_s = 0.0

    def offer(self, frame: Frame) -> Frame | None:
        """Hand a frame over; returns the one it replaced. The reader of a recording then waits for
        room, and for its turn to decode the next.

        Raises:
            SlotClosed: The camera is gone; the thread should end.
        """
        replaced = self._slot.put(frame)
        if self._ahead:
            ahead = min(self._ahead, max(1, AHEAD_BYTES // _size(frame)))
            if self._slot.waiting >= ahead:
                self.rest()
                self._slot.wait_for_room(ahead // 2)
            elif frame.media_time_s >= self._until_s:
                self.rest()
            if not self._has_turn:
                self._turns.take(self, frame.media_time_s)
                self._has_turn, self._until_s = True, frame.media_time_s + BURST_S
        return replaced

    def rest(self) -> None:
        """Let another reader decode; also at the end."""
        if self._has_turn:
            self._has_turn = False
            self._turns.give_back(self)


def _size(frame: Frame) -> int:
    planes = frame.planes
    return planes.y.size + planes.u.size + planes.v.size
