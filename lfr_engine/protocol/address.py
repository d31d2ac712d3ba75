"""Where an engine listens: the words people write after ``--connect``.

Owns: reading an address, and the default socket's path. Never: opening anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.errors import InputError

DEFAULT_PORT = 7477


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system of this machine."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True, slots=True)
class TlsAddress:
    """A TCP port that speaks TLS; there is no TCP without it."""

    host: str
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tls://{host}:{self.port}"


Address = UnixAddress | TlsAddress


def parse_address(text: str) -> Address:
    """Read ``/run/x.sock``, ``unix:/run/x.sock``, ``tls://host`` or ``tls://host:port``.

    Raises:
        InputError: None of these.
    """
    if text.startswith("unix:") and len(text) > len("unix:"):
        return UnixAddress(Path(text.removeprefix("unix:")))
    if text.startswith(("/", "./", "../", "~")):
        return UnixAddress(Path(text).expanduser())
    if text.startswith("tls://"):
        host, port = _split_port(text.removeprefix("tls://").rstrip("/"))
        if host and port is not None:
            return TlsAddress(host, port)
    raise InputError(text, "not an address", "write unix:/path/api.sock or tls://host:port")


def _split_port(text: str) -> tuple[str, int | None]:
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return "", None
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, DEFAULT_PORT
    if port.isascii() and port.isdecimal() and 0 < int(port) < 65_536:
        return host, int(port)
    return "", None


def default_socket(environment: Mapping[str, str], user_id: int) -> Path:
    """Where an engine of this user listens when nothing else is said.

    Args:
        environment: The process environment.
        user_id: Its effective user id.

    Raises:
        InputError: No private folder is known for a user other than root.
    """
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        return Path(runtime) / "lfr-engine" / "api.sock"
    if user_id == 0:
        return Path("/run/lfr-engine/api.sock")
    raise InputError(
        "XDG_RUNTIME_DIR",
        "not set, so there is no private folder for the socket",
        "log in with a session manager, or name a socket with --connect unix:/path/api.sock",
    )
