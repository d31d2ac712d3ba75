"""Tracks: which detected face is which walker, one tracker per camera.

Owns: the identities of one camera's walkers between their first and last detection. Never: a look
at pixels, a template or a clock; time is an argument in seconds, so nothing here depends on the
frame rate. Strategy: ``motion`` predicts, faces are associated in two stages (sure detections
first, then faint ones for known walkers: ByteTrack, Zhang et al. 2022), and a table rules the life
of a track. Identities are unique, rising, and do not depend on the order in which the faces of a
picture are listed.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.geometry import IndexArray, overlaps
from lfr_engine.vision.motion import (
    BoolArray,
    DoubleArray,
    Motion,
    MotionSettings,
    assigned,
    boxes_of,
    measured_boxes,
)

NO_TRACK = -1


class TrackState(enum.Enum):
    """Where a track is in its life."""

    TENTATIVE = "tentative"  # seen, but not often enough to count as a walker
    CONFIRMED = "confirmed"  # a walker in view
    COASTING = "coasting"  # a walker not detected now: position predicted
    ENDED = "ended"


class TrackEvent(enum.Enum):
    """What one update says about a track."""

    SEEN = "seen"
    SEEN_ENOUGH = "seen enough"
    MISSED = "missed"
    GONE = "gone"


class EndReason(enum.Enum):
    """Why a track ended."""

    LOST = "lost"  # not detected for longer than the coasting limit
    UNCONFIRMED = "unconfirmed"  # a flicker: never seen often enough to count
    LEFT_ZONE = "left zone"  # predicted outside the zone while not detected
    CROWDED_OUT = "crowded out"  # the bound on live tracks needed its place
    RESTART = "restart"  # time went back: the source began again
    CLOSED = "closed"  # the camera or the engine closed
    SILENT = "silent"  # no picture came for longer than a walker may go unseen


TRANSITIONS: dict[tuple[TrackState, TrackEvent], TrackState] = {
    (TrackState.TENTATIVE, TrackEvent.SEEN): TrackState.TENTATIVE,
    (TrackState.TENTATIVE, TrackEvent.SEEN_ENOUGH): TrackState.CONFIRMED,
    (TrackState.TENTATIVE, TrackEvent.MISSED): TrackState.TENTATIVE,
    (TrackState.TENTATIVE, TrackEvent.GONE): TrackState.ENDED,
    (TrackState.CONFIRMED, TrackEvent.SEEN): TrackState.CONFIRMED,
    (TrackState.CONFIRMED, TrackEvent.SEEN_ENOUGH): TrackState.CONFIRMED,
    (TrackState.CONFIRMED, TrackEvent.MISSED): TrackState.COASTING,
    (TrackState.CONFIRMED, TrackEvent.GONE): TrackState.ENDED,
    (TrackState.COASTING, TrackEvent.SEEN): TrackState.CONFIRMED,
    (TrackState.COASTING, TrackEvent.SEEN_ENOUGH): TrackState.CONFIRMED,
    (TrackState.COASTING, TrackEvent.MISSED): TrackState.COASTING,
    (TrackState.COASTING, TrackEvent.GONE): TrackState.ENDED,
}


@dataclass(frozen=True, slots=True)
class TrackerSettings:
    """How walkers are followed.

    sure_score, faint_score: detector scores (0–1) that may begin a track, and that may only
    continue one. confirm_detections: detections that make a track a walker, and so a pass.
    max_coasting_s, max_flicker_s: how long a walker, and an unconfirmed track, may go undetected;
    the latter ends only once a picture without it came, however far apart pictures are.
    max_tracks: live tracks at once.
    """

    sure_score: float = 0.6
    faint_score: float = 0.3
    confirm_detections: int = 3
    max_coasting_s: float = 1.2
    max_flicker_s: float = 0.3
    max_tracks: int = 64
    motion: MotionSettings = field(default_factory=MotionSettings)


@dataclass(frozen=True, slots=True)
class EndedTrack:
    """A finished track. ``confirmed`` tracks are passes: the unit of "faces seen"."""

    track_id: int
    reason: EndReason
    confirmed: bool
    first_seen_s: float
    last_seen_s: float
    detections: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackUpdate:
    """What one picture's faces did to the tracks.

    track_ids: (n,) the track of each face, in the order of the faces given, or ``NO_TRACK``.
    started, confirmed: tracks that began, and that became walkers, now. ended: finished tracks.
    refused: faces left without a track because ``max_tracks`` walkers are in view.
    """

    track_ids: IndexArray
    started: tuple[int, ...]
    confirmed: tuple[int, ...]
    ended: tuple[EndedTrack, ...]
    refused: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackPositions:
    """Where the live tracks should be: boxes (n, 4) float32 in pixels, unseen_s (n,) seconds."""

    track_ids: IndexArray
    boxes: FloatArray
    states: tuple[TrackState, ...]
    unseen_s: DoubleArray


@dataclass(slots=True)
class _Life:
    """One live track's book-keeping; its motion is the equal row of ``Tracker._motion``."""

    track_id: int
    state: TrackState
    first_seen_s: float
    last_seen_s: float
    detections: int
    log_aspect: float

    def happen(self, event: TrackEvent) -> None:
        self.state = TRANSITIONS[self.state, event]

    @property
    def walker(self) -> bool:
        return self.state in (TrackState.CONFIRMED, TrackState.COASTING)


