"""Alerts against the truth of a video: what the public is told, with intervals. Pure.

Owns: which pass an alert was about, and the measures a pass. Never: an engine, a video. Strategy:
an alert is about the pass whose face lies where the alert's face lay; it is true only if that is
the person whose entry it names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from lfr_engine.errors import InputError
from lfr_engine.evaluation.intervals import Rate, rate
from lfr_engine.evaluation.tracking import Box, overlaps
from lfr_engine.evaluation.walkby.truth import AppearanceTruth, Truth

SAME_FACE = 0.3
"""Overlap from which an alert's box is a true face: looser than tracking, as boxes lag a frame."""
CLEARLY_VISIBLE = 0.8
FACE_WIDTHS = (0, 60, 100, 140)
"""Lower ends of the bins of TPIR by face size, in pixels."""


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """One alert of the engine, new or updated.

    at_s: media time of the frame that decided it. box: the face there, None where it was not
    found: then the alert is about nobody. new: False for an update of an alert given before.
    """

    entry: str
    camera: str
    at_s: float
    box: Box | None
    new: bool = True


class Quantiles(msgspec.Struct, frozen=True):
    """Of ``count`` durations in seconds; None where there are none."""

    count: int
    p50: float | None
    p95: float | None
    longest: float | None


class CameraScores(msgspec.Struct, frozen=True):
    """Of one camera: enrolled people's appearances in which an alert, new or updated, was right."""

    camera: str
    tpir: Rate


class SizeScores(msgspec.Struct, frozen=True):
    """TPIR of the appearances whose largest clearly visible face is at least ``from_px`` wide."""

    from_px: int
    tpir: Rate


class VideoScores(msgspec.Struct, frozen=True):
    """The measures of R8 that a video can give, and what a person walking past meets.

    tpir: enrolled people's passes with a right alert. false_alerts: wrong alerts, of all passes.
    nonmated_fpir: other people's passes with a wrong alert, and wrong alerts that no face explains:
    one that cannot be placed is held against the engine, not forgotten. precision: right alerts of
    all first ones. duplicates: further alerts of the same pass and entry. nobody: wrong alerts that
    no face can explain (counted in ``false_alerts``). time_to_alert: from the face's first frame on
    that camera. lead_time: from the alert until the face left it. found: (pass, camera) of every
    right alert, new or updated.
    """

    passes: int
    alerts: int
    tpir: Rate
    false_alerts: Rate
    nonmated_fpir: Rate
    precision: Rate
    duplicates: int
    nobody: int
    time_to_alert: Quantiles
    lead_time: Quantiles
    by_camera: tuple[CameraScores, ...]
    by_face_size: tuple[SizeScores, ...]
    missed: tuple[str, ...]
    wrong: tuple[str, ...]
    found: tuple[tuple[str, str], ...]


def score_alerts(truth: Truth, alerts: Iterable[AlertSeen]) -> VideoScores:
    """Score every alert of a run.

    Raises:
        InputError: an alert names a camera that the truth does not have.
    """
    return _Scorer(truth).score(sorted(alerts, key=lambda alert: alert.at_s))


def appearance_of(
    alert: AlertSeen, appearances: Sequence[AppearanceTruth], fps: float
) -> AppearanceTruth | None:
    """The appearance an alert is about; None where no face explains it.

    Args:
        alert: The alert.
        appearances: Of the alert's camera.
        fps: Of that camera's video.
    """
    frame = round(alert.at_s * fps)
    if alert.box is None:
        return None
    here = [
        (a, box, a.visible[frame - a.first_frame])
        for a in appearances
        if a.first_frame <= frame <= a.last_frame
        and (box := a.boxes[frame - a.first_frame]) is not None
    ]
    if not here:
        return None
    like = overlaps(
        np.array([alert.box], np.float32), np.array([box for _, box, _ in here], np.float32)
    )[0]
    # Where one face hides another, both boxes fit; what was seen is the one in front.
    seen = np.where(like >= SAME_FACE, like * [visible for *_, visible in here], 0)
    best = int(np.argmax(seen))
    return here[best][0] if seen[best] > 0 else None


