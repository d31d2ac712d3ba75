"""A folder of pictures as a watchlist: who is who, and every bad picture named."""

from __future__ import annotations

from pathlib import Path

import pytest

from lfr_engine.enrolment.folder import load_folder
from lfr_engine.enrolment.rejection import Reason
from lfr_engine.errors import ImageError, WatchlistError
from tests.enrolment.fakes import FakePack, encoded, photograph, save


def test_pictures_and_folders_are_people(tmp_path: Path) -> None:
    save(tmp_path / "anna.png", 1)
    save(tmp_path / "ben" / "one.jpg", 2)
    save(tmp_path / "ben" / "two.png", 3)
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "ben" / "Thumbs.db").write_bytes(b"x")
    steps: list[tuple[int, int]] = []
    loaded = load_folder(tmp_path, FakePack(), lambda done, total: steps.append((done, total)))
    assert loaded.gallery.entries == ("anna", "ben")
    assert loaded.gallery.owners.tolist() == [0, 1, 1]
    assert [len(some) for some in loaded.enrolled.values()] == [1, 2]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_strictly_every_bad_picture_is_its_own_line(tmp_path: Path) -> None:
    save(tmp_path / "good.png")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ExceptionGroup) as caught:
        load_folder(tmp_path, FakePack())
    errors = caught.value.exceptions
    assert all(isinstance(one, ImageError) and one.exit_status == 2 for one in errors)
    assert [str(one) for one in errors] == [
        f"{tmp_path / 'empty.jpg'}: the file is empty (0 bytes)",
        f"{tmp_path / 'text.png'}: is not a picture of a known kind, whatever its name says",
    ]


def test_leniently_the_bad_are_listed_and_the_good_are_used(tmp_path: Path) -> None:
    save(tmp_path / "good.png")
    (tmp_path / "empty.jpg").touch()
    loaded = load_folder(tmp_path, FakePack(), strict=False)
    assert loaded.gallery.entries == ("good",)
    assert [one.reason for one in loaded.rejects] == [Reason.EMPTY_FILE]


def test_nobody_usable_is_an_error_even_when_lenient(tmp_path: Path) -> None:
    (tmp_path / "flat.png").write_bytes(encoded(photograph(1) * 0))
    with pytest.raises(WatchlistError, match=r"none of its pictures is usable .* no face"):
        load_folder(tmp_path, FakePack(), strict=False)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "there is no such folder"),
        (lambda folder: folder.mkdir(), "the watchlist is empty"),
        (lambda folder: folder.write_text("x"), "is a file"),
        (lambda folder: (folder / "anna").mkdir(parents=True), "anna: the folder holds no picture"),
        (
            lambda folder: (save(folder / "anna.png"), save(folder / "anna.jpg")),
            "a second anna in the same watchlist",
        ),
    ],
)
def test_a_folder_that_is_no_watchlist(tmp_path: Path, make: object, words: str) -> None:
    assert callable(make)
    make(tmp_path / "list")
    with pytest.raises(WatchlistError, match=words):
        load_folder(tmp_path / "list", FakePack())
