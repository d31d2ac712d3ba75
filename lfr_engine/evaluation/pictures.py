"""Templates of many pictures, made once each through the real path and held in memory only.

Owns: decode, detect, align, embed for a folder of people, and the count of what failed. Never: a
template on disk (so an interrupted run embeds again), a picture kept. Strategy: a picture that
passes the enrolment gate may be enrolled; one that does not may still be a probe, as in the street.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lfr_engine.enrolment.decode import read_image
from lfr_engine.enrolment.gate import Gate
from lfr_engine.enrolment.image import MIN_FACE_SCORE, Pack, enrol_picture
from lfr_engine.enrolment.rejection import Refused
from lfr_engine.evaluation.open_set import BoolArray, IntArray
from lfr_engine.evaluation.people import Person
from lfr_engine.evaluation.progress import Tell, tell_nobody
from lfr_engine.identity.template import fused
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray, FloatArray, picture_size


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """All readable pictures of all people, in order of the people.

    templates: (n, d) float32 unit rows as of a probe, zeros where no face was found. references:
    (n, d) float32 unit rows as enrolled, zeros where a picture cannot be. owner: (n,) int32 index
    into ``people``. has_face, enrollable: (n,) bool. refusals: why pictures were not enrollable,
    by reason. unreadable: files that are no picture, each with its cause.
    """

    people: tuple[str, ...]
    paths: tuple[Path, ...]
    templates: FloatArray = field(repr=False)
    references: FloatArray = field(repr=False)
    owner: IntArray = field(repr=False)
    has_face: BoolArray = field(repr=False)
    enrollable: BoolArray = field(repr=False)
    refusals: dict[str, int]
    unreadable: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)


def embed_people(people: Sequence[Person], pack: Pack, tell: Tell = tell_nobody) -> Embedded:
    """Embed every picture of ``people`` once; raises only what the networks raise."""
    total = sum(len(person.pictures) for person in people)
    gate = Gate()
    refusals: Counter[str] = Counter()
    unreadable: list[str] = []
    paths: list[Path] = []
    templates: list[FloatArray] = []
    references: list[FloatArray] = []
    nothing = np.zeros(pack.contract.dimension, np.float32)
    owner: list[int] = []
    has_face: list[bool] = []
    enrollable: list[bool] = []
    done = 0
    for index, person in enumerate(people):
        for path in person.pictures:
            tell("embedding", done, total)
            done += 1
            try:
                picture = read_image(path)
            except Refused as refused:
                unreadable.append(f"{path}: {refused.text}")
                continue
            try:
                pair = enrol_picture(picture, pack, gate)[0]
                template: FloatArray | None = pair[0]
                reference, passed = fused(pair), True
            except Refused as refused:
                refusals[refused.reason.value] += 1
                template = embed_subject(picture, pack)
                reference, passed = nothing, False
            paths.append(path)
            owner.append(index)
            has_face.append(template is not None)
            enrollable.append(passed)
            templates.append(nothing if template is None else template)
            references.append(reference)
    tell("embedding", total, total)
    return Embedded(
        people=tuple(person.name for person in people),
        paths=tuple(paths),
        templates=np.array(templates, np.float32).reshape(-1, pack.contract.dimension),
        references=np.array(references, np.float32).reshape(-1, pack.contract.dimension),
        owner=np.array(owner, np.int32),
        has_face=np.array(has_face, bool),
        enrollable=np.array(enrollable, bool),
        refusals=dict(refusals.most_common()),
        unreadable=tuple(unreadable),
    )


def embed_subject(picture: ByteArray, pack: Pack) -> FloatArray | None:
    """Template (d,) of the person a picture is of, or None where no face shows."""
    faces = pack.detector.detect_still(picture)
    faces = faces.take(np.flatnonzero(faces.scores >= MIN_FACE_SCORE))
    if len(faces) == 0:
        return None
    subject = subject_of(faces, *picture_size(picture))
    crop = pack.embedder.crop(picture, faces.landmarks[subject])
    template: FloatArray = pack.embedder.embed(crop[None])[0]
    return template


def subject_of(faces: Faces, width: int, height: int) -> int:
    """Which of several faces a picture is of: the large one in the middle, as data sets frame it.

    The greatest of (side of the box − distance of its centre from the picture's).
    """
    boxes = faces.boxes
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    away = np.linalg.norm(centres - np.array([width / 2, height / 2], np.float32), axis=1)
    return int(np.argmax(sides - away))
