"""Faces in pictures: resize, infer, decode, and back to source pixels.

Owns: the two detectors behind one interface, and the choice of size for stills. Never: the network
arithmetic (``yunet``, ``ssd``, ``landmarks``: pure), a thread of its own. Strategy: every call is
synchronous and may come from any thread; the session's pool of requests is the only limit.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from lfr_engine.errors import ConfigError
from lfr_engine.inference import landmarks, ssd, yunet
from lfr_engine.inference.batches import BatchedNetwork
from lfr_engine.inference.graphs import joined
from lfr_engine.inference.session import DeviceOptions, Input, Session, SessionReport
from lfr_engine.vision.align import warp
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import Colour, FloatArray, Matrix, Picture, Planes, picture_size
from lfr_engine.vision.resize import Scale, Scratch, network_picture, network_planes

Size = tuple[int, int]
"""Width and height in pixels."""

_USUAL = Colour(Matrix.BT709)
"""Of high-definition cameras; networks for other colours are compiled when a frame asks for one."""
SURE_SCORE = 0.8
"""A face of a photograph that scores this is one; doubtful ones beside it are dropped."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """What counts as a face.

    min_score: 0–1. max_overlap: intersection over union above which the weaker of two boxes goes.
    max_faces: the best so many of one picture (a bound, not a wish: a full frame holds fewer).
    """

    min_score: float = 0.6
    max_overlap: float = 0.3
    max_faces: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.min_score < 1 or not 0 < self.max_overlap < 1 or self.max_faces < 1:
            raise ConfigError("detector", f"{self} is out of range")


def still_sides(width: int, height: int) -> list[int]:
    """Sides of the square network pictures to try for a photograph of that size, in order.

    A small picture is most likely a head: enlarged to 512 px its landmarks are surer than at 256 px
    (LFW 99.5 against 99.2 %, ``docs/accuracy.md``). A large one may be a portrait or a group:
    640 px, then smaller for a face that fills the picture (YuNet knows faces up to some 300 px),
    then larger for small faces.
    """
    longer = max(width, height)
    if longer <= 320:
        return [512, 256]
    return [640, 320, 1280] if longer > 640 else [640, 320]


def without_doubtful(faces: Faces) -> Faces:
    """``faces`` without those below ``SURE_SCORE``, where one at least reaches it.

    In a photograph with a clear face, a doubtful one is nearly always a flag or a curtain.
    """
    sure = np.flatnonzero(faces.scores >= SURE_SCORE)
    return faces.take(sure) if sure.size else faces


class FaceDetector(Protocol):
    """Finds faces. Every method blocks, and may be called from several threads at once."""

    @property
    def size(self) -> Size:
        """Of the network's picture."""
        ...

    @property
    def report(self) -> SessionReport:
        """What is engaged."""
        ...

    @property
    def session(self) -> Session:
        """The live network alone."""
        ...

    def detect(self, picture: Picture) -> Faces:
        """The faces of a live picture, in its own pixels, best first."""
        ...

    def detect_many(self, pictures: Sequence[Picture]) -> list[Faces]:
        """The faces of each picture."""
        ...

    def detect_still(self, picture: Picture) -> Faces:
        """The faces of a photograph whose face size is unknown: several sizes are tried."""
        ...


