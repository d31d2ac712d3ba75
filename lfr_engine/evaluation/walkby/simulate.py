"""Makes a walk-by: from people's pictures to videos, a watchlist folder and the truth.

Owns: the order of the work and the files in the output folder. Never: drawing, geometry or
encoding, which its neighbours do. Strategy: people without a usable picture are left out and
counted; each camera is one streaming pass, so memory does not grow with length.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lfr_engine.errors import ImageError, InputError
from lfr_engine.evaluation.people import Person
from lfr_engine.evaluation.progress import Tell, tell_nobody
from lfr_engine.evaluation.walkby.head import (
    Cutting,
    FaceFinder,
    Head,
    centred_face,
    cut_out,
    make_head,
)
from lfr_engine.evaluation.walkby.renderer import CameraRenderer, SeenFace
from lfr_engine.evaluation.walkby.script import (
    Appearance,
    Script,
    WalkbySettings,
    Walker,
    write_script,
)
from lfr_engine.evaluation.walkby.truth import (
    TRUTH_VERSION,
    AppearanceTruth,
    CameraTruth,
    PersonTruth,
    TruthHeader,
    encode_line,
)
from lfr_engine.sources.video_writer import write_video
from lfr_engine.vision.frame import Planes

TRUTH_NAME = "truth.jsonl"
WATCHLIST_NAME = "watchlist"
PICTURES_EACH = 4
"""Most pictures of one person that are looked at: a pass shows three at most."""


@dataclass(frozen=True, slots=True)
class WalkbyResult:
    """What a simulation left behind.

    watchlist: folder with one picture of each enrolled person, or None.
    left_out: pictures that could not be used, each with its reason.
    """

    videos: tuple[Path, ...]
    truth: Path
    watchlist: Path | None
    passes: int
    enrolled_passes: int
    duration_s: float
    left_out: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Member:
    person: Person
    cuttings: tuple[Cutting, ...]


def simulate_walkby(
    people: Sequence[Person],
    out: Path,
    settings: WalkbySettings,
    *,
    finder: FaceFinder = centred_face,
    progress: Tell = tell_nobody,
) -> WalkbyResult:
    """Make ``camera-1.mp4`` (and ``camera-2.mp4``), ``truth.jsonl`` and ``watchlist/`` in ``out``.

    Args:
        people: Who may walk by. The pictures of those with ``enrolled`` set are shown, and the
            enrolled one goes to the watchlist folder.
        out: Folder, made where absent; earlier results of the same name are replaced.
        settings: What to simulate.
        finder: Finds the face of a picture; by default its middle is taken, as suits LFW.
        progress: Told now and then.

    Raises:
        InputError: nobody has a usable picture, or ``out`` cannot be written.
    """
    cast, left_out = _cast(people, settings, finder, progress)
    if not cast:
        raise InputError("people", "nobody has a usable picture", left_out[0] if left_out else "")
    script = write_script(
        [Walker(m.person.enrolled is not None, len(m.cuttings)) for m in cast], settings
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        watchlist = _write_watchlist(out, people)
        videos, truth = _write_cameras(out, script, cast, progress)
    except OSError as error:
        raise InputError(out, f"cannot be written: {error.strerror}") from error
    walked = {a.pass_id: cast[a.walker].person for a in script.appearances}
    return WalkbyResult(
        videos=videos,
        truth=truth,
        watchlist=watchlist,
        passes=len(walked),
        enrolled_passes=sum(person.enrolled is not None for person in walked.values()),
        duration_s=script.duration_s,
        left_out=tuple(left_out),
    )


def _cast(
    people: Sequence[Person], settings: WalkbySettings, finder: FaceFinder, tell: Tell
) -> tuple[list[_Member], list[str]]:
    """Everybody with a usable picture; no more than there are passes to walk."""
    rng = np.random.default_rng([settings.seed, 4])
    enrolled = [p for p in people if p.enrolled is not None]
    others = [p for p in people if p.enrolled is None]
    wanted = settings.passes if settings.passes is not None else len(people)
    left_out: list[str] = []
    cast: list[_Member] = []
    for group in (enrolled, others):
        members = 0
        for done, index in enumerate(rng.permutation(len(group))):
            if members >= wanted:
                break
            tell("finding faces", done, min(wanted, len(group)))
            cuttings = _cuttings(group[index], finder, rng, left_out)
            if cuttings:
                cast.append(_Member(group[index], cuttings))
                members += 1
    return cast, left_out


def _cuttings(
    person: Person, finder: FaceFinder, rng: np.random.Generator, left_out: list[str]
) -> tuple[Cutting, ...]:
    found = []
    for index in rng.permutation(len(person.pictures))[:PICTURES_EACH]:
        try:
            found.append(cut_out(person.pictures[index], finder))
        except ImageError as error:
            left_out.append(str(error))
    return tuple(found)


def _write_watchlist(out: Path, people: Sequence[Person]) -> Path | None:
    """Everybody enrolled, whether he walks by or not: the size of the list decides the FPIR."""
    enrolled = [person for person in people if person.enrolled is not None]
    folder = out / WATCHLIST_NAME
    if folder.exists():
        shutil.rmtree(folder)
    if not enrolled:
        return None
    folder.mkdir()
    for person in enrolled:
        assert person.enrolled is not None
        shutil.copyfile(person.enrolled, folder / _enrolled_name(person))
    return folder


def _enrolled_name(person: Person) -> str:
    assert person.enrolled is not None
    return f"{person.name}{person.enrolled.suffix.lower()}"


def _write_cameras(
    out: Path, script: Script, cast: Sequence[_Member], tell: Tell
) -> tuple[tuple[Path, ...], Path]:
    settings = script.settings
    header = TruthHeader(
        version=TRUTH_VERSION,
        seed=settings.seed,
        cameras=tuple(
            CameraTruth(
                f"camera-{number}",
                f"camera-{number}.mp4",
                *settings.size,
                settings.fps,
                script.frames,
            )
            for number in range(1, settings.cameras + 1)
        ),
        people=tuple(
            PersonTruth(m.person.name, _enrolled_name(m.person) if m.person.enrolled else None)
            for m in cast
        ),
    )
    truth = out / TRUTH_NAME
    videos = []
    with _settled(truth) as file:
        file.write(encode_line(header))
        for number, camera in enumerate(header.cameras):
            renderer = CameraRenderer(script, number, _Heads(cast))
            pictures = _recorded(renderer, _Recorder(file, camera, cast), camera, tell)
            path = out / camera.video
            write_video(path, pictures, fps=settings.fps, size=settings.size, crf=settings.crf)
            videos.append(path)
    return tuple(videos), truth


@contextlib.contextmanager
def _settled(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when complete."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _recorded(
    renderer: CameraRenderer, recorder: _Recorder, camera: CameraTruth, tell: Tell
) -> Iterator[Planes]:
    for number, (planes, seen) in enumerate(renderer.frames()):
        recorder.record(number, seen)
        if number % 25 == 0:
            tell(f"drawing {camera.name}", number, camera.frames)
        yield planes
    recorder.finish()


class _Heads:
    """Heads of the people in view, made when they come and forgotten when many have come since."""

    KEPT = 96
    """Heads kept: a dense pair of groups, three pictures each; about 1 MB a head."""

    def __init__(self, cast: Sequence[_Member]) -> None:
        self._cast = cast
        self._made: OrderedDict[tuple[str, float], Head] = OrderedDict()

    def __call__(self, appearance: Appearance, picture: int) -> Head:
        cutting = self._cast[appearance.walker].cuttings[picture]
        key = (str(cutting.path), appearance.side_light)
        if key not in self._made:
            self._made[key] = make_head(cutting, appearance.side_light)
            while len(self._made) > self.KEPT:
                self._made.popitem(last=False)
        return self._made[key]


@dataclass(slots=True)
class _Row:
    first_frame: int
    boxes: list[tuple[float, float, float, float] | None] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)


class _Recorder:
    """Takes down the faces of one camera and writes an appearance once it is over."""

    def __init__(self, file: BinaryIO, camera: CameraTruth, cast: Sequence[_Member]) -> None:
        self._file = file
        self._camera = camera.name
        self._fps = camera.fps
        self._cast = cast
        self._open: dict[str, tuple[Appearance, _Row]] = {}

    def record(self, number: int, seen: Sequence[SeenFace]) -> None:
        """Take down the faces of frame ``number``."""
        for face in seen:
            _, row = self._open.setdefault(face.appearance.pass_id, (face.appearance, _Row(number)))
            missing = number - row.first_frame - len(row.boxes)
            row.boxes.extend([None] * missing)
            row.visible.extend([0.0] * missing)
            row.pictures.extend([face.picture] * (missing + 1))
            x0, y0, x1, y1 = (round(v, 1) for v in face.box)
            row.boxes.append((x0, y0, x1, y1))
            row.visible.append(round(face.visible, 3))
        at_s = (number + 1) / self._fps
        for pass_id in [p for p, (a, _) in self._open.items() if a.end_s <= at_s]:
            self._write(*self._open.pop(pass_id))

    def finish(self) -> None:
        """Write what is left."""
        for appearance, row in self._open.values():
            self._write(appearance, row)
        self._open.clear()

    def _write(self, appearance: Appearance, row: _Row) -> None:
        self._file.write(
            encode_line(
                AppearanceTruth(
                    pass_id=appearance.pass_id,
                    person=self._cast[appearance.walker].person.name,
                    camera=self._camera,
                    first_frame=row.first_frame,
                    boxes=tuple(row.boxes),
                    visible=tuple(row.visible),
                    pictures=tuple(row.pictures),
                )
            )
        )
