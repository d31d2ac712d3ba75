"""Which views of a walker are worth a crop and a template, so that work scales with people.

Owns: per live track, what was already taken. Never: a picture or a template. Strategy: the first
view that could count at once, and one more where both could be enough for an alert, so that
somebody seen only briefly can be recognised; then one whenever the face has grown, so that a walker
who comes nearer is looked at evenly all the way, or is much better seen, as when a head turns; on a
long pass a slow trickle. A view is asked for twice:
before its crop (``worth_crop``, by what boxes tell) and after (``worth_template``, by its whole
quality). After a crop that came to nothing the next waits as after one that was taken: a face that
is dark or blurred would else be cropped in every picture. And what its pixels took from the promise
of its box they are thought to take from the next promises, too, for a while: else a walker who is
seen well, but never better, would be cropped again and again.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass


class ShotDrop(enum.Enum):
    """Why a usable view was not taken; the reason code of the drop."""

    TOO_POOR = "too poor to count"
    TOO_SOON = "too soon after the last"
    NO_BETTER = "no nearer and no better than those taken"
    ENOUGH = "enough taken of this track"


@dataclass(frozen=True, slots=True)
class ShotSettings:
    """How many views, and how far apart.

    spacing_s: least time between two crops of one track. support: the sum of qualities that an
    alert asks for (``alerts.evidence.EvidenceSettings``): a view that is not a third of it is not
    taken. early_shots: views taken by spacing alone, where one and the best before it come to that
    sum; else it can wait. grown_by: times the largest face taken that a later one must be; or
    better_by: quality (0–1) by which it must exceed the best taken. max_shots: views of one track
    after which those must wait too. trickle_s: after so long without one, a view is taken anyway.
    keep_share: one poorer than this share of the best never is. believed_s: how long a crop that
    was no better tells of those to come.
    """

    spacing_s: float = 0.15
    support: float = 0.9
    early_shots: int = 2
    grown_by: float = 1.15
    better_by: float = 0.12
    max_shots: int = 16
    trickle_s: float = 2.0
    keep_share: float = 0.6
    believed_s: float = 0.6


_NONE_FRUITLESS = (-math.inf, 1.0)


@dataclass(slots=True)
class _Taken:
    count: int = 0
    best: float = 0.0
    largest_px: float = 0.0
    last_s: float = 0.0


class ShotSelector:
    """What was taken of each live track of one camera; ``forget`` each track when it ends."""

    def __init__(self, settings: ShotSettings | None = None) -> None:
        self._settings = settings or ShotSettings()
        self._tracks: dict[int, _Taken] = {}
        self._fruitless: dict[int, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._tracks.keys() | self._fruitless.keys())

    def worth_crop(
        self, track_id: int, time_s: float, size_px: float, view_quality: float
    ) -> ShotDrop | None:
        """None when a view captured at ``time_s`` deserves its crop, else why not.

        size_px: of the face (``quality.View.size_px``). view_quality: what boxes and landmarks
        tell (``quality.view_quality``), 0–1: the most that the whole quality can be.
        """
        last_s, kept = self._fruitless.get(track_id, _NONE_FRUITLESS)
        if time_s - last_s < self._settings.spacing_s:
            return ShotDrop.TOO_SOON
        if time_s - last_s < self._settings.believed_s:
            view_quality *= kept
        return self._why_not(self._tracks.get(track_id), time_s, size_px, view_quality)

    def fruitless(self, track_id: int, time_s: float, kept: float = 1.0) -> None:
        """A crop captured at ``time_s`` came to nothing. kept: the share of its view quality that
        its whole quality was, 0–1, where it was usable, but no better than those taken.
        """
        self._fruitless[track_id] = (time_s, kept)

    def worth_template(
        self, track_id: int, time_s: float, size_px: float, overall: float
    ) -> ShotDrop | None:
        """None when the cropped view is taken, and counted as taken; else why not.

        overall: ``quality.Quality.overall``, 0–1.
        """
        taken = self._tracks.get(track_id)
        why_not = self._why_not(taken, time_s, size_px, overall)
        if why_not is None:
            taken = self._tracks.setdefault(track_id, _Taken())
            taken.count += 1
            taken.best = max(taken.best, overall)
            taken.largest_px = max(taken.largest_px, size_px)
            taken.last_s = time_s
        return why_not

    def forget(self, track_id: int) -> int:
        """The track ended: how many of its views were taken."""
        self._fruitless.pop(track_id, None)
        taken = self._tracks.pop(track_id, None)
        return taken.count if taken else 0

    def _why_not(
        self, taken: _Taken | None, time_s: float, size_px: float, value: float
    ) -> ShotDrop | None:
        limits = self._settings
        if value < limits.support / 3:
            return ShotDrop.TOO_POOR
        if taken is None:
            return None
        elapsed = time_s - taken.last_s
        fair = value >= limits.keep_share * taken.best
        if fair and elapsed >= limits.trickle_s:
            return None
        if taken.count >= limits.max_shots:
            return ShotDrop.ENOUGH
        if elapsed < limits.spacing_s:
            return ShotDrop.TOO_SOON
        early = taken.count < limits.early_shots and taken.best + value >= limits.support
        nearer = size_px >= limits.grown_by * taken.largest_px
        better = value >= taken.best + limits.better_by
        return None if fair and (early or nearer or better) else ShotDrop.NO_BETTER
