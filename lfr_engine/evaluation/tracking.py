"""Tracks against truth: IDF1, identity switches, fragmentation. Pure.

Owns: the definitions: IDF1, IDP, IDR after Ristani et al. (2016, "Performance measures and a data
set for multi-target, multi-camera tracking"); switches and fragmentations after Bernardin and
Stiefelhagen (2008, CLEAR MOT) as TrackEval counts them. Never: a video, an engine. Strategy: it is
written here because the kept library (TrackEval) pulls in a second OpenCV beside ours; the tests
hold its figures on a stored case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment

from lfr_engine.vision.frame import FloatArray

Box: TypeAlias = tuple[float, float, float, float]
"""x0 y0 x1 y1 in pixels."""

OVERLAP = 0.5
"""Intersection over union from which a track's box is on a face: the benchmark convention."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A box of one identity (a truth's pass or a track) in one frame."""

    identity: str
    box: Box


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame: what is truly there, what may be there or not, and what the tracker says.

    ignored: faces too small or hidden to be asked for; a track on one is neither right nor wrong.
    """

    truth: Sequence[Placed]
    ignored: Sequence[Box]
    tracks: Sequence[Placed]


class TrackingScores(msgspec.Struct, frozen=True):
    """How well tracks follow people.

    recall, precision: of boxes. idf1, id_precision, id_recall: of boxes under the best one-to-one
    pairing of tracks and passes. switches: a pass continued under another track. fragmentations: a
    pass lost and found again. passes, tracks: how many there were.
    """

    passes: int
    tracks: int
    truth_boxes: int
    track_boxes: int
    recall: float
    precision: float
    idf1: float
    id_precision: float
    id_recall: float
    switches: int
    fragmentations: int


def score_tracks(scenes: Iterable[Scene]) -> TrackingScores:
    """Score the frames of one or more cameras; identities must differ between cameras."""
    counter = TrackCounter()
    for scene in scenes:
        counter.add(scene)
    return counter.result()


def overlaps(one: FloatArray, other: FloatArray) -> FloatArray:
    """Intersection over union of boxes (n, 4) and (m, 4): (n, m), 0–1."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


class TrackCounter:
    """Counts frame by frame; the cameras of a run one after another."""

    def __init__(self) -> None:
        self._together: dict[tuple[str, str], int] = {}
        self._truth: dict[str, int] = {}
        self._tracks: dict[str, int] = {}
        self._matched = 0
        self._switches = 0
        self._last: dict[str, str] = {}  # the track a pass had last, however long ago
        self._now: dict[str, str] = {}  # the track it had in the frame before
        self._episodes: dict[str, int] = {}

    def add(self, scene: Scene) -> None:
        """Take the next frame."""
        truth = _boxes([placed.box for placed in scene.truth])
        tracks = _without_ignored(scene, truth)
        like = overlaps(truth, _boxes([placed.box for placed in tracks]))
        for placed in scene.truth:
            self._truth[placed.identity] = self._truth.get(placed.identity, 0) + 1
        for placed in tracks:
            self._tracks[placed.identity] = self._tracks.get(placed.identity, 0) + 1
        for row, column in np.argwhere(like >= OVERLAP):
            pair = (scene.truth[int(row)].identity, tracks[int(column)].identity)
            self._together[pair] = self._together.get(pair, 0) + 1
        self._follow(scene.truth, tracks, like)

    def _follow(self, truth: Sequence[Placed], tracks: Sequence[Placed], like: FloatArray) -> None:
        """CLEAR: keep last frame's pairs where they still overlap, then pair by overlap."""
        kept = np.array(
            [[self._now.get(t.identity) == h.identity for h in tracks] for t in truth], bool
        ).reshape(like.shape)
        worth = np.where(like >= OVERLAP, like + 1000.0 * kept, 0.0)
        now: dict[str, str] = {}
        for row, column in zip(*linear_sum_assignment(-worth), strict=True):
            if worth[row, column] <= 0:
                continue
            passing, track = truth[int(row)].identity, tracks[int(column)].identity
            now[passing] = track
            self._matched += 1
            self._switches += self._last.get(passing, track) != track
            self._episodes[passing] = self._episodes.get(passing, 0) + (passing not in self._now)
            self._last[passing] = track
        self._now = now

    def result(self) -> TrackingScores:
        """The scores of the frames so far."""
        truth_boxes, track_boxes = sum(self._truth.values()), sum(self._tracks.values())
        true = self._id_true_positives()
        return TrackingScores(
            passes=len(self._truth),
            tracks=len(self._tracks),
            truth_boxes=truth_boxes,
            track_boxes=track_boxes,
            recall=_share(self._matched, truth_boxes),
            precision=_share(self._matched, track_boxes),
            idf1=_share(2 * true, truth_boxes + track_boxes),
            id_precision=_share(true, track_boxes),
            id_recall=_share(true, truth_boxes),
            switches=self._switches,
            fragmentations=sum(count - 1 for count in self._episodes.values()),
        )

    def _id_true_positives(self) -> int:
        """Most boxes that a one-to-one pairing of passes and tracks can explain."""
        rows = {name: place for place, name in enumerate(self._truth)}
        columns = {name: place for place, name in enumerate(self._tracks)}
        counts = np.zeros((len(rows), len(columns)))
        for (passing, track), frames in self._together.items():
            counts[rows[passing], columns[track]] = frames
        return int(counts[linear_sum_assignment(-counts)].sum())


def _without_ignored(scene: Scene, truth: FloatArray) -> list[Placed]:
    """The tracks, less those that fit an ignored face and no asked-for one."""
    if not scene.ignored or not scene.tracks:
        return list(scene.tracks)
    boxes = _boxes([placed.box for placed in scene.tracks])
    on_ignored = overlaps(boxes, _boxes(scene.ignored)).max(axis=1, initial=0) >= OVERLAP
    on_truth = overlaps(boxes, truth).max(axis=1, initial=0) >= OVERLAP
    return [scene.tracks[int(i)] for i in np.flatnonzero(on_truth | ~on_ignored)]


def _boxes(boxes: Sequence[Box]) -> FloatArray:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
