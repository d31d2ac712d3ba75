"""People whose biometrics are known to the test, and the search for them in any bytes.

Three searches: for bytes in every form a template or a crop could be written in; for the template's
proportions among floats of any scale; and, in decoded pictures, for a face that is not in mosaic.
A template is made from a matrix that says nothing by itself, in place, so that the process under
test never holds one but where the engine put it.
"""

from __future__ import annotations

import base64
import ctypes
import gc
import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from lfr_engine.identity.template import TemplateContract
from lfr_engine.vision.frame import ByteArray, FloatArray
from tests.support import painted

CONTRACT = TemplateContract("canary", "0" * 64, "1" * 64, "f32", 128)
STRANGERS = ("cid", "dee")
_MIX = np.random.default_rng(7).normal(size=(8, CONTRACT.dimension)).astype(np.float32)
_LEVELS = np.array(list(painted.PEOPLE.values()), np.float32)
_ROWS = (26, 31, 36, 41)
_COLUMNS = slice(20, 28)  # inside every crop of the middle of a square, wherever it was rounded
_PR_SET_DUMPABLE = 4
_AT_ONCE = 4_000_000  # floats
_WINDOW = 8  # floats; shorter than a template, so that what malloc left of one is found too


def write_template(index: int, out: FloatArray) -> None:
    """The template of the ``index``-th painted person, computed in ``out`` (128,)."""
    features = np.full(8, 0.05, np.float32)
    features[index] = 1
    np.matmul(features, _MIX, out=out)
    out /= np.sqrt(np.vdot(out, out))


def template_of(name: str) -> FloatArray:
    """One person's template (128,)."""
    out = np.empty(CONTRACT.dimension, np.float32)
    write_template(list(painted.PEOPLE).index(name), out)
    return out


class CanaryEmbedder:
    """As ``PaintedEmbedder``, with templates that can be recognised anywhere."""

    def __init__(self) -> None:
        self.embedded: set[str] = set()

    def embed(self, crops: ByteArray) -> FloatArray:
        out = np.empty((len(crops), CONTRACT.dimension), np.float32)
        for row, crop in enumerate(crops):
            index = int(np.abs(float(crop.mean()) - _LEVELS).argmin())
            self.embedded.add(list(painted.PEOPLE)[index])
            write_template(index, out[row])
        return out


def needles(name: str) -> dict[str, bytes]:
    """What to look for: parts of a template and of a crop, as they would be written anywhere."""
    template = template_of(name)
    largest = np.abs(template).max()
    found: dict[str, bytes] = {}
    for start in (4, 40, 76, 112):
        part = template[start : start + _WINDOW]
        found |= _written(f"{name} template {start}", part.tobytes())
        for form, values in _FORMS.items():
            found |= _written(f"{name} template {start} {form}", values(part).tobytes())
        for scale in (127, 128, 127 / largest):
            # twice as many: a byte says less than a float
            longer = np.rint(template[start - 4 : start + 12] * scale).astype(np.int8)
            found |= _written(f"{name} template {start} int8 × {scale:.4g}", longer.tobytes())
        found[f"{name} template {start} msgpack"] = b"".join(
            b"\xca" + struct.pack(">f", value) for value in part
        )
        found[f"{name} template {start} msgpack doubles"] = b"".join(
            b"\xcb" + struct.pack(">d", value) for value in part
        )
        found[f"{name} template {start} decimal"] = f"{part[0]!s}".encode()[:10]
        for between in (",", ", ", " "):
            text = between.join(f"{value:.4f}" for value in part[:3])
            found[f"{name} template {start} rounded {between!r}"] = text.encode()
    patch = (painted.PEOPLE[name] + painted._NOISE).astype(np.uint8)
    for row in _ROWS:
        pixels = np.repeat(patch[row, _COLUMNS, None], 3, axis=1)
        found |= _written(f"{name} crop {row}", pixels.tobytes())
        found |= _written(f"{name} luma {row}", patch[row, 16:48].tobytes())
    return found


_FORMS: dict[str, Callable[[FloatArray], npt.NDArray[Any]]] = {
    "float64": lambda part: part.astype(np.float64),
    "float16": lambda part: part.astype(np.float16),
    "bfloat16": lambda part: (part.view(np.uint32) >> 16).astype(np.uint16),
    "big-endian": lambda part: part.astype(">f4"),
}


