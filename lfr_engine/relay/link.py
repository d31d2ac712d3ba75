"""Short-lived links to an alert's pictures: made for one recipient, checked without a store.

Owns: the token. Never: a picture, a server. Strategy: expiry and an HMAC over (reference, address,
expiry) in the link; it dies with the alert and cannot be changed to another alert or time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_MAC_BYTES = 16
_EXPIRY_BYTES = 5


def make_link(base: str, secret: bytes, reference: str, address: str, expires: float) -> str:
    """``base/reference/token``; ``expires`` in seconds since 1970 is rounded down."""
    return f"{base.rstrip('/')}/{reference}/{make_token(secret, reference, address, expires)}"


def make_token(secret: bytes, reference: str, address: str, expires: float) -> str:
    """URL-safe text of expiry, address digest and HMAC."""
    head = int(expires).to_bytes(_EXPIRY_BYTES) + digest_of_address(address)
    return base64.urlsafe_b64encode(head + _mac(secret, reference, head)).decode().rstrip("=")


def check_token(secret: bytes, reference: str, token: str, now: float) -> bytes | None:
    """For whom (``digest_of_address``) a token opens the pictures of ``reference`` at ``now``;
    None where it opens nothing.
    """
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    head, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    if len(head) != _EXPIRY_BYTES + 8 or not hmac.compare_digest(
        mac, _mac(secret, reference, head)
    ):
        return None
    return head[_EXPIRY_BYTES:] if now < int.from_bytes(head[:_EXPIRY_BYTES]) else None


def digest_of_address(address: str) -> bytes:
    """So that two recipients' links differ and a leaked one can be traced; it names nobody."""
    return hashlib.sha256(address.encode()).digest()[:8]


def _mac(secret: bytes, reference: str, head: bytes) -> bytes:
    return hmac.new(secret, reference.encode() + b"/" + head, hashlib.sha256).digest()[:_MAC_BYTES]
