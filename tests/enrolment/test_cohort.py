"""A folder of many people as templates with owners."""

from __future__ import annotations

from pathlib import Path

import pytest

from lfr_engine.enrolment.cohort import load_cohort
from lfr_engine.enrolment.rejection import Reason
from lfr_engine.errors import InputError
from tests.enrolment.fakes import FakePack, encoded, photograph, save


def test_people_keep_their_pictures_and_the_unusable_are_counted(tmp_path: Path) -> None:
    save(tmp_path / "anna" / "1.png", 1)
    save(tmp_path / "ben" / "1.png", 2)
    (tmp_path / "ben" / "2.png").write_bytes(encoded(photograph(1) * 0))
    save(tmp_path / "cleo" / "1.png", 3)
    save(tmp_path / "cleo" / "2.png", 4)
    cohort = load_cohort(tmp_path, FakePack())
    assert cohort.people == ("anna", "ben", "cleo")
    assert cohort.owners.tolist() == [0, 1, 2, 2]
    assert cohort.templates.shape == (4, 8)
    assert cohort.skipped == {Reason.NO_FACE: 1}


def test_one_person_is_not_a_cohort(tmp_path: Path) -> None:
    save(tmp_path / "anna" / "1.png", 1)
    with pytest.raises(InputError, match="1 people with a usable picture"):
        load_cohort(tmp_path, FakePack())
