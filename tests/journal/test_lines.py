from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest

from lfr_engine.journal.lines import JournalDamaged, chain, committed
from tests.journal.building import filled, opened, up


def test_a_record_can_be_checked_with_nothing_but_sha256(tmp_path: Path) -> None:
    path = filled(tmp_path / "j", 3)
    prev = "0" * 64
    for seq, line in enumerate(path.read_text().splitlines(), start=1):
        bare = "{" + line[len('{"hash":"",') + 64 :]
        record = json.loads(line)
        assert record["hash"] == hashlib.sha256(bare.encode()).hexdigest()
        assert (record["prev"], record["seq"]) == (prev, seq)
        prev = record["hash"]


def test_the_chain_reads_what_was_appended(tmp_path: Path) -> None:
    path = filled(tmp_path / "j", 2)
    with path.open("rb") as file:
        placed = list(chain(file, path))
    assert [p.record.kind for p in placed] == [
        "journal.created", "journal.checkpoint", "camera.up", "camera.up", "journal.checkpoint",
    ]  # fmt: skip
    assert placed[2].record.body == {"camera": "c0"}
    assert placed[-1].end == path.stat().st_size
    assert [p.offset for p in placed[1:]] == [p.end for p in placed[:-1]]


def test_a_reader_waits_before_an_append_that_is_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with opened(path) as journal:
        up(journal, "a")
        journal.append_batch([("camera.up", {"camera": "b"}), ("camera.up", {"camera": "c"})])
        whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[2], len(whole)):
        read = list(committed(io.BytesIO(whole[:cut]), "copy"))
        assert len(read) == 3
    read = list(committed(io.BytesIO(whole), "copy"))
    assert len(read) == 5
    assert list(committed(io.BytesIO(whole), "copy", resume=read[2])) == read[3:]


def test_a_reader_does_not_take_damage_for_an_unfinished_end(tmp_path: Path) -> None:
    whole = bytearray(filled(tmp_path / "j", 1).read_bytes())
    whole[-20] ^= 1
    with pytest.raises(JournalDamaged, match="record 4 was altered"):
        list(committed(io.BytesIO(whole), "copy"))
