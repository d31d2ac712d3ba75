"""Pages of files that were read once go back, and come again when they are read."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from lfr_engine.inference import blobs
from lfr_engine.inference.blobs import let_go_of_blobs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the advice is Linux's")
SIZE = 8 * 1024 * 1024


def resident(path: Path) -> int:
    """Bytes of mappings of ``path`` that are in memory."""
    found, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head = line.split(maxsplit=5)
        if "-" in head[0] and not head[0].endswith(":"):
            ours = head[-1] == str(path)
        elif ours and head[0] == "Rss:":
            found += int(head[1]) * 1024
    return found


def test_pages_go_and_come_back(tmp_path: Path) -> None:
    folder = tmp_path / "a cache"
    folder.mkdir()
    inside, outside = folder / "network.blob", tmp_path / "other.blob"
    for path in (inside, outside):
        path.write_bytes(bytes(range(256)) * (SIZE // 256))
    with inside.open("rb") as one, outside.open("rb") as other:
        blob = mmap.mmap(one.fileno(), 0, prot=mmap.PROT_READ)
        stranger = mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ)
    with blob, stranger:
        assert blob[:] == stranger[:]
        assert resident(inside) == resident(outside) == SIZE
        assert let_go_of_blobs(folder) == SIZE
        assert (resident(inside), resident(outside)) == (0, SIZE)
        assert blob[:] == stranger[:]
    assert let_go_of_blobs(folder) == 0


def test_strange_names_and_a_system_that_does_not_tell_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "maps"
    told.write_bytes(b"1000-2000 r--s 00000000 00:01 7   /caf\xe9/network.blob\n")
    monkeypatch.setattr(blobs, "_MAPS", told)
    assert let_go_of_blobs(tmp_path) == 0
    monkeypatch.setattr(blobs, "_MAPS", tmp_path / "absent")
    assert let_go_of_blobs(tmp_path) == 0


def test_what_may_be_written_to_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "network.blob"
    path.write_bytes(bytes(SIZE))
    with path.open("r+b") as file:
        own = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    with own:
        own[:4] = b"mine"
        assert let_go_of_blobs(tmp_path) == 0
        assert own[:4] == b"mine"
