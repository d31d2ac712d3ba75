"""Draws the script of one camera, frame by frame, and says where every face came to lie.

Owns: the painter: bodies and heads far to near, motion blur, light, grain. Never: a decision about
who walks where (the script), nor a file. Strategy: copy the empty street, touch only the regions
where somebody is, convert once to the 4:2:0 planes an encoder wants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from lfr_engine.evaluation.walkby.head import Head
from lfr_engine.evaluation.walkby.scene import GRAIN_MARGIN, draw_grain, draw_street
from lfr_engine.evaluation.walkby.script import Appearance, Script, Stance, stance_at
from lfr_engine.vision.frame import ByteArray, Colour, FloatArray, Matrix, Planes

GRAIN_SIGMA = 2.2
SHUTTER_S = 0.008
"""Exposure: 1/125 s, what a street camera manages by day."""
FADE_S = 0.16
"""How long a change of picture takes: a turn of the head, not a cut."""
COLOUR = Colour(Matrix.BT601, full_range=False)

HeadMaker = Callable[[Appearance, int], Head]
"""(appearance, index of the person's picture) → its head."""


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face as drawn in one frame: box x0 y0 x1 y1 in pixels, share of it in view 0–1, picture."""

    appearance: Appearance
    box: tuple[float, float, float, float]
    visible: float
    picture: int


@dataclass(slots=True, eq=False)
class _Actor:
    appearance: Appearance
    heads: tuple[Head, ...]
    coat: tuple[float, float, float]


class CameraRenderer:
    """Renders one camera of a script.

    Args:
        script: What happens.
        camera: Which camera of it.
        make_head: Gives a picture's head when its person comes into view; may raise ImageError.
    """

    def __init__(self, script: Script, camera: int, make_head: HeadMaker) -> None:
        self._settings = script.settings
        self._frames = script.frames
        self._appearances = script.of_camera(camera)
        self._make_head = make_head
        rng = np.random.default_rng([script.settings.seed, 3, camera])
        self._street = draw_street(script.settings.size, rng)
        self._grain = draw_grain(script.settings.size, GRAIN_SIGMA, rng)
        self._flicker_s = float(rng.uniform(17, 41))
        self._rng = rng

    def frames(self) -> Iterator[tuple[Planes, list[SeenFace]]]:
        """Every frame in order, with the faces in it, nearest first."""
        waiting = list(reversed(self._appearances))
        actors: list[_Actor] = []
        for number in range(self._frames):
            at_s = number / self._settings.fps
            actors = [a for a in actors if at_s < a.appearance.end_s]
            while waiting and waiting[-1].start_s <= at_s:
                actors.append(self._enter(waiting.pop()))
            yield self._draw(actors, at_s)

    def _enter(self, appearance: Appearance) -> _Actor:
        heads = tuple(self._make_head(appearance, picture) for _, picture in appearance.pictures)
        blue, green, red = self._rng.uniform(15, 150) + self._rng.uniform(-15, 45, 3)
        return _Actor(appearance, heads, (float(blue), float(green), float(red)))

    def _draw(self, actors: list[_Actor], at_s: float) -> tuple[Planes, list[SeenFace]]:
        canvas = self._street.copy()
        settings = self._settings
        stances = [(stance_at(a.appearance, at_s, settings), a) for a in actors]
        stances.sort(key=lambda pair: pair[0].distance_m)
        for stance, actor in reversed(stances):
            self._draw_actor(canvas, actor, stance, at_s)
        seen = self._seen(stances, at_s)
        return self._expose(canvas, at_s), seen

    def _draw_actor(self, canvas: ByteArray, actor: _Actor, stance: Stance, at_s: float) -> None:
        way = _way(actor.appearance, at_s)
        dim, bright = actor.appearance.gain
        gain = dim + (bright - dim) * way
        current, fading, weight = _pictures_at(actor.appearance, at_s, way)
        head = actor.heads[current]
        _draw_body(canvas, stance, _times(actor.coat, gain), _times(head.skin, 0.8 * gain))
        before = stance_at(actor.appearance, at_s - SHUTTER_S, self._settings)
        blur = (stance.x - before.x, stance.y - before.y)
        _draw_head(canvas, head, stance, gain, blur, 1.0)
        if fading is not None:
            _draw_head(canvas, actor.heads[fading], stance, gain, blur, weight)

    def _seen(self, stances: list[tuple[Stance, _Actor]], at_s: float) -> list[SeenFace]:
        width, height = self._settings.size
        out = []
        for rank, (stance, actor) in enumerate(stances):
            if not (0 <= stance.x < width and 0 <= stance.y < height):
                continue
            current, _, _ = _pictures_at(actor.appearance, at_s, _way(actor.appearance, at_s))
            head = actor.heads[current]
            half_w = stance.width * stance.squeeze / 2
            half_h = stance.width * head.height / head.width / 2
            box = (stance.x - half_w, stance.y - half_h, stance.x + half_w, stance.y + half_h)
            nearer = [other for other, _ in stances[:rank]]
            visible = _visible_share(box, nearer, (width, height))
            out.append(
                SeenFace(actor.appearance, box, visible, actor.appearance.pictures[current][1])
            )
        return out

    def _expose(self, canvas: ByteArray, at_s: float) -> Planes:
        """Light, grain and conversion: BT.601 limited range, as most cameras code."""
        width, height = self._settings.size
        cast = cv2.cvtColor(canvas, cv2.COLOR_BGR2YUV_I420)
        light = 1 + 0.08 * math.sin(2 * math.pi * at_s / self._flicker_s)
        dx, dy = (int(v) for v in self._rng.integers(0, GRAIN_MARGIN, 2))
        grain = self._grain[dy : dy + height, dx : dx + width]
        offset = -128 + 16 * (1 - light)
        y = cv2.addWeighted(cast[:height], light, grain, 1.0, offset)
        chroma = cast[height:].astype(np.uint8, copy=False).reshape(2, height // 2, width // 2)
        return Planes(np.asarray(y, np.uint8), chroma[0], chroma[1], COLOUR)


def _way(appearance: Appearance, at_s: float) -> float:
    return (at_s - appearance.start_s) / (appearance.end_s - appearance.start_s)


def _pictures_at(appearance: Appearance, at_s: float, way: float) -> tuple[int, int | None, float]:
    """(place of the current picture, place of one fading out or None, its opacity 0–1)."""
    current = max(i for i, (start, _) in enumerate(appearance.pictures) if start <= max(way, 0))
    if current == 0:
        return current, None, 0.0
    lasts_s = appearance.end_s - appearance.start_s
    since_s = at_s - appearance.start_s - appearance.pictures[current][0] * lasts_s
    if since_s >= FADE_S:
        return current, None, 0.0
    return current, current - 1, 1 - since_s / FADE_S


def _times(colour: tuple[float, float, float], gain: float) -> tuple[float, float, float]:
    return colour[0] * gain, colour[1] * gain, colour[2] * gain


# The body in face widths: (right of the face's centre, below it).
_NECK = ((-0.34, 0.3), (0.34, 0.3), (0.42, 1.0), (-0.42, 1.0))
_TORSO = (
    (-0.4, 0.78), (0.4, 0.78), (1.15, 1.05), (1.45, 1.5), (1.4, 4.2), (1.1, 4.6),
    (-1.1, 4.6), (-1.4, 4.2), (-1.45, 1.5), (-1.15, 1.05),
)  # fmt: skip
_COLLAR = ((-0.42, 0.78), (0.0, 1.5), (0.42, 0.78))


def _draw_body(
    canvas: ByteArray,
    stance: Stance,
    coat: tuple[float, float, float],
    skin: tuple[float, float, float],
) -> None:
    width = stance.width
    if stance.y + 4 * width < canvas.shape[0]:  # legs are seen only of those far away
        for side in (-1, 1):
            step = side * stance.stride * 0.35
            hip = _point(stance, 0.55 * side, 4.4)
            foot = _point(stance, 0.55 * side + 0.1 * step, 9.0 + step)
            cv2.line(canvas, hip, foot, _times(coat, 0.6), max(2, round(0.8 * width)), cv2.LINE_AA)
    _fill(canvas, stance, _TORSO, coat)
    _fill(canvas, stance, _COLLAR, _times(coat, 1.35))
    for side in (-1, 1):
        swing = side * stance.stride * 0.25
        shoulder, hand = _point(stance, 1.3 * side, 1.4), _point(stance, 1.5 * side + swing, 4.5)
        thick = max(1, round(0.5 * width))
        cv2.line(canvas, shoulder, hand, _times(coat, 0.85), thick, cv2.LINE_AA)
    _fill(canvas, stance, _NECK, skin)


def _fill(
    canvas: ByteArray,
    stance: Stance,
    outline: tuple[tuple[float, float], ...],
    colour: tuple[float, float, float],
) -> None:
    points = np.array(outline) * stance.width + (stance.x, stance.y)
    fixed = np.rint(np.clip(points, -4000, 12000) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_AA, 4)


def _point(stance: Stance, right: float, below: float) -> tuple[int, int]:
    return round(stance.x + right * stance.width), round(stance.y + below * stance.width)


def _draw_head(
    canvas: ByteArray,
    head: Head,
    stance: Stance,
    gain: float,
    blur: tuple[float, float],
    opacity: float,
) -> None:
    """Blend a head so that its face box is centred and sized as ``stance`` says."""
    scale = stance.width / head.width
    rung = min(len(head.ladder) - 1, max(0, math.floor(-math.log2(scale))))
    source = head.ladder[rung]
    stepped = source.shape[1] / head.ladder[0].shape[1]
    reach_x = math.ceil(max(head.centre[0], head.ladder[0].shape[1] - head.centre[0]) * scale * 1.1)
    reach_y = math.ceil(max(head.centre[1], head.ladder[0].shape[0] - head.centre[1]) * scale * 1.1)
    x0, x1 = max(0, int(stance.x) - reach_x), min(canvas.shape[1], int(stance.x) + reach_x + 1)
    y0, y1 = max(0, int(stance.y) - reach_y), min(canvas.shape[0], int(stance.y) + reach_y + 1)
    if x1 <= x0 or y1 <= y0:
        return
    turn = np.array(
        [
            [math.cos(stance.roll), -math.sin(stance.roll)],
            [math.sin(stance.roll), math.cos(stance.roll)],
        ]
    )
    linear = turn @ np.diag([scale * stance.squeeze, scale]) / stepped
    centre = np.array(head.centre) * stepped
    shift = np.array([stance.x - x0, stance.y - y0]) - linear @ centre
    drawn = cv2.warpAffine(source, np.column_stack([linear, shift]), (x1 - x0, y1 - y0))
    length = math.hypot(*blur)
    if length >= 1.5:
        drawn = cv2.filter2D(drawn, -1, _streak(blur, length))
    drawn = cv2.multiply(drawn, np.array([gain, gain, gain, 1.0]) * opacity)
    region = canvas[y0:y1, x0:x1]
    behind = cv2.merge([255 - drawn[..., 3]] * 3)
    region[:] = cv2.add(cv2.multiply(region, behind, scale=1 / 255), drawn[..., :3])


def _streak(blur: tuple[float, float], length: float) -> FloatArray:
    """The kernel of a straight move by ``blur`` pixels."""
    side = 2 * math.ceil(length / 2) + 1
    kernel = np.zeros((side, side), np.float32)
    middle = side / 2 - 0.5
    for share in np.linspace(-0.5, 0.5, 4 * side):
        kernel[round(middle + blur[1] * share), round(middle + blur[0] * share)] += 1
    return np.asarray(kernel / kernel.sum(), np.float32)


_SAMPLES = np.stack(np.meshgrid(*[(np.arange(8) + 0.5) / 8] * 2), axis=-1).reshape(-1, 2)


def _visible_share(
    box: tuple[float, float, float, float], nearer: list[Stance], size: tuple[int, int]
) -> float:
    """Share of a face box inside the picture and hidden by nobody nearer, on an 8×8 grid."""
    x = box[0] + _SAMPLES[:, 0] * (box[2] - box[0])
    y = box[1] + _SAMPLES[:, 1] * (box[3] - box[1])
    free = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
    for other in nearer:
        right, below = (x - other.x) / other.width, (y - other.y) / other.width
        head = (right / 0.72) ** 2 + ((below + 0.15) / 0.95) ** 2 < 1
        torso = (np.abs(right) < 1.4) & (below > 1.05)
        free &= ~(head | torso)
    return float(free.mean())
