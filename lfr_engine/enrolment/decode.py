"""Decoding a reference picture that somebody else supplied, without trusting it.

Owns: what kinds of picture are accepted and every reason one is not. Never: a decoder started on
bytes whose kind, declared size and completeness were not read from the headers first (a small file
can claim a picture that fills the memory, and decoders fill what is missing with grey). Strategy:
the content decides the kind, never the name; then bounds; then completeness; then OpenCV decodes
and applies the EXIF orientation.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lfr_engine.enrolment.rejection import Reason, Refused
from lfr_engine.vision.frame import ByteArray

MAX_BYTES = 32 * 1024 * 1024
"""Larger than any camera's JPEG; a bigger file is a mistake or an attack."""
MAX_PIXELS = 64_000_000
"""Decoded BGR of this size is 192 MB, the most one enrolment may take."""
MIN_SIDE = 16
"""Pixels; no usable face fits in less."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One accepted picture format: how it begins, its usual file endings, its header reader.

    ``size`` gives (width, height); it and ``complete`` raise ``IndexError``, ``ValueError`` or
    ``struct.error`` where the header itself is cut.
    """

    name: str
    magic: re.Pattern[bytes]
    endings: tuple[str, ...]
    size: Callable[[bytes], tuple[int, int]]
    complete: Callable[[bytes], bool]


def read_image(path: Path) -> ByteArray:
    """Read and decode one file to BGR (h, w, 3) uint8, upright; raises ``Refused``."""
    return decode(read_picture_file(path))


