"""Every way a supplied picture can be wrong has one reason and one plain sentence."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.enrolment.decode import KINDS, MAX_BYTES, decode, read_image
from lfr_engine.enrolment.rejection import Reason, Refused
from tests.enrolment.fakes import encoded, photograph

FORMATS = [".jpg", ".png", ".webp", ".bmp", ".ppm"]


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises a huge picture."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


def oriented_jpeg(picture: np.ndarray, orientation: int) -> bytes:
    """A JPEG with an EXIF orientation tag."""
    plain = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    tiff = (
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + b"\0" * 4
    )
    body = b"Exif\0\0" + tiff
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


def refused(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(data)
    return caught.value


@pytest.mark.parametrize("ending", FORMATS)
def test_each_format_decodes_to_its_pixels(ending: str) -> None:
    picture = photograph(1)
    decoded = decode(encoded(picture, ending))
    assert decoded.shape == picture.shape
    assert np.abs(decoded.astype(int) - picture).mean() < 20


@pytest.mark.parametrize("ending", FORMATS)
def test_a_truncated_file_is_refused_however_it_is_cut(ending: str) -> None:
    data = encoded(photograph(2), ending)
    for kept in (len(data) // 10, len(data) // 2, len(data) * 9 // 10, len(data) - 4):
        assert refused(data[:kept]).reason is Reason.DAMAGED


def test_nothing_is_not_a_picture() -> None:
    assert refused(b"").reason is Reason.EMPTY_FILE


@pytest.mark.parametrize("data", [b"hello there", b"GIF89a....", b"%PDF-1.7", b"II*\0abcd"])
def test_other_content_is_not_a_picture(data: bytes) -> None:
    assert refused(data).reason is Reason.NOT_A_PICTURE


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    error = refused(png_claiming(60_000, 60_000))
    assert error.reason is Reason.TOO_LARGE
    assert "60000×60000" in error.text


def test_a_speck_is_refused() -> None:
    assert refused(encoded(photograph(1, side=8))).reason is Reason.TOO_SMALL


def test_a_changed_png_byte_is_noticed() -> None:
    data = bytearray(encoded(photograph(3)))
    data[len(data) // 2] ^= 1
    assert refused(bytes(data)).reason is Reason.DAMAGED


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(orientation: int, turns: int) -> None:
    picture = photograph(4)[:, :72]
    decoded = decode(oriented_jpeg(picture, orientation))
    upright = np.rot90(picture, turns)
    assert decoded.shape == upright.shape
    assert np.abs(decoded.astype(int) - upright).mean() < 20


@given(st.binary(max_size=300), st.sampled_from(FORMATS), st.integers(4, 40))
def test_random_bytes_give_a_picture_or_a_reason_and_nothing_else(
    noise: bytes, ending: str, kept: int
) -> None:
    head = encoded(photograph(5, side=16), ending)[:kept]
    try:
        decoded = decode(head + noise)
    except Refused:
        return
    assert decoded.ndim == 3


def test_the_ending_must_agree_with_the_content(tmp_path: Path) -> None:
    path = tmp_path / "someone.jpg"
    path.write_bytes(encoded(photograph(1), ".png"))
    with pytest.raises(Refused, match=r"is a PNG picture but its name ends in \.jpg"):
        read_image(path)


def test_every_kind_names_its_endings() -> None:
    assert {ending for kind in KINDS for ending in kind.endings} >= set(FORMATS)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(Refused, match="the file is 34 MB, more than 34 MB"):
        read_image(path)


def test_a_folder_or_missing_file_is_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.jpg"):
        with pytest.raises(Refused) as caught:
            read_image(path)
        assert caught.value.reason is Reason.UNREADABLE
