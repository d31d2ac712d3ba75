from __future__ import annotations

import datetime as dt
import itertools
import os
from pathlib import Path

import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.errors import EngineError, InputError
from lfr_engine.journal import store
from lfr_engine.journal.lines import JournalDamaged
from lfr_engine.journal.signing import Signer
from lfr_engine.journal.verification import verify
from tests.journal.building import SIGNER, filled, opened, up, without_index


def test_what_is_appended_is_read_by_cursor_and_kind(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        for number in range(5):
            up(journal, f"c{number}")
            journal.append("camera.down", {"camera": f"c{number}", "cause": "cable"})
        first = journal.read(after=2, limit=3)
        assert [(r.seq, r.kind) for r in first] == [
            (3, "camera.up"), (4, "camera.down"), (5, "camera.up"),
        ]  # fmt: skip
        ups = journal.read(after=first[-1].seq, kinds=("camera.up",))
        assert [r.body["camera"] for r in ups] == ["c2", "c3", "c4"]
        assert journal.read(after=journal.head.seq) == []
        assert [r.seq for r in journal.read(limit=0)] == [1]


def test_records_carry_the_injected_time_and_link_up(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path / "j", clock) as journal:
        one = journal.append("camera.up", {"camera": "a"})
        clock.advance(1.5)
        two = journal.append("camera.up", {"camera": "b"})
    assert two.utc - one.utc == dt.timedelta(seconds=1.5)
    assert two.prev_hash == one.hash


def test_a_refused_event_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        before = journal.path.read_bytes()
        with pytest.raises(EngineError):
            journal.append_batch([("camera.up", {"camera": "a"}), ("camera.up", {"camera": b"x"})])
        with pytest.raises(EngineError, match="0 records"):
            journal.append_batch([])
        faces = "\U0001f600"  # four bytes a character
        certificate = {
            "certificate": "c", "what": "other", "method": "unlink", "count": 1, "reason": "due",
            "items": [faces * 70 for _ in range(500)], "items_digest": "0" * 64, "actor": "x",
        }  # fmt: skip
        with pytest.raises(EngineError, match="too long for one record"):
            journal.append("deletion.certificate", certificate)
        assert journal.path.read_bytes() == before
        assert up(journal, "a") == 3


def test_a_signature_is_made_every_so_many_records_and_at_the_close(tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        for number in range(2 * store.CHECKPOINT_EVERY):
            up(journal, f"c{number}")
        signed = journal.read(limit=1000, kinds=("journal.checkpoint",))
        gaps = [b.seq - a.seq for a, b in itertools.pairwise(signed)]
        assert gaps
        assert max(gaps) <= store.CHECKPOINT_EVERY + 1
        before = journal.checkpoint()
        assert journal.checkpoint() == before
    with opened(tmp_path / "j") as journal:
        assert journal.read(limit=1000, kinds=("journal.checkpoint",))[-1].body["closing"] is True


def test_a_second_writer_is_kept_out(tmp_path: Path) -> None:
    with opened(tmp_path / "j"), pytest.raises(InputError, match="another process writes"):
        opened(tmp_path / "j")
    opened(tmp_path / "j").close()


def test_another_key_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = filled(tmp_path / "j", 1)
    before = path.read_bytes()
    with pytest.raises(InputError, match="another key"):
        opened(path, signer=Signer.generate())
    assert path.read_bytes() == before


def test_a_closed_journal_takes_no_more(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j")
    journal.close()
    journal.close()
    with pytest.raises(EngineError, match="closed"):
        up(journal, "a")


def test_the_files_are_private(tmp_path: Path) -> None:
    filled(tmp_path / "deep" / "j", 1)
    for path in (tmp_path / "deep").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_index_is_remade_when_it_is_absent_or_noise(tmp_path: Path) -> None:
    path = filled(tmp_path / "j", 4)
    without_index(path)
    with opened(path) as journal:
        assert len(journal.read()) == 7
    without_index(path)
    path.with_name("j.index").write_bytes(b"noise" * 1000)
    with opened(path) as journal:
        assert len(journal.read()) == 8
    assert verify(path).ok


def test_the_index_of_another_journal_is_not_believed(tmp_path: Path) -> None:
    path, other = filled(tmp_path / "j", 4), filled(tmp_path / "other", 9)
    for suffix in ("", ".head"):
        Path(f"{other}{suffix}").replace(f"{path}{suffix}")
    with opened(path) as journal:
        assert len(journal.read()) == 12


def test_a_failed_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "j") as journal:
        before = journal.path.read_bytes()
        real = os.write

        def full(descriptor: int, data: bytes) -> int:
            if len(data) > 10:
                return real(descriptor, data[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", lambda d, b: full(d, bytes(b)[:20] if len(b) > 20 else b))
        with pytest.raises(EngineError, match="No space left"):
            up(journal, "a")
        monkeypatch.undo()
        assert journal.path.read_bytes() == before
        assert up(journal, "a") == 3
    assert verify(tmp_path / "j").ok


def test_after_a_failed_sync_nothing_more_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    journal = opened(tmp_path / "j")
    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(EngineError, match="disk failed"):
        up(journal, "a")
    monkeypatch.undo()
    with pytest.raises(EngineError, match="failed write"):
        up(journal, "b")
    journal.close()
    with opened(tmp_path / "j") as again:
        assert again.head.seq >= 2


def test_every_append_is_synced_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fdatasync

    def watch(descriptor: int) -> None:
        real(descriptor)
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fdatasync", watch)
    with opened(tmp_path / "j") as journal:
        up(journal, "a")
        assert synced[-1] == journal.path.stat().st_size
        journal.append_batch([("camera.up", {"camera": "b"})] * 10)
        assert synced[-1] == journal.path.stat().st_size
        assert len(synced) == 3


def test_the_floor_of_time_is_the_latest_record_until_a_person_corrects_it(tmp_path: Path) -> None:
    clock = ManualClock()
    with opened(tmp_path / "j", clock) as journal:
        clock.advance(86_400)
        latest = journal.append("camera.up", {"camera": "a"}).utc
        clock.now_ns = 0
        up(journal, "b")
        assert journal.trusted_floor() == latest
        journal.append(
            "clock.corrected", {"actor": "J. Doe", "role": "engineer", "reason": "battery"}
        )
        assert journal.trusted_floor() == clock.utc()
    assert "the clock went back" in " ".join(verify(tmp_path / "j").notices)


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot open the journal"):
        opened(tmp_path)
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(JournalDamaged, match="record 1"):
        opened(tmp_path / "text", signer=SIGNER)
    assert (tmp_path / "text").read_text() == "hello\n"
