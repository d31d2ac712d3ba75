"""Addresses: what they name, and that nothing secret is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ConfigError
from lfr_engine.sources.spec import SourceKind, parse_address, redact, unique_names


@pytest.mark.parametrize(
    ("text", "kind", "live"),
    [
        ("clip.mp4", SourceKind.FILE, False),
        ("rtsp://cam/1", SourceKind.RTSP, True),
        ("RTSPS://cam/1", SourceKind.RTSP, True),
        ("https://cam/mjpg", SourceKind.HTTP, True),
        ("udp://239.0.0.1:5000", SourceKind.STREAM, True),
        ("/dev/video0", SourceKind.DEVICE, True),
    ],
)
def test_an_address_tells_its_kind(text: str, kind: SourceKind, live: bool) -> None:
    address = parse_address(text)
    assert (address.kind, address.live) == (kind, live)


def test_a_folder_is_a_source_of_images(tmp_path: Path) -> None:
    assert parse_address(str(tmp_path)).kind is SourceKind.IMAGES


@pytest.mark.parametrize("text", ["", "  ", "gopher://hole"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_address(text)


@given(
    user=st.text("abcXYZ09", min_size=1),
    secret=st.from_regex(r"s3cret[a-z0-9]{1,12}", fullmatch=True),
)
def test_no_credential_is_ever_printed(user: str, secret: str) -> None:
    for text in (
        f"rtsp://{user}:{secret}@10.0.0.1:554/stream?channel=1",
        f"http://cam/video?password={secret}&channel=1",
        f"http://cam/video?token={secret}",
    ):
        address = parse_address(text)
        for shown in (str(address), repr(address), address.shown, redact(text)):
            assert secret not in shown
        assert secret in address.address


def test_cameras_get_distinct_names() -> None:
    texts = ["a/door.mp4", "b/door.mp4", "rtsp://u:p@van/1", "rtsp://van/2"]
    assert unique_names([parse_address(t) for t in texts]) == ["door", "door-2", "van", "van-2"]
