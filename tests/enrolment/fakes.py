"""A model pack without networks: faces where the test put them, templates from the pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture

CONTRACT = TemplateContract("fake", "0" * 64, "plain", "f32", 8)
FRONTAL = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
"""Five points of a face that looks straight ahead, in its box."""


def faces_at(*boxes: tuple[float, float, float, float], score: float = 0.9) -> Faces:
    """Frontal faces in boxes x0 y0 x1 y1."""
    if not boxes:
        return no_faces()
    array = np.array(boxes, np.float32)
    corner, size = array[:, None, :2], (array[:, 2:] - array[:, :2])[:, None]
    scores = np.full(len(boxes), score, np.float32)
    return Faces(array, scores, corner + FRONTAL * size)


class FakePack:
    """Sees one frontal face in every picture, unless ``faces`` says otherwise.

    A picture that is one flat colour has no face in it.
    """

    def __init__(self, faces: Faces | None = None, contract: TemplateContract = CONTRACT) -> None:
        self.faces = faces
        self.contract = contract

    @property
    def detector(self) -> FakePack:
        return self

    @property
    def embedder(self) -> FakePack:
        return self

    def detect_still(self, picture: Picture) -> Faces:
        assert isinstance(picture, np.ndarray)
        if self.faces is not None:
            return self.faces
        if picture.std() < 5:
            return no_faces()
        height, width = picture.shape[:2]
        return faces_at((0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height))

    def crop(self, picture: Picture, landmarks: FloatArray) -> ByteArray:
        assert isinstance(picture, np.ndarray)
        x0, y0 = np.maximum(landmarks.min(axis=0), 0).astype(int)
        x1, y1 = np.maximum(landmarks.max(axis=0), 1).astype(int)
        return np.asarray(cv2.resize(picture[y0:y1, x0:x1], (64, 64)), np.uint8)

    def embed(self, crops: ByteArray) -> FloatArray:
        rows = crops.reshape(len(crops), self.contract.dimension, -1).astype(np.float32)
        return normalised(np.asarray(rows.mean(axis=2) - 128 + 1e-3, np.float32))


def photograph(seed: int, side: int = 120) -> ByteArray:
    """A picture with texture and contrast, another for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (30, 30), np.uint8)
    grey = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)


def encoded(picture: ByteArray, ending: str = ".png") -> bytes:
    """The bytes of a picture file."""
    return cv2.imencode(ending, picture)[1].tobytes()


def save(path: Path, seed: int = 1) -> Path:
    """Write a photograph where ``path`` says, in the format its ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(photograph(seed), path.suffix))
    return path
