"""The engine on its sockets.

Owns: the listeners and one task for each connection. Never: what commands mean (``port``), who
callers are (``callers``). Strategy: ready means listening; a connection that breaks, stalls, lies
or crashes its task ends alone; on cancellation every client is told goodbye.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial

import structlog
import trio

from lfr_engine.api.callers import ApiSettings, Proof, certificate_proof, peer_proof
from lfr_engine.api.guard import Bucket, Guard, neighbourhood
from lfr_engine.api.listeners import (
    PacedListener,
    server_context,
    tcp_listeners,
    unix_listener,
)
from lfr_engine.api.port import EngineApi, Record
from lfr_engine.api.requests import Handling
from lfr_engine.api.session import Server, Session
from lfr_engine.api.tokens import TokenStore
from lfr_engine.clock import Clock
from lfr_engine.errors import ConfigError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.address import Address, TlsAddress, UnixAddress
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.errors import ErrorCode
from lfr_engine.protocol.machine import Role

log = structlog.get_logger("lfr_engine.api")

_CREDENTIALS = struct.Struct("3i")
"""struct ucred of Linux: process, user, group."""

_Handler = Callable[[trio.SocketStream], Awaitable[None]]
_BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)


async def serve_api(
    settings: ApiSettings,
    engine: EngineApi,
    *,
    clock: Clock,
    record: Record,
    guard: Guard | None = None,
    task_status: trio.TaskStatus[list[Address]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen and serve until cancelled; ``started`` gives the addresses really bound.

    Args:
        settings: See ``ApiSettings``.
        engine: Does what callers ask.
        clock: For rates, lock-outs and token expiry.
        record: Journals refusals, looks and changes.
        guard: Counts that outlive this call or are read from outside; a new one when ``None``.
        task_status: Told the bound addresses once all of them can be connected to.

    Raises:
        ConfigError: TCP without TLS, or TLS files that cannot be used.
        InputError: An address cannot be listened on.
    """
    if not settings.listen:
        raise ConfigError("listen", "the API needs at least one address")
    tokens = None if settings.token_file is None else TokenStore(settings.token_file)
    server = Server(
        settings,
        guard or Guard(settings.bounds, clock),
        tokens,
        Handling(engine, record, settings.bounds.request_seconds),
        clock,
    )
    with ExitStack() as stack:
        serving: list[tuple[_Handler, trio.SocketListener]] = []
        bound: list[Address] = []
        for address in settings.listen:
            if isinstance(address, UnixAddress):
                listener = stack.enter_context(unix_listener(address, settings.socket_mode))
                serving.append((partial(_serve_unix, server), listener))
                bound.append(address)
                continue
            if settings.tls is None:
                raise ConfigError(address, "TCP needs TLS", "name a certificate and its key")
            context = server_context(settings.tls)
            for listener in await tcp_listeners(address):
                stack.callback(listener.socket.close)
                serving.append((partial(_serve_tls, server, context), listener))
                bound.append(TlsAddress(address.host, listener.socket.getsockname()[1]))
        async with trio.open_nursery() as nursery:
            bounds = settings.bounds
            for handler, listener in serving:
                if listener.socket.family == socket.AF_UNIX:
                    pace = Bucket(bounds.new_per_second, bounds.new_in_a_burst, clock)
                    paced = [PacedListener(listener, pace)]
                else:
                    pace = Bucket(bounds.tls_per_second, bounds.tls_in_a_burst, clock)
                    knocks = Bucket(bounds.knocks_per_second, bounds.knocks_per_second, clock)
                    admits = partial(_admits, server.guard)
                    paced = [PacedListener(listener, pace, knocks, admits)]
                await nursery.start(
                    partial(trio.serve_listeners, handler, paced, handler_nursery=nursery)
                )
            task_status.started(bound)


async def _serve_unix(server: Server, stream: trio.SocketStream) -> None:
    """One Unix connection; the kernel says who it is."""
    raw = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user_id, _ = _CREDENTIALS.unpack(raw)
    origin = f"unix:uid={user_id}"
    with server.guard.connection(origin) as refusal:
        if refusal is not None:
            await _turn_away(stream, refusal)
            return

        async def establish() -> Session:
            await trio.lowlevel.checkpoint()
            return Session(server, stream, origin, peer_proof(server.settings, user_id))

        await _serve(server, origin, establish)


def _origin(stream: trio.SocketStream) -> str | None:
    """Where a TCP connection comes from; None when it was reset before anybody looked."""
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return None


def _admits(guard: Guard, stream: trio.SocketStream) -> bool:
    origin = _origin(stream)
    return origin is not None and guard.may_knock(neighbourhood(origin))


async def _serve_tls(server: Server, context: ssl.SSLContext, stream: trio.SocketStream) -> None:
    """One TCP connection; TLS says whether its certificate is good, if it has one."""
    origin = _origin(stream)
    if origin is None:
        return
    with server.guard.connection(origin) as refusal:
        if refusal is not None:
            return
        tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)

        async def establish() -> Session:
            await tls.do_handshake()
            proof = Proof("", (), "token")
            if context.verify_mode is ssl.CERT_REQUIRED:
                proof = certificate_proof(server.settings, tls.getpeercert())
            return Session(server, tls, origin, proof)

        await _serve(server, origin, establish)


async def _serve(server: Server, origin: str, establish: Callable[[], Awaitable[Session]]) -> None:
    try:
        caller = None
        with (
            server.guard.handshake(),
            trio.move_on_after(server.settings.bounds.handshake_seconds) as limit,
        ):
            session = await establish()
            caller = await session.greet()
        if caller is None:
            log.info("connection refused", origin=origin, in_time=not limit.cancelled_caught)
            return
        log.info("connection opened", origin=origin, caller=caller.name, role=caller.role.value)
        await session.converse(caller)
        log.info("connection closed", origin=origin, caller=caller.name)
    except _BROKEN:
        log.info("connection broken", origin=origin)
    except Exception:  # a defect in one connection must not take the engine down
        log.exception("connection failed", origin=origin)


async def _turn_away(stream: trio.SocketStream, code: ErrorCode) -> None:
    """Say why and close; the few bytes fit any socket buffer, so this does not wait."""
    text = "wait before trying again" if code is ErrorCode.LOCKED_OUT else "too many connections"
    data = Connection(Role.SERVER).send(m.Error(code=code, text=text))
    with trio.move_on_after(0.5):
        try:
            await stream.send_all(data)
        except _BROKEN:
            return
