"""The script of a simulated walk-by: who walks when, where, before which camera. Pure and seeded.

Owns: arrivals, groups, paths, gait and the pinhole geometry that turns a place on the pavement into
a face in a frame. Never: a pixel, a file, a clock. Strategy: everything random is drawn here once,
so that an appearance's face at any instant is a formula.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lfr_engine.errors import ConfigError

FACE_WIDTH_M = 0.16
"""Width of a detector's face box on an adult, in metres."""
NEAR_M = 2.2
"""Distance at which people leave the picture; the lens follows from the face size there."""
HEAD_DROP_M = 0.5
"""How far below the lens the mean face passes."""
HORIZON = 0.2
"""Height of the horizon in the picture, as a share of its height."""
REFERENCE_HEIGHT = 1080
MEAN_SPEED_MPS = 1.35


@dataclass(frozen=True, slots=True)
class WalkbySettings:
    """What to simulate.

    passes: how many walks; where None, as many as begin within ``duration_s``. density: mean number
    of people in view of a camera. enrolled_share: share of the passes that belong to enrolled
    people, where there are any. face_px: width of a face where people appear and where they leave,
    in pixels of the output; where None, 30 and 180 at 1080 lines and in proportion elsewhere.
    return_gap_s: the least time before a person walks by again. crf: H.264 quality, 0–51.
    """

    seed: int = 1
    size: tuple[int, int] = (1920, 1080)
    fps: float = 25.0
    cameras: int = 1
    passes: int | None = None
    duration_s: float | None = None
    density: float = 4.0
    group_share: float = 0.3
    enrolled_share: float = 0.2
    face_px: tuple[float, float] | None = None
    return_gap_s: float = 90.0
    crf: int = 23

    def __post_init__(self) -> None:
        width, height = self.size
        near, far = self.near_px, self.far_px
        checks: tuple[tuple[str, bool, str], ...] = (
            ("size", width >= 160 and height >= 120, "must be at least 160x120"),
            ("size", width % 2 == 0 and height % 2 == 0, "must be even: the video is 4:2:0"),
            ("fps", 1 <= self.fps <= 120, "must be 1 to 120"),
            ("cameras", self.cameras in (1, 2), "must be 1 or 2"),
            ("passes", self.passes is None or self.passes >= 1, "must be at least 1"),
            ("duration", self.duration_s is None or self.duration_s > 0, "must be more than 0"),
            ("density", 0 < self.density <= 40, "must be more than 0 and at most 40"),
            ("faces", 8 <= far < near <= height / 2, "must grow, from 8 px to half the height"),
            ("crf", 0 <= self.crf <= 51, "must be 0 to 51"),
        )
        for name, holds, cause in checks:
            if not holds:
                raise ConfigError(name, cause)
        if self.passes is None and self.duration_s is None:
            raise ConfigError("passes", "neither passes nor duration given", "give one of them")

    @property
    def far_px(self) -> float:
        """Face width where people appear."""
        return self.face_px[0] if self.face_px else 30 * self.size[1] / REFERENCE_HEIGHT

    @property
    def near_px(self) -> float:
        """Face width where people leave."""
        return self.face_px[1] if self.face_px else 180 * self.size[1] / REFERENCE_HEIGHT

    @property
    def focal_px(self) -> float:
        """Focal length of the pinhole, in pixels."""
        return self.near_px * NEAR_M / FACE_WIDTH_M

    @property
    def far_m(self) -> float:
        """Distance at which people appear."""
        return NEAR_M * self.near_px / self.far_px


@dataclass(frozen=True, slots=True)
class Walker:
    """One who may walk: whether enrolled, and how many pictures there are to show."""

    enrolled: bool
    pictures: int


@dataclass(frozen=True, slots=True)
class Gait:
    """How somebody walks: metres, seconds, radians."""

    speed_mps: float
    far_x_m: float
    near_x_m: float
    drop_m: float
    bob_m: float
    bob_hz: float
    phase: float
    sway_m: float
    roll: float
    turn: float


@dataclass(frozen=True, slots=True)
class Stance:
    """A face at one instant: centre and width in pixels, distance, roll, and squeeze by turning."""

    x: float
    y: float
    width: float
    distance_m: float
    roll: float
    squeeze: float
    stride: float