def in_proportion(data: bytes | mmap.mmap, name: str) -> list[str]:
    """Where floats stand in the proportions of a person's template, whatever their scale: what is
    not yet normalised, weighted, or summed over views of one person.
    """
    template = template_of(name)
    found = []
    floats = np.frombuffer(data, np.float32, len(memoryview(data)) // 4)
    for start in (8, 60, 100):
        part = template[start : start + _WINDOW].astype(np.float64)
        for first in range(0, len(floats) - _WINDOW, _AT_ONCE):
            some = floats[first : first + _AT_ONCE + _WINDOW]
            with np.errstate(all="ignore"):
                left, right = some[:-1] * part[1], some[1:] * part[0]
                near = np.abs(left - right) <= 1e-4 * np.abs(right)
            near &= (np.abs(some[:-1]) > 1e-20) & (np.abs(some[:-1]) < 1e20)
            for at in np.flatnonzero(near[: len(some) - _WINDOW + 1]):
                window = some[at : at + _WINDOW].astype(np.float64)
                length = np.linalg.norm(window) * np.linalg.norm(part)
                if np.isfinite(length) and abs(window @ part) > 0.9999 * length:
                    found.append(f"{name} template {start} × {window[0] / part[0]:.4g}")
    return found


def pictures_in(data: bytes) -> Iterator[ByteArray]:
    """Every JPEG and PNG that lies in some bytes, decoded (h, w, 3)."""
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        at = data.find(magic)
        while at >= 0:
            piece = np.frombuffer(data, np.uint8, min(len(data) - at, 4_000_000), at)
            picture = cv2.imdecode(piece, cv2.IMREAD_COLOR)
            if picture is not None:
                yield picture.astype(np.uint8, copy=False)
            at = data.find(magic, at + 1)


def shown_in(picture: ByteArray) -> list[str]:
    """Who is seen with his own pixels: his brightness, and grain throughout.

    The cells of a mosaic are flat inside, so every neighbourhood of 11 pixels has a flat place.
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    near = cv2.blur(luma, (5, 5))
    deviation = np.sqrt(np.maximum(cv2.blur(luma * luma, (5, 5)) - near * near, 0))
    grain = cv2.erode(deviation, np.ones((11, 11), np.uint8)) > 1.5
    mean = cv2.blur(luma, (15, 15))
    return [
        name
        for name, level in painted.PEOPLE.items()
        if int((grain & (np.abs(mean - level) < 12)).sum()) > 100
    ]


def _written(name: str, raw: bytes) -> dict[str, bytes]:
    return {
        f"{name} raw": raw,
        f"{name} hex": raw.hex().encode(),
        f"{name} HEX": raw.hex().upper().encode(),
        # base64 of something longer that holds ``raw`` at any of three places
        **{
            f"{name} base64 {shift}": base64.b64encode(bytes(shift) + raw)[4 if shift else 0 : 40]
            for shift in range(3)
        },
    }


def hits(data: bytes | mmap.mmap, wanted: dict[str, bytes]) -> list[str]:
    """The names of what was found."""
    return [name for name, needle in wanted.items() if data.find(needle) >= 0]


def hits_in_files(folder: Path, wanted: dict[str, bytes]) -> list[str]:
    """The same over every file below a folder, names of files and pictures in them included."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        found += [f"{path.name}: {name}" for name in hits(data, wanted)]
        for picture in pictures_in(data):
            shown = [name for name in shown_in(picture) if name in STRANGERS]
            found += [f"{path.name}: picture of {name}" for name in shown]
    return found


def memory_regions() -> Iterator[tuple[int, int]]:
    """First and last address of every region this process may write."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_ = line.split()
        if rights.startswith("rw"):
            first, last = (int(part, 16) for part in span.split("-"))
            yield first, last


def write_memory(path: Path) -> None:
    """Everything this process may write, one region after another, into a file."""
    gc.collect()
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # else /proc/self/mem belongs to root
    image = Path("/proc/self/mem")
    with image.open("rb", buffering=0) as memory, path.open("wb", buffering=0) as out:
        for first, last in list(memory_regions()):
            at = first
            while at < last:
                try:
                    memory.seek(at)
                    chunk = memory.read(min(1 << 20, last - at))
                except (OSError, ValueError, OverflowError):
                    break
                if not chunk:
                    break
                out.write(chunk)
                at += len(chunk)
