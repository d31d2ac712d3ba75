from __future__ import annotations

import io
import subprocess
import urllib.error
from collections.abc import Sequence
from email.message import Message
from pathlib import Path
from typing import IO

import pytest

from lfr_engine.errors import ModelError
from lfr_engine.inference.fetch import Fetcher, Stage
from tests.inference.packs import CONTENT, DETECTOR, URL, flat_mirror, tiny_pack, tiny_wheel


class Registry:
    """A pip that brings the tiny wheel, or fails with ``stderr``."""

    def __init__(self, stderr: str = "") -> None:
        self.stderr = stderr
        self.commands: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.commands.append(command)
        if self.stderr:
            return subprocess.CompletedProcess(command, 1, "", self.stderr)
        tiny_wheel(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, 0, "", "")


class Web:
    """A server with the tiny files under ``URL``, or other content in their place."""

    def __init__(self, content: dict[str, bytes] | None = None) -> None:
        self.content = CONTENT if content is None else content
        self.asked: list[str] = []

    def __call__(self, url: str) -> IO[bytes]:
        self.asked.append(url)
        name = url.removeprefix(URL)
        if name not in self.content:
            raise urllib.error.HTTPError(url, 404, "Not Found", Message(), None)
        return io.BytesIO(self.content[name])


def no_program(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    raise AssertionError(f"nothing may be run, but {command}")


def no_address(url: str) -> IO[bytes]:
    raise AssertionError(f"nothing may be opened, but {url}")


def fetched(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("layout", ["", "tiny", "deep/er"])
def test_a_mirror_may_be_flat_or_by_pack_or_like_the_origin(
    tmp_path: Path, into: Path, layout: str
) -> None:
    flat_mirror(tmp_path / "mirror" / layout)
    Fetcher((tmp_path / "mirror",), True, no_program, no_address).fetch("tiny", tiny_pack(), into)
    assert fetched(into) == CONTENT


def test_a_mirror_may_hold_the_wheel(tmp_path: Path, into: Path) -> None:
    tiny_wheel(tmp_path / "mirror")
    Fetcher((tmp_path / "mirror",), True, no_program, no_address).fetch("tiny", tiny_pack(), into)
    assert fetched(into) == CONTENT


def test_the_second_mirror_serves_what_the_first_lacks(tmp_path: Path, into: Path) -> None:
    one, two = flat_mirror(tmp_path / "one"), flat_mirror(tmp_path / "two")
    (one / "embed.onnx").unlink()
    Fetcher((one, two), True, no_program, no_address).fetch("tiny", tiny_pack(), into)
    assert fetched(into) == CONTENT


def test_offline_tries_nothing_but_the_mirror(tmp_path: Path, into: Path) -> None:
    (tmp_path / "mirror").mkdir()
    fetcher = Fetcher((tmp_path / "mirror",), True, no_program, no_address)
    with pytest.raises(ModelError, match=r"^find\.onnx: could not be fetched: mirror .* does not"):
        fetcher.fetch("tiny", tiny_pack(), into)
    assert not fetched(into)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (DETECTOR[:-9], "truncated: "),
        (b"", "truncated: 0 of "),
        (DETECTOR + b"more", "altered: "),
        (b"Z" + DETECTOR[1:], "altered: its sha256"),
    ],
)
def test_a_wrong_file_in_the_mirror_is_named(
    tmp_path: Path, into: Path, content: bytes, cause: str
) -> None:
    mirror = flat_mirror(tmp_path / "mirror")
    (mirror / "find.onnx").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        Fetcher((mirror,), True, no_program, no_address).fetch("tiny", tiny_pack(), into)
    assert f"mirror {mirror}: find.onnx is {cause}" in str(caught.value)


def test_a_missing_mirror_folder_is_said(tmp_path: Path, into: Path) -> None:
    with pytest.raises(ModelError, match=r"mirror .*absent: is not a folder"):
        Fetcher((tmp_path / "absent",), True).fetch("tiny", tiny_pack(), into)


def test_the_registry_comes_after_the_mirror_and_before_the_address(
    tmp_path: Path, into: Path
) -> None:
    mirror = flat_mirror(tmp_path / "mirror")
    (mirror / "embed.onnx").unlink()
    registry = Registry()
    Fetcher((mirror,), False, registry, no_address).fetch("tiny", tiny_pack(), into)
    assert fetched(into) == CONTENT
    (command,) = registry.commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert "--no-deps" in command
    assert command[-1] == "tinyfaces==1.0"


