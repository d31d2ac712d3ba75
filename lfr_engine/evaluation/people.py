"""A folder of people as evaluation sees it: one folder a person, or one flat picture a person.

Owns: reading the folder's shape, and choosing which picture of a person is enrolled. Never: opens
a picture (that is for whoever needs its pixels). Strategy: names are sorted, so that a seed means
the same people on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lfr_engine.errors import InputError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".pgm", ".webp", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Person:
    """One person: a name, the pictures to be seen, and the picture on the watchlist, if any."""

    name: str
    pictures: tuple[Path, ...]
    enrolled: Path | None = None


def read_people(folder: Path) -> list[Person]:
    """The people in ``folder``, by name.

    One folder a person, or pictures directly in ``folder`` (each its own person). Folders without
    a picture and other files are passed over.

    Raises:
        InputError: ``folder`` is no folder, holds no picture, or mixes both shapes.
    """
    if not folder.is_dir():
        raise InputError(folder, "is not a folder", "name a folder with one folder a person")
    entries = sorted(folder.iterdir())
    flat = [entry for entry in entries if _is_picture(entry)]
    nested = [
        Person(entry.name, pictures)
        for entry in entries
        if entry.is_dir() and (pictures := tuple(sorted(filter(_is_picture, entry.iterdir()))))
    ]
    if flat and nested:
        raise InputError(
            folder,
            f"holds {len(nested)} folders of people and {len(flat)} loose pictures",
            "use one folder a person, or only loose pictures",
        )
    if not flat and not nested:
        raise InputError(folder, "holds no picture", "expected one folder of pictures a person")
    people = nested or [Person(entry.stem, (entry,)) for entry in flat]
    names = [person.name for person in people]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(folder, f"has two pictures named {twice!r}", "rename one of them")
    return people


def left_aside(folder: Path) -> tuple[str, ...]:
    """What ``read_people`` passes over in a folder of people, each with its cause, by name."""
    out: list[str] = []
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir():
            if not _is_picture(entry):
                out.append(f"{entry}: is no picture by its name")
            continue
        inside = sorted(entry.iterdir())
        if not any(map(_is_picture, inside)):
            out.append(f"{entry}: holds no picture")
        out += [f"{one}: a folder within a person's" for one in inside if one.is_dir()]
        out += [
            f"{one}: is no picture by its name"
            for one in inside
            if not one.is_dir() and not _is_picture(one)
        ]
    return tuple(out)


def hold_out(
    people: Sequence[Person],
    size: int,
    seed: int,
    suitable: Callable[[Path], bool] = lambda _: True,
) -> list[Person]:
    """``people`` with ``size`` of them enrolled: one picture each leaves ``pictures``.

    Only a person with two pictures or more can be enrolled, so that what is seen is never the very
    picture that was enrolled. ``suitable`` says whether a picture would pass the enrolment gate.

    Raises:
        InputError: fewer than ``size`` people have two pictures, one of them suitable.
    """
    able = [i for i, person in enumerate(people) if len(person.pictures) >= 2]
    rng = np.random.default_rng([seed, 1])
    out = list(people)
    held = 0
    for i in rng.permutation(len(able)):
        if held == size:
            break
        person = people[able[i]]
        order = rng.permutation(len(person.pictures))
        kept = next((int(k) for k in order if suitable(person.pictures[k])), None)
        if kept is not None:
            held += 1
            out[able[i]] = replace(
                person,
                pictures=person.pictures[:kept] + person.pictures[kept + 1 :],
                enrolled=person.pictures[kept],
            )
    if held < size:
        raise InputError(
            "watchlist",
            f"{size} people wanted, but only {held} of {len(people)} have two pictures, one of "
            "them fit to be enrolled",
            f"ask for {held} or fewer",
        )
    return out


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
