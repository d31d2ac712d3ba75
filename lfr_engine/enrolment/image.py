"""One reference picture in, one template or one reason out (R14).

Owns: which face of a picture is *the* face, and the order of the checks. Never: a guess between two
people, a template of a picture that failed a check. Strategy: cheap checks first; the networks run
only on pictures that decode.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from lfr_engine.enrolment.decode import decode, read_picture_file
from lfr_engine.enrolment.gate import Gate
from lfr_engine.enrolment.rejection import Reason, Refused, Rejected
from lfr_engine.identity.template import TemplateContract, fused
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, picture_size
from lfr_engine.vision.quality import Quality

COMPARABLE = 0.25
"""A second face at least this share of the largest one's area (half its height) makes a picture
ambiguous; smaller ones are people in the background and are ignored."""
MIN_FACE_SCORE = 0.6
"""Weaker detections are neither enrolled nor allowed to spoil a picture."""
SURE_SCORE = 0.8
"""A second face weaker than this must be found again in an enlarged view of its own place:
detectors see faces in the folds of a flag."""
SAME_PLACE = 0.4
"""Intersection over union from which two boxes are one face."""


class StillDetector(Protocol):
    """Finds the faces of a still picture."""

    def detect_still(self, picture: Picture) -> Faces:
        """Every face, in the picture's own pixels."""
        ...


class StillEmbedder(Protocol):
    """Aligns and encodes faces."""

    def crop(self, picture: Picture, landmarks: FloatArray) -> ByteArray:
        """The aligned crop (s, s, 3) of one face by its five points (5, 2)."""
        ...

    def embed(self, crops: ByteArray) -> FloatArray:
        """Unit templates (n, d) float32 of crops (n, s, s, 3)."""
        ...


class Pack(Protocol):
    """What enrolment needs of an opened model pack."""

    @property
    def detector(self) -> StillDetector:
        """The face detector."""
        ...

    @property
    def embedder(self) -> StillEmbedder:
        """The aligner and embedder."""
        ...

    @property
    def contract(self) -> TemplateContract:
        """What templates of this pack are bound to."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Enrolled:
    """One usable reference picture.

    template: (d,) float32 of unit length, from the picture and its mirror image. data: the
    picture's bytes as supplied; sha256 is theirs.
    """

    subject: str
    template: FloatArray = field(repr=False)
    quality: Quality
    sha256: str
    data: bytes = field(repr=False)


def enrol_image(
    source: Path | bytes, pack: Pack, gate: Gate | None = None, *, subject: str = ""
) -> Enrolled | Rejected:
    """Decode, find the one face, gate and encode.

    ``subject`` names the picture in reports; the path where empty. Raises only what the networks
    raise (``DeviceError``): whatever is wrong with the picture is a ``Rejected``.
    """
    name = subject or (str(source) if isinstance(source, Path) else "picture")
    try:
        data = read_picture_file(source) if isinstance(source, Path) else source
        views, quality = enrol_picture(decode(data), pack, gate or Gate())
    except Refused as refused:
        return Rejected(name, refused.reason, refused.text)
    return Enrolled(name, fused(views), quality, hashlib.sha256(data).hexdigest(), data)


def enrol_picture(picture: ByteArray, pack: Pack, gate: Gate) -> tuple[FloatArray, Quality]:
    """Templates (2, d) of the one face in a BGR picture as it is and mirrored, and its quality.

    A reference is the two fused: nearer to any other picture of its person, at no cost where
    people walk (``docs/accuracy.md``). Raises ``Refused``.
    """
    faces = pack.detector.detect_still(picture)
    faces = _without_doubtful_rivals(faces, picture, pack.detector)
    face = faces.take(np.array([the_one_face(faces)], np.intp))
    seen = gate.look(face, picture_size(picture))
    crop = pack.embedder.crop(picture, face.landmarks[0])
    quality = gate.assess(seen, crop)
    return pack.embedder.embed(np.stack([crop, crop[:, ::-1]])), quality


def _without_doubtful_rivals(faces: Faces, picture: ByteArray, detector: StillDetector) -> Faces:
    """Drop faint detections, and weak ones that could spoil the picture but do not show again."""
    faces = faces.take(np.flatnonzero(faces.scores >= MIN_FACE_SCORE))
    if len(faces) < 2:
        return faces
    comparable = _areas(faces) >= COMPARABLE * _areas(faces)[faces.scores.argmax()]
    kept = [
        i
        for i, score in enumerate(faces.scores)
        if i == faces.scores.argmax()
        or score >= SURE_SCORE
        or (comparable[i] and _seen_again(faces.boxes[i], picture, detector))
    ]
    return faces.take(np.array(kept, np.intp))


def _areas(faces: Faces) -> FloatArray:
    """Box areas (n,) in square pixels."""
    return np.asarray(np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1), np.float32)


def _seen_again(box: FloatArray, picture: ByteArray, detector: StillDetector) -> bool:
    width, height = picture_size(picture)
    margin = (box[2:] - box[:2]) / 2
    x0, y0 = np.maximum(box[:2] - margin, 0).astype(int)
    x1, y1 = np.minimum(box[2:] + margin, (width, height)).astype(int)
    if min(x1 - x0, y1 - y0) < 2:
        return False
    near = detector.detect_still(np.ascontiguousarray(picture[y0:y1, x0:x1]))
    shift = np.array([x0, y0, x0, y0], np.float32)
    return any(
        score >= SURE_SCORE and _overlap(found + shift, box) >= SAME_PLACE
        for found, score in zip(near.boxes, near.scores, strict=True)
    )


def _overlap(a: FloatArray, b: FloatArray) -> float:
    """Intersection over union of two boxes (4,)."""
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    shared = float(sides[0] * sides[1])
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)


def the_one_face(faces: Faces) -> int:
    """The index of the only face that counts, by ``COMPARABLE``; raises ``Refused``."""
    sure = np.flatnonzero(faces.scores >= MIN_FACE_SCORE)
    if len(sure) == 0:
        raise Refused(Reason.NO_FACE, "no face was found")
    areas = _areas(faces)[sure]
    count = int(np.count_nonzero(areas >= COMPARABLE * areas.max()))
    if count > 1:
        how_many = "two faces" if count == 2 else f"{count} faces"
        raise Refused(Reason.TWO_FACES, f"{how_many} of similar size; crop it to one person")
    return int(sure[areas.argmax()])