_SAME_FACE_OVERLAP = 0.5  # a second box on one face, left over by the detector
_OUT_OF_ZONE_S = 0.25  # a walker undetected for so long and predicted outside has left


class Tracker:
    """The walkers of one camera.

    Args:
        settings: How to follow.
        inside: For boxes (n, 4) in pixels, which lie in the zone; everywhere when None. Faces
            outside are followed while detected, so that a walker at the border is one pass.
        first_id: Where identities begin; a tracker that follows another takes its ``next_id``, so
            that no identity of a camera is ever used twice.
    """

    def __init__(
        self,
        settings: TrackerSettings | None = None,
        inside: Callable[[FloatArray], BoolArray] | None = None,
        first_id: int = 1,
    ) -> None:
        self._settings = settings or TrackerSettings()
        self._inside = inside
        self._lives: list[_Life] = []
        self._motion = Motion(self._settings.motion)
        self.next_id = first_id
        self._time_s = -math.inf

    def __len__(self) -> int:
        return len(self._lives)

    def update(self, time_s: float, faces: Faces) -> TrackUpdate:
        """Take the faces detected in the picture captured at ``time_s`` (any origin, seconds).

        Time that goes back ends every track with ``EndReason.RESTART`` and begins anew.
        """
        ended = self.close(EndReason.RESTART) if time_s < self._time_s else ()
        if self._lives:
            self._motion.advance(time_s - self._time_s)
            ended += self._end_undetected(time_s)
        self._time_s = time_s
        order = _canonical_order(faces)
        measured, aspects = measured_boxes(faces.boxes[order])
        scores = faces.scores[order]
        owners = self._associate(measured, scores)
        confirmed = self._record(time_s, owners, measured, aspects, scores)
        started, crowded_out, refused = self._begin(
            time_s, faces.boxes[order], measured, aspects, scores, owners
        )
        track_ids = np.full(len(faces), NO_TRACK, np.intp)
        for place, row in zip(order, owners, strict=True):
            if row >= 0:
                track_ids[place] = self._lives[row].track_id
        ended += self._end_rows(crowded_out | self._flickered(time_s))
        return TrackUpdate(track_ids, started, confirmed, ended, refused)

    def predict(self, time_s: float) -> TrackPositions:
        """Where each live track should be at ``time_s``, at or after the last update."""
        ahead = max(0.0, time_s - self._time_s) if self._lives else 0.0
        return TrackPositions(
            np.array([life.track_id for life in self._lives], np.intp),
            self._boxes(ahead),
            tuple(life.state for life in self._lives),
            np.array([time_s - life.last_seen_s for life in self._lives]),
        )

    def hidden(self, time_s: float) -> FloatArray:
        """Boxes (m, 4) at ``time_s`` of the live tracks that the last picture did not show."""
        if all(life.last_seen_s >= time_s for life in self._lives):
            return np.zeros((0, 4), np.float32)
        positions = self.predict(time_s)
        return positions.boxes[positions.unseen_s > 0]

    def close(self, reason: EndReason = EndReason.CLOSED) -> tuple[EndedTrack, ...]:
        """End every live track; the tracker may go on afterwards with new identities."""
        self._time_s = -math.inf
        return self._end_rows(dict.fromkeys(range(len(self._lives)), reason))

    def _boxes(self, ahead_s: float) -> FloatArray:
        return boxes_of(
            self._motion.ahead(ahead_s), np.array([life.log_aspect for life in self._lives])
        )

    def _end_undetected(self, time_s: float) -> tuple[EndedTrack, ...]:
        limits = self._settings
        gone: dict[int, EndReason] = {}
        unseen = [time_s - life.last_seen_s for life in self._lives]
        if self._inside is not None and max(unseen) > _OUT_OF_ZONE_S:
            within = self._inside(self._boxes(0.0))
        else:
            within = np.ones(len(self._lives), np.bool_)
        for row, life in enumerate(self._lives):
            if unseen[row] > limits.max_coasting_s:
                gone[row] = EndReason.LOST if life.walker else EndReason.UNCONFIRMED
            elif unseen[row] > _OUT_OF_ZONE_S and not within[row]:
                gone[row] = EndReason.LEFT_ZONE
        return self._end_rows(gone)

    def _flickered(self, time_s: float) -> dict[int, EndReason]:
        """Unconfirmed tracks that this picture did not show; one that it did may be the next of a
        camera whose pictures are far apart.
        """
        oldest_s = time_s - self._settings.max_flicker_s
        return {
            row: EndReason.UNCONFIRMED
            for row, life in enumerate(self._lives)
            if not life.walker and life.last_seen_s < oldest_s
        }

    def _end_rows(self, gone: dict[int, EndReason]) -> tuple[EndedTrack, ...]:
        if not gone:
            return ()
        ended = []
        for row, reason in gone.items():
            life = self._lives[row]
            walker = life.walker
            life.happen(TrackEvent.GONE)
            ended.append(
                EndedTrack(
                    life.track_id,
                    reason,
                    walker,
                    life.first_seen_s,
                    life.last_seen_s,
                    life.detections,
                )
            )
        keep = [row for row in range(len(self._lives)) if row not in gone]
        self._lives = [self._lives[row] for row in keep]
        self._motion.keep(keep)
        return tuple(ended)

    def _associate(self, measured: DoubleArray, scores: FloatArray) -> list[int]:
        """The row of the track that owns each face, or ``NO_TRACK``."""
        owners = [NO_TRACK] * len(measured)
        if not self._lives or not owners:
            return owners
        costs, possible = self._motion.costs(measured)
        sure = scores >= self._settings.sure_score
        pairs = assigned(costs, possible & sure)
        faint = ~sure & (scores >= self._settings.faint_score)
        if faint.any():
            # A faint detection only ever continues a walker that no sure one claimed.
            open_rows = np.array([life.walker for life in self._lives])
            open_rows[[row for row, _ in pairs]] = False
            pairs += assigned(costs, possible & faint & open_rows[:, None])
        for row, face in pairs:
            owners[face] = row
        return owners

    def _record(
        self,
        time_s: float,
        owners: list[int],
        measured: DoubleArray,
        aspects: DoubleArray,
        scores: FloatArray,
    ) -> tuple[int, ...]:
        """Correct owned tracks by their faces, mark the others missed; newly confirmed tracks."""
        faces = [face for face, row in enumerate(owners) if row >= 0]
        rows = [owners[face] for face in faces]
        if rows:
            faint = scores[faces] < self._settings.sure_score
            self._motion.correct(rows, measured[faces], faint)
        confirmed = []
        for face, row in zip(faces, rows, strict=True):
            life = self._lives[row]
            life.detections += 1
            life.last_seen_s = time_s
            life.log_aspect += 0.3 * (float(aspects[face]) - life.log_aspect)
            enough = life.detections >= self._settings.confirm_detections
            if enough and life.state is TrackState.TENTATIVE:
                confirmed.append(life.track_id)
            life.happen(TrackEvent.SEEN_ENOUGH if enough else TrackEvent.SEEN)
        for row in set(range(len(self._lives))).difference(rows):
            self._lives[row].happen(TrackEvent.MISSED)
        return tuple(sorted(confirmed))

    def _begin(
        self,
        time_s: float,
        boxes: FloatArray,
        measured: DoubleArray,
        aspects: DoubleArray,
        scores: FloatArray,
        owners: list[int],
    ) -> tuple[tuple[int, ...], dict[int, EndReason], int]:
        """Begin tracks on sure faces nobody owns; writes their rows into ``owners``."""
        fresh = [
            face
            for face, row in enumerate(owners)
            if row < 0 and scores[face] >= self._settings.sure_score
        ]
        taken = [face for face, row in enumerate(owners) if row >= 0]
        crowded_out: dict[int, EndReason] = {}
        started: list[int] = []
        rows: list[int] = []
        refused = 0
        for face in fresh:
            if taken and overlaps(boxes[face][None], boxes[taken]).max() > _SAME_FACE_OVERLAP:
                continue
            if len(self._lives) - len(crowded_out) >= self._settings.max_tracks:
                spare = self._least_wanted(time_s, crowded_out)
                if spare is None:
                    refused += 1
                    continue
                crowded_out[spare] = EndReason.CROWDED_OUT
            taken.append(face)
            owners[face] = len(self._lives)
            rows.append(face)
            started.append(self.next_id)
            self._lives.append(
                _Life(self.next_id, TrackState.TENTATIVE, time_s, time_s, 1, float(aspects[face]))
            )
            self.next_id += 1
        if rows:
            self._motion.begin(measured[rows])
        return tuple(started), crowded_out, refused

    def _least_wanted(self, time_s: float, doomed: dict[int, EndReason]) -> int | None:
        """The undetected track that gives way: unconfirmed first, then longest undetected."""
        undetected = [
            (life.walker, life.last_seen_s, row)
            for row, life in enumerate(self._lives)
            if life.last_seen_s < time_s and row not in doomed
        ]
        return min(undetected)[2] if undetected else None


def _canonical_order(faces: Faces) -> IndexArray:
    """Best score first, then left to right: identities must not depend on the detector's order."""
    if len(faces) < 2:
        return np.arange(len(faces))
    boxes = faces.boxes
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -faces.scores))
