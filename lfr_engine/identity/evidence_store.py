"""Pictures of alerts, encrypted where they lie, each with a key of its own (R19).

Owns: the folder of one deployment's evidence. Never: plaintext or a key in the clear on disk; a
decision on how long anything is kept. Strategy: one random key an item encrypts the pictures and
stands, itself encrypted with the deployment's evidence key, at the head of the item's file; so
overwriting the file's head erases the item, and overwriting the file ``key`` erases them all. The
evidence key outlives the watchlist's, because profiles keep evidence longer than lists (R4, R19).

Layout of ``evidence/DEPLOYMENT``::

    key          the wrapped evidence key
    E-…          nonce, wrapped item key, nonce, ciphertext and tag
"""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lfr_engine.clock import Clock
from lfr_engine.errors import EngineError, InputError
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
_KEY = "key"
_PART = ".part"
_HEAD = NONCE_BYTES + KEY_BYTES + 16
"""Nonce, item key and tag."""
_NAME = re.compile(r"E-[0-9a-f]{16}")


class EvidenceStore:
    """One deployment's evidence, open. Make it with ``open_evidence``; one caller at a time."""

    def __init__(self, folder: Path, deployment: str, key: bytes) -> None:
        self.folder = folder
        self._deployment = deployment
        self._key = bytearray(key)

    def __repr__(self) -> str:
        return f"<EvidenceStore {self._deployment}>"

    def names(self) -> list[str]:
        """Every item there is."""
        return sorted(path.name for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def put(self, name: str, pictures: Mapping[str, bytes]) -> None:
        """Keep pictures (JPEG by name) under a name from ``new_name``, durably, all or nothing.

        Raises:
            EngineError: It cannot be written.
        """
        path = self._path(name)
        item_key = secrets.token_bytes(KEY_BYTES)
        head_nonce, nonce = secrets.token_bytes(NONCE_BYTES), secrets.token_bytes(NONCE_BYTES)
        head = AESGCM(bytes(self._key)).encrypt(head_nonce, item_key, self._bound(name))
        body = msgspec.msgpack.encode(dict(pictures))
        sealed = AESGCM(item_key).encrypt(nonce, body, self._bound(name))
        _write(path, head_nonce + head + nonce + sealed)

    def get(self, name: str) -> dict[str, bytes]:
        """The pictures of one item.

        Raises:
            InputError: It is gone, or was altered.
        """
        path = self._path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError as exc:
            raise InputError(f"evidence {name}", "is not kept any more") from exc
        except OSError as exc:
            raise EngineError(path, f"cannot be read: {exc.strerror}") from exc
        head, rest = data[:_HEAD], data[_HEAD:]
        try:
            item_key = AESGCM(bytes(self._key)).decrypt(
                head[:NONCE_BYTES], head[NONCE_BYTES:], self._bound(name)
            )
            body = AESGCM(item_key).decrypt(
                rest[:NONCE_BYTES], rest[NONCE_BYTES:], self._bound(name)
            )
            return msgspec.msgpack.decode(body, type=dict[str, bytes])
        except (InvalidTag, ValueError, msgspec.MsgspecError) as exc:
            raise InputError(f"evidence {name}", "was cut, altered or erased") from exc

    def close(self) -> None:
        """Overwrite the key in memory; nothing can be read any more."""
        self._key[:] = bytes(len(self._key))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise InputError(f"evidence {name!r:.40}", "is not the name of an item")
        return self.folder / name

    def _bound(self, name: str) -> bytes:
        return f"lfr evidence {FORMAT}\n{self._deployment}\n{name}".encode()


def new_name() -> str:
    """A fresh item name; random, so that names tell nothing of people."""
    return f"E-{secrets.token_hex(8)}"


def open_evidence(
    folder: Path, deployment: str, source: KeySource, clock: Clock, ends: dt.datetime
) -> EvidenceStore:
    """Open a deployment's evidence, or begin it.

    Args:
        folder: ``evidence/DEPLOYMENT``; made where absent.
        deployment: Bound into every item.
        source: What wraps the evidence key; the same at every opening.
        clock: For the key's date.
        ends: When the deployment ends, for the key's facts.

    Raises:
        InputError: The key does not open it, or it was altered.
        EngineError: The folder cannot be used.
    """
    path = folder / _KEY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in folder.glob(f"*{_PART}"):
            stale.unlink()
        known = path.read_bytes() if path.exists() else None
    except OSError as exc:
        raise EngineError(folder, f"cannot be used: {exc.strerror}") from exc
    if known is None:
        key = secrets.token_bytes(KEY_BYTES)
        facts = VaultFacts(FORMAT, f"evidence {deployment}", clock.utc(), ends)
        _write(path, msgspec.json.format(msgspec.json.encode(wrap(key, facts, source)), indent=1))
        return EvidenceStore(folder, deployment, key)
    try:
        wrapped = msgspec.json.decode(known, type=Wrapped)
    except msgspec.MsgspecError as exc:
        raise InputError(path, "is damaged: the evidence cannot be opened") from exc
    if wrapped.facts.vault != f"evidence {deployment}":
        raise InputError(path, "belongs to another deployment's evidence")
    return EvidenceStore(folder, deployment, unwrap(wrapped, source, path))


def destroy_key(folder: Path) -> str | None:
    """Crypto-erase whatever a deployment's folder holds; needs no key and is safe to repeat.

    Returns the fingerprint of the destroyed key, None where there was none.

    Raises:
        EngineError: It cannot be erased.
    """
    path = folder / _KEY
    fingerprint = None
    try:
        if path.exists():
            with suppress(msgspec.MsgspecError):
                wrapped = msgspec.json.decode(path.read_bytes(), type=Wrapped)
                fingerprint = wrapped.fingerprint()
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(max(512, os.fstat(file.fileno()).st_size)))
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
            _sync(folder)
        if folder.is_dir():
            for left in folder.iterdir():
                left.unlink()
            folder.rmdir()
            _sync(folder.parent)
    except OSError as exc:
        raise EngineError(folder, f"cannot be erased: {exc.strerror}") from exc
    return fingerprint


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + _PART)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync(path.parent)
    except OSError as exc:
        raise EngineError(path, f"cannot be written: {exc.strerror}") from exc


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
