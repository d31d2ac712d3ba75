"""The webhook bearer: each message as a signed HTTPS POST.

Owns: the HTTP client. Never: a redirect, plain HTTP beyond loopback, a retry of its own (the desk
repeats, with back-off, until the deadline). Strategy: orders are posted side by side, as many as
the desk allows; the idempotency key lets the far end drop a repetition.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import trio

from lfr_engine.actors.relay_tls import client_context
from lfr_engine.errors import ConfigError
from lfr_engine.relay import body
from lfr_engine.relay.bearer_settings import TlsFiles, WebhookSettings
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import BearerEvent, Link, Moments, Order, Progress

_MAY_HEAL = frozenset({408, 425, 429})
_LEAST_SECRET = 16


async def run_webhook(
    settings: WebhookSettings,
    addresses: Iterable[str],
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Say it is up, carry orders until ``orders`` is closed.

    Arguments are those of every bearer; see ``relay_tetra.run_tetra``. The link is up as soon as
    the configuration is sound: whether the far end answers shows with each message.

    Raises:
        ConfigError: The address or a file cannot be used.
    """
    del addresses  # a program answers in its response: who it is needs no looking up
    secret = _secret(settings)
    _check_url(settings)
    files = None if settings.authority is None else TlsFiles(authority=settings.authority)
    async with httpx.AsyncClient(
        verify=client_context(files),
        timeout=settings.timeout_s,
        follow_redirects=False,
        trust_env=False,  # no proxy that the configuration does not name (R26)
    ) as client:
        await reports.send(Link(settings.name, up=True, detail=settings.url))
        task_status.started()
        async with trio.open_nursery() as nursery:
            async for order in orders:
                nursery.start_soon(_post, client, settings, secret, order, reports, moments)


async def _post(
    client: httpx.AsyncClient,
    settings: WebhookSettings,
    secret: bytes,
    order: Order,
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
) -> None:
    left = order.deadline - moments.now()
    if left <= 0:
        happening, reason, said = Happening.DEADLINE, "deadline passed", b""
    else:
        happening, reason, said = Happening.TROUBLE, "no answer in time", b""
        with trio.move_on_after(min(left, settings.timeout_s)):
            happening, reason, said = await _exchange(client, settings, secret, order, moments)
    await reports.send(Progress(settings.name, order.number, happening, reason))
    if happening is Happening.LEFT:
        for event in body.read_back(settings.name, order.address, said, order.reference):
            await reports.send(event)


async def _exchange(
    client: httpx.AsyncClient,
    settings: WebhookSettings,
    secret: bytes,
    order: Order,
    moments: Moments,
) -> tuple[Happening, str, bytes]:
    """One request: what happened, why, and the first bytes of what the far end said."""
    data = body.order_body(order)
    stamp = str(int(moments.now()))
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": body.message_key(order),
        "X-LFR-Timestamp": stamp,
        "X-LFR-Signature": body.signature(secret, stamp, data),
    }
    try:
        async with client.stream("POST", settings.url, content=data, headers=headers) as response:
            said = b""
            async for piece in response.aiter_bytes(body.LARGEST_REPLY):
                said += piece
                if len(said) > body.LARGEST_REPLY:
                    break
            status = response.status_code
    except httpx.HTTPError as exc:
        return Happening.TROUBLE, _why(exc), b""
    if 200 <= status < 300:
        return Happening.LEFT, "", said
    if 400 <= status < 500 and status not in _MAY_HEAL:
        return Happening.REFUSED, f"HTTP {status}", b""
    return Happening.TROUBLE, f"HTTP {status}", b""


def _why(error: BaseException) -> str:
    """The innermost reason of a failed request; the outer ones are often empty."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return f"{type(error).__name__}: {error}"


def _secret(settings: WebhookSettings) -> bytes:
    try:
        secret = Path(settings.secret_file).read_bytes().strip()
    except OSError as exc:
        raise ConfigError(settings.secret_file, "cannot be read") from exc
    if len(secret) < _LEAST_SECRET:
        raise ConfigError(settings.secret_file, f"is shorter than {_LEAST_SECRET} bytes")
    return secret


def _check_url(settings: WebhookSettings) -> None:
    parts = urlsplit(settings.url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return
    raise ConfigError(f"bearer {settings.name}", "its url is neither https nor on loopback")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
