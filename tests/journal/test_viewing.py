"""Nobody looks unrecorded: at a free journal, at one an engine holds, at one nobody tends."""

from __future__ import annotations

from pathlib import Path

import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.engine import JournalViewed
from lfr_engine.journal.kinds import item
from lfr_engine.journal.signing import load_or_create
from lfr_engine.journal.store import Journal
from lfr_engine.journal.verification import verify
from lfr_engine.journal.viewing import (
    MOST_NOTES,
    PATIENCE_S,
    done,
    notes_folder,
    record_view,
    waiting_notes,
)

VIEW = JournalViewed(actor="A. Auditor", role="auditor", purpose="complaint 7")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def held(path: Path, clock: ManualClock) -> Journal:
    return Journal.open(path, load_or_create(path.with_suffix(".key")), clock)


def viewed(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if '"journal.viewed"' in line]


def test_a_free_journal_is_written_by_its_reader(path: Path) -> None:
    clock = ManualClock()
    held(path, clock).close()
    record_view(path, VIEW, clock, clock.advance)
    assert len(viewed(path)) == 1
    assert verify(path).ok
    assert not notes_folder(path).exists()


def test_an_engine_at_work_records_the_look_before_the_reader_goes_on(path: Path) -> None:
    clock = ManualClock()
    with held(path, clock) as journal:

        def engine(seconds: float) -> None:
            clock.advance(seconds)
            notes = waiting_notes(path)
            assert [view for _, view in notes] == [VIEW]
            journal.append_batch(item(view) for _, view in notes)
            done(notes)

        record_view(path, VIEW, clock, engine)
        assert len(viewed(path)) == 1
        assert waiting_notes(path) == []


def test_where_nobody_records_it_the_look_is_refused_and_nothing_stays(path: Path) -> None:
    clock = ManualClock()
    with held(path, clock):
        with pytest.raises(RuleError, match=r"did not record that you look \(R16\)"):
            record_view(path, VIEW, clock, clock.advance)
        assert clock.now_ns / 1e9 == pytest.approx(PATIENCE_S, abs=0.2)
        assert list(notes_folder(path).iterdir()) == []
    assert viewed(path) == []


def test_an_engine_that_ends_meanwhile_leaves_the_record_to_the_reader(path: Path) -> None:
    clock = ManualClock()
    journal = held(path, clock)

    def wait(seconds: float) -> None:
        clock.advance(seconds)
        if clock.now_ns > 5e8:
            journal.close()

    record_view(path, VIEW, clock, wait)
    assert len(viewed(path)) == 1
    assert list(notes_folder(path).iterdir()) == []


def test_what_is_no_note_is_taken_away_and_a_crowd_comes_in_turns(path: Path) -> None:
    folder = notes_folder(path)
    folder.mkdir()
    for number in range(MOST_NOTES + 5):
        (folder / f"{number:03}.json").write_bytes(b'{"actor":"a","role":"auditor","purpose":"p"}')
    (folder / "000.json").write_bytes(b'{"actor":"a","role":"king","purpose":"p"}')
    assert len(waiting_notes(path)) == MOST_NOTES - 1
    assert not (folder / "000.json").exists()
    done(waiting_notes(path))
    assert len(waiting_notes(path)) == 4