@dataclass(frozen=True, slots=True)
class Appearance:
    """One pass before one camera, from ``start_s`` to ``end_s`` of that camera's video.

    pictures: (share of the way 0–1 at which it begins, index of the person's picture), in order.
    side_light: −1 (lit from the left) to 1; gain: brightness of the person, 1 = as pictured.
    """

    pass_id: str
    walker: int
    camera: int
    start_s: float
    end_s: float
    gait: Gait
    pictures: tuple[tuple[float, int], ...]
    side_light: float
    gain: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that happens: appearances by camera and start, and how long the videos run."""

    settings: WalkbySettings
    appearances: tuple[Appearance, ...]
    duration_s: float

    def of_camera(self, camera: int) -> tuple[Appearance, ...]:
        """The appearances before one camera, in order of their start."""
        return tuple(a for a in self.appearances if a.camera == camera)

    @property
    def frames(self) -> int:
        """Frames of each camera's video."""
        return math.ceil(self.duration_s * self.settings.fps)


def stance_at(appearance: Appearance, at_s: float, settings: WalkbySettings) -> Stance:
    """Where and how large the face is at ``at_s``: pinhole projection of a walking head."""
    gait = appearance.gait
    since = at_s - appearance.start_s
    distance = settings.far_m - gait.speed_mps * since
    way = (settings.far_m - distance) / (settings.far_m - NEAR_M)
    swing = 2 * math.pi * gait.bob_hz * since + gait.phase
    across = gait.far_x_m + (gait.near_x_m - gait.far_x_m) * way
    across += gait.sway_m * math.sin(swing / 2)
    drop = gait.drop_m + gait.bob_m * math.sin(swing)
    scale = settings.focal_px / distance
    turning = math.sin(0.37 * swing + 2 * gait.phase)
    return Stance(
        x=settings.size[0] / 2 + scale * across,
        y=settings.size[1] * HORIZON + scale * drop,
        width=scale * FACE_WIDTH_M,
        distance_m=distance,
        roll=gait.roll * math.sin(swing / 2 + gait.phase),
        squeeze=1 - gait.turn * turning * turning,
        stride=math.sin(swing / 2),
    )


def write_script(walkers: Sequence[Walker], settings: WalkbySettings) -> Script:
    """Draw arrivals until the passes or the duration are used up.

    Arrivals are Poisson at ``density`` people in view by Little's law; a share of them are groups
    of two to four who walk abreast. A walker appears again only ``return_gap_s`` after leaving, so
    few walkers thin the crowd rather than meet themselves.

    Raises:
        ConfigError: there is nobody to walk.
    """
    if not walkers:
        raise ConfigError("people", "nobody to walk by")
    rng = np.random.default_rng([settings.seed, 2])
    walk_s = (settings.far_m - NEAR_M) / MEAN_SPEED_MPS
    mean_gap_s = walk_s / settings.density
    cast = _Cast(walkers, settings.enrolled_share, rng)
    appearances: list[Appearance] = []
    passes, now = 0, 0.4
    while _goes_on(passes, now, settings):
        group = 1
        if settings.passes is None or settings.passes - passes > 1:
            group = int(rng.integers(2, 5)) if rng.random() < settings.group_share else 1
        if settings.passes is not None:
            group = min(group, settings.passes - passes)
        group = min(group, len(walkers))
        chosen, now = cast.draw(group, now)
        lead = _gait(rng, settings)
        first = int(rng.random() < 0.3) if settings.cameras == 2 else 0
        between_s = float(rng.uniform(4, 9))
        last_s = now
        for place, walker in enumerate(chosen):
            passes += 1
            ended = _walk(
                appearances, f"p{passes:05d}", walker, walkers[walker], settings, rng,
                start_s=now + float(rng.uniform(0, 0.6)) * (group > 1),
                cameras=(first, 1 - first)[: settings.cameras],
                between_s=between_s,
                lead=lead,
                beside_m=(place - (group - 1) / 2) * 0.55,
            )  # fmt: skip
            cast.back_at(walker, ended + settings.return_gap_s)
            last_s = max(last_s, ended)
        now += float(rng.exponential(mean_gap_s * group))
    end = max(a.end_s for a in appearances) + 0.6
    if settings.duration_s is not None:
        end = settings.duration_s if settings.passes is None else min(end, settings.duration_s)
        appearances = [a for a in appearances if a.start_s < end]
    return Script(settings, tuple(sorted(appearances, key=lambda a: (a.camera, a.start_s))), end)


