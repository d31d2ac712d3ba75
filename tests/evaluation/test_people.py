"""Reading folders of people."""

from __future__ import annotations

from pathlib import Path

import pytest

from lfr_engine.errors import InputError
from lfr_engine.evaluation.people import Person, hold_out, left_aside, read_people


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_one_folder_a_person_sorted_and_without_other_files(tmp_path: Path) -> None:
    second = _touch(tmp_path / "zoe" / "b.PNG")
    first = _touch(tmp_path / "zoe" / "a.jpg")
    only = _touch(tmp_path / "ann" / "x.jpeg")
    _touch(tmp_path / "zoe" / "notes.txt")
    _touch(tmp_path / "empty" / "notes.txt")
    _touch(tmp_path / "pairs.txt")
    assert read_people(tmp_path) == [Person("ann", (only,)), Person("zoe", (first, second))]


def test_loose_pictures_are_one_person_each(tmp_path: Path) -> None:
    path = _touch(tmp_path / "ann.jpg")
    assert read_people(tmp_path) == [Person("ann", (path,))]


def test_what_is_passed_over_is_named(tmp_path: Path) -> None:
    _touch(tmp_path / "zoe" / "a.jpg")
    for stray in ("zoe/notes.txt", "zoe/deep/x.jpg", "empty/notes.txt", "pairs.txt"):
        _touch(tmp_path / stray)
    assert [one.removeprefix(f"{tmp_path}/") for one in left_aside(tmp_path)] == [
        "empty: holds no picture",
        "empty/notes.txt: is no picture by its name",
        "pairs.txt: is no picture by its name",
        "zoe/deep: a folder within a person's",
        "zoe/notes.txt: is no picture by its name",
    ]


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ([], "holds no picture"),
        (["ann/notes.txt"], "holds no picture"),
        (["ann/a.jpg", "bob.jpg"], "holds 1 folders of people and 1 loose pictures"),
        (["ann.jpg", "ann.png"], "two pictures named 'ann'"),
    ],
)
def test_wrong_shapes_are_named(tmp_path: Path, files: list[str], cause: str) -> None:
    for file in files:
        _touch(tmp_path / file)
    with pytest.raises(InputError, match=cause):
        read_people(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: is not a folder"):
        read_people(tmp_path / "nowhere")


def test_an_enrolled_picture_is_never_shown() -> None:
    people = [Person(f"p{n}", tuple(Path(f"{n}{i}") for i in range(1 + n % 3))) for n in range(30)]
    held = hold_out(people, 12, seed=5)
    assert sum(person.enrolled is not None for person in held) == 12
    for before, after in zip(people, held, strict=True):
        if after.enrolled is None:
            assert after == before
        else:
            assert len(before.pictures) >= 2
            assert after.enrolled not in after.pictures
            assert {*after.pictures, after.enrolled} == set(before.pictures)
    assert held == hold_out(people, 12, seed=5)
    assert held != hold_out(people, 12, seed=6)


def test_only_suitable_pictures_are_enrolled() -> None:
    people = [Person(f"p{n}", tuple(Path(f"{n}-{i}") for i in range(3))) for n in range(10)]
    held = hold_out(people, 10, seed=1, suitable=lambda path: path.name.endswith("-2"))
    assert {person.enrolled.name[-2:] for person in held if person.enrolled} == {"-2"}
    with pytest.raises(InputError, match="only 0 of 10"):
        hold_out(people, 1, seed=1, suitable=lambda _: False)


def test_too_few_people_with_two_pictures_are_counted() -> None:
    people = [Person("a", (Path("1"), Path("2"))), Person("b", (Path("3"),))]
    with pytest.raises(InputError, match="2 people wanted, but only 1 of 2 have two"):
        hold_out(people, 2, seed=1)
