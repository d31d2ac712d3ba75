"""Opening what strangers connect to.

Owns: the socket file and its folder, the listening sockets, the TLS context. Never: a folder that
belongs to somebody else, TCP without TLS. Strategy: a private folder is made or checked first, the
socket is bound under another name, given its mode, then renamed into place: nobody can connect to
it half made, and a dead engine's socket is replaced while a living one's is refused.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from lfr_engine.api.callers import TlsSettings
from lfr_engine.api.guard import Bucket
from lfr_engine.errors import ConfigError, InputError
from lfr_engine.protocol.address import TlsAddress, UnixAddress

BACKLOG = 256


def _everybody(_: trio.SocketStream) -> bool:
    return True


class PacedListener(trio.abc.Listener[trio.SocketStream]):
    """A listener that hands out new connections no faster than a bucket allows; others queue.

    Args:
        listener: What it paces, and closes with itself.
        bucket: One token a connection handed out.
        knocks: One token a connection taken up.
        admits: Whether to hand one out; else it is closed at once, which costs next to nothing and
            makes room in the queue.
    """

    def __init__(
        self,
        listener: trio.SocketListener,
        bucket: Bucket,
        knocks: Bucket | None = None,
        admits: Callable[[trio.SocketStream], bool] = _everybody,
    ) -> None:
        self._listener = listener
        self._bucket = bucket
        self._knocks = knocks
        self._admits = admits

    async def accept(self) -> trio.SocketStream:
        """The next connection that is admitted, once there is a token for it."""
        while True:
            if self._knocks is not None:
                await trio.sleep(self._knocks.take())
            stream = await self._listener.accept()
            try:
                if self._admits(stream):
                    await trio.sleep(self._bucket.take())
                    return stream
            except BaseException:
                stream.socket.close()
                raise
            stream.socket.close()

    async def aclose(self) -> None:
        """Stop listening."""
        await self._listener.aclose()


def private_folder(folder: Path) -> None:
    """Make ``folder`` with mode 0700, or check that an existing one is safe.

    Raises:
        InputError: It is somebody else's, writable by others, or not a folder.
    """
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
        status = folder.lstat()
    except OSError as error:
        raise InputError(folder, f"cannot hold the socket: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise InputError(folder, "not a folder", "name another place for the socket")
    if status.st_uid not in {0, os.geteuid()}:
        raise InputError(
            folder, "belongs to another user", "name a folder of your own for the socket"
        )
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise InputError(folder, "others may write into it", f"chmod go-w {folder}")


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


@contextmanager
def unix_listener(address: UnixAddress, mode: int) -> Iterator[trio.SocketListener]:
    """A listening Unix socket; its file goes when the block ends.

    Raises:
        InputError: The folder is not safe, or another engine listens there.
    """
    path = address.path
    private_folder(path.parent)
    if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
        raise InputError(path, "exists and is not a socket", "name another place for the socket")
    if _alive(path):
        raise InputError(path, "another engine listens there", "stop it, or name another socket")
    # short: a Unix socket's path has room for 107 bytes
    temporary = path.with_name(f".{secrets.token_hex(4)}")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mine: int | None = None
    try:
        try:
            listening.bind(os.fspath(temporary))
            temporary.chmod(mode)
            listening.listen(BACKLOG)
            temporary.rename(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise InputError(path, f"cannot be listened on: {error}") from error
        mine = path.lstat().st_ino
        listening.setblocking(False)
        yield trio.SocketListener(trio.socket.from_stdlib_socket(listening))
    finally:
        listening.close()
        with contextlib.suppress(OSError):
            if mine is not None and path.lstat().st_ino == mine:
                path.unlink()


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """TLS 1.3 with the engine's certificate; asks clients for theirs where an authority is named.

    Raises:
        ConfigError: A file is missing or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # a session ticket is a second way in that skips the certificate check; nobody reconnects so
    # often that a full handshake matters
    context.num_tickets = 0
    try:
        context.load_cert_chain(settings.certificate, settings.key)
        if settings.client_authority is not None:
            context.load_verify_locations(settings.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(settings.certificate, f"not usable for TLS: {error}") from error
    return context


async def tcp_listeners(address: TlsAddress) -> list[trio.SocketListener]:
    """Listening TCP sockets; TLS is put on each connection inside its own task.

    Raises:
        InputError: The address is not this machine's, or is taken.
    """
    try:
        return await trio.open_tcp_listeners(address.port, host=address.host, backlog=BACKLOG)
    except OSError as error:
        raise InputError(address, f"cannot be listened on: {error}") from error
