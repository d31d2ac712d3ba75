"""What opening does with an end that a crash or a hand has changed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from lfr_engine.journal.lines import JournalDamaged
from lfr_engine.journal.signing import create_key, load_key
from lfr_engine.journal.verification import verify
from tests.journal.building import filled, opened, up, without_index


def crashed(path: Path, size: int) -> tuple[bytes, int]:
    """A journal left without closing: its bytes, and where its last append of ``size`` began."""
    journal = opened(path)
    up(journal, "a")
    start = path.stat().st_size
    journal.append_batch([("camera.up", {"camera": f"b{n}"}) for n in range(size)])
    data = path.read_bytes()
    journal._let_go()
    return data, start


@pytest.mark.parametrize("size", [1, 3])
def test_an_append_cut_short_anywhere_is_removed_and_said_so(tmp_path: Path, size: int) -> None:
    path = tmp_path / "j"
    data, start = crashed(path, size)
    for cut in (*range(start + 1, len(data), 29), len(data) - 1):
        without_index(path)
        path.write_bytes(data[:cut])
        with opened(path) as journal:
            (said,) = journal.read(kinds=("journal.repaired",))
            assert said.body["after_seq"] == 3
            assert said.body["bytes_removed"] == cut - start
            assert [r.seq for r in journal.read()] == [1, 2, 3, 4]
            assert up(journal, "after") == 5
        assert verify(path).ok
        path.with_name("j.head").unlink()


def test_an_append_that_came_through_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "j"
    data, start = crashed(path, 3)
    for kept, records in ((start, 3), (len(data), 6)):
        without_index(path)
        path.write_bytes(data[:kept])
        with opened(path) as journal:
            assert journal.head.seq == records
            assert journal.read(kinds=("journal.repaired",)) == []
        path.with_name("j.head").unlink()


def test_pages_lost_inside_an_unfinished_append_are_its_end(tmp_path: Path) -> None:
    path = tmp_path / "j"
    data, start = crashed(path, 3)
    without_index(path)
    path.write_bytes(data[: start + 5] + bytes(100) + data[start + 105 :])
    with opened(path) as journal:
        assert journal.read(kinds=("journal.repaired",))[0].body["after_seq"] == 3


def test_a_journal_whose_very_first_write_was_cut_short_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"hash":"12')
    with opened(path) as journal:
        kinds = [record.kind for record in journal.read()]
    assert kinds == ["journal.created", "journal.checkpoint", "journal.repaired"]
    assert verify(path).ok


def read_all(path: Path) -> None:
    journal = opened(path)
    try:
        journal.read()
    finally:
        journal._let_go()


@pytest.mark.parametrize("keep_index", [True, False])
def test_damage_among_committed_records_is_never_repaired(tmp_path: Path, keep_index: bool) -> None:
    path = filled(tmp_path / "j", 4)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for bad in range(len(lines)):
        damaged = b"".join(lines[:bad]) + lines[bad].replace(b"seq", b"sEq") + b"".join(
            lines[bad + 1 :]
        )  # fmt: skip
        path.write_bytes(damaged)
        if not keep_index:
            without_index(path)
        if keep_index and bad < len(lines) - 1:
            # opening checks the end; the middle is read again by verify and by every read
            with pytest.raises(JournalDamaged, match=f"record {bad + 1} was altered"):
                read_all(path)
            path.write_bytes(whole)
            continue
        with pytest.raises(JournalDamaged, match=f"record {bad + 1} .* keep this file"):
            opened(path)
        assert path.read_bytes() == damaged


def test_a_journal_that_was_cut_back_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "j", 4)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for kept in range(len(lines)):
        path.write_bytes(b"".join(lines[:kept]))
        with pytest.raises(JournalDamaged, match="gone or altered"):
            opened(path)  # the index remembers
    for kept in range(1, len(lines)):
        without_index(path)
        path.write_bytes(b"".join(lines[:kept]))
        with pytest.raises(JournalDamaged, match=r"gone or altered|is missing"):
            opened(path)  # the head file remembers
        assert path.read_bytes() == b"".join(lines[:kept])


WRITER = """
import sys
from pathlib import Path
from lfr_engine.clock import SystemClock
from lfr_engine.journal.signing import load_key
from lfr_engine.journal.store import Journal
with Journal.open(Path(sys.argv[1]), load_key(Path(sys.argv[2])), SystemClock()) as journal:
    number = 0
    while True:
        size = 1 + number % 7
        batch = [("camera.up", {"camera": f"c{number}.{i}"}) for i in range(size)]
        last = journal.append_batch(batch)[-1]
        sys.stdout.write(f"{last.seq} {last.hash}\\n")
        sys.stdout.flush()
        number += 1
"""


def _kill_at_random(tmp_path: Path, rounds: int) -> None:
    path, key = tmp_path / "j", tmp_path / "k"
    public = create_key(key).public_key
    chance = random.Random(20)
    promised: dict[int, str] = {}
    for _ in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(key)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            # let it run for a random distance
            heard = writer.stdout.read(chance.randrange(1, 15_000))
            writer.kill()
            heard += writer.stdout.read()
        for line in heard.decode().splitlines(keepends=True):
            seq, _, digest = line.strip().partition(" ")
            if line.endswith("\n") and len(digest) == 64:
                promised[int(seq)] = digest
        result = verify(path, public)
        assert result.ok or result.first_bad == result.records + 1, result
    with opened(path, signer=load_key(key)) as journal:
        found: dict[int, str] = {}
        while records := journal.read(after=max(found, default=0), limit=1000):
            found.update({record.seq: record.hash for record in records})
    assert promised
    assert promised.items() <= found.items()
    assert verify(path, public).ok


@pytest.mark.slow
def test_kill_at_random_points_loses_nothing(tmp_path: Path) -> None:
    _kill_at_random(tmp_path, 4)


@pytest.mark.long
def test_kill_at_fifty_random_points_loses_nothing(tmp_path: Path) -> None:
    _kill_at_random(tmp_path, 50)