class _Scorer:
    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._fps = {camera.name: camera.fps for camera in truth.header.cameras}
        self._by_camera: dict[str, list[AppearanceTruth]] = defaultdict(list)
        for appearance in truth.appearances:
            self._by_camera[appearance.camera].append(appearance)
        self._right: set[str] = set()
        self._right_here: set[tuple[str, str]] = set()
        self._given: set[tuple[str, str]] = set()
        self._wrong_passes: set[str] = set()
        self._wrong: list[str] = []
        self._duplicates = 0
        self._nobody = 0
        self._new = 0
        self._waits: list[float] = []
        self._leads: list[float] = []

    def score(self, alerts: Sequence[AlertSeen]) -> VideoScores:
        for alert in alerts:
            if alert.camera not in self._fps:
                raise InputError(
                    f"camera {alert.camera}", "is not in the truth", "use the truth of these videos"
                )
            fps = self._fps[alert.camera]
            self._take(alert, appearance_of(alert, self._by_camera[alert.camera], fps), fps)
        return self._result()

    def _take(self, alert: AlertSeen, about: AppearanceTruth | None, fps: float) -> None:
        right = about is not None and about.person == alert.entry
        if right and about is not None:
            self._right_here.add((about.pass_id, about.camera))
        if not alert.new:
            return
        self._new += 1
        given = (about.pass_id if about else "", alert.entry)
        if about is not None and given in self._given:
            self._duplicates += 1
            return
        self._given.add(given)
        if about is None or not right:
            self._nobody += about is None
            who = f"{about.person} ({about.pass_id})" if about else "nobody"
            self._wrong.append(f"{alert.camera} {alert.at_s:.2f} s: {who} as {alert.entry}")
            if about is not None:
                self._wrong_passes.add(about.pass_id)
            return
        self._right.add(about.pass_id)
        self._waits.append(max(0.0, alert.at_s - about.first_frame / fps))
        self._leads.append(max(0.0, about.last_frame / fps - alert.at_s))

    def _result(self) -> VideoScores:
        people = self._truth.pass_people
        enrolled = self._truth.enrolled
        mated = {name for name, person in people.items() if person in enrolled}
        others = people.keys() - mated
        first = self._new - self._duplicates
        return VideoScores(
            passes=len(people),
            alerts=self._new,
            tpir=rate(len(self._right), len(mated)),
            false_alerts=rate(min(len(self._wrong), len(people)), len(people)),
            nonmated_fpir=rate(
                min(len(self._wrong_passes & others) + self._nobody, len(others)), len(others)
            ),
            precision=rate(first - len(self._wrong), first),
            duplicates=self._duplicates,
            nobody=self._nobody,
            time_to_alert=quantiles(self._waits),
            lead_time=quantiles(self._leads),
            by_camera=tuple(
                CameraScores(camera, self._found(self._mated_here(mated, camera)))
                for camera in self._fps
            ),
            by_face_size=self._by_size(mated),
            missed=tuple(f"{people[name]} ({name})" for name in sorted(mated - self._right)),
            wrong=tuple(self._wrong),
            found=tuple(sorted(self._right_here)),
        )

    def _mated_here(self, mated: set[str], camera: str) -> list[AppearanceTruth]:
        return [a for a in self._by_camera[camera] if a.pass_id in mated]

    def _found(self, appearances: Sequence[AppearanceTruth]) -> Rate:
        found = sum((a.pass_id, a.camera) in self._right_here for a in appearances)
        return rate(found, len(appearances))

    def _by_size(self, mated: set[str]) -> tuple[SizeScores, ...]:
        bins: dict[int, list[AppearanceTruth]] = {width: [] for width in FACE_WIDTHS}
        for appearance in self._truth.appearances:
            if appearance.pass_id in mated:
                width = largest_face(appearance)
                bins[max(low for low in FACE_WIDTHS if low <= width)].append(appearance)
        return tuple(SizeScores(low, self._found(members)) for low, members in bins.items())


def largest_face(appearance: AppearanceTruth) -> float:
    """Width in pixels of the largest clearly visible face of an appearance; 0 for none."""
    return max(
        (
            box[2] - box[0]
            for box, visible in zip(appearance.boxes, appearance.visible, strict=True)
            if box is not None and visible >= CLEARLY_VISIBLE
        ),
        default=0.0,
    )


def quantiles(values: Sequence[float]) -> Quantiles:
    """Median, 95th percentile and longest of some seconds."""
    if not values:
        return Quantiles(0, None, None, None)
    p50, p95 = np.percentile(values, [50, 95])
    return Quantiles(len(values), float(p50), float(p95), float(max(values)))
