"""What a source is, told from its address alone: kind, live or recorded, and a name safe to print.

Owns: parsing and redaction of addresses. Never: opening anything, or letting a credential through
(every address that is shown, logged or journalled comes from ``shown``).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from lfr_engine.errors import ConfigError

_SECRET_QUERY = re.compile(r"(?i)\b(pass\w*|pwd|token|key|secret|auth\w*|user\w*)=[^&]*")


class SourceKind(enum.Enum):
    """How a source is read."""

    FILE = "file"
    IMAGES = "images"
    RTSP = "rtsp"
    HTTP = "http"
    STREAM = "stream"  # MPEG-TS over tcp, udp or srt
    DEVICE = "device"  # Video4Linux
    WALKBY = "walkby"  # synthetic


_SCHEMES = {
    "rtsp": SourceKind.RTSP,
    "rtsps": SourceKind.RTSP,
    "http": SourceKind.HTTP,
    "https": SourceKind.HTTP,
    "tcp": SourceKind.STREAM,
    "udp": SourceKind.STREAM,
    "srt": SourceKind.STREAM,
    "file": SourceKind.FILE,
    "walkby": SourceKind.WALKBY,
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
        return self.kind not in {SourceKind.FILE, SourceKind.IMAGES, SourceKind.WALKBY}


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


def redact(address: str) -> str:
    """``address`` without user, password or secret-looking query values."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return re.sub(r"//[^/@]*@", "//", address)
    if not parts.scheme:
        return address
    host = parts.netloc.rpartition("@")[2]
    if "@" in parts.netloc:
        host = f"***@{host}"
    query = _SECRET_QUERY.sub(lambda m: f"{m.group(1)}=***", parts.query)
    return urlunsplit(SplitResult(parts.scheme, host, parts.path, query, ""))


def short_name(address: SourceAddress) -> str:
    """A camera name for a source that was given none: the file's stem, or the host."""
    if address.kind in {SourceKind.FILE, SourceKind.IMAGES, SourceKind.DEVICE}:
        return Path(address.address).stem or "source"
    return urlsplit(address.address).hostname or address.kind.value


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
