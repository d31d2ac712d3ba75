"""What a source is, told from its address alone: kind, live or recorded, and a name safe to print.

Owns: parsing and redaction of addresses. Never: opening anything, or letting a credential through
(every address that is shown, logged or journalled comes from ``shown``).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lfr_engine.errors import ConfigError, SourceRefused

_SECRET = re.compile(
    r"(?i)(?<![a-z])((?:pass|pwd|passwd|password|token|key|api_?key|secret|auth|user|usr|login)"
    r"[a-z]*)=[^&/_;#]*(?:_(?![a-z]+=)[^&/_;#]*)*"
)
"""Values that cameras take in a query, or in a path: ``/user=admin_password=x_channel=1.sdp``."""

_HOST = re.compile(r"(?:[\w.~-]*|\[[\da-fA-F:.%]+\])(?::\d{0,5})?")
"""What stands between ``//`` and the path of an address without credentials."""


class SourceKind(enum.Enum):
    """How a source is read."""

    FILE = "file"
    IMAGES = "images"
    RTSP = "rtsp"
    HTTP = "http"
    STREAM = "stream"  # MPEG-TS over tcp, udp or srt
    DEVICE = "device"  # Video4Linux


_SCHEMES = {
    "rtsp": SourceKind.RTSP,
    "rtsps": SourceKind.RTSP,
    "http": SourceKind.HTTP,
    "https": SourceKind.HTTP,
    "tcp": SourceKind.STREAM,
    "udp": SourceKind.STREAM,
    "srt": SourceKind.STREAM,
    "file": SourceKind.FILE,
}


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """One place frames come from. ``address`` may hold credentials: show ``shown`` instead."""

    address: str
    kind: SourceKind
    shown: str

    def __repr__(self) -> str:
        return f"SourceAddress({self.shown!r})"

    def __str__(self) -> str:
        return self.shown

    @property
    def live(self) -> bool:
        """True where frames come at their own pace and cannot be asked for again."""
        return self.kind not in {SourceKind.FILE, SourceKind.IMAGES}


def parse_address(text: str) -> SourceAddress:
    """Tell what ``text`` names: an URL, a ``/dev/video*`` device, a folder of images, or a file.

    Raises:
        ConfigError: An unknown scheme, or an empty address.
    """
    text = text.strip()
    if not text:
        raise ConfigError("source", "the address is empty", "give a file, folder, device or URL")
    match = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+)://", text)
    if match:
        scheme = match.group(1).lower()
        if scheme not in _SCHEMES:
            known = ", ".join(sorted(_SCHEMES))
            raise ConfigError(redact(text), f"unknown scheme {scheme!r}", f"known are {known}")
        kind = _SCHEMES[scheme]
        if kind is SourceKind.FILE:
            return parse_address(urlsplit(text).path)
        return SourceAddress(text, kind, redact(text))
    if text.startswith("/dev/video"):
        return SourceAddress(text, SourceKind.DEVICE, text)
    kind = SourceKind.IMAGES if Path(text).is_dir() else SourceKind.FILE
    return SourceAddress(text, kind, text)


def require_file(address: SourceAddress) -> None:
    """Check that a recorded source is a file that holds something.

    Raises:
        SourceRefused: It is not there, no file, not readable, or empty.
    """
    path = Path(address.address)
    if not path.exists():
        raise SourceRefused(address, "no such file")
    if not path.is_file():
        raise SourceRefused(address, "not a file")
    try:
        empty = path.stat().st_size == 0
    except OSError as exc:
        raise SourceRefused(address, f"cannot be read: {exc.strerror}") from exc
    if empty:
        raise SourceRefused(address, "the file is empty (0 bytes)")


def redact(address: str) -> str:
    """``address`` without user, password or secret-looking values, in the query or the path.

    A password may hold ``/``, ``?``, ``#`` or ``@`` that nobody escaped; then everything up to the
    last ``@`` is taken for it.
    """
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    host = re.match(r"[^/?#@]*", rest)
    plain = host is not None and _HOST.fullmatch(host.group()) and rest[host.end() :][:1] != "@"
    if not plain:
        rest = f"***@{rest.rpartition('@')[2]}"
    return f"{scheme}://{_SECRET.sub(_hidden, rest)}"


def _hidden(found: re.Match[str]) -> str:
    return f"{found.group(1)}=***"


def short_name(address: SourceAddress) -> str:
    """A camera name for a source that was given none: the file's stem, or the host."""
    if address.kind in {SourceKind.FILE, SourceKind.IMAGES, SourceKind.DEVICE}:
        return Path(address.address).stem or "source"
    return urlsplit(address.shown).hostname or address.kind.value


def unique_names(addresses: list[SourceAddress]) -> list[str]:
    """A distinct camera name for each source, in order: ``door``, ``door-2`` …"""
    names: list[str] = []
    for address in addresses:
        base = short_name(address)
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names
