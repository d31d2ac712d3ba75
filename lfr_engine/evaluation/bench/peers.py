"""What users would run instead, on the same clip, in turn with the engine.

Owns: two loops written the way their users write them, with the very networks we run. Never: a
handicap. Strategy: the OpenCV loop is ``FaceDetectorYN`` and ``FaceRecognizerSF``; the plain
OpenVINO loop does for every frame what the Open Model Zoo face recognition demo does: the full
picture as BGR, detection, and landmarks, embedding and matching of every face, synchronously.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import msgspec
import numpy as np

from lfr_engine.clock import Clock
from lfr_engine.identity.template import normalised
from lfr_engine.inference import convert
from lfr_engine.inference.fetch import Fetcher
from lfr_engine.inference.pack import OpenPack
from lfr_engine.inference.store import ModelStore
from lfr_engine.vision.frame import ByteArray, FloatArray

GALLERY = 10_000

Work: TypeAlias = Callable[[ByteArray], int]
"""Does everything for one picture (h, w, 3) BGR, and counts its faces."""


class PeerFigures(msgspec.Struct, frozen=True):
    """One peer. fps: frames a second of its one loop, which uses every core; the median round's."""

    name: str
    fps: float
    faces_per_frame: float


@dataclass(frozen=True, slots=True)
class Peer:
    """A loop that is ready to run."""

    name: str
    work: Work

    def measure(self, clip: Path, seconds: float, clock: Clock) -> PeerFigures:
        """Run over ``clip`` for so long, or to its end."""
        began, frames, faces = clock.monotonic_ns(), 0, 0
        for frame in _frames(clip):
            faces += self.work(frame)
            frames += 1
            if (clock.monotonic_ns() - began) / 1e9 > seconds:
                break
        elapsed = (clock.monotonic_ns() - began) / 1e9
        return PeerFigures(self.name, frames / elapsed, faces / max(1, frames))


def opencv_loop(store: ModelStore) -> Peer:
    """The OpenCV loop at 640×360 with 10,000 templates.

    Raises:
        ModelError: The original networks cannot be fetched (the installed ones are converted).
    """
    with tempfile.TemporaryDirectory(prefix="lfr-bench-") as temporary:
        folder = Path(temporary)
        pack = store.packs.pack("opencv-zoo")
        Fetcher().fetch("opencv-zoo", pack, folder)
        paths = [_folded(folder / one.files[0].name) for one in (pack.detector, pack.embedder)]
        detector = cv2.FaceDetectorYN.create(str(paths[0]), "", (640, 360), 0.6, 0.3, 64)
        recogniser = cv2.FaceRecognizerSF.create(str(paths[1]), "")
    gallery = _gallery(128)

    def work(frame: ByteArray) -> int:
        found: Any = detector.detect(cv2.resize(frame, (640, 360)))[1]
        rows = [] if found is None else list(found)
        for row in rows:
            row[0:14:2] *= frame.shape[1] / 640
            row[1:14:2] *= frame.shape[0] / 360
            template = recogniser.feature(recogniser.alignCrop(frame, row))[0]
            float((gallery @ template).max())
        return len(rows)

    return Peer("OpenCV loop", work)


def openvino_loop(name: str, pack: OpenPack) -> Peer:
    """The plain loop over the networks of ``pack``, every face of every frame."""
    gallery = _gallery(pack.embedder.dimension)

    def work(frame: ByteArray) -> int:
        faces = pack.detector.detect(frame)
        for points in faces.landmarks:
            template = pack.embedder.embed(pack.embedder.crop(frame, points)[None])[0]
            float((gallery @ template).max())
        return len(faces)

    return Peer(f"plain OpenVINO loop, {name}", work)


def _frames(clip: Path) -> Iterator[ByteArray]:
    video = cv2.VideoCapture(str(clip))
    try:
        while True:
            more, frame = video.read()
            if not more:
                return
            yield np.asarray(frame, np.uint8)
    finally:
        video.release()


def _folded(path: Path) -> Path:
    """The network with plain weights: OpenCV cannot read the block-quantised embedder."""
    import onnx  # noqa: PLC0415 - 9 MB, which would count as the engine's

    model: Any = onnx.load(path)
    convert.fold(model)
    onnx.save(model, path)
    return path


def _gallery(dimension: int) -> FloatArray:
    rows = np.random.default_rng(2).normal(size=(GALLERY, dimension))
    return normalised(rows.astype(np.float32))
