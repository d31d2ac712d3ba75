"""A watchlist from a folder: one picture, or one folder of pictures, a person; the name is the id.

Owns: how a folder means a watchlist in exercises and demonstrations. Never: a real deployment's
list (that lives in the vault with its provenance). Strategy: look at every picture, collect every
rejection, and let the caller choose whether any rejection is fatal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lfr_engine.enrolment.gate import Gate
from lfr_engine.enrolment.image import Enrolled, Pack, enrol_image
from lfr_engine.enrolment.rejection import Rejected
from lfr_engine.errors import ImageError, WatchlistError
from lfr_engine.identity.coarse import coarse_for
from lfr_engine.identity.matcher import Gallery

_IGNORED = {"thumbs.db", "desktop.ini"}
"""What file managers leave behind."""

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all)."""


@dataclass(frozen=True, slots=True, eq=False)
class FolderWatchlist:
    """A folder enrolled: the gallery, every usable picture by entry, every rejected picture."""

    gallery: Gallery
    enrolled: dict[str, tuple[Enrolled, ...]] = field(repr=False)
    rejects: tuple[Rejected, ...]


def load_folder(
    folder: Path,
    pack: Pack,
    progress: Progress | None = None,
    gate: Gate | None = None,
    *,
    strict: bool = True,
) -> FolderWatchlist:
    """Enrol every picture of ``folder``.

    Raises ``WatchlistError`` where the folder is missing, empty, names a person twice, or leaves
    nobody usable; where ``strict``, an ``ExceptionGroup`` with one ``ImageError`` a bad picture,
    each of which is one line naming file and cause.
    """
    people = people_in(folder)
    total = sum(len(files) for files in people.values())
    enrolled: dict[str, tuple[Enrolled, ...]] = {}
    rejects: list[Rejected] = []
    done = 0
    for person, files in people.items():
        usable: list[Enrolled] = []
        for file in files:
            result = enrol_image(file, pack, gate)
            if isinstance(result, Enrolled):
                usable.append(result)
            else:
                rejects.append(result)
            done += 1
            if progress is not None:
                progress(done, total)
        if usable:
            enrolled[person] = tuple(usable)
    if rejects and strict:
        raise ExceptionGroup(
            "unusable reference pictures",
            [ImageError(one.subject, one.text) for one in rejects],
        )
    if not enrolled:
        raise WatchlistError(folder, "none of its pictures is usable", str(rejects[0]))
    return FolderWatchlist(_gallery(enrolled, pack), enrolled, tuple(rejects))


def people_in(folder: Path) -> dict[str, list[Path]]:
    """Each person's picture files, by name; raises ``WatchlistError``."""
    try:
        children = sorted(folder.iterdir())
    except FileNotFoundError as error:
        raise WatchlistError(folder, "there is no such folder") from error
    except NotADirectoryError as error:
        raise WatchlistError(folder, "is a file", "name the folder that holds pictures") from error
    except OSError as error:
        raise WatchlistError(folder, f"cannot be read: {error.strerror}") from error
    people: dict[str, list[Path]] = {}
    for child in children:
        if _ignored(child):
            continue
        files = [child]
        if child.is_dir():
            files = sorted(file for file in child.iterdir() if not _ignored(file))
            if not files:
                raise WatchlistError(child, "the folder holds no picture")
        person = child.name if child.is_dir() else child.stem
        if person in people:
            raise WatchlistError(child, f"a second {person} in the same watchlist", "rename one")
        people[person] = files
    if not people:
        raise WatchlistError(folder, "the watchlist is empty", "put one picture a person in it")
    return people


def _ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in _IGNORED


def _gallery(enrolled: dict[str, tuple[Enrolled, ...]], pack: Pack) -> Gallery:
    names = list(enrolled)
    templates = np.stack([one.template for some in enrolled.values() for one in some])
    owners = np.repeat(np.arange(len(names)), [len(some) for some in enrolled.values()])
    return Gallery.build(
        names, names, templates, owners, pack.contract, coarse=coarse_for(templates)
    )
