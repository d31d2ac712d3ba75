"""Whether a camera can do its work: rates, light, focus, a frozen picture, the size of faces (R24).

Owns: the measures of one camera and the sentence that says why it cannot meet its target. Never: a
clock, a thread, or a picture longer than it takes to sample it (a sample cannot show anybody).
Strategy: a sparse look at the luma twice a second, counters in short windows, and ``CAUSES``, a
table in the order in which causes explain one another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from lfr_engine.sources.condition import CameraState
from lfr_engine.sources.look import PictureSample

SAMPLE_EVERY_S = 0.5
"""Between looks at the picture and at the counters."""

WINDOW_S = 3.0
"""Over which rates are counted, so that a cause is told within 5 s."""

MINUTE_S = 60.0
"""Over which faces and opportunities are counted."""

_MOST_FACES = 1024
_LEAST_FACES = 5


@dataclass(frozen=True, slots=True)
class HealthTargets:
    """What a camera must give. Beyond these its sentence says so.

    fps: pictures a second that come. detected_fps: of them, looked at by the detector. brightness:
    0–255. edge_px: widest edges. face_px: side of a face in pixels, of the middle one of the last
    minute. frozen_s: seconds without any change. late_s: from capture to decoded.
    """

    fps: float = 12.5
    detected_fps: float = 6.0
    min_brightness: float = 12.0
    max_brightness: float = 235.0
    edge_px: float = 7.0
    face_px: float = 30.0
    frozen_s: float = 4.0
    late_s: float = 0.5


@dataclass(frozen=True, slots=True)
class HealthReport:
    """One camera's health now. None: not known yet, or not applicable.

    face_px: sides of the faces of the last minute: the 10th, 50th and 90th percentile.
    opportunities_per_minute: walkers that gave at least one view good enough for a template.
    problem: why this camera cannot meet its target; empty when it can.
    """

    state: CameraState
    fps: float | None
    detected_fps: float | None
    brightness: float | None
    edge_px: float | None
    frozen_s: float
    late_s: float
    faces_per_minute: int
    face_px: tuple[float, float, float] | None
    opportunities_per_minute: int
    problem: str


class CameraHealth:
    """The health of one camera. Times are monotonic seconds; one thread only."""

    def __init__(self, targets: HealthTargets | None = None) -> None:
        self.targets = targets or HealthTargets()
        self._counts: deque[tuple[float, int, int]] = deque(maxlen=64)
        self._pictures: deque[PictureSample] = deque(maxlen=4)
        self._changed_s: float | None = None
        self._seen_s = 0.0
        self._late_s = 0.0
        self._faces: deque[tuple[float, float]] = deque(maxlen=_MOST_FACES)
        self._opportunities: deque[float] = deque(maxlen=_MOST_FACES)

    def counted(self, now_s: float, frames: int, detected: int, late_s: float) -> None:
        """Take the running totals, and how late the last frame was decoded."""
        self._counts.append((now_s, frames, detected))
        while now_s - self._counts[0][0] > WINDOW_S + SAMPLE_EVERY_S:
            self._counts.popleft()
        self._late_s = late_s

    def pictured(self, now_s: float, sample: PictureSample) -> None:
        """Take a look at a picture."""
        if not self._pictures or self._pictures[-1].print != sample.print:
            self._changed_s = now_s
        self._pictures.append(sample)
        self._seen_s = now_s

    def faces_seen(self, now_s: float, sizes_px: Iterable[float]) -> None:
        """Take the sides of the faces of one detected frame, in pixels."""
        self._faces.extend((now_s, float(size)) for size in sizes_px)

    def opportunity(self, now_s: float) -> None:
        """A walker gave a first view good enough for a template."""
        self._opportunities.append(now_s)

    def restarted(self) -> None:
        """The source is opened anew: what was seen of it before says nothing now."""
        self._counts.clear()
        self._pictures.clear()
        self._changed_s = None
        self._late_s = 0.0

    def report(self, now_s: float, state: CameraState, reason: str = "") -> HealthReport:
        """Everything, and the sentence. ``reason``: why the state is what it is."""
        frozen_s = 0.0
        if self._changed_s is not None and state is CameraState.LIVE:
            frozen_s = max(0.0, self._seen_s - self._changed_s)
        fps, detected = self._rates()
        sizes = [size for at, size in self._faces if now_s - at <= MINUTE_S]
        known = [p.edge_px for p in self._pictures if p.edge_px is not None]
        facts = HealthReport(
            state=state,
            fps=fps,
            detected_fps=detected,
            brightness=_median([p.brightness for p in self._pictures]),
            edge_px=_median(known),
            frozen_s=frozen_s,
            late_s=self._late_s,
            faces_per_minute=len(sizes),
            face_px=_spread(sizes) if len(sizes) >= _LEAST_FACES else None,
            opportunities_per_minute=sum(now_s - at <= MINUTE_S for at in self._opportunities),
            problem="",
        )
        causes = (cause(facts, self.targets, reason) for cause in CAUSES)
        cause = next((words for words in causes if words), "")
        if not cause:
            return facts
        return replace(facts, problem=f"this camera cannot meet its target, because {cause}")

    def _rates(self) -> tuple[float | None, float | None]:
        if not self._counts or self._counts[-1][0] - self._counts[0][0] < WINDOW_S - 0.1:
            return None, None
        (began, frames, detected), (ended, frames_now, detected_now) = (
            self._counts[0],
            self._counts[-1],
        )
        span = ended - began
        return (frames_now - frames) / span, (detected_now - detected) / span


Cause = Callable[[HealthReport, HealthTargets, str], str]


def _absent(now: HealthReport, _: HealthTargets, reason: str) -> str:
    if now.state in {CameraState.LIVE, CameraState.DISABLED, CameraState.ENDED}:
        return ""
    return f"no picture comes: it is {now.state.value}" + (f" ({reason})" if reason else "")


def _frozen(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.frozen_s < targets.frozen_s:
        return ""
    return f"its picture has not changed for {now.frozen_s:.0f} s"


def _light(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.brightness is None:
        return ""
    if now.brightness < targets.min_brightness:
        return f"its picture is dark (brightness {now.brightness:.0f} of 255)"
    if now.brightness > targets.max_brightness:
        return f"its picture is overexposed (brightness {now.brightness:.0f} of 255)"
    return ""


def _focus(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.edge_px is None or now.edge_px <= targets.edge_px:
        return ""
    return f"its picture is blurred (edges {now.edge_px:.0f} pixels wide)"


def _rate(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.fps is None or now.fps >= targets.fps:
        return ""
    return f"only {now.fps:.1f} pictures a second come, and {targets.fps:g} are needed"


def _late(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.late_s <= targets.late_s:
        return ""
    return f"this machine decodes its pictures {now.late_s:.1f} s late"


def _looked_at(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.detected_fps is None or now.detected_fps >= targets.detected_fps:
        return ""
    return (
        f"this machine looks at only {now.detected_fps:.1f} of its pictures a second, "
        f"and {targets.detected_fps:g} are needed"
    )


def _faces(now: HealthReport, targets: HealthTargets, _: str) -> str:
    if now.face_px is None or now.face_px[1] >= targets.face_px:
        return ""
    return (
        f"faces are too small ({now.face_px[1]:.0f} pixels wide, and {targets.face_px:g} are "
        "needed)"
    )


CAUSES: tuple[Cause, ...] = (
    _absent,
    _frozen,
    _light,
    _focus,
    _rate,
    _late,
    _looked_at,
    _faces,
)
"""The first that applies is told: a later one may only be its consequence."""


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def _spread(sizes: list[float]) -> tuple[float, float, float]:
    low, middle, high = np.percentile(sizes, (10, 50, 90))
    return float(low), float(middle), float(high)
