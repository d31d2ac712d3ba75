"""A cohort: pictures of many people, one folder each, encoded to calibrate or check a pack.

Owns: how a folder of people becomes templates with an owner each. Never: a gate as strict as
enrolment's – the street is not gated so, and a threshold fitted on perfect pictures would promise
too much. Strategy: take every picture that shows exactly one face; count the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lfr_engine.enrolment.folder import Progress, people_in
from lfr_engine.enrolment.gate import OPEN_LIMITS, Gate
from lfr_engine.enrolment.image import Enrolled, Pack, enrol_image
from lfr_engine.enrolment.rejection import Reason
from lfr_engine.errors import InputError
from lfr_engine.identity.matcher import IndexArray
from lfr_engine.identity.template import TemplateContract
from lfr_engine.vision.frame import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Cohort:
    """templates: (m, d) float32 unit rows. owners: (m,) index into ``people``, ascending.

    skipped: how many pictures were not taken, by reason.
    """

    people: tuple[str, ...]
    templates: FloatArray = field(repr=False)
    owners: IndexArray
    contract: TemplateContract
    skipped: Mapping[Reason, int]


def load_cohort(folder: Path, pack: Pack, progress: Progress | None = None) -> Cohort:
    """Encode every person's pictures in ``folder``.

    Raises ``WatchlistError`` where the folder is not one of people, ``InputError`` where fewer than
    two people have a usable picture.
    """
    found = people_in(folder)
    total = sum(len(files) for files in found.values())
    people: list[str] = []
    templates: list[FloatArray] = []
    owners: list[int] = []
    skipped: Counter[Reason] = Counter()
    done = 0
    for person, files in found.items():
        for file in files:
            result = enrol_image(file, pack, Gate(OPEN_LIMITS))
            if isinstance(result, Enrolled):
                if not people or people[-1] != person:
                    people.append(person)
                templates.append(result.template)
                owners.append(len(people) - 1)
            else:
                skipped[result.reason] += 1
            done += 1
            if progress is not None:
                progress(done, total)
    if len(people) < 2:
        raise InputError(folder, f"{len(people)} people with a usable picture", "a cohort has many")
    return Cohort(
        tuple(people), np.stack(templates), np.array(owners, np.int64), pack.contract, skipped
    )
