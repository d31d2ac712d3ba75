"""The truth of a simulated walk-by: a JSON-lines file that says who was where in every frame.

Owns: its format, reading, writing and checking against a video. Never: scores or templates.
Strategy: a header line, then one line an appearance (one pass before one camera), so that the file
is written as people leave and can be read with any tool.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from lfr_engine.errors import InputError

TRUTH_VERSION = 1
_Line = TypeVar("_Line")


class CameraTruth(msgspec.Struct, frozen=True):
    """One camera: the video's file name beside the truth, its size, rate and length."""

    name: str
    video: str
    width: int
    height: int
    fps: float
    frames: int


class PersonTruth(msgspec.Struct, frozen=True):
    """One person of the cast; enrolled: the picture on the watchlist beside the truth, or None."""

    name: str
    enrolled: str | None = None


class TruthHeader(msgspec.Struct, frozen=True, tag="walkby"):
    """The first line: format version, seed, cameras and cast."""

    version: int
    seed: int
    cameras: tuple[CameraTruth, ...]
    people: tuple[PersonTruth, ...]


class AppearanceTruth(msgspec.Struct, frozen=True, tag="appearance"):
    """One pass before one camera.

    boxes: x0 y0 x1 y1 in pixels for each frame from ``first_frame`` on; None where the face is out
    of the picture. visible: share of the box in view, 0–1. pictures: index into the person's
    pictures. A pass seen by two cameras is two appearances of one ``pass_id``.
    """

    pass_id: str
    person: str
    camera: str
    first_frame: int
    boxes: tuple[tuple[float, float, float, float] | None, ...]
    visible: tuple[float, ...]
    pictures: tuple[int, ...]

    @property
    def last_frame(self) -> int:
        """The last frame of the appearance."""
        return self.first_frame + len(self.boxes) - 1


@dataclass(frozen=True, slots=True)
class Truth:
    """A whole truth file."""

    header: TruthHeader
    appearances: tuple[AppearanceTruth, ...]

    @property
    def enrolled(self) -> frozenset[str]:
        """Names of the people on the watchlist."""
        return frozenset(p.name for p in self.header.people if p.enrolled is not None)

    @property
    def cast(self) -> frozenset[str]:
        """Names of everybody who may walk by."""
        return frozenset(p.name for p in self.header.people)

    @property
    def pass_people(self) -> dict[str, str]:
        """Pass id → who walked."""
        return {a.pass_id: a.person for a in self.appearances}


def encode_line(line: TruthHeader | AppearanceTruth) -> bytes:
    """One line of the file, with its newline."""
    return msgspec.json.encode(line) + b"\n"


def read_truth(path: Path) -> Truth:
    """Read and check a truth file.

    Raises:
        InputError: it cannot be read, is not a truth file of this version, or contradicts itself.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if not lines:
        raise InputError(path, "is empty", "was the simulation interrupted? run it again")
    header = _decoded(path, 1, lines[0], TruthHeader)
    rows = tuple(
        _decoded(path, number, line, AppearanceTruth) for number, line in enumerate(lines[1:], 2)
    )
    if header.version != TRUTH_VERSION:
        raise InputError(
            path, f"has version {header.version}, this is {TRUTH_VERSION}", "simulate again"
        )
    if not rows:
        raise InputError(path, "has nobody who walks by", "was the simulation interrupted?")
    _check(path, header, rows)
    return Truth(header, rows)


def _decoded(path: Path, number: int, line: bytes, kind: type[_Line]) -> _Line:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}, line {number}",
            f"is no walk-by truth: {error}",
            "use the truth.jsonl that lfr simulate walkby wrote",
        ) from error


def _check(path: Path, header: TruthHeader, rows: tuple[AppearanceTruth, ...]) -> None:
    cameras = {camera.name: camera for camera in header.cameras}
    people = {person.name for person in header.people}
    walked: dict[str, str] = {}
    for row in rows:
        subject = f"{path}, pass {row.pass_id}"
        camera = cameras.get(row.camera)
        if camera is None:
            raise InputError(subject, f"names the unknown camera {row.camera!r}")
        if row.person not in people:
            raise InputError(subject, f"names {row.person!r}, who is not in the cast")
        if walked.setdefault(row.pass_id, row.person) != row.person:
            raise InputError(subject, "belongs to two people")
        if not len(row.boxes) == len(row.visible) == len(row.pictures):
            raise InputError(subject, "its boxes, visible shares and pictures differ in number")
        if row.first_frame < 0 or row.last_frame >= camera.frames:
            raise InputError(
                subject, f"lies outside the {camera.frames} frames of camera {camera.name}"
            )
