"""The empty street behind a walk-by. Owns: one background picture per camera, and the grain of a
sensor. Never: anything that moves. Strategy: drawn once per video from a seed, textured enough to
cost an encoder and a detector what a street costs them.
"""

from __future__ import annotations

import cv2
import numpy as np

from lfr_engine.evaluation.walkby.script import HORIZON
from lfr_engine.vision.frame import ByteArray

GRAIN_MARGIN = 64
"""How far the grain can be shifted between frames, so that it never repeats visibly."""


def draw_street(size: tuple[int, int], rng: np.random.Generator) -> ByteArray:
    """A façade, windows and paving in perspective: BGR (h, w, 3) uint8 for ``size`` (w, h)."""
    width, height = size
    foot = int(height * 0.45)  # where façade meets pavement
    wall = rng.uniform(80, 160) + rng.uniform(-12, 12, 3)
    ground = rng.uniform(95, 145) + rng.uniform(-6, 6, 3)
    picture = np.empty((height, width, 3), np.float32)
    picture[:foot] = wall
    picture[foot:] = ground
    picture[foot:] *= np.linspace(0.8, 1.08, height - foot, dtype=np.float32)[:, None, None]
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    _draw_windows(canvas, foot, rng)
    _draw_paving(canvas, foot)
    light = np.linspace(rng.uniform(0.75, 1.1), rng.uniform(0.75, 1.1), width, dtype=np.float32)
    shaded = canvas.astype(np.float32) * light[None, :, None]
    for cell, strength in ((4, 5.0), (24, 3.5), (160, 6.0)):
        coarse = rng.normal(0, strength, (height // cell + 2, width // cell + 2))
        shaded += cv2.resize(coarse.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)[
            ..., None
        ]
    return np.clip(cv2.GaussianBlur(shaded, (0, 0), height / 1000), 0, 255).astype(np.uint8)


def draw_grain(size: tuple[int, int], sigma: float, rng: np.random.Generator) -> ByteArray:
    """Sensor noise for luma, 128 = none: uint8 (h, w) with a margin to be shifted within."""
    width, height = size
    noise = rng.normal(128, sigma, (height + GRAIN_MARGIN, width + GRAIN_MARGIN))
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)


def _draw_windows(canvas: ByteArray, foot: int, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    step = max(24, width // 9)
    for left in range(int(rng.integers(step)) - step, width, step):
        glass = tuple(float(v) for v in rng.uniform(25, 90) + rng.uniform(-10, 15, 3))
        frame = tuple(float(v) for v in rng.uniform(150, 220) + rng.uniform(-10, 10, 3))
        top, bottom = int(-height * 0.03), int(foot * rng.uniform(0.72, 0.82))
        right = left + int(step * 0.62)
        cv2.rectangle(canvas, (left, top), (right, bottom), glass, -1)
        cv2.rectangle(canvas, (left, top), (right, bottom), frame, max(2, width // 300))
        for shelf in range(top, bottom, max(12, (bottom - top) // 4)):
            cv2.line(canvas, (left, shelf), (right, shelf), frame, max(1, width // 700))


def _draw_paving(canvas: ByteArray, foot: int) -> None:
    height, width = canvas.shape[:2]
    vanishing = (width // 2, int(height * HORIZON))
    joint = (92.0, 94.0, 96.0)
    line = max(1, height // 700)
    for x in range(-4 * width, 5 * width, max(20, width // 5)):
        start = _at_height(vanishing, (x, height), foot)
        cv2.line(canvas, start, (x, height), joint, line, cv2.LINE_AA)
    for metres in np.geomspace(1.0, 10.0, 14):
        y = int(vanishing[1] + (height - vanishing[1]) / metres)
        if y > foot:
            cv2.line(canvas, (0, y), (width, y), joint, line, cv2.LINE_AA)


def _at_height(top: tuple[int, int], bottom: tuple[int, int], y: int) -> tuple[int, int]:
    share = (y - top[1]) / (bottom[1] - top[1])
    return int(top[0] + (bottom[0] - top[0]) * share), y
