"""People whose biometrics are known to the test, and the search for them in any bytes.

A template is made from a matrix that says nothing by itself, in place, so that the process under
test never holds one but where the engine put it.
"""

from __future__ import annotations

import base64
import ctypes
import gc
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

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
    found: dict[str, bytes] = {}
    for start in (4, 40, 76, 112):
        part = template[start : start + _WINDOW]
        found |= _written(f"{name} template {start}", part.tobytes())
        found[f"{name} template {start} float64"] = part.astype(np.float64).tobytes()
        found[f"{name} template {start} decimal"] = f"{part[0]!s}".encode()[:10]
    patch = (painted.PEOPLE[name] + painted._NOISE).astype(np.uint8)
    for row in _ROWS:
        pixels = np.repeat(patch[row, _COLUMNS, None], 3, axis=1)
        found |= _written(f"{name} crop {row}", pixels.tobytes())
    return found


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
    """The same over every file below a folder, names of files included."""
    found = []
    for path in sorted(folder.rglob("*")):
        data = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
        found += [f"{path.name}: {name}" for name in hits(data, wanted)]
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
