"""People painted as patches of noise: a scene whose truth is exact, for tests of the whole engine.

A walker is a square whose mean luma is his identity. ``PaintedDetector`` finds squares, and
``PaintedEmbedder`` turns the luma into a one-hot template, through the very ports the networks
use. Everything is deterministic.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lfr_engine.actors.tracker import Cropper
from lfr_engine.clock import Clock
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.sources.reader import StreamFacts
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Frame, Picture, Planes

WIDTH, HEIGHT = 320, 240
CROP = 32
EYES_PX = 12.0
PEOPLE = {"ann": 90, "bob": 130, "cid": 170, "dee": 210}
CONTRACT = TemplateContract("painted", "0" * 64, "1" * 64, "f32", 8)
_NOISE = np.random.default_rng(1).integers(-20, 21, (80, 80)).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Walk:
    """One person crossing from left to right: name, first and last second, height of the path."""

    name: str
    begin_s: float
    end_s: float
    row: int = 60
    size: int = 60
    backwards: bool = False

    def place(self, time_s: float) -> tuple[int, int] | None:
        """Left and top at a time, None outside the walk."""
        if not self.begin_s <= time_s < self.end_s:
            return None
        share = (time_s - self.begin_s) / (self.end_s - self.begin_s)
        share = 1 - share if self.backwards else share
        return round(share * (WIDTH - self.size)), self.row


def paint(walks: Sequence[Walk], time_s: float) -> Planes:
    """The scene at a time; later walks are drawn over earlier ones."""
    luma = np.full((HEIGHT, WIDTH), 16, np.uint8)
    for walk in walks:
        place = walk.place(time_s)
        if place is not None:
            left, top = place
            patch = PEOPLE[walk.name] + _NOISE[: walk.size, : walk.size]
            luma[top : top + walk.size, left : left + walk.size] = patch.astype(np.uint8)
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return Planes(luma, chroma, chroma)


def reader(
    camera: str, walks: Sequence[Walk], clock: Clock, *, seconds: float, fps: float = 10.0
) -> Callable[[Callable[[Frame], object], threading.Event, Callable[[StreamFacts], None]], None]:
    """A source that plays the walks once, as quickly as it is read."""

    def read(
        deliver: Callable[[Frame], object],
        stop: threading.Event,
        on_open: Callable[[StreamFacts], None],
    ) -> None:
        on_open(StreamFacts("painted", WIDTH, HEIGHT, fps, "none"))
        for number in range(round(seconds * fps)):
            if stop.is_set():
                return
            time_s = number / fps
            deliver(Frame(camera, number, clock.monotonic_ns(), time_s, paint(walks, time_s)))

    return read


class PaintedDetector:
    """Finds the squares of a painted scene."""

    def detect(self, picture: Picture) -> Faces:
        assert isinstance(picture, Planes)
        mask = (picture.y > 40).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [(x, y, x + w, y + h) for x, y, w, h, area in stats[1:count].tolist() if area > 900]
        if not boxes:
            return no_faces()
        found = np.array(boxes, np.float32)
        size = (found[:, 2] - found[:, 0])[:, None, None]
        layout = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.76], [0.65, 0.76]])
        landmarks = (found[:, None, :2] + layout * size).astype(np.float32)
        return Faces(found, np.full(len(found), 0.95, np.float32), landmarks)


class PaintedEmbedder:
    """Turns mean luma into a one-hot template; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def embed(self, crops: ByteArray) -> FloatArray:
        self.calls += 1
        levels = np.array(list(PEOPLE.values()), np.float32)
        means = crops.reshape(len(crops), -1).mean(axis=1).astype(np.float32)
        templates = np.zeros((len(crops), CONTRACT.dimension), np.float32)
        nearest = np.abs(means[:, None] - levels).argmin(axis=1)
        templates[np.arange(len(crops)), nearest] = 1
        templates[:, -1] = 0.1
        return normalised(templates)


def crop(picture: Picture, landmarks: FloatArray) -> ByteArray:
    """The middle of the square, grey, three channels."""
    assert isinstance(picture, Planes)
    x, y = landmarks.mean(axis=0).astype(int)
    left = int(np.clip(x - CROP // 2, 0, WIDTH - CROP))
    top = int(np.clip(y - CROP // 2, 0, HEIGHT - CROP))
    luma = picture.y[top : top + CROP, left : left + CROP]
    return np.repeat(luma[:, :, None], 3, axis=2)


CROPPER = Cropper(crop, EYES_PX)


def gallery(*names: str) -> Gallery:
    """A watchlist of painted people."""
    templates = np.zeros((len(names), CONTRACT.dimension), np.float32)
    for row, name in enumerate(names):
        templates[row, list(PEOPLE).index(name)] = 1
    return Gallery.build(names, names, templates, np.arange(len(names)), CONTRACT)
