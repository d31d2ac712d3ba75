"""Previews for people who aim a camera: the newest frame, every face blurred, only when asked.

Owns: who waits for a frame of one camera. Never: an unblurred face (R11); before the first frame
was detected there is nothing to show. Strategy: nobody asking costs a comparison a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import trio

from lfr_engine.actors.messages import Detected
from lfr_engine.vision.frame import ByteArray, FloatArray
from lfr_engine.vision.pictures import scene


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """picture: (360, 640, 3) BGR uint8, all faces in mosaic. boxes: (n, 4) shares of the picture,
    0–1. sizes: (n,) face sides in source pixels. width, height: of the source, in pixels.
    """

    picture: ByteArray = field(repr=False)
    boxes: FloatArray
    sizes: FloatArray
    width: int
    height: int
    captured_ns: int


class PreviewPort:
    """One camera's previews, between its tracker and whoever asks."""

    def __init__(self) -> None:
        self._asked: trio.Event | None = None
        self._latest: Preview | None = None

    async def next(self) -> Preview:
        """The next detected frame; waits as long as the camera gives none."""
        if self._asked is None:
            self._asked = trio.Event()
        await self._asked.wait()
        assert self._latest is not None
        return self._latest

    def offer(self, detected: Detected, coasting: FloatArray) -> None:
        """Show a frame to who asked. coasting: boxes (m, 4) of walkers not detected in it."""
        if self._asked is None:
            return
        planes, faces = detected.frame.planes, detected.faces
        boxes = np.concatenate([faces.boxes, coasting]).astype(np.float32)
        size = np.array([planes.width, planes.height] * 2, np.float32)
        sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
        self._latest = Preview(
            scene(planes, boxes),
            faces.boxes / size,
            np.sqrt(np.maximum(sides.prod(axis=1), 0)),
            planes.width,
            planes.height,
            detected.frame.captured_ns,
        )
        self._asked.set()
        self._asked = None