def test_one_wheel_is_downloaded_once_for_all_its_files(into: Path) -> None:
    registry = Registry()
    Fetcher(run=registry, open=no_address).fetch("tiny", tiny_pack(), into)
    assert len(registry.commands) == 1
    assert fetched(into) == CONTENT


def test_the_official_address_is_the_last_resort(into: Path) -> None:
    registry, web = Registry("ERROR: No matching distribution found"), Web()
    Fetcher(run=registry, open=web).fetch("tiny", tiny_pack(), into)
    assert fetched(into) == CONTENT
    assert len(registry.commands) == 1
    assert web.asked == [URL + "find.onnx", URL + "embed.onnx"]


def test_when_all_fail_every_reason_is_told(tmp_path: Path, into: Path) -> None:
    registry = Registry("WARNING: retrying\nERROR: No matching distribution found for x\n\n")
    with pytest.raises(ModelError) as caught:
        Fetcher((tmp_path,), False, registry, Web({})).fetch("tiny", tiny_pack(), into)
    told = str(caught.value)
    assert f"mirror {tmp_path}: does not hold it" in told
    assert "registry tinyfaces==1.0: No matching distribution found for x" in told
    assert f"{URL}find.onnx: the server says 404 Not Found" in told
    assert "\n" not in told


def test_a_machine_without_pip_is_told(into: Path) -> None:
    def absent(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        raise FileNotFoundError(2, "No such file or directory", command[0])

    with pytest.raises(ModelError, match=r"registry tinyfaces==1\.0: pip cannot be run"):
        Fetcher(run=absent, open=Web({})).fetch("tiny", tiny_pack(), into)


def test_a_wheel_without_the_member_and_a_broken_wheel_are_told(tmp_path: Path, into: Path) -> None:
    wheel = tiny_wheel(tmp_path / "mirror")
    wheel.write_bytes(wheel.read_bytes()[:200])
    with pytest.raises(ModelError, match=r"tinyfaces-1\.0-py3-none-any\.whl cannot be read"):
        Fetcher((wheel.parent,), True).fetch("tiny", tiny_pack(), into)


@pytest.mark.parametrize("wrong", [DETECTOR[:10], b"", b"<html>log in here</html>"])
def test_a_wrong_answer_from_the_address_is_refused(into: Path, wrong: bytes) -> None:
    web = Web({**CONTENT, "find.onnx": wrong})
    with pytest.raises(ModelError, match=rf"{URL}find\.onnx: truncated"):
        Fetcher(run=Registry("no"), open=web).fetch("tiny", tiny_pack(), into)
    assert not fetched(into)


class Endless(io.RawIOBase):
    """A server that never stops sending."""

    def __init__(self) -> None:
        self.sent = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        self.sent += size
        return b"\0" * size


def test_an_endless_answer_is_cut_off(into: Path) -> None:
    endless = Endless()
    with pytest.raises(ModelError, match="altered: "):
        Fetcher(run=Registry("no"), open=lambda _: endless).fetch("tiny", tiny_pack(), into)  # type: ignore[arg-type,return-value]
    assert endless.sent <= 2 << 20


class Breaking(io.BytesIO):
    """A connection that is cut after the first piece."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise ConnectionResetError(104, "Connection reset by peer")
        return super().read(10)


def test_a_cut_connection_is_told(into: Path) -> None:
    with pytest.raises(ModelError, match=r"broke off after 10 bytes: .*Connection reset by peer"):
        Fetcher(run=Registry("no"), open=lambda _: Breaking(DETECTOR)).fetch(
            "tiny", tiny_pack(), into
        )


def test_an_unreachable_address_is_told(into: Path) -> None:
    def refuse(url: str) -> IO[bytes]:
        raise urllib.error.URLError(ConnectionRefusedError(111, f"Connection refused by {url[:5]}"))

    with pytest.raises(ModelError, match=r"cannot be reached: .*Connection refused by https"):
        Fetcher(run=Registry("no"), open=refuse).fetch("tiny", tiny_pack(), into)


def test_progress_is_told_by_stage_and_file(tmp_path: Path, into: Path) -> None:
    told: list[tuple[Stage, str, int, int]] = []
    mirror = flat_mirror(tmp_path / "mirror")
    Fetcher((mirror,), True).fetch(
        "tiny", tiny_pack(), into, lambda *progress: told.append(progress)
    )
    size = len(DETECTOR)
    assert told[:3] == [
        (Stage.FETCH, "find.onnx", size, size),
        (Stage.VERIFY, "find.onnx", 0, size),
        (Stage.VERIFY, "find.onnx", size, size),
    ]
