"""The vault: a folder of encrypted objects that ends when its one key is destroyed.

Owns: the files of one watchlist's vault, their encryption, the expiry, the erasure and what is left
after a crash at any point. Never: plaintext or a key on disk; a thread; a decision on what the
objects mean. Strategy: one random key a vault, wrapped (``keys``) in the file ``key``; every object
is AES-256-GCM with a fresh random nonce and its own name and vault as associated data; files change
only by write-aside, fsync and rename. Erasing overwrites and unlinks ``key`` first, so that however
it is interrupted nothing can be read, and the next opening finishes it.

Layout of a vault folder::

    key            the wrapped key and the authenticated facts
    objects/NAME   nonce (12 bytes) + ciphertext and tag
    erased.json    the certificate, all that is left at the end
    unrecorded     present until the certificate has been handed to the record (journal)
    lock           held while somebody writes
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lfr_engine.clock import Clock
from lfr_engine.errors import InputError, RuleError, WatchlistError
from lfr_engine.identity.keys import (
    KEY_BYTES,
    NONCE_BYTES,
    KeySource,
    VaultFacts,
    Wrapped,
    unwrap,
    wrap,
)

FORMAT = 1
MAX_LIFE = dt.timedelta(hours=72)
"""R4: built at most 24 h before the start, a use of at most 24 h, hard stop 24 h after its end."""
CLOCK_SLACK = dt.timedelta(minutes=5)
"""How far the clock may lie before the vault was built, which only an unset clock exceeds."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_PART = ".part"
_UNFINISHED = {"objects", f"key{_PART}"}
"""What a creation that was cut short leaves: without ``key`` there is no vault."""


class Certificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That a vault was erased: what, when, why, by whom. Holds nothing about anybody listed."""

    certificate: str
    vault: str
    key_fingerprint: str
    built: dt.datetime | None
    expires: dt.datetime | None
    erased: dt.datetime
    objects: int
    method: str
    reason: str
    actor: str


RecordErasure = Callable[[Certificate], None]
"""Receives every certificate, at least once; after a crash perhaps again, with the same id."""


class Vault:
    """One open vault. Make it with ``create_vault`` or ``open_vault``; not for several threads."""

    def __init__(self, folder: Path, wrapped: Wrapped, key: bytes, source: KeySource) -> None:
        self.folder = folder
        self.facts = wrapped.facts
        self._cipher: AESGCM | None = AESGCM(key)
        self._key = bytearray(key)
        self._source = source

    def __repr__(self) -> str:
        return f"<Vault {self.facts.vault} until {self.facts.expires:%Y-%m-%dT%H:%MZ}>"

    def names(self) -> list[str]:
        """The names of all objects."""
        return sorted(path.name for path in self._objects.iterdir() if _NAME.fullmatch(path.name))

    def read(self, name: str) -> bytes:
        """One object in the clear; raises ``WatchlistError`` where missing, cut or altered."""
        path = self._objects / _checked(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise WatchlistError(path, f"cannot be read: {error.strerror}") from error
        try:
            return self._open_cipher().decrypt(
                data[:NONCE_BYTES], data[NONCE_BYTES:], self._bound(name)
            )
        except (InvalidTag, ValueError) as error:
            raise WatchlistError(path, "was cut or altered") from error

    def write(self, name: str, data: bytes) -> None:
        """Put or replace one object, all or nothing."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._open_cipher().encrypt(nonce, data, self._bound(_checked(name)))
        _replace(self._objects / name, nonce + sealed)

    def keep_only(self, wanted: set[str]) -> int:
        """Delete every object that is not ``wanted``, such as an interrupted import left; count."""
        gone = [name for name in self.names() if name not in wanted]
        for name in gone:
            (self._objects / name).unlink(missing_ok=True)
        return len(gone)

    def expire_at(self, moment: dt.datetime) -> None:
        """Bring the expiry forward, as when an authority ends earlier; never puts it off."""
        if moment >= self.facts.expires:
            return
        self._open_cipher()
        facts = msgspec.structs.replace(self.facts, expires=moment)
        _replace(self.folder / "key", _encoded(wrap(bytes(self._key), facts, self._source)))
        self.facts = facts

    def require_live(self, clock: Clock) -> None:
        """Raise ``RuleError`` (R4) once expired, or where the clock lies before it was built."""
        _require_live(self.facts, clock.utc())

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the vault for one writer; raises ``WatchlistError`` where somebody else does."""
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise WatchlistError(
                    self.folder, "somebody else is changing it", "try again when they are done"
                ) from error
            yield

    def close(self) -> None:
        """Overwrite the key in memory; the vault cannot be used any more."""
        self._key[:] = bytes(len(self._key))
        self._cipher = None

    @property
    def _objects(self) -> Path:
        return self.folder / "objects"

    def _bound(self, name: str) -> bytes:
        return f"lfr vault {FORMAT}\n{self.facts.vault}\n{name}".encode()

    def _open_cipher(self) -> AESGCM:
        if self._cipher is None:
            raise WatchlistError(self.folder, "the vault is closed")
        return self._cipher


def create_vault(
    folder: Path, vault: str, source: KeySource, clock: Clock, expires: dt.datetime
) -> Vault:
    """A new vault in a new folder.

    Raises ``WatchlistError`` where the folder is in use, ``RuleError`` (R4) where ``expires`` lies
    in the past or more than ``MAX_LIFE`` ahead.
    """
    now = clock.utc()
    if not now < expires <= now + MAX_LIFE:
        raise RuleError(
            "R4",
            vault,
            f"would expire {expires:%Y-%m-%d %H:%M} UTC",
            f"choose a time within {MAX_LIFE.total_seconds() / 3600:.0f} h from now",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if {path.name for path in folder.iterdir()} - _UNFINISHED:
            raise WatchlistError(folder, "is not empty", "name a new folder")
        (folder / "objects").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise WatchlistError(folder, f"cannot be made: {error.strerror}") from error
    key = secrets.token_bytes(KEY_BYTES)
    wrapped = wrap(key, VaultFacts(FORMAT, vault, now, expires), source)
    _replace(folder / "key", _encoded(wrapped))
    return Vault(folder, wrapped, key, source)


def open_vault(folder: Path, source: KeySource, clock: Clock, record: RecordErasure) -> Vault:
    """Open a vault, cleaning up after a crash; an erasure it has to do or finish is recorded.

    Raises ``RuleError`` (R4) where there is none, it is erased, the clock lies before it was built,
    or it has expired – which erases it there and then –, and ``InputError`` where the key does not
    open it.
    """
    end_interrupted_erasure(folder, clock, record)
    wrapped = read_wrapped(folder)
    if wrapped.facts.expires <= clock.utc():
        erase_vault(folder, clock, record, reason="expired", actor="engine")
    _require_live(wrapped.facts, clock.utc())
    key = unwrap(wrapped, source, folder)
    for stale in (*folder.glob(f"*{_PART}"), *(folder / "objects").glob(f"*{_PART}")):
        stale.unlink(missing_ok=True)
    return Vault(folder, wrapped, key, source)


def read_wrapped(folder: Path) -> Wrapped:
    """The facts and the wrapped key; raises ``RuleError`` where there is none or it was erased."""
    if (folder / "erased.json").exists():
        certificate = read_certificate(folder)
        raise RuleError(
            "R4",
            folder,
            f"was erased {certificate.erased:%Y-%m-%d %H:%M} UTC: {certificate.reason}",
            "build the list anew from current records",
        )
    try:
        return msgspec.json.decode((folder / "key").read_bytes(), type=Wrapped)
    except FileNotFoundError as error:
        raise RuleError(
            "R4", folder, "holds no watchlist vault", "build the list: lfr watchlist new"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise WatchlistError(folder / "key", "is damaged: the vault cannot be opened") from error


def erase_vault(
    folder: Path, clock: Clock, record: RecordErasure, *, reason: str, actor: str
) -> Certificate:
    """Crypto-erase: destroy the key, then delete what it protected, then record the certificate.

    Needs no key. Safe to interrupt and to repeat; a vault already erased keeps its certificate.
    Raises ``RuleError`` (R4) where there is no vault.
    """
    if (folder / "erased.json").exists():
        certificate = read_certificate(folder)
    else:
        wrapped: Wrapped | None = None
        with suppress(WatchlistError, RuleError):
            wrapped = read_wrapped(folder)
        if wrapped is None and not (folder / "key").exists():
            raise RuleError("R4", folder, "holds no watchlist vault", "name one that is there")
        certificate = Certificate(
            certificate=secrets.token_hex(8),
            vault=wrapped.facts.vault if wrapped else folder.name,
            key_fingerprint=wrapped.fingerprint() if wrapped else "unknown",
            built=wrapped.facts.built if wrapped else None,
            expires=wrapped.facts.expires if wrapped else None,
            erased=clock.utc(),
            objects=sum(1 for _ in _files(folder / "objects")),
            method="crypto_erase",
            reason=reason,
            actor=actor,
        )
        _replace(folder / "unrecorded", b"")
        _replace(folder / "erased.json", msgspec.json.encode(certificate))
    _destroy(folder)
    if (folder / "unrecorded").exists():
        record(certificate)
        (folder / "unrecorded").unlink(missing_ok=True)
        _sync(folder)
    return certificate


def end_interrupted_erasure(folder: Path, clock: Clock, record: RecordErasure) -> None:
    """Finish an erasure that a crash cut short: begun is begun, there is no way back."""
    if (folder / "erased.json").exists() and _leftovers(folder):
        erase_vault(folder, clock, record, reason="", actor="")


def erase_expired(folders: Path, clock: Clock, record: RecordErasure) -> list[Path]:
    """Erase every expired vault among the children of ``folders``, and finish what was begun.

    Needs no key. Returns the folders of the vaults that are still live.
    """
    live: list[Path] = []
    for folder in sorted(folders.iterdir()) if folders.is_dir() else []:
        if not folder.is_dir():
            continue
        end_interrupted_erasure(folder, clock, record)
        if not (folder / "key").exists():
            continue
        if read_wrapped(folder).facts.expires <= clock.utc():
            erase_vault(folder, clock, record, reason="expired", actor="engine")
        else:
            live.append(folder)
    return live


def read_certificate(folder: Path) -> Certificate:
    """The certificate of an erased vault; raises ``WatchlistError``."""
    path = folder / "erased.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Certificate)
    except (OSError, msgspec.MsgspecError) as error:
        raise WatchlistError(path, "is not a certificate of erasure") from error


def seconds_left(facts: VaultFacts, clock: Clock) -> float:
    """Until the expiry, for the timer of the caller; 0 once passed."""
    return max(0.0, (facts.expires - clock.utc()).total_seconds())


def _require_live(facts: VaultFacts, now: dt.datetime) -> None:
    if facts.expires <= now:
        raise RuleError(
            "R4",
            facts.vault,
            f"expired {facts.expires:%Y-%m-%d %H:%M} UTC and is erased",
            "build the list anew from current records",
        )
    if now < facts.built - CLOCK_SLACK:
        raise RuleError(
            "R4",
            facts.vault,
            f"was built {facts.built:%Y-%m-%d %H:%M} UTC, but this machine's clock says "
            f"{now:%Y-%m-%d %H:%M}",
            "set the clock",
        )


def _destroy(folder: Path) -> None:
    key = folder / "key"
    with suppress(FileNotFoundError), key.open("r+b") as file:
        file.write(secrets.token_bytes(max(key.stat().st_size, 512)))
        file.flush()
        os.fsync(file.fileno())
    key.unlink(missing_ok=True)
    _sync(folder)
    for path in [*_files(folder / "objects"), *folder.glob(f"*{_PART}"), folder / "lock"]:
        path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        (folder / "objects").rmdir()
    _sync(folder)


def _leftovers(folder: Path) -> bool:
    return any(path.name != "erased.json" for path in folder.iterdir())


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(f"vault object {name!r:.80}", "is not a usable name")
    return name


def _encoded(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + _PART)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
