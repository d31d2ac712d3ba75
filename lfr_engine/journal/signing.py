"""Ed25519 keys: files for the private half, one readable line for the public half.

Owns: making, loading and using signing keys, for journal checkpoints and for authorities. Never:
a private key in a message, a ``repr`` or a file that others can read. Strategy: the library does
the cryptography; a public key is the text ``ed25519:<base64>`` so that it fits configuration
files, records and e-mail.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lfr_engine.errors import InputError

_KIND = "ed25519"
_KEY_FILE_LIMIT = 4096  # an encrypted PKCS #8 Ed25519 key is about 500 bytes


class Signer:
    """A private key that can sign, and shows only its public half."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes_raw()
        self.public_key = f"{_KIND}:{base64.b64encode(raw).decode()}"
        """``ed25519:`` and the base64 of the 32 public bytes."""

    @classmethod
    def generate(cls) -> Signer:
        """A new key that lives in memory only."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, message: bytes) -> str:
        """The signature of ``message``: 128 lower-case hexadecimal digits."""
        return self._key.sign(message).hex()

    def __repr__(self) -> str:
        return f"Signer({self.public_key})"


def signature_holds(public_key: str, message: bytes, signature: str) -> bool:
    """Whether ``signature`` (hexadecimal) of ``message`` was made by the owner of ``public_key``.

    Raises:
        InputError: ``public_key`` is not a key.
    """
    key = _public(public_key)
    try:
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public_key: str) -> str:
    """16 hexadecimal digits to compare a key by eye or over the telephone.

    Raises:
        InputError: ``public_key`` is not a key.
    """
    return hashlib.sha256(_public(public_key).public_bytes_raw()).hexdigest()[:16]


def create_key(path: Path, passphrase: str | None = None) -> Signer:
    """Make a new private key file, readable by its owner only; an existing file is never replaced.

    Raises:
        InputError: The file exists, or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(part)  # unlike a rename, fails when the name is taken
        finally:
            with contextlib.suppress(OSError):
                part.unlink()
        sync_folder(path.parent)
    except FileExistsError as exc:
        raise InputError(path, "this key file exists already", "choose another name") from exc
    except OSError as exc:
        raise InputError(path, f"cannot write the key: {exc.strerror}") from exc
    return Signer(key)


def load_key(path: Path, passphrase: str | None = None) -> Signer:
    """Read a private key file.

    Raises:
        InputError: Absent, readable by others, not an Ed25519 key, or the passphrase is wrong or
            missing.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            pem = file.read(_KEY_FILE_LIMIT)
    except FileNotFoundError as exc:
        raise InputError(path, "no such key file", "make one: lfr authority key new") from exc
    except OSError as exc:
        raise InputError(path, f"cannot read the key: {exc.strerror}") from exc
    if mode & 0o077:
        raise InputError(path, "the private key can be read by others", f"chmod 600 {path.name}")
    secret = passphrase.encode() if passphrase is not None else None
    try:
        key = serialization.load_pem_private_key(pem, secret)
    except TypeError as exc:  # the library's way to say: passphrase missing, or one too many
        cause = "the key needs a passphrase" if secret is None else "the key has no passphrase"
        raise InputError(path, cause) from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise InputError(path, "not a private key, or the passphrase is wrong") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(path, "not an Ed25519 key", "make one: lfr authority key new")
    return Signer(key)


def load_or_create(path: Path) -> Signer:
    """The engine's own key: made at the first start, kept ever after.

    Raises:
        InputError: As ``load_key`` and ``create_key``.
    """
    return load_key(path) if path.exists() else create_key(path)


def sync_folder(folder: Path) -> None:
    """Make a name that was just created or replaced in ``folder`` survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _public(text: str) -> Ed25519PublicKey:
    kind, _, encoded = text.partition(":")
    try:
        raw = base64.b64decode(encoded, validate=True) if kind == _KIND else b""
        return Ed25519PublicKey.from_public_bytes(raw)
    except (ValueError, binascii.Error) as exc:
        raise InputError(
            f"public key {text:.60}", f"not of the form {_KIND}:<base64 of 32 bytes>"
        ) from exc
