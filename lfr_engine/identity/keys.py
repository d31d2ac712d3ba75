"""Keys: where the key that wraps comes from, and the wrapped key of a deployment.

Owns: the wrapping of one random 256-bit deployment key, and the facts that are authenticated with
it (vault id, when it was built, when it expires). Never: a key in a ``repr``, a log or a file in
the clear. Strategy: AES-256-GCM from ``cryptography``; the key that wraps is derived from a key
file or systemd credential by HKDF, or from a passphrase by scrypt; the facts are the associated
data, so that nobody can move an expiry without the key.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from lfr_engine.errors import ConfigError, InputError

KEY_BYTES = 32
NONCE_BYTES = 12
SCRYPT_LOG_N = 16
"""64 MiB and about 0.2 s a guess (RFC 7914, r = 8, p = 1)."""
MIN_KEY_FILE_BYTES = 32
MIN_PASSPHRASE = 12

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


class VaultFacts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What everybody may read and only the key holder may change."""

    format: int
    vault: str
    built: dt.datetime
    expires: dt.datetime


class Wrapped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The deployment key, encrypted, with its authenticated facts."""

    facts: VaultFacts
    source: Literal["key file", "passphrase"]
    salt: bytes
    log_n: int
    nonce: bytes
    sealed: bytes

    def fingerprint(self) -> str:
        """Sixteen hex digits that name this wrapped key in certificates; says nothing of it."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.salt + self.nonce + self.sealed)
        return digest.finalize()[:8].hex()


class KeySource:
    """Where the wrapping key comes from: a key file (or systemd credential), or a passphrase."""

    def __init__(self, kind: Literal["key file", "passphrase"], name: str, secret: bytes) -> None:
        self.kind: Literal["key file", "passphrase"] = kind
        self.name = name
        self._secret = secret

    def __repr__(self) -> str:
        return f"<KeySource {self.kind} {self.name}>"

    def derive(self, salt: bytes, log_n: int) -> bytes:
        """The 32-byte wrapping key for ``salt``."""
        if self.kind == "passphrase":
            return Scrypt(salt=salt, length=KEY_BYTES, n=1 << log_n, r=8, p=1).derive(self._secret)
        kdf = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=b"lfr vault key")
        return kdf.derive(self._secret)


def key_file(path: Path) -> KeySource:
    """A file of at least 32 random bytes that nobody else may read; raises ``ConfigError``."""
    try:
        mode = path.stat().st_mode
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError(path, f"key file cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise ConfigError(path, "key file can be read by others", f"run: chmod 600 {path}")
    if len(secret) < MIN_KEY_FILE_BYTES:
        raise ConfigError(
            path,
            f"key file holds {len(secret)} bytes, at least {MIN_KEY_FILE_BYTES} are needed",
            "make one with: lfr watchlist key FILE",
        )
    return KeySource("key file", str(path), secret)


def new_key_file(path: Path) -> KeySource:
    """Make a key file of 32 random bytes, mode 600; raises ``ConfigError`` where one exists."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(path, f"key file cannot be made: {error.strerror}") from error
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return key_file(path)


def credential(name: str, environment: dict[str, str] | None = None) -> KeySource:
    """A systemd credential (``LoadCredential=``, ``LoadCredentialEncrypted=``) used as key file."""
    folder = (os.environ if environment is None else environment).get(_CREDENTIALS)
    if not folder:
        raise ConfigError(
            f"credential {name}", f"{_CREDENTIALS} is not set", "run as a systemd service"
        )
    return key_file(Path(folder) / name)


def passphrase(text: str) -> KeySource:
    """A passphrase of at least 12 characters; raises ``ConfigError``."""
    if len(text) < MIN_PASSPHRASE:
        raise ConfigError("passphrase", f"is shorter than {MIN_PASSPHRASE} characters")
    return KeySource("passphrase", "given", text.encode())


def wrap(
    key: bytes,
    facts: VaultFacts,
    source: KeySource,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Wrapped:
    """Encrypt ``key`` for ``source``, binding ``facts`` to it."""
    salt, nonce = random(16), random(NONCE_BYTES)
    wrapping = AESGCM(source.derive(salt, SCRYPT_LOG_N))
    sealed = wrapping.encrypt(nonce, key, _bound(facts))
    return Wrapped(facts, source.kind, salt, SCRYPT_LOG_N, nonce, sealed)


def unwrap(wrapped: Wrapped, source: KeySource, subject: object) -> bytes:
    """The deployment key; raises ``InputError`` where the key or the facts are not the right ones.

    ``subject`` is what the error names.
    """
    if wrapped.source != source.kind:
        raise InputError(subject, f"is locked with a {wrapped.source}, not with a {source.kind}")
    if not 10 <= wrapped.log_n <= 20 or len(wrapped.salt) < 16 or len(wrapped.nonce) != NONCE_BYTES:
        raise InputError(subject, "its key record was altered")
    wrapping = AESGCM(source.derive(wrapped.salt, wrapped.log_n))
    try:
        return wrapping.decrypt(wrapped.nonce, wrapped.sealed, _bound(wrapped.facts))
    except InvalidTag as error:
        raise InputError(
            subject, f"the {source.kind} does not open it, or it was altered"
        ) from error


def _bound(facts: VaultFacts) -> bytes:
    return msgspec.json.encode(facts, order="deterministic")
