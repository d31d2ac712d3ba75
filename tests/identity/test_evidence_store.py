from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.errors import EngineError, InputError
from lfr_engine.identity import keys
from lfr_engine.identity.evidence_store import (
    EvidenceStore,
    destroy_key,
    new_name,
    open_evidence,
)
from lfr_engine.identity.keys import KeySource

CLOCK = ManualClock()
ENDS = CLOCK.utc() + dt.timedelta(hours=6)
PICTURES = {"portrait": b"a face" * 100, "context": b"a street" * 100}


@pytest.fixture
def source(tmp_path: Path) -> KeySource:
    return keys.new_key_file(tmp_path / "key-file")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "evidence" / "D-1"


@pytest.fixture
def store(folder: Path, source: KeySource) -> EvidenceStore:
    return open_evidence(folder, "D-1", source, CLOCK, ENDS)


def test_pictures_come_back_also_after_reopening(
    store: EvidenceStore, folder: Path, source: KeySource
) -> None:
    name = new_name()
    store.put(name, PICTURES)
    assert store.get(name) == PICTURES
    assert store.names() == [name]
    assert open_evidence(folder, "D-1", source, CLOCK, ENDS).get(name) == PICTURES
    assert "a face" not in repr(store)


def test_nothing_is_readable_on_disk(store: EvidenceStore, folder: Path) -> None:
    store.put(new_name(), PICTURES)
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0
        data = path.read_bytes()
        assert b"a face" not in data
        assert b"a street" not in data


@pytest.mark.parametrize("at", [0, 12, 59, 60, 71, 72, -1])
def test_an_altered_byte_is_found(store: EvidenceStore, folder: Path, at: int) -> None:
    name = new_name()
    store.put(name, PICTURES)
    data = bytearray((folder / name).read_bytes())
    data[at] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match="cut, altered or erased"):
        store.get(name)


def test_an_item_under_another_name_or_in_another_deployment_is_refused(
    store: EvidenceStore, folder: Path, source: KeySource
) -> None:
    name, other = new_name(), new_name()
    store.put(name, PICTURES)
    (folder / name).rename(folder / other)
    with pytest.raises(InputError, match="cut, altered or erased"):
        store.get(other)
    with pytest.raises(InputError, match="not kept any more"):
        store.get(name)
    with pytest.raises(InputError, match="not the name of an item"):
        store.get("../key")
    with pytest.raises(InputError, match="another deployment"):
        open_evidence(folder, "D-2", source, CLOCK, ENDS)


def test_another_key_does_not_open_it(store: EvidenceStore, folder: Path, tmp_path: Path) -> None:
    other = keys.new_key_file(tmp_path / "other")
    with pytest.raises(InputError, match="does not open it"):
        open_evidence(folder, "D-1", other, CLOCK, ENDS)
    (folder / "key").write_bytes(b"{}")
    with pytest.raises(InputError, match="is damaged"):
        open_evidence(folder, "D-1", other, CLOCK, ENDS)


def test_overwriting_the_head_of_an_item_erases_it(store: EvidenceStore, folder: Path) -> None:
    name = new_name()
    store.put(name, PICTURES)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(bytes(60) + data[60:])
    with pytest.raises(InputError, match="erased"):
        store.get(name)


def test_destroying_the_key_erases_all_and_may_be_repeated(
    store: EvidenceStore, folder: Path
) -> None:
    store.put(new_name(), PICTURES)
    fingerprint = destroy_key(folder)
    assert fingerprint is not None
    assert len(fingerprint) == 16
    assert not folder.exists()
    assert destroy_key(folder) is None


def test_a_closed_store_reads_nothing(store: EvidenceStore) -> None:
    name = new_name()
    store.put(name, PICTURES)
    store.close()
    with pytest.raises(InputError):
        store.get(name)


def test_what_an_interrupted_write_left_is_cleared(
    store: EvidenceStore, folder: Path, source: KeySource
) -> None:
    (folder / "E-0.part").write_bytes(b"half")
    open_evidence(folder, "D-1", source, CLOCK, ENDS)
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path, source: KeySource) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EngineError, match="cannot be used"):
        open_evidence(tmp_path / "file" / "D-1", "D-1", source, CLOCK, ENDS)
