"""The engine's own tracks, frame by frame, held against the truth of the videos.

Owns: which appearance a track lay on, and where the face behind an alert was. Never: a detector or
a tracker of its own, a crop, a template. Strategy: the engine tells of every frame's faces as it
follows them, so what is scored is what really ran, and a video is looked at once.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence

import numpy as np

from lfr_engine.actors.events import FacesFollowed
from lfr_engine.clock import Clock
from lfr_engine.errors import InputError
from lfr_engine.evaluation.progress import Tell
from lfr_engine.evaluation.tracking import (
    OVERLAP,
    Box,
    Placed,
    Scene,
    TrackCounter,
    TrackingScores,
    overlaps,
)
from lfr_engine.evaluation.walkby.truth import AppearanceTruth, CameraTruth, Truth
from lfr_engine.sources.reader import ReaderSettings, StreamFacts, read_video
from lfr_engine.sources.spec import SourceAddress
from lfr_engine.vision.tracker import NO_TRACK

ASKED_FOR_SHARE = 0.5
"""A face less visible than this, or narrower than a quarter above the far size, is not asked for:
it is neither right nor wrong to follow it."""
SMALLEST_ASKED_PX = 24.0
RECENT_FRAMES = 4096
"""Frames whose boxes are kept for an alert still under way. It waits behind some 150 views at most
(the links' bounds), and where so few frames give so many views, they are soon reached."""
TELL_EVERY = 25


class Follower:
    """Follows the tracks of a run as the engine tells of them.

    Args:
        truth: Of all cameras.
        cameras: The truth's camera by the name the engine gives it.
        tell: Told how far the engine is, in frames of all cameras.
    """

    def __init__(self, truth: Truth, cameras: Mapping[str, CameraTruth], tell: Tell) -> None:
        self._views = {name: _View(truth, camera) for name, camera in cameras.items()}
        self._on: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
        self._counter = TrackCounter()
        self._frames = sum(camera.frames for camera in cameras.values())
        self._seen = 0
        self._tell = tell

    def take(self, seen: FacesFollowed) -> None:
        """Take one frame's faces."""
        self._seen += 1
        if self._seen % TELL_EVERY == 0:
            self._tell("running the engine, frames", min(self._seen, self._frames), self._frames)
        view = self._views[seen.camera]
        tracks = {
            int(track): _box(row)
            for row, track in zip(seen.boxes, seen.tracks, strict=True)
            if track != NO_TRACK
        }
        number = view.number(seen.scene_s)
        view.recent.append((number, tracks))
        self._score(seen.camera, view.present(number), tracks)

    def box(self, camera: str, track: int, at_s: float) -> Box | None:
        """The face of a track in the frame at ``at_s``; None where it was not seen there."""
        view = self._views[camera]
        number = view.number(at_s)
        return next(
            (tracks.get(track) for frame, tracks in reversed(view.recent) if frame == number), None
        )

    def appearance(self, camera: str, track: int) -> int | None:
        """The appearance a track lay on most, by its index in the truth; None for none."""
        most = self._on.get((camera, track), Counter()).most_common(1)
        return most[0][0] if most else None

    @property
    def scores(self) -> TrackingScores:
        """IDF1 and the rest, of everything followed so far."""
        return self._counter.result()

    def _score(
        self,
        camera: str,
        present: Sequence[tuple[int, AppearanceTruth, Box, float]],
        tracks: dict[int, Box],
    ) -> None:
        asked = [
            (index, Placed(f"{camera} {a.pass_id}", box))
            for index, a, box, visible in present
            if visible >= ASKED_FOR_SHARE and box[2] - box[0] >= SMALLEST_ASKED_PX
        ]
        ignored = [
            box
            for _, _, box, visible in present
            if visible < ASKED_FOR_SHARE or box[2] - box[0] < SMALLEST_ASKED_PX
        ]
        placed = [Placed(f"{camera} {track}", box) for track, box in tracks.items()]
        self._counter.add(Scene([one for _, one in asked], ignored, placed))
        if not asked or not tracks:
            return
        numbers = list(tracks)
        like = overlaps(
            np.array([one.box for _, one in asked], np.float32),
            np.array(list(tracks.values()), np.float32),
        )
        for row, column in np.argwhere(like >= OVERLAP):
            self._on[camera, numbers[int(column)]][asked[int(row)][0]] += 1


class _View:
    """One camera: who is truly there in each frame, and the tracks of the newest ones."""

    def __init__(self, truth: Truth, camera: CameraTruth) -> None:
        self._fps = camera.fps
        self._waiting = sorted(
            ((i, a) for i, a in enumerate(truth.appearances) if a.camera == camera.name),
            key=lambda one: one[1].first_frame,
            reverse=True,
        )
        self._here: list[tuple[int, AppearanceTruth]] = []
        self.recent: deque[tuple[int, dict[int, Box]]] = deque(maxlen=RECENT_FRAMES)

    def number(self, at_s: float) -> int:
        """The frame at ``at_s``."""
        return round(at_s * self._fps)

    def present(self, frame: int) -> list[tuple[int, AppearanceTruth, Box, float]]:
        """(index in the truth, appearance, box, visible share) of every face in ``frame``.

        Frames must be asked for in rising order.
        """
        while self._waiting and self._waiting[-1][1].first_frame <= frame:
            self._here.append(self._waiting.pop())
        self._here = [one for one in self._here if one[1].last_frame >= frame]
        out = []
        for i, appearance in self._here:
            place = frame - appearance.first_frame
            box = appearance.boxes[place]
            if box is not None:
                out.append((i, appearance, box, appearance.visible[place]))
        return out


def check_video(camera: CameraTruth, address: SourceAddress, clock: Clock) -> None:
    """Compare a video's size and rate with the truth, by its first frame.

    Raises:
        InputError: they differ.
        SourceRefused: the video cannot be read.
    """
    facts: list[StreamFacts] = []
    stop = threading.Event()
    read_video(
        camera.name, address, ReaderSettings(), clock, lambda _: stop.set(), stop, facts.append
    )
    found = facts[0]
    if (found.width, found.height) != (camera.width, camera.height):
        raise InputError(
            address,
            f"is {found.width}×{found.height}, but its truth says {camera.width}×{camera.height}",
            "use the video that was written with this truth",
        )
    if found.declared_fps and abs(found.declared_fps - camera.fps) > 0.01 * camera.fps:
        raise InputError(
            address,
            f"has {found.declared_fps:g} frames a second, but its truth says {camera.fps:g}",
            "use the video that was written with this truth",
        )


def _box(row: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Box:
    x0, y0, x1, y1 = (float(v) for v in row)
    return x0, y0, x1, y1
