"""The tracks of a recorded video, frame by frame, held against its truth.

Owns: a second look at the video with the engine's own detector, scene watch and tracker. Never: a
crop, a template, an alert. Strategy: recorded material is detected on every frame and the tracker
is deterministic, so tracks come out as in the engine's run and carry its numbers; boxes are kept
only where an alert asks for one.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

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
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Frame, Picture
from lfr_engine.vision.scene import SceneWatch
from lfr_engine.vision.tracker import NO_TRACK, EndReason, Tracker, TrackerSettings

ASKED_FOR_SHARE = 0.5
"""A face less visible than this, or narrower than a quarter above the far size, is not asked for:
it is neither right nor wrong to follow it."""
SMALLEST_ASKED_PX = 24.0


class FrameDetector(Protocol):
    """Finds the faces of a frame."""

    def detect(self, picture: Picture) -> Faces:
        """Every face, in the picture's own pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A track whose box is wanted in the frame at ``at_s`` of a camera's video."""

    camera: str
    track: int
    at_s: float


@dataclass(slots=True)
class Followed:
    """What the second look gave.

    boxes: of the wanted tracks, where they were seen. on: how many frames a (camera, track) lay on
    an appearance, by its index in the truth.
    """

    boxes: dict[Wanted, Box] = field(default_factory=dict)
    on: dict[tuple[str, int], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    counter: TrackCounter = field(default_factory=TrackCounter)

    @property
    def scores(self) -> TrackingScores:
        """IDF1 and the rest, of all cameras followed so far."""
        return self.counter.result()

    def appearance(self, camera: str, track: int) -> int | None:
        """The appearance a track lay on most, or None."""
        most = self.on.get((camera, track), Counter()).most_common(1)
        return most[0][0] if most else None


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


def follow(
    followed: Followed,
    camera: CameraTruth,
    address: SourceAddress,
    truth: Truth,
    detector: FrameDetector,
    wanted: Iterable[Wanted],
    clock: Clock,
    tell: Tell,
) -> None:
    """Follow one camera's video to its end, adding to ``followed``; raises ``SourceRefused``."""
    look = _Look(followed, camera, truth, detector, wanted)

    def deliver(frame: Frame) -> None:
        look.take(frame)
        if frame.sequence % 25 == 0:
            tell(f"following {camera.name}", frame.sequence, camera.frames)

    read_video(camera.name, address, ReaderSettings(), clock, deliver, threading.Event())


class _Look:
    def __init__(
        self,
        followed: Followed,
        camera: CameraTruth,
        truth: Truth,
        detector: FrameDetector,
        wanted: Iterable[Wanted],
    ) -> None:
        self._followed = followed
        self._camera = camera
        self._detector = detector
        self._tracker = Tracker(TrackerSettings())
        self._watch = SceneWatch()
        self._wanted: dict[int, list[Wanted]] = defaultdict(list)
        for one in wanted:
            if one.camera == camera.name:
                self._wanted[round(one.at_s * camera.fps)].append(one)
        self._present = _present(truth.appearances, camera)

    def take(self, frame: Frame) -> None:
        number = round(frame.media_time_s * self._camera.fps)
        faces = self._detector.detect(frame.planes)
        if self._watch.changed(frame.planes.y):
            self._tracker.close(EndReason.RESTART)
        update = self._tracker.update(frame.media_time_s, faces)
        tracks = {
            int(track): _box(faces.boxes[place])
            for place, track in enumerate(update.track_ids)
            if track != NO_TRACK
        }
        for one in self._wanted.get(number, ()):
            if one.track in tracks:
                self._followed.boxes[one] = tracks[one.track]
        self._score(next(self._present, []), tracks)

    def _score(
        self, present: Sequence[tuple[int, AppearanceTruth, Box, float]], tracks: dict[int, Box]
    ) -> None:
        name = self._camera.name
        asked = [
            (index, Placed(f"{name} {a.pass_id}", box))
            for index, a, box, visible in present
            if visible >= ASKED_FOR_SHARE and box[2] - box[0] >= SMALLEST_ASKED_PX
        ]
        ignored = [
            box
            for _, _, box, visible in present
            if visible < ASKED_FOR_SHARE or box[2] - box[0] < SMALLEST_ASKED_PX
        ]
        placed = [Placed(f"{name} {track}", box) for track, box in tracks.items()]
        self._followed.counter.add(Scene([one for _, one in asked], ignored, placed))
        if not asked or not tracks:
            return
        numbers = list(tracks)
        like = overlaps(
            np.array([one.box for _, one in asked], np.float32),
            np.array(list(tracks.values()), np.float32),
        )
        for row, column in np.argwhere(like >= OVERLAP):
            self._followed.on[name, numbers[int(column)]][asked[int(row)][0]] += 1


def _present(
    appearances: Sequence[AppearanceTruth], camera: CameraTruth
) -> Iterator[list[tuple[int, AppearanceTruth, Box, float]]]:
    """Frame by frame: (index in the truth, appearance, box, visible share) of every face there."""
    waiting = sorted(
        (i for i, a in enumerate(appearances) if a.camera == camera.name),
        key=lambda i: appearances[i].first_frame,
        reverse=True,
    )
    here: list[int] = []
    for frame in range(camera.frames):
        while waiting and appearances[waiting[-1]].first_frame <= frame:
            here.append(waiting.pop())
        here = [i for i in here if appearances[i].last_frame >= frame]
        out = []
        for i in here:
            place = frame - appearances[i].first_frame
            box = appearances[i].boxes[place]
            if box is not None:
                out.append((i, appearances[i], box, appearances[i].visible[place]))
        yield out


def _box(row: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Box:
    x0, y0, x1, y1 = (float(v) for v in row)
    return x0, y0, x1, y1
