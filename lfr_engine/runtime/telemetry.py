"""Measures: bounded histograms and named counters, cheap enough for every frame.

Owns: the numbers the board shows and the record keeps. Never: anything about a person. Strategy: a
histogram has logarithmic buckets (2 % wide), so its size is fixed however long the engine runs and
a percentile is exact to 1 %. The last minute is what a histogram holds now less what it held a
minute ago, so a frame pays for one histogram only.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from lfr_engine.clock import Clock

_GROWTH = 1.02
_LOG_GROWTH = math.log(_GROWTH)
_FLOOR_S = 1e-6

TO_DETECTION = "capture to detection"
"""From a frame's stamp to its faces."""
TO_DECISION = "capture to decision"
"""From a frame's stamp to the judgement on one view of a face in it."""
MINUTE_S = 60.0
SNAPSHOT_S = 5.0
"""Between snapshots: "the last minute" is 60 to 65 s."""
_SNAPSHOTS = int(MINUTE_S / SNAPSHOT_S) + 1


class Histogram:
    """Durations in seconds, 1 µs to hours, in buckets 2 % wide."""

    __slots__ = ("_buckets", "count", "maximum", "total")

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.total = 0.0
        self.maximum = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration; negative ones (a clock read out of order) count as 0."""
        value = max(seconds, _FLOOR_S)
        self._buckets[int(math.log(value / _FLOOR_S) / _LOG_GROWTH)] += 1
        self.count += 1
        self.total += value
        self.maximum = max(self.maximum, value)

    def percentile(self, share: float) -> float:
        """Smallest bucket middle with at least ``share`` (0–1) of the durations at or below it, in
        seconds; 0 when nothing was counted.
        """
        if not self.count:
            return 0.0
        need = max(1, math.ceil(share * self.count))
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= need:
                middle: float = _FLOOR_S * _GROWTH ** (index + 0.5)
                return min(middle, self.maximum)
        return self.maximum

    def above(self, seconds: float) -> int:
        """How many durations were longer than ``seconds``, exact to one bucket (2 %)."""
        edge = int(math.log(max(seconds, _FLOOR_S) / _FLOOR_S) / _LOG_GROWTH)
        return sum(count for index, count in dict(self._buckets).items() if index > edge)

    def copy(self) -> Histogram:
        """The same durations, apart from those that come later."""
        return self.less(Histogram())

    def less(self, earlier: Histogram) -> Histogram:
        """The durations counted since ``earlier``, a copy of this; the maximum is that of all."""
        found = Histogram()
        # copied in one step: reader threads count while others look
        found._buckets = Counter(dict(self._buckets)) - earlier._buckets
        found.count = self.count - earlier.count
        found.total = self.total - earlier.total
        found.maximum = self.maximum
        return found

    def summary(self) -> dict[str, float | int]:
        """Count, and mean, p50, p95, p99 and maximum in milliseconds."""
        mean = self.total / self.count if self.count else 0.0
        return {
            "count": self.count,
            "mean_ms": round(mean * 1e3, 3),
            "p50_ms": round(self.percentile(0.50) * 1e3, 3),
            "p95_ms": round(self.percentile(0.95) * 1e3, 3),
            "p99_ms": round(self.percentile(0.99) * 1e3, 3),
            "max_ms": round(self.maximum * 1e3, 3),
        }


@dataclass(frozen=True, slots=True)
class _Snapshot:
    at_ns: int
    stages: Mapping[str, Histogram]
    by_camera: Mapping[tuple[str, str], Histogram]


@dataclass(slots=True)
class Telemetry:
    """The measures of one engine: stage durations, drops by camera and reason, link peaks.

    stages: by stage. by_camera: by camera and stage, for the stages that tell of a camera. Both
    hold the whole run; ``recent`` gives the last minute.
    """

    clock: Clock
    stages: dict[str, Histogram] = field(default_factory=dict)
    by_camera: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    drops: dict[str, Counter[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    peaks: dict[str, tuple[int, int]] = field(default_factory=dict)
    _snapshots: deque[_Snapshot] = field(default_factory=lambda: deque(maxlen=_SNAPSHOTS))

    def observe(self, stage: str, seconds: float) -> None:
        """Add one duration to a stage's histogram."""
        histogram = self.stages.get(stage)
        if histogram is None:
            histogram = self.stages[stage] = Histogram()
        histogram.add(seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Observe the length of the block."""
        began = self.clock.monotonic_ns()
        try:
            yield
        finally:
            self.observe(stage, (self.clock.monotonic_ns() - began) / 1e9)

    def since(self, stage: str, captured_ns: int, camera: str | None = None) -> float:
        """Observe the age of something captured at ``captured_ns``; returns it in seconds.

        camera: where it was captured, if the stage is to be told by camera as well.
        """
        age = (self.clock.monotonic_ns() - captured_ns) / 1e9
        self.observe(stage, age)
        if camera is not None:
            own = self.by_camera.get((camera, stage))
            if own is None:
                own = self.by_camera[camera, stage] = Histogram()
            own.add(age)
        return age

    def tick(self) -> None:
        """Call about once a second: remembers where the histograms stand, every 5 s."""
        now_ns = self.clock.monotonic_ns()
        last = self._snapshots[-1].at_ns if self._snapshots else None
        if last is None or now_ns - last >= SNAPSHOT_S * 1e9:
            self._snapshots.append(
                _Snapshot(
                    now_ns,
                    {stage: held.copy() for stage, held in dict(self.stages).items()},
                    {key: held.copy() for key, held in dict(self.by_camera).items()},
                )
            )

    def recent(self, stage: str, camera: str | None = None) -> Histogram:
        """The durations of the last minute, or of the whole run while it is shorter."""
        held = self.stages.get(stage) if camera is None else self.by_camera.get((camera, stage))
        if held is None:
            return Histogram()
        since_ns = self.clock.monotonic_ns() - MINUTE_S * 1e9
        earlier: Histogram | None = None
        for snapshot in self._snapshots:
            if snapshot.at_ns > since_ns:
                break
            kept = snapshot.stages.get(stage)
            earlier = kept if camera is None else snapshot.by_camera.get((camera, stage))
        return held if earlier is None else held.less(earlier)

    def dropped(self, camera: str, reason: str, number: int = 1) -> None:
        """Count work that was given up, by camera and reason code."""
        if number:
            self.drops.setdefault(camera, Counter())[reason] += number

    def peak(self, link: str, used: int, capacity: int) -> None:
        """Remember the fullest a link ever was."""
        if used > self.peaks.get(link, (-1, 0))[0]:
            self.peaks[link] = (used, capacity)