def read_picture_file(path: Path) -> bytes:
    """The bytes of one picture file, its size and kind checked; raises ``Refused``.

    The file's ending must agree with its content: a wrong one means that somebody mistook the file.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise Refused(
                Reason.TOO_LARGE,
                f"the file is {size / 1e6:.0f} MB, more than {MAX_BYTES / 1e6:.0f} MB",
            )
        data = path.read_bytes()
    except OSError as error:
        raise Refused(Reason.UNREADABLE, f"cannot be read: {error.strerror}") from error
    kind = _kind_of(data)
    if path.suffix.lower() not in kind.endings:
        ending = f"its name ends in {path.suffix}" if path.suffix else "its name has no ending"
        raise Refused(Reason.WRONG_ENDING, f"is a {kind.name} picture but {ending}")
    return data


def decode(data: bytes) -> ByteArray:
    """Decode one picture to BGR (h, w, 3) uint8, upright; raises ``Refused``."""
    if len(data) > MAX_BYTES:
        raise Refused(Reason.TOO_LARGE, f"is {len(data) / 1e6:.0f} MB")
    kind = _kind_of(data)
    try:
        width, height = kind.size(data)
        complete = kind.complete(data)
    except (IndexError, ValueError, struct.error) as error:
        raise Refused(Reason.DAMAGED, f"is a cut or damaged {kind.name} picture") from error
    if width * height > MAX_PIXELS:
        raise Refused(
            Reason.TOO_LARGE,
            f"is {width}×{height} pixels, more than {MAX_PIXELS // 1_000_000} million",
        )
    if min(width, height) < MIN_SIDE:
        raise Refused(Reason.TOO_SMALL, f"is only {width}×{height} pixels")
    if not complete:
        raise Refused(Reason.DAMAGED, f"is a cut or damaged {kind.name} picture")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise Refused(Reason.DAMAGED, f"is a damaged {kind.name} picture") from error
    # OpenCV's stubs promise an array; it gives None where a decoder gives up.
    if picture is None:
        raise Refused(Reason.DAMAGED, f"is a damaged {kind.name} picture")
    return np.asarray(picture, np.uint8)


def _kind_of(data: bytes) -> Kind:
    if not data:
        raise Refused(Reason.EMPTY_FILE, "the file is empty (0 bytes)")
    for kind in KINDS:
        if kind.magic.match(data):
            return kind
    for name, magic in _KNOWN_BUT_NOT_ACCEPTED.items():
        if magic.match(data):
            raise Refused(
                Reason.NOT_A_PICTURE, f"is a {name} file; save it as JPEG or PNG and try again"
            )
    raise Refused(Reason.NOT_A_PICTURE, "is not a picture of a known kind, whatever its name says")


def _jpeg_segments(data: bytes) -> tuple[tuple[int, int], int]:
    """The (width, height) of the frame header and the offset just after the first scan header."""
    size: tuple[int, int] | None = None
    at = 2
    while True:
        if data[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2:
            raise ValueError("a segment shorter than its own length field")
        # SOF0…SOF15 without DHT (C4), JPG (C8) and DAC (CC), ITU-T T.81 table B.1.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size = (width, height)
        at += 2 + length
        if marker == 0xDA:
            if size is None:
                raise ValueError("a scan before any frame header")
            return size, at


def _jpeg_size(data: bytes) -> tuple[int, int]:
    return _jpeg_segments(data)[0]


def _jpeg_complete(data: bytes) -> bool:
    # Inside a scan 0xFF is always stuffed with a 0 byte, so FF D9 can only be the end marker.
    return data.find(b"\xff\xd9", _jpeg_segments(data)[1]) >= 0


def _png_size(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("the first chunk is not IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _png_complete(data: bytes) -> bool:
    at = 8
    while True:
        length, name = struct.unpack_from(">I4s", data, at)
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(data[at + 4 : at + 8 + length]) != checksum:
            return False
        if name == b"IEND":
            return True
        at += 12 + length


def _webp_size(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if chunk == b"VP8X":
        return (
            1 + int.from_bytes(data[24:27], "little"),
            1 + int.from_bytes(data[27:30], "little"),
        )
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _webp_complete(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 4)
    return bool(len(data) >= length + 8)


def _bmp_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _bmp_complete(data: bytes) -> bool:
    (length,) = struct.unpack_from("<I", data, 2)
    return bool(len(data) >= length)


_PNM = re.compile(rb"P([56])(?:\s+|#[^\n]*\n)+(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+(\d+)\s")


def _pnm_header(data: bytes) -> re.Match[bytes]:
    found = _PNM.match(data[:4096])
    if found is None:
        raise ValueError("no PNM header")
    return found


def _pnm_size(data: bytes) -> tuple[int, int]:
    found = _pnm_header(data)
    return int(found[2]), int(found[3])


def _pnm_complete(data: bytes) -> bool:
    found = _pnm_header(data)
    samples = int(found[2]) * int(found[3]) * (3 if found[1] == b"6" else 1)
    return len(data) - found.end() >= samples * (2 if int(found[4]) > 255 else 1)


KINDS = (
    Kind(
        "JPEG",
        re.compile(rb"\xff\xd8\xff"),
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        _jpeg_size,
        _jpeg_complete,
    ),
    Kind("PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), (".png",), _png_size, _png_complete),
    Kind("WebP", re.compile(rb"RIFF....WEBP", re.DOTALL), (".webp",), _webp_size, _webp_complete),
    Kind("BMP", re.compile(rb"BM"), (".bmp", ".dib"), _bmp_size, _bmp_complete),
    Kind("PNM", re.compile(rb"P[56][\s#]"), (".pgm", ".ppm", ".pnm"), _pnm_size, _pnm_complete),
)
_KNOWN_BUT_NOT_ACCEPTED = {
    "GIF": re.compile(rb"GIF8"),
    "TIFF": re.compile(rb"II\*\0|MM\0\*"),
    "HEIC": re.compile(rb"....ftyp(?:hei|mif|msf)", re.DOTALL),
    "AVIF": re.compile(rb"....ftypavi", re.DOTALL),
    "video": re.compile(rb"....ftyp|\x1aE\xdf\xa3", re.DOTALL),
    "PDF": re.compile(rb"%PDF"),
}
