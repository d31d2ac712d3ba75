from __future__ import annotations

import av.error
import pytest

from lfr_engine.sources import decoders
from lfr_engine.sources.decoders import CODECS, available_decoders, ffmpeg_version


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