def _goes_on(passes: int, now: float, settings: WalkbySettings) -> bool:
    if settings.passes is not None and passes >= settings.passes:
        return False
    return settings.duration_s is None or now < settings.duration_s - 1


def _walk(
    appearances: list[Appearance],
    pass_id: str,
    walker: int,
    who: Walker,
    settings: WalkbySettings,
    rng: np.random.Generator,
    *,
    start_s: float,
    cameras: tuple[int, ...],
    between_s: float,
    lead: Gait,
    beside_m: float,
) -> float:
    """Append one pass before each of ``cameras`` in turn; returns when it ends."""
    for camera in cameras:
        gait = _gait(rng, settings, lead, beside_m)
        end_s = start_s + (settings.far_m - NEAR_M) / gait.speed_mps
        shown = rng.permutation(who.pictures)[: int(rng.integers(1, 4))]
        starts = sorted([0.0, *(float(s) for s in rng.uniform(0.35, 0.85, len(shown) - 1))])
        appearances.append(
            Appearance(
                pass_id, walker, camera, start_s, end_s, gait,
                tuple((s, int(p)) for s, p in zip(starts, shown, strict=True)),
                side_light=float(rng.uniform(-0.5, 0.5)),
                gain=(float(rng.uniform(0.75, 1.1)), float(rng.uniform(0.85, 1.15))),
            )
        )  # fmt: skip
        start_s = end_s + between_s
    return start_s - between_s


def _gait(
    rng: np.random.Generator,
    settings: WalkbySettings,
    lead: Gait | None = None,
    beside_m: float = 0.0,
) -> Gait:
    """A new gait; where there is a ``lead``, one that keeps up ``beside_m`` to the right of it."""
    near_half = settings.size[0] / 2 * NEAR_M / settings.focal_px
    if lead is None:
        speed = float(np.clip(rng.normal(MEAN_SPEED_MPS, 0.15), 0.9, 1.9))
        far_x = float(rng.uniform(-2.2, 2.2)) * near_half
        near_x = float(rng.uniform(-0.85, 0.85)) * near_half
    else:
        speed, far_x, near_x = lead.speed_mps, lead.far_x_m + beside_m, lead.near_x_m + beside_m
    return Gait(
        speed_mps=speed,
        far_x_m=far_x,
        near_x_m=near_x,
        drop_m=HEAD_DROP_M + float(np.clip(rng.normal(0, 0.07), -0.15, 0.15)),
        bob_m=float(rng.uniform(0.015, 0.03)),
        bob_hz=float(rng.uniform(1.7, 2.1)),
        phase=float(rng.uniform(0, 2 * math.pi)),
        sway_m=float(rng.uniform(0.01, 0.03)),
        roll=math.radians(float(rng.uniform(1, 5))),
        turn=float(rng.uniform(0.0, 0.15)),
    )


class _Cast:
    """Who may walk next: each walks once before any walks again, and only when back."""

    def __init__(
        self, walkers: Sequence[Walker], enrolled_share: float, rng: np.random.Generator
    ) -> None:
        self._rng = rng
        self._queues: list[list[tuple[float, int, int]]] = [[], []]
        for order, walker in enumerate(rng.permutation(len(walkers))):
            queue = self._queues[int(walkers[walker].enrolled)]
            heapq.heappush(queue, (0.0, order, int(walker)))
        self._share = enrolled_share
        self._enrolled = [walker.enrolled for walker in walkers]

    def draw(self, count: int, now: float) -> tuple[list[int], float]:
        """``count`` walkers, and the time from ``now`` on at which all of them are there."""
        chosen: list[int] = []
        for _ in range(count):
            wanted = int(self._rng.random() < self._share)
            queue = self._queues[wanted] or self._queues[1 - wanted]
            other = self._queues[1 - wanted]
            if other and queue[0][0] > now >= other[0][0]:
                queue = other  # rather somebody of the other kind than an empty pavement
            back_s, _, walker = heapq.heappop(queue)
            now = max(now, back_s)
            chosen.append(walker)
        return chosen, now

    def back_at(self, walker: int, back_s: float) -> None:
        """``walker`` may walk again from ``back_s``."""
        order = int(self._rng.integers(1 << 30))
        heapq.heappush(self._queues[int(self._enrolled[walker])], (back_s, order, walker))
