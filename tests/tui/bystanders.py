"""Who can be recognised in a picture, by the engine's own networks.

Everybody in the recorded video is known here, as the cameras saw them; the people on the list
apart from the others, the bystanders. A picture shows a bystander unblurred when some face in it
resembles theirs as much as the engine asks for before it raises an alert on a list of so many.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lfr_engine.identity.calibration import shipped
from lfr_engine.inference.pack import OpenPack, open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.vision.frame import ByteArray, FloatArray

ALIKE = 0.363
"""Cosine from which OpenCV's own documentation of SFace calls two faces one person: whoever
resembles the listed so much is left out of the bystanders.
"""
FPIR = 0.00005
"""A twentieth of the engine's default: some two hundred mosaics are looked at in a run, each has a
template too, and resembles somebody a little (0.432 was seen, where the default asks for 0.428)."""
LEAST_PX = 24.0
"""A face less wide has no template worth the name."""


@dataclass(frozen=True)
class Bystanders:
    """See the module."""

    pack: OpenPack
    listed: FloatArray
    others: FloatArray
    threshold: float

    def faces(self, picture: ByteArray) -> FloatArray:
        """A template of every face the detector finds, as it is and enlarged."""
        found = [np.zeros((0, self.pack.embedder.dimension), np.float32)]
        for scale in (1.0, 3.0 if max(picture.shape) < 400 else 2.0):
            seen = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale), np.uint8)
            found.append(_templates(self.pack, seen))
        return np.concatenate(found)

    def recognised(self, picture: ByteArray) -> int:
        """Faces in the picture that resemble a bystander, and nobody on the list."""
        faces = self.faces(picture)
        if not len(faces):
            return 0
        other, listed = (faces @ self.others.T).max(axis=1), (faces @ self.listed.T).max(axis=1)
        return int(((other >= self.threshold) & (other > listed)).sum())


def _templates(pack: OpenPack, picture: ByteArray) -> FloatArray:
    faces = pack.detector.detect(picture)
    wide = faces.boxes[:, 2] - faces.boxes[:, 0] >= LEAST_PX
    if not wide.any():
        return np.zeros((0, pack.embedder.dimension), np.float32)
    crops = [pack.embedder.crop(picture, one) for one in faces.landmarks[wide]]
    return pack.embedder.embed(np.stack(crops))


def frames(clip: Path, every: int) -> list[ByteArray]:
    """One picture in ``every`` of a video, BGR."""
    video, kept = cv2.VideoCapture(str(clip)), list[ByteArray]()
    number = 0
    while (read := video.read())[0]:
        if number % every == 0:
            kept.append(np.asarray(read[1], np.uint8))
        number += 1
    video.release()
    return kept


def know(clip: list[ByteArray], portraits: list[Path]) -> Bystanders:
    """Everybody in the clip; whoever resembles a portrait more than little counts as listed."""
    pack = open_pack(ModelStore(data_folder()).open("opencv-zoo"), DeviceOptions(requests=1))
    on_list = [_templates(pack, np.asarray(cv2.imread(str(one)), np.uint8)) for one in portraits]
    listed = np.concatenate(on_list)
    assert len(listed) == len(portraits)
    seen = np.concatenate([_templates(pack, one) for one in clip])
    likeness = (seen @ listed.T).max(axis=1)
    # what the cameras saw of the listed people tells them better than one portrait does
    listed = np.concatenate([listed, seen[likeness >= ALIKE]])
    others = seen[(seen @ listed.T).max(axis=1) < ALIKE]
    threshold = shipped(pack.contract).threshold_for(FPIR, len(others)).value
    return Bystanders(pack, listed, others, threshold)
