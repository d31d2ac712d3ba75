"""A stored list: all or nothing, bound to its pack, withdrawn people masked."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.errors import InputError, RuleError, WatchlistError
from lfr_engine.identity import keys
from lfr_engine.identity.keys import KeySource
from lfr_engine.identity.store import StoredWatchlist, Templates
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.identity.vault import Certificate, create_vault, open_vault
from tests.identity.lists import draft, entry

CONTRACT = TemplateContract("fake", "0" * 64, "plain", "f32", 8)


def templates(*references: str, contract: TemplateContract = CONTRACT) -> Templates:
    rng = np.random.default_rng(len(references))
    rows = normalised(rng.standard_normal((len(references), contract.dimension), np.float32))
    return Templates(contract, references, rows)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def source(tmp_path: Path) -> KeySource:
    return keys.new_key_file(tmp_path / "key-file")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def stored(folder: Path, source: KeySource, clock: ManualClock) -> StoredWatchlist:
    ends = clock.utc() + dt.timedelta(hours=24)
    made = StoredWatchlist.create(create_vault(folder, "op-1", source, clock, ends))
    made.commit(
        draft(entry("a", "p-1", "p-2"), entry("b", "p-3")),
        templates("p-3", "p-1", "p-2"),
        {"p-1": b"one", "p-2": b"two", "p-3": b"three"},
    )
    return made


def reopened(folder: Path, source: KeySource, clock: ManualClock) -> StoredWatchlist:
    def record(certificate: Certificate) -> None:
        raise AssertionError(certificate)

    return StoredWatchlist.load(open_vault(folder, source, clock, record))


def test_a_stored_list_comes_back(
    stored: StoredWatchlist, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    again = reopened(folder, source, clock)
    assert again.watchlist == stored.watchlist
    assert again.picture("p-2") == b"two"
    gallery = again.gallery(CONTRACT)
    assert gallery.entries == ("a", "b")
    assert gallery.owners.tolist() == [0, 0, 1]
    expected = templates("p-3", "p-1", "p-2")
    assert np.array_equal(gallery.templates, expected.rows[[1, 2, 0]])


def test_another_pack_is_refused(stored: StoredWatchlist) -> None:
    with pytest.raises(InputError, match="op-1: made with precision f32, but bf16 is loaded"):
        stored.gallery(replace(CONTRACT, precision="bf16"))


def test_templates_of_two_packs_never_mix() -> None:
    with pytest.raises(InputError, match="made with pack other"):
        templates("p-1").with_more(templates("p-2", contract=replace(CONTRACT, pack="other")))


def test_withdrawn_people_are_masked(stored: StoredWatchlist) -> None:
    stored.commit(stored.watchlist.withdrawn("a", "arrested"))
    gallery = stored.gallery(CONTRACT)
    assert len(gallery) == 1
    assert gallery.match(gallery.references(0)).entry.tolist() == [1, 1]


def test_new_templates_replace_the_old_object(stored: StoredWatchlist) -> None:
    before = set(stored.vault.names())
    stored.commit(stored.watchlist, templates("p-1", "p-2", "p-3"))
    after = set(stored.vault.names())
    assert len(before - after) == len(after - before) == 1


def test_what_an_interrupted_commit_left_is_swept(
    stored: StoredWatchlist, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    stored.vault.write("p-9", b"picture of nobody listed")
    stored.vault.write("t-9", b"templates of nobody listed")
    again = reopened(folder, source, clock)
    assert again.sweep() == 2
    assert again.watchlist == stored.watchlist


def test_an_empty_list_has_no_gallery(folder: Path, source: KeySource, clock: ManualClock) -> None:
    ends = clock.utc() + dt.timedelta(hours=24)
    made = StoredWatchlist.create(create_vault(folder, "op-1", source, clock, ends))
    assert made.templates() is None
    with pytest.raises(RuleError, match=r"op-1: nobody is listed \(R15\)"):
        made.gallery(CONTRACT)


def test_a_vault_without_a_document_is_an_empty_draft(
    folder: Path, source: KeySource, clock: ManualClock
) -> None:
    create_vault(folder, "op-1", source, clock, clock.utc() + dt.timedelta(hours=24))
    assert reopened(folder, source, clock).watchlist.entries == ()


def test_templates_that_do_not_fit_the_document_are_refused(stored: StoredWatchlist) -> None:
    stored.commit(stored.watchlist, templates("p-1", "p-2"))
    with pytest.raises(WatchlistError, match="its templates and its document disagree"):
        stored.templates()
    stored.vault.write(stored.watchlist.templates, b"\x00")
    with pytest.raises(WatchlistError, match="its templates are damaged"):
        stored.templates()


def test_templates_do_not_show(stored: StoredWatchlist) -> None:
    found = stored.templates()
    assert found is not None
    assert "rows" not in repr(found)


VICTIM = """
import datetime as dt, sys
from pathlib import Path
from lfr_engine.clock import SystemClock
from lfr_engine.identity import keys
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import create_vault, erase_vault
from tests.identity.lists import entry
from tests.identity.test_store import templates

folder, clock = Path(sys.argv[1]) / "vault", SystemClock()
source = keys.key_file(Path(sys.argv[1]) / "key-file")
print("go", flush=True)
ends = clock.utc() + dt.timedelta(seconds=float(sys.argv[2]))
stored = StoredWatchlist.create(create_vault(folder, "op-1", source, clock, ends))
references, document = [], stored.watchlist
for i in range(12):
    references.append(f"p-{i}")
    document = document.with_entry(entry(f"e-{i}", f"p-{i}"))
    stored.commit(document, templates(*references), {f"p-{i}": b"picture" * 999})
    document = stored.watchlist
    print("committed", i + 1, flush=True)
erase_vault(folder, clock, lambda certificate: None, reason="over", actor="A")
print("erased", flush=True)
"""


def killed_after(seconds: float, at: Path, life: float) -> int:
    """Run the victim, kill it, and return how many commits it had reported."""
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(at), str(life)], stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "go\n"
        try:
            victim.wait(seconds)
        except subprocess.TimeoutExpired:
            victim.send_signal(signal.SIGKILL)
        said = victim.stdout.read().splitlines()
    return sum(line.startswith("committed") for line in said)


@pytest.mark.slow
def test_kill_9_at_any_point_loses_no_committed_entry_and_outlives_no_expiry(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(11)
    for turn, seconds in enumerate(rng.uniform(0.0, 0.12, 8)):
        at = tmp_path / str(turn)
        at.mkdir()
        source = keys.new_key_file(at / "key-file")
        committed = killed_after(seconds, at, life=3600)
        now = ManualClock(started=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1))
        certificates: list[Certificate] = []
        try:
            vault = open_vault(at / "vault", source, now, certificates.append)
        except RuleError:
            if not (at / "vault" / "erased.json").exists():
                assert committed == 0  # it had not come to have a key
                continue
            assert committed == 12  # it had begun to erase
        else:
            stored = StoredWatchlist.load(vault)
            stored.sweep()
            assert len(stored.watchlist.entries) in {committed, committed + 1}
            if stored.watchlist.entries:
                assert len(stored.gallery(CONTRACT)) == len(stored.watchlist.entries)
        now.advance(3700)
        with pytest.raises(RuleError):
            open_vault(at / "vault", source, now, certificates.append)
        assert [path.name for path in (at / "vault").iterdir()] == ["erased.json"]
        assert len({one.certificate for one in certificates}) <= 1
