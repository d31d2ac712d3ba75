"""Proof that a client holds a token, without sending it.

Owns: the shape of a token and the three computations. Never: storage, comparison policy, sockets.
Strategy: SCRAM's (RFC 5802) idea with SHA-256. The server keeps only ``stored key = H(client
key)``; the proof is the client key masked by a MAC over the server's nonce. So a recorded
handshake cannot be played again (the nonce differs), and a stolen token file cannot be used to
connect (the client key is not in it). A token's secret is 256 random bits, so it needs no slow
password hash: there is nothing to guess.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from lfr_engine.errors import InputError

_PREFIX = "lfr1"
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer's token: ``lfr1.<name>.<secret>``.

    Args:
        name: Names the token in the engine's token file and journal; not secret.
        secret: 32 random bytes.
    """

    name: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read a token as people paste it.

        Raises:
            InputError: Not a token; the text is never repeated.
        """
        parts = text.strip().split(".")
        if len(parts) == 3 and parts[0] == _PREFIX and 1 <= len(parts[1]) <= 64:
            try:
                secret = base64.b64decode(parts[2] + "=", altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                secret = b""
            if len(secret) == _SECRET_BYTES:
                return cls(parts[1], secret)
        raise InputError("token", "not a token", f"tokens look like {_PREFIX}.name.secret")

    def text(self) -> str:
        """What the bearer is given, once."""
        secret = base64.urlsafe_b64encode(self.secret).rstrip(b"=").decode()
        return f"{_PREFIX}.{self.name}.{secret}"


def client_key(token: Token) -> bytes:
    """What the client computes from its secret; 32 bytes."""
    return hmac.digest(token.secret, b"lfr-engine client key", "sha256")


def stored_key(token: Token) -> bytes:
    """What the engine keeps of a token; 32 bytes."""
    return hashlib.sha256(client_key(token)).digest()


def make_proof(token: Token, nonce: bytes, version: int) -> bytes:
    """The client's answer to a challenge; 32 bytes."""
    return _mask(client_key(token), stored_key(token), token.name, nonce, version)


def check_proof(stored: bytes, name: str, nonce: bytes, version: int, proof: bytes) -> bool:
    """Whether ``proof`` was made by the holder of the token; takes the same time either way."""
    key = _mask(proof, stored, name, nonce, version)
    return hmac.compare_digest(hashlib.sha256(key).digest(), stored)


def _mask(value: bytes, stored: bytes, name: str, nonce: bytes, version: int) -> bytes:
    said = b"\x00".join((b"lfr-engine", str(version).encode(), name.encode(), nonce))
    mac = hmac.digest(stored, said, "sha256")
    return bytes(a ^ b for a, b in zip(value, mac, strict=True))
