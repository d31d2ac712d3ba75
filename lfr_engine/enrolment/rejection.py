"""Why a reference picture was not enrolled: one table of reasons, one exception, one report row.

Owns: the reason codes that reports, journals and tests name. Never: a picture or a template.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Reason(enum.Enum):
    """Every cause of a rejected reference picture (R14)."""

    UNREADABLE = "unreadable"
    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    TOO_SMALL = "too_small"
    NOT_A_PICTURE = "not_a_picture"
    WRONG_ENDING = "wrong_ending"
    DAMAGED = "damaged"
    NO_FACE = "no_face"
    TWO_FACES = "two_faces"
    FACE_CUT = "face_cut"
    FACE_SMALL = "face_small"
    POSE = "pose"
    BLUR = "blur"
    LIGHTING = "lighting"
    MISSING_FIELD = "missing_field"
    TOO_OLD = "too_old"
    DUPLICATE_PERSON = "duplicate_person"
    OUTLIER = "outlier"


class Refused(Exception):
    """A picture was refused inside this package; it leaves the package as a ``Rejected``.

    Not an ``LfrError``: one bad picture among hundreds is an expected result, not a failure.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


@dataclass(frozen=True, slots=True)
class Rejected:
    """One picture (or row) that was not enrolled.

    subject: the file or row. text: the cause in plain words, to be read after the subject.
    """

    subject: str
    reason: Reason
    text: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.text}"