class YunetDetector:
    """YuNet: boxes and five landmarks in one pass, any input size divisible by 32.

    Args:
        model: The verified network file.
        options: Device, precision, requests of the live session; stills take one request a size.
        size: Network width and height for live pictures.
        settings: What counts as a face.
        allowed_precisions: What the pack was checked with.
    """

    def __init__(
        self,
        model: Path,
        options: DeviceOptions,
        *,
        size: Size = (640, 384),
        settings: DetectorSettings | None = None,
        allowed_precisions: tuple[str, ...] = ("f32", "bf16", "f16"),
    ) -> None:
        if any(side <= 0 or side % yunet.SIZE_MULTIPLE for side in size):
            raise ConfigError("detector size", f"{size} is not made of multiples of 32")
        self._model = model
        self._options = options
        self._allowed = allowed_precisions
        self._settings = settings or DetectorSettings()
        self._size = size
        self._scratch = Scratch()
        self._compiling = threading.Lock()
        self._live: dict[Colour, Session] = {}
        self._pictures: dict[Size, Session] = {}
        self._usual = self._for_planes(_USUAL)

    @property
    def size(self) -> Size:
        """Of the live network picture."""
        return self._size

    @property
    def report(self) -> SessionReport:
        """Of the live session."""
        return self._usual.report

    @property
    def session(self) -> Session:
        """The live network alone, for the bench that states the bound."""
        return self._usual

    def detect(self, picture: Picture) -> Faces:
        """The faces of a live picture, in its own pixels, best first."""
        if not isinstance(picture, Planes):
            return self._scan(self._size, picture)
        with self._for_planes(picture.colour).request() as request:
            scale = network_planes(picture, request.input[0], self._scratch)
            return self._decoded(request.run(), self._size, scale)

    def detect_many(self, pictures: Sequence[Picture]) -> list[Faces]:
        """The faces of each picture, one request after another: the network has no batches."""
        return [self.detect(picture) for picture in pictures]

    def detect_still(self, picture: Picture) -> Faces:
        """The faces of a photograph: sizes are tried until one shows a face."""
        for side in still_sides(*picture_size(picture)):
            found = self._scan((side, side), picture)
            if len(found):
                return without_doubtful(found)
        return no_faces()

    def _scan(self, size: Size, picture: Picture) -> Faces:
        small, scale = network_picture(picture, *size)
        with self._for_pictures(size).request() as request:
            return self._decoded(request.run(small[None]), size, scale)

    def _decoded(self, outputs: Mapping[str, FloatArray], size: Size, scale: Scale) -> Faces:
        return yunet.decode(
            outputs,
            *size,
            scale,
            min_score=self._settings.min_score,
            max_overlap=self._settings.max_overlap,
            max_faces=self._settings.max_faces,
        )

    def _for_planes(self, colour: Colour) -> Session:
        """The live network for frames of that colour; the four there are share nothing."""
        with self._compiling:
            if colour not in self._live:
                self._live[colour] = self._compiled(
                    Input(*self._size, planes=colour), self._options
                )
            return self._live[colour]

    def _for_pictures(self, size: Size) -> Session:
        with self._compiling:
            if size not in self._pictures:
                one = dataclasses.replace(self._options, requests=1)
                self._pictures[size] = self._compiled(Input(*size), one)
            return self._pictures[size]

    def _compiled(self, input_: Input, options: DeviceOptions) -> Session:
        return Session(
            self._model,
            input_,
            options,
            allowed_precisions=self._allowed,
            adapt=functools.partial(joined, groups=yunet.PARTS),
        )


class SsdDetector:
    """An SSD for boxes, then a small network for the landmarks of every box in one batch.

    Args:
        model: The verified detection network.
        aligner: The verified landmarks network.
        options: Device, precision and requests of both.
        settings: What counts as a face.
        allowed_precisions: What the pack was checked with.
    """

    def __init__(
        self,
        model: Path,
        aligner: Path,
        options: DeviceOptions,
        *,
        settings: DetectorSettings | None = None,
        allowed_precisions: tuple[str, ...] = ("f32", "bf16", "f16"),
    ) -> None:
        self._settings = settings or DetectorSettings()
        self._boxes = Session(model, Input(), options, allowed_precisions=allowed_precisions)
        self._points = BatchedNetwork(
            aligner, Input(), options, allowed_precisions=allowed_precisions
        )
        _, height, width, _ = self._boxes.input_shape
        self._size = (width, height)

    @property
    def size(self) -> Size:
        """Of the network picture."""
        return self._size

    @property
    def report(self) -> SessionReport:
        """Of the box network."""
        return self._boxes.report

    @property
    def session(self) -> Session:
        """The box network alone, for the bench that states the bound."""
        return self._boxes

    def detect(self, picture: Picture) -> Faces:
        """The faces of a picture, in its own pixels, best first."""
        return self._scan(picture, keep_aspect=False)

    def detect_many(self, pictures: Sequence[Picture]) -> list[Faces]:
        """The faces of each picture."""
        return [self.detect(picture) for picture in pictures]

    def detect_still(self, picture: Picture) -> Faces:
        """The faces of a photograph, kept in proportion, then stretched to fill the network."""
        for keep_aspect in (True, False):
            found = self._scan(picture, keep_aspect=keep_aspect)
            if len(found):
                return without_doubtful(found)
        return no_faces()

    def _scan(self, picture: Picture, *, keep_aspect: bool) -> Faces:
        small, scale = network_picture(picture, *self._size, keep_aspect=keep_aspect)
        rows = self._boxes.run(small[None])["detection_out"]
        fractions, scores = ssd.decode(
            rows,
            min_score=self._settings.min_score,
            max_overlap=self._settings.max_overlap,
            max_faces=self._settings.max_faces,
        )
        if not len(scores):
            return no_faces()
        boxes = scale.boxes(fractions * np.array(self._size * 2, np.float32))
        return Faces(boxes, scores, self._landmarks(picture, boxes))

    def _landmarks(self, picture: Picture, boxes: FloatArray) -> FloatArray:
        width, height = self._points.width, self._points.height
        crops = np.stack(
            [
                warp(picture, matrix, width, height)
                for matrix in landmarks.window_matrices(boxes, width, height)
            ]
        )
        return landmarks.decode(self._points.run(crops), boxes)
