"""From the sightings of one walker to "possible match", or to the reason why not.

Owns: per live track, scores and entry ids of its sightings. Never: a template or a picture, and
never an entry's name in the reason why somebody was *not* recognised. Strategy: several views must
agree on one entry, the newest among them, each nearly by itself and all of them fused, and that
entry must stand clear of the next one (R12, R22). A view counts by its quality, so that far, poor
ones neither raise an alert by their number nor outvote good ones. Ties and narrow margins give no
alert; the reason is kept, counted, and answers "why was nobody recognised?".
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field

MOST_SIGHTINGS = 32
"""Sightings kept of one track: twice what a pass takes before its trickle (``vision.shots``)."""
NO_SCORE = -1.0
"""The lowest cosine: stands where there is no entry to score."""


class Verdict(enum.Enum):
    """What a track's sightings say. All but ``MATCH`` are reasons for no alert."""

    MATCH = "match"
    NOBODY_NEAR = "nobody near"  # no view came near any entry: the usual, and the lawful, end
    BELOW_THRESHOLD = "below threshold"  # near an entry, never near enough
    TOO_FEW = "too few sightings"  # near enough, but too few views agree
    DISAGREEMENT = "views disagree"  # views are near different entries
    LOW_MARGIN = "low margin"  # two entries are alike


@dataclass(frozen=True, slots=True)
class EvidenceSettings:
    """What makes a possible match. Scores are cosines, -1 to 1.

    threshold: from the calibration (R5), for the fused template of all views. agree: views that
    must favour the entry. slack: how far below the threshold a single view may lie and still
    agree; its fused views must reach it. support: least sum of the qualities of these views: two
    fair ones, or more that are poor. margin: least distance of the fused score to the next
    entry. alone: a single view of at least this score and ``alone_quality`` alerts by itself; None
    means never. near: within this of the threshold counts as near when no alert comes.
    """

    threshold: float
    agree: int = 2
    support: float = 0.9
    slack: float = 0.05
    margin: float = 0.04
    alone: float | None = None
    alone_quality: float = 0.6
    near: float = 0.10

    def __post_init__(self) -> None:
        if self.agree < 1 or self.support < 0 or self.slack < 0 or self.margin < 0 or self.near < 0:
            raise ValueError(f"evidence settings out of range: {self}")


@dataclass(frozen=True, slots=True)
class Track:
    """One pass of one person before one camera."""

    camera: str
    number: int

    def __str__(self) -> str:
        return f"{self.camera}#{self.number}"


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best entry for a template and the best of the others.

    Scores are cosines, ``NO_SCORE`` where there is no such entry.
    """

    entry: str | None
    score: float
    second_entry: str | None = None
    second_score: float = NO_SCORE

    @property
    def margin(self) -> float | None:
        """Distance to the second entry; None where there is no second."""
        return None if self.second_entry is None else self.score - self.second_score


@dataclass(frozen=True, slots=True)
class Sighting:
    """One scored view: what it alone resembles, and what all views of its track so far resemble.

    quality: 0–1. captured_ns: monotonic capture stamp of the view.
    """

    track: Track
    captured_ns: int
    quality: float
    single: Ranking
    fused: Ranking


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a track after a sighting, or at its end.

    entry, second_entry: set only where ``verdict`` is ``MATCH``, else None. score, margin: of the
    fused template; margin None where the list has one entry. agreeing: views that favour the
    entry. sightings: views in all. quality: of the best view. captured_ns: of the newest view.
    best_captured_ns: of the agreeing view to show.
    """

    track: Track
    verdict: Verdict
    entry: str | None
    score: float
    second_entry: str | None
    margin: float | None
    agreeing: int
    sightings: int
    quality: float
    captured_ns: int
    best_captured_ns: int


@dataclass(slots=True)
class _TrackEvidence:
    views: deque[Sighting] = field(default_factory=lambda: deque(maxlen=MOST_SIGHTINGS))
    seen: int = 0
    best_quality: float = 0.0
    finding: Finding | None = None


class Evidence:
    """The sightings of every live track of an engine.

    Args:
        settings: What makes a possible match.
        most_tracks: Tracks held at once; the one longest without a sighting makes room.
    """

    def __init__(self, settings: EvidenceSettings, *, most_tracks: int = 1024) -> None:
        self.settings = settings
        self._most = most_tracks
        self._tracks: dict[Track, _TrackEvidence] = {}

    def __len__(self) -> int:
        return len(self._tracks)

    def add(self, sighting: Sighting, threshold: float | None = None) -> Finding:
        """Take a sighting; returns what its track now amounts to.

        threshold: the entry's own, where it is stricter than the list's; a laxer one is ignored
        (R5).
        """
        held = self._tracks.pop(sighting.track, None)
        if held is None:
            if len(self._tracks) >= self._most:
                del self._tracks[next(iter(self._tracks))]
            held = _TrackEvidence()
        self._tracks[sighting.track] = held  # last in order: the most recently seen
        held.views.append(sighting)
        held.seen += 1
        held.best_quality = max(held.best_quality, sighting.quality)
        held.finding = self._judge(held, max(self.settings.threshold, threshold or NO_SCORE))
        return held.finding

    def close(self, track: Track) -> Finding | None:
        """The track ended: its last finding, or None where it never had a sighting."""
        held = self._tracks.pop(track, None)
        return held.finding if held else None

    def _judge(self, held: _TrackEvidence, threshold: float) -> Finding:
        newest = held.views[-1]
        fused = newest.fused
        telling = [
            view
            for view in held.views
            if view.single.entry is not None
            and view.single.score >= threshold - self.settings.slack
        ]
        agreeing = [view for view in telling if view.single.entry == fused.entry]
        verdict = self._verdict(held, telling, agreeing, threshold)
        matched = verdict is Verdict.MATCH
        best = max(agreeing or held.views, key=lambda view: view.quality * view.single.score)
        return Finding(
            newest.track,
            verdict,
            fused.entry if matched else None,
            fused.score,
            fused.second_entry if matched else None,
            fused.margin,
            len(agreeing),
            held.seen,
            held.best_quality,
            newest.captured_ns,
            best.captured_ns,
        )

    def _verdict(
        self,
        held: _TrackEvidence,
        telling: list[Sighting],
        agreeing: list[Sighting],
        threshold: float,
    ) -> Verdict:
        limits = self.settings
        newest = held.views[-1]
        fused = newest.fused
        nearest = max(fused.score, *(view.single.score for view in held.views))
        if nearest < threshold - limits.near:
            return Verdict.NOBODY_NEAR
        support = sum(view.quality for view in agreeing)
        against = sum(view.quality for view in telling) - support
        if len({view.single.entry for view in telling}) > 1 and support <= against:
            return Verdict.DISAGREEMENT
        if fused.score < threshold:
            return Verdict.BELOW_THRESHOLD
        if fused.margin is not None and fused.margin < limits.margin:
            return Verdict.LOW_MARGIN
        alone = limits.alone is not None and any(
            view.single.score >= limits.alone and view.quality >= limits.alone_quality
            for view in agreeing
        )
        # The newest must agree: where a track went over from one walker to another in a crossing,
        # what is fused is still the first one.
        several = (
            len(agreeing) >= limits.agree and support >= limits.support and agreeing[-1] is newest
        )
        return Verdict.MATCH if several or alone else Verdict.TOO_FEW
