"""Made-up people whose templates are known, and a pack that sees them in grey levels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lfr_engine.evaluation.pictures import Embedded
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, Planes

CONTRACT = TemplateContract("made-up", "0" * 64, "none", "f32", 16)


def made_up_people(people: int, seed: int = 0, *, spread: float = 0.25) -> Embedded:
    """``people`` with one to four pictures each; ``spread`` is how unlike pictures of one are."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(people), rng.integers(1, 5, people)).astype(np.int32)
    centres = normalised(rng.normal(size=(people, CONTRACT.dimension)).astype(np.float32))
    noise = rng.normal(0, spread, (len(owner), CONTRACT.dimension)).astype(np.float32)
    templates = normalised(centres[owner] + noise)
    has_face = rng.random(len(owner)) > 0.03
    templates[~has_face] = 0
    return Embedded(
        people=tuple(f"person-{n}" for n in range(people)),
        paths=tuple(Path(f"person-{o}/{n}.jpg") for n, o in enumerate(owner)),
        templates=templates,
        references=templates,
        owner=owner,
        has_face=has_face,
        enrollable=has_face & (rng.random(len(owner)) > 0.1),
        refusals={"blur": 3},
        unreadable=(),
    )


class GreyPack:
    """A pack whose face is any bright square picture and whose template is its grey levels.

    Dark pictures (mean under 20) show no face; the middle half of a picture is its face.
    """

    contract = CONTRACT

    @property
    def detector(self) -> GreyPack:
        """Itself."""
        return self

    @property
    def embedder(self) -> GreyPack:
        """Itself."""
        return self

    def detect_still(self, picture: Picture) -> Faces:
        """The middle of the picture, where it is bright enough."""
        assert not isinstance(picture, Planes)
        if picture.mean() < 20:
            return no_faces()
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = width / 4, height / 4, 3 * width / 4, 3 * height / 4
        points = [(0.3, 0.35), (0.7, 0.35), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
        landmarks = [[x0 + a * (x1 - x0), y0 + b * (y1 - y0)] for a, b in points]
        return Faces(
            np.array([[x0, y0, x1, y1]], np.float32),
            np.ones(1, np.float32),
            np.array([landmarks], np.float32),
        )

    def crop(self, picture: Picture, landmarks: FloatArray) -> ByteArray:
        """The middle of the picture, 32×32."""
        assert not isinstance(picture, Planes)
        assert landmarks.shape == (5, 2)
        height, width = picture.shape[:2]
        middle = picture[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
        return np.asarray(cv2.resize(middle, (32, 32), interpolation=cv2.INTER_AREA), np.uint8)

    def embed(self, crops: ByteArray) -> FloatArray:
        """4×4 mean grey levels about their mean, of length 1."""
        cells = crops.astype(np.float32).mean(axis=3).reshape(len(crops), 4, 8, 4, 8)
        flat = cells.mean(axis=(2, 4)).reshape(len(crops), 16)
        return normalised(flat - flat.mean(axis=1, keepdims=True))


def write_people(folder: Path, people: int, pictures: int, seed: int = 0) -> Path:
    """Folders of pictures that ``GreyPack`` tells apart: one pattern of squares a person."""
    rng = np.random.default_rng(seed)
    for person in range(people):
        (folder / f"person-{person}").mkdir(parents=True)
        pattern = rng.integers(40, 216, (8, 8, 1))
        for number in range(pictures):
            cells = np.clip(pattern + rng.integers(-12, 13, (8, 8, 1)), 0, 255).astype(np.uint8)
            large = cells.repeat(16, axis=0).repeat(16, axis=1).repeat(3, axis=2)
            cv2.imwrite(str(folder / f"person-{person}" / f"{number}.png"), large)
    return folder
