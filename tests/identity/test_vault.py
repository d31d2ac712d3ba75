"""The vault keeps nothing in the clear, notices every change, and ends for good."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from lfr_engine.clock import ManualClock
from lfr_engine.errors import ConfigError, InputError, RuleError, WatchlistError
from lfr_engine.identity import keys
from lfr_engine.identity import vault as vaults
from lfr_engine.identity.keys import KeySource
from lfr_engine.identity.vault import Certificate, Vault, create_vault, erase_vault, open_vault

HOUR = 3600
SECRET = b"a canary that must never be seen in the clear"


class Recorder:
    def __init__(self) -> None:
        self.certificates: list[Certificate] = []

    def __call__(self, certificate: Certificate) -> None:
        self.certificates.append(certificate)


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
def vault(folder: Path, source: KeySource, clock: ManualClock) -> Vault:
    made = create_vault(folder, "op-1", source, clock, clock.utc() + dt.timedelta(hours=30))
    made.write("one", SECRET)
    return made


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_objects_come_back_and_are_never_in_the_clear(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    again = open_vault(folder, source, clock, Recorder())
    assert again.names() == ["one"]
    assert again.read("one") == SECRET
    assert SECRET[:8] not in everything(folder)
    assert vault._key not in everything(folder)


def test_equal_objects_are_encrypted_differently(vault: Vault, folder: Path) -> None:
    vault.write("two", SECRET)
    one, two = ((folder / "objects" / name).read_bytes() for name in ("one", "two"))
    assert one != two
    assert one[:12] != two[:12]


def test_every_changed_byte_of_an_object_is_noticed(vault: Vault, folder: Path) -> None:
    path = folder / "objects" / "one"
    whole = path.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        with pytest.raises(WatchlistError, match="was cut or altered"):
            vault.read("one")
    for kept in (0, 5, 12, len(whole) - 1):
        path.write_bytes(whole[:kept])
        with pytest.raises(WatchlistError, match="was cut or altered"):
            vault.read("one")


def test_an_object_cannot_stand_in_for_another(vault: Vault, folder: Path) -> None:
    vault.write("two", b"other")
    (folder / "objects" / "one").replace(folder / "objects" / "two")
    with pytest.raises(WatchlistError, match="was cut or altered"):
        vault.read("two")


def test_nobody_moves_the_expiry_without_the_key(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    text = (folder / "key").read_text()
    (folder / "key").write_text(text.replace("2026-01-02T18", "2026-01-03T18"))
    with pytest.raises(InputError, match="does not open it, or it was altered"):
        open_vault(folder, source, clock, Recorder())


def test_another_key_does_not_open_it(vault: Vault, folder: Path, clock: ManualClock) -> None:
    other = keys.new_key_file(folder.parent / "other")
    with pytest.raises(InputError, match="the key file does not open it"):
        open_vault(folder, other, clock, Recorder())
    with pytest.raises(InputError, match="locked with a key file, not with a passphrase"):
        open_vault(folder, keys.passphrase("correct horse battery"), clock, Recorder())


@pytest.mark.slow
def test_a_passphrase_opens_what_it_locked(folder: Path, clock: ManualClock) -> None:
    phrase = keys.passphrase("correct horse battery")
    made = create_vault(folder, "op", phrase, clock, clock.utc() + dt.timedelta(hours=1))
    made.write("one", SECRET)
    assert open_vault(folder, phrase, clock, Recorder()).read("one") == SECRET
    with pytest.raises(InputError, match="the passphrase does not open it"):
        open_vault(folder, keys.passphrase("correct horse batterz"), clock, Recorder())


def test_the_expiry_only_comes_nearer(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    sooner = clock.utc() + dt.timedelta(hours=2)
    vault.expire_at(sooner)
    vault.expire_at(sooner + dt.timedelta(hours=9))
    again = open_vault(folder, source, clock, Recorder())
    assert again.facts.expires == sooner
    assert again.read("one") == SECRET
    assert vaults.seconds_left(again.facts, clock) == 2 * HOUR


def test_opening_after_the_expiry_erases_and_records_once(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    clock.advance(30 * HOUR)
    record = Recorder()
    for _ in range(3):
        with pytest.raises(RuleError, match=r"\(R4\)"):
            open_vault(folder, source, clock, record)
    assert [path.name for path in folder.iterdir()] == ["erased.json"]
    assert [one.reason for one in record.certificates] == ["expired"]
    assert record.certificates[0].vault == "op-1"
    assert record.certificates[0].objects == 1


def test_an_open_vault_notices_its_own_end(vault: Vault, clock: ManualClock) -> None:
    vault.require_live(clock)
    clock.advance(30 * HOUR)
    with pytest.raises(RuleError, match=r"expired 2026-01-02 18:00 UTC and is erased \(R4\)"):
        vault.require_live(clock)


def test_a_clock_before_the_building_is_refused(
    vault: Vault, folder: Path, source: KeySource
) -> None:
    early = ManualClock(started=dt.datetime(2025, 12, 31, tzinfo=dt.UTC))
    with pytest.raises(RuleError, match=r"but this machine's clock says 2025-12-31 00:00 \(R4\)"):
        open_vault(folder, source, early, Recorder())


def test_erasing_needs_no_key_and_keeps_its_first_certificate(
    vault: Vault, folder: Path, clock: ManualClock
) -> None:
    record = Recorder()
    first = erase_vault(folder, clock, record, reason="operation over", actor="A. Officer")
    again = erase_vault(folder, clock, record, reason="again", actor="B. Officer")
    assert first == again
    assert record.certificates == [first]
    assert (first.actor, first.reason, first.method) == (
        "A. Officer",
        "operation over",
        "crypto_erase",
    )
    with pytest.raises(RuleError, match=r"was erased .*: operation over \(R4\)"):
        vaults.read_wrapped(folder)


STEPS: list[Callable[[Path], object]] = [
    lambda folder: None,
    lambda folder: (folder / "key").write_bytes(b"\x93" * 512),
    lambda folder: (folder / "key").unlink(),
]


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_once_begun_is_finished(
    vault: Vault,
    folder: Path,
    source: KeySource,
    clock: ManualClock,
    step: Callable[[Path], object],
) -> None:
    certificate = Certificate(
        "c1", "op-1", "f", None, None, clock.utc(), 1, "crypto_erase", "over", "A"
    )
    (folder / "unrecorded").touch()
    (folder / "erased.json").write_bytes(msgspec.json.encode(certificate))
    step(folder)
    record = Recorder()
    with pytest.raises(RuleError, match="was erased"):
        open_vault(folder, source, clock, record)
    assert record.certificates == [certificate]
    assert [path.name for path in folder.iterdir()] == ["erased.json"]


def test_a_damaged_key_record_is_named_and_can_still_be_erased(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    (folder / "key").write_bytes(b"{")
    with pytest.raises(WatchlistError, match="is damaged"):
        open_vault(folder, source, clock, Recorder())
    assert erase_vault(folder, clock, Recorder(), reason="damaged", actor="A").vault == "vault"


def test_unfinished_files_are_swept_at_opening(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    (folder / "objects" / "two.part").write_bytes(b"half")
    (folder / "key.part").write_bytes(b"half")
    again = open_vault(folder, source, clock, Recorder())
    assert list(folder.rglob("*.part")) == []
    assert again.keep_only(set()) == 1
    assert again.names() == []


def test_one_writer_at_a_time(
    vault: Vault, folder: Path, source: KeySource, clock: ManualClock
) -> None:
    other = open_vault(folder, source, clock, Recorder())
    with (
        vault.writing(),
        pytest.raises(WatchlistError, match="somebody else is changing it"),
        other.writing(),
    ):
        pass
    with other.writing():
        other.write("two", b"x")


def test_a_closed_vault_forgets_its_key(vault: Vault) -> None:
    vault.close()
    assert bytes(vault._key) == bytes(32)
    with pytest.raises(WatchlistError, match="is closed"):
        vault.read("one")


@pytest.mark.parametrize("hours", [0, -1, 73])
def test_a_life_beyond_the_rule_is_refused(
    folder: Path, source: KeySource, clock: ManualClock, hours: int
) -> None:
    with pytest.raises(RuleError, match=r"\(R4\).*within 72 h"):
        create_vault(folder, "op", source, clock, clock.utc() + dt.timedelta(hours=hours))
    assert not folder.exists()


def test_a_used_folder_is_refused(folder: Path, source: KeySource, clock: ManualClock) -> None:
    folder.mkdir()
    (folder / "mine.txt").touch()
    with pytest.raises(WatchlistError, match="is not empty"):
        create_vault(folder, "op", source, clock, clock.utc() + dt.timedelta(hours=1))


@pytest.mark.parametrize("name", ["../key", "", "A", "a/b", "x" * 65, "a.part"])
def test_object_names_stay_inside_the_vault(vault: Vault, name: str) -> None:
    with pytest.raises(InputError, match="is not a usable name"):
        vault.write(name, b"")


def test_an_absent_vault_is_said_so(folder: Path, source: KeySource, clock: ManualClock) -> None:
    folder.mkdir()
    for act in (
        lambda: open_vault(folder, source, clock, Recorder()),
        lambda: erase_vault(folder, clock, Recorder(), reason="x", actor="A"),
    ):
        with pytest.raises(RuleError, match=r"holds no watchlist vault \(R4\)"):
            act()


def test_key_files_must_be_private_and_long(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_bytes(b"x" * 32)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others – run: chmod 600"):
        keys.key_file(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="holds 5 bytes"):
        keys.key_file(path)
    with pytest.raises(ConfigError, match="cannot be made"):
        keys.new_key_file(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        keys.key_file(tmp_path / "absent")
    with pytest.raises(ConfigError, match="shorter than 12"):
        keys.passphrase("short")


def test_a_systemd_credential_is_a_key_file(tmp_path: Path) -> None:
    keys.new_key_file(tmp_path / "watchlist")
    found = keys.credential("watchlist", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found.kind == "key file"
    with pytest.raises(ConfigError, match="CREDENTIALS_DIRECTORY is not set"):
        keys.credential("watchlist", {})


def test_keys_are_never_shown(vault: Vault, source: KeySource) -> None:
    shown = repr(vault) + repr(source)
    assert source._secret.hex() not in shown
    assert repr(source._secret)[2:-1] not in shown


def test_a_sweep_erases_what_has_expired_and_nothing_else(
    tmp_path: Path, source: KeySource, clock: ManualClock
) -> None:
    folders = tmp_path / "watchlists"
    assert vaults.erase_expired(folders, clock, Recorder()) == []
    for name, hours in (("short", 2), ("long", 20)):
        create_vault(folders / name, name, source, clock, clock.utc() + dt.timedelta(hours=hours))
    (folders / "note.txt").touch()
    clock.advance(3 * HOUR)
    record = Recorder()
    assert vaults.erase_expired(folders, clock, record) == [folders / "long"]
    assert [one.vault for one in record.certificates] == ["short"]
    assert vaults.erase_expired(folders, clock, record) == [folders / "long"]
    assert len(record.certificates) == 1
