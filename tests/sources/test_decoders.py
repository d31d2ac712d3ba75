from __future__ import annotations

import threading
from pathlib import Path
from typing import ClassVar

import av
import av.error
import pytest

from lfr_engine.clock import SystemClock
from lfr_engine.errors import SourceRefused
from lfr_engine.sources import decoders
from lfr_engine.sources.decoders import CODECS, available_decoders, ffmpeg_version
from lfr_engine.sources.reader import ReaderSettings, StreamFacts, read_video
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import Frame
from tests.sources.test_reader import make_video


def test_every_cameras_codec_has_a_software_decoder() -> None:
    found = {entry.codec: entry for entry in available_decoders()}
    assert tuple(found) == CODECS
    assert all(entry.software for entry in found.values())


class Pretend:
    """Hardware that opens for ``kind`` "good", is absent for "bad", and is unknown for others."""

    def __init__(self, kind: str, *, allow_software_fallback: bool) -> None:
        assert not allow_software_fallback
        self.kind = kind

    def create(self, codec: object) -> None:
        assert codec is not None
        if self.kind == "bad":
            raise av.error.PermissionError(1, "Operation not permitted")
        if self.kind != "good":
            raise NotImplementedError


def test_hardware_counts_only_when_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "HWAccel", Pretend)
    monkeypatch.setattr(decoders, "hwdevices_available", lambda: ["bad", "good", "strange"])
    first = available_decoders()[0]
    assert first.hardware == ("good",)
    assert first.refused == (("bad", "Operation not permitted"),)


def test_a_codec_ffmpeg_lacks_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "CODECS", ("no_such_codec",))
    (entry,) = available_decoders()
    assert not entry.software
    assert entry.hardware == ()


def test_the_version_names_libavcodec() -> None:
    assert ", libavcodec " in ffmpeg_version()


class Engaged:
    """Stands for hardware that is there: the frames come from a decoder of its own."""

    made: ClassVar[list[str]] = []

    def __init__(self, kind: str, *, allow_software_fallback: bool) -> None:
        assert not allow_software_fallback
        self.kind = kind

    @classmethod
    def create(cls, name: str, mode: str, hwaccel: Engaged) -> object:
        cls.made.append(f"{name} by {hwaccel.kind}")
        return av.CodecContext.create(name, "r")


def read(path: Path, decode: str) -> tuple[list[Frame], list[StreamFacts]]:
    frames: list[Frame] = []
    facts: list[StreamFacts] = []
    address = parse_address(str(path))
    settings = ReaderSettings(decode=decode)
    read_video(
        "door", address, settings, SystemClock(), frames.append, threading.Event(), facts.append
    )
    return frames, facts


def test_hardware_decodes_and_is_named_where_it_engages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "HWAccel", Engaged)
    monkeypatch.setattr(decoders, "CodecContext", Engaged)
    frames, facts = read(make_video(tmp_path / "a.mp4"), "vaapi")
    assert Engaged.made == ["h264 by vaapi"]
    assert [f.sequence for f in frames] == list(range(12))
    assert facts[0].decoder == "vaapi"


def test_hardware_that_was_asked_for_and_is_absent_is_an_error_not_software(
    tmp_path: Path,
) -> None:
    with pytest.raises(SourceRefused, match=r"h264 by 'warp' cannot be had here") as caught:
        read(make_video(tmp_path / "a.mp4"), "warp")
    assert 'decode = "auto" or "software"' in str(caught.value)


def test_auto_takes_what_opens_and_else_says_software(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "hwdevices_available", lambda: ["bad"])
    monkeypatch.setattr(decoders, "HWAccel", Pretend)
    decoders._kinds.cache_clear()
    try:
        frames, facts = read(make_video(tmp_path / "a.mp4"), "auto")
    finally:
        decoders._kinds.cache_clear()
    assert len(frames) == 12
    assert facts[0].decoder == "software"
