"""The TAK bearer: one connection to a TAK server, TCP or TLS with our certificate.

Owns: the socket. Never: an event without a destination, a picture (a link at most). Strategy: one
task writes orders and presence, one reads; whatever ends the connection is ``BearerLost``.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

import trio

from lfr_engine.actors.relay_tls import client_context
from lfr_engine.errors import ConfigError, ProtocolError
from lfr_engine.relay import cot
from lfr_engine.relay.bearer_settings import TakSettings
from lfr_engine.relay.cot import ChatLine, ChatReceipt, EventStream, Handset
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.link import make_link
from lfr_engine.relay.port import (
    Answer,
    BearerEvent,
    BearerLost,
    Link,
    Moments,
    Order,
    Progress,
    Receipt,
    read_reply,
)

CONNECT_LIMIT_S = 10.0
WRITE_LIMIT_S = 5.0
PRESENCE_EVERY_S = 60.0

_Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


async def run_tak(
    settings: TakSettings,
    addresses: Iterable[str],
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Connect, say it is up, carry orders; returns when ``orders`` is closed.

    Arguments are those of every bearer; see ``relay_tetra.run_tetra``.

    Raises:
        BearerLost: The server cannot be reached, hung up, or takes no bytes.
        ConfigError: A TLS or secret file cannot be used.
    """
    secret = _secret(settings)
    async with await _connect(settings) as stream:
        server = _Server(stream, f"{settings.host}:{settings.port}")
        await server.send(cot.presence(moments.utc()))
        how = "TCP, not secret" if settings.tls is None else "TLS"
        await reports.send(Link(settings.name, up=True, detail=f"{server.name}, {how}"))
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_listen, server, settings, list(addresses), reports)
            nursery.start_soon(_stay_present, server, moments)
            async for order in orders:
                await _carry(server, settings, secret, order, reports, moments)
            nursery.cancel_scope.cancel()


def _secret(settings: TakSettings) -> bytes:
    if not settings.pictures:
        return b""
    if settings.pictures_secret_file is None:
        raise ConfigError(f"bearer {settings.name}", "pictures need pictures_secret_file")
    try:
        return Path(settings.pictures_secret_file).read_bytes().strip()
    except OSError as exc:
        raise ConfigError(settings.pictures_secret_file, "cannot be read") from exc


async def _connect(settings: TakSettings) -> _Stream:
    name = f"{settings.host}:{settings.port}"
    context = None if settings.tls is None else client_context(settings.tls)
    try:
        with trio.fail_after(CONNECT_LIMIT_S):
            plain = await trio.open_tcp_stream(settings.host, settings.port)
            if context is None:
                return plain
            stream = trio.SSLStream(
                plain, context, server_hostname=settings.host, https_compatible=True
            )
            await stream.do_handshake()
            return stream
    except trio.TooSlowError as exc:
        raise BearerLost(name, f"no connection within {CONNECT_LIMIT_S:g} s") from exc
    except (OSError, trio.BrokenResourceError) as exc:
        cause = exc.__cause__ if isinstance(exc.__cause__, ssl.SSLError) else exc
        raise BearerLost(name, f"cannot be reached: {cause}") from exc


class _Server:
    """The connection: one writer at a time, errors mapped."""

    def __init__(self, stream: _Stream, name: str) -> None:
        self.name = name
        self._stream = stream
        self._turn = trio.Lock()

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        try:
            with trio.fail_after(WRITE_LIMIT_S):
                async with self._turn:
                    await self._stream.send_all(data)
        except trio.TooSlowError as exc:
            raise BearerLost(self.name, "takes no bytes") from exc
        except (OSError, trio.BrokenResourceError) as exc:
            raise BearerLost(self.name, "the connection broke") from exc

    async def receive(self) -> bytes:
        """At least one byte."""
        try:
            data = await self._stream.receive_some(65536)
        except (OSError, trio.BrokenResourceError) as exc:
            raise BearerLost(self.name, "the connection broke") from exc
        if not data:
            raise BearerLost(self.name, "the server hung up")
        return bytes(data)


async def _carry(
    server: _Server,
    settings: TakSettings,
    secret: bytes,
    order: Order,
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
) -> None:
    """Write a marker for each cue and one line of chat; "sent" is all that TCP can tell."""
    if moments.now() >= order.deadline:
        happening, reason = Happening.DEADLINE, "deadline passed"
    else:
        handset = Handset.parse(order.address)
        now = moments.utc()
        events = []
        for cue in order.cues:
            link = ""
            if settings.pictures:
                link = make_link(
                    settings.pictures, secret, cue.reference, order.address, order.deadline
                )
            where = settings.places.get(cue.place)
            events.append(cot.marker(cue, order.text, handset, now, where, link))
        if handset.uid:
            events.append(cot.chat(order, handset, now))
        await server.send(b"".join(events))
        happening, reason = Happening.LEFT, ""
    await reports.send(Progress(settings.name, order.number, happening, reason))


async def _stay_present(server: _Server, moments: Moments) -> None:
    while True:
        await trio.sleep(PRESENCE_EVERY_S)
        await server.send(cot.presence(moments.utc()))


async def _listen(
    server: _Server,
    settings: TakSettings,
    addresses: list[str],
    reports: trio.MemorySendChannel[BearerEvent],
) -> None:
    events = EventStream()
    while True:
        for event in events.feed(await server.receive()):
            try:
                heard = cot.read(event)
            except ProtocolError:
                continue  # one bad event of some handset must not cut everybody off
            if heard is None:
                continue
            address = _address(addresses, heard.callsign, heard.uid)
            if address is not None:
                for report in _reports(settings.name, address, heard):
                    await reports.send(report)


def _address(addresses: list[str], callsign: str, uid: str) -> str | None:
    """Whose it is: by device uid first, for callsigns can be taken by anyone."""
    handsets = {address: Handset.parse(address) for address in addresses}
    for address, handset in handsets.items():
        if uid and handset.uid == uid:
            return address
    for address, handset in handsets.items():
        if not handset.uid and handset.callsign == callsign:
            return address
    return None


def _reports(bearer: str, address: str, heard: ChatReceipt | ChatLine) -> list[BearerEvent]:
    if isinstance(heard, ChatReceipt):
        return [Receipt(bearer, address, heard.message, heard.happening)]
    read = read_reply(heard.text)
    return [] if read is None else [Answer(bearer, address, *read)]
