from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.errors import InputError
from lfr_engine.journal.checkpoint import Head
from lfr_engine.journal.lines import Record, encode
from lfr_engine.journal.signing import Signer
from lfr_engine.journal.verification import verify
from tests.journal.building import SIGNER, filled, opened, up


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("closed") / "j", 1)


def test_a_whole_journal_holds(closed: Path) -> None:
    result = verify(closed, SIGNER.public_key)
    assert result.ok
    assert (result.records, result.signed, result.closed, result.notices) == (4, 4, True, ())


def test_any_single_flipped_byte_is_found_and_its_record_named(
    closed: Path, tmp_path: Path
) -> None:
    whole = closed.read_bytes()
    copy = tmp_path / "copy"
    copy.with_name("copy.head").write_bytes(closed.with_name("j.head").read_bytes())
    record = 1
    for place, byte in enumerate(whole):
        for flip in (0x01, 0x20, 0x80) if place % 9 == 0 else (0x01,):
            copy.write_bytes(whole[:place] + bytes([byte ^ flip]) + whole[place + 1 :])
            result = verify(copy, SIGNER.public_key)
            assert not result.ok
            assert result.first_bad == record, (place, flip, result.cause)
        record += byte == ord("\n")


def test_any_flipped_byte_of_the_head_file_is_found(closed: Path, tmp_path: Path) -> None:
    copy, head = tmp_path / "copy", tmp_path / "copy.head"
    copy.write_bytes(closed.read_bytes())
    whole = closed.with_name("j.head").read_bytes()
    for place, byte in enumerate(whole):
        head.write_bytes(whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :])
        result = verify(copy)
        assert (result.ok, result.first_bad) == (False, None)
        assert "head file" in result.cause


def test_any_cut_is_found_by_the_head_file(closed: Path, tmp_path: Path) -> None:
    whole = closed.read_bytes()
    copy = tmp_path / "copy"
    copy.with_name("copy.head").write_bytes(closed.with_name("j.head").read_bytes())
    for kept in range(0, len(whole), 7):
        copy.write_bytes(whole[:kept])
        result = verify(copy)
        assert not result.ok
        assert result.first_bad == whole[:kept].count(b"\n") + 1


def test_without_its_head_file_a_cut_is_not_excluded_and_that_is_said(
    closed: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    lines = closed.read_bytes().splitlines(keepends=True)
    copy.write_bytes(b"".join(lines[:3]))
    result = verify(copy)
    assert result.ok
    text = " ".join(result.notices)
    for said in ("no head file", "name the key you trust", "3 to 3 are chained", "not closed"):
        assert said in text
    handed_out = verify(closed).head
    assert not verify(copy, expect=handed_out).ok
    assert verify(copy, expect=handed_out).first_bad == 4
    assert verify(closed, expect=handed_out).ok
    assert verify(closed, expect=Head(3, "0" * 64)).first_bad == 3


@settings(max_examples=40)
@given(st.permutations(range(4)), st.integers(0, 3))
def test_moved_and_missing_and_doubled_records_are_found(
    closed: Path, order: list[int], drop: int
) -> None:
    lines = closed.read_bytes().splitlines(keepends=True)
    copy = closed.with_name("shuffled")
    cases = [
        [lines[i] for i in order],
        lines[:drop] + lines[drop + 1 :],
        lines[: drop + 1] + lines[drop:],
    ]
    for case in cases:
        copy.write_bytes(b"".join(case))
        first_wrong = next(
            (n for n, (a, b) in enumerate(itertools.zip_longest(case, lines), 1) if a != b), None
        )
        result = verify(copy)
        if first_wrong is None or (case == lines[:-1]):
            assert result.ok  # the same, or only cut back: there is no head file here
        else:
            assert result.first_bad == first_wrong


def rechained(lines: list[Record]) -> bytes:
    """What a forger without the key can do: make a chain that fits its new content."""
    out, prev = b"", "0" * 64
    for record in lines:
        prev, line = encode(
            Record(
                record.seq, record.utc, record.kind, record.body, prev, "", record.batch
            )
        )  # fmt: skip
        out += line
    return out


def test_a_chain_computed_anew_does_not_carry_the_signature(closed: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "j") as journal:
        up(journal, "a")
        up(journal, "b")
    with opened(tmp_path / "j") as journal:
        records = journal.read()
    forged = [
        Record(r.seq, r.utc, r.kind, {"camera": "z"} if r.seq == 3 else r.body, "", "", r.batch)
        for r in records
    ]
    path = tmp_path / "forged"
    path.write_bytes(rechained(forged))
    result = verify(path)
    assert (result.ok, result.first_bad, result.signed) == (False, 5, 2)
    assert "signature does not hold" in result.cause


def test_a_journal_of_another_key_is_not_ours(closed: Path) -> None:
    result = verify(closed, Signer.generate().public_key)
    assert (result.ok, result.first_bad) == (False, 1)
    with pytest.raises(InputError, match="public key"):
        verify(closed, "nonsense")


def test_what_is_not_a_journal(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        verify(tmp_path / "absent")
    (tmp_path / "empty").touch()
    assert verify(tmp_path / "empty").cause == "record 1 is missing: the file is empty"
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 1000)
    assert verify(tmp_path / "noise").first_bad == 1
