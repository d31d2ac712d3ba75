"""Pictures of an alert by short-lived link: the one thing handsets may fetch from the engine.

Owns: an HTTPS listener that answers one kind of GET. Never: a file, a directory, a picture without
a valid token, a reason why not (everything else is 404), a cached answer. Strategy: the token in
the path is checked before anything is looked up; the picture, already blurred around its subject,
comes from the alert's memory and is gone when the alert is.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable

import h11
import trio

from lfr_engine.errors import ConfigError
from lfr_engine.relay.link import check_token
from lfr_engine.relay.port import Moments

Fetch = Callable[[str, bytes], Awaitable[bytes | None]]
"""The JPEG of an alert by its public reference, blurred around its subject, for the holder of a
link (``link.digest_of_address``); None when gone.
"""

REQUEST_LIMIT_S = 10.0
MOST_CONNECTIONS = 16
"""A handful of officers look at once; more is not us."""

_PATH = re.compile(rb"/pictures/([A-Z0-9]{4,8})/([A-Za-z0-9_-]{20,60})")
_HEADERS = [
    (b"Cache-Control", b"no-store"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Connection", b"close"),
]


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """TLS 1.2 or newer with our certificate.

    Raises:
        ConfigError: A file cannot be read or is not PEM.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(certificate, "cannot be used with its key", "PEM files") from exc
    return context


async def run_pictures(
    host: str,
    port: int,
    context: ssl.SSLContext,
    secret: bytes,
    fetch: Fetch,
    moments: Moments,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled; started with the port number once it listens.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    places = trio.CapacityLimiter(MOST_CONNECTIONS)

    async def serve(plain: trio.SocketStream) -> None:
        try:
            places.acquire_nowait()
        except trio.WouldBlock:
            await plain.aclose()
            return
        try:
            with trio.move_on_after(REQUEST_LIMIT_S):
                await _serve(trio.SSLStream(plain, context, server_side=True))
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.ProtocolError):
            pass  # the visitor's trouble
        finally:
            places.release()
            await trio.aclose_forcefully(plain)

    async def _serve(stream: trio.SSLStream[trio.SocketStream]) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=4096)
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(4096)))
        picture = None
        if isinstance(event, h11.Request) and event.method == b"GET":
            picture = await _picture(event.target, secret, fetch, moments)
        await stream.send_all(_answer(connection, picture))

    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as exc:
        raise ConfigError(f"pictures on {host}:{port}", f"cannot listen: {exc.strerror}") from exc
    number: int = listeners[0].socket.getsockname()[1]
    task_status.started(number)
    await trio.serve_listeners(serve, listeners)


async def _picture(target: bytes, secret: bytes, fetch: Fetch, moments: Moments) -> bytes | None:
    found = _PATH.fullmatch(target)
    if found is None:
        return None
    reference, token = found[1].decode(), found[2].decode()
    holder = check_token(secret, reference, token, moments.now())
    return None if holder is None else await fetch(reference, holder)


def _answer(connection: h11.Connection, picture: bytes | None) -> bytes:
    status, kind, content = (
        (404, b"text/plain", b"not found\n") if picture is None else (200, b"image/jpeg", picture)
    )
    size = str(len(content)).encode()
    headers = [(b"Content-Type", kind), (b"Content-Length", size), *_HEADERS]
    events = (
        h11.Response(status_code=status, headers=headers),
        h11.Data(data=content),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(event) or b"" for event in events)
