"""The pictures behind the links that officers get.

Owns: from the configuration to the listener, and who may fetch what while it lasts. Never: a file
or a picture of an alert that was taken back. Strategy: the token says for whom and until when; the
look is journalled before the picture is given out (R16).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from lfr_engine.actors.relay_pictures import run_pictures, server_context
from lfr_engine.errors import ConfigError, LfrError
from lfr_engine.relay.link import digest_of_address
from lfr_engine.relay.port import Moments
from lfr_engine.relay.settings import RelaySettings

Pictures = Callable[[str, str], Awaitable[bytes | None]]
"""The JPEG of an alert (first) for a recipient (second), everybody else in mosaic; journalled."""


async def serve_pictures(
    settings: RelaySettings,
    pictures: Pictures,
    shows: Callable[[str], bool],
    moments: Moments,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve ``pictures`` until cancelled, while ``shows`` says that the alert's cue still holds.

    Raises:
        ConfigError: The address, the certificate or the secret cannot be used.
    """
    wanted = settings.pictures
    assert wanted is not None
    host, _, port = wanted.listen.rpartition(":")
    secret = _secret(wanted.secret_file)
    known = {
        digest_of_address(address): recipient.id
        for recipient in settings.recipients
        for address in recipient.addresses.values()
    }

    async def fetch(alert: str, holder: bytes) -> bytes | None:
        recipient = known.get(holder)
        if recipient is None or not shows(alert):
            return None
        try:
            return await pictures(alert, recipient)
        except LfrError:
            return None  # gone, or never kept: a stranger learns nothing

    context = server_context(wanted.certificate, wanted.key)
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(run_pictures, host.strip("[]"), int(port), context, secret, fetch, moments)
        )
        task_status.started()


def require_files(settings: RelaySettings) -> None:
    """Raise ``ConfigError`` for a file that the table names and that cannot be read."""
    for name in settings.files():
        _secret(name)


def _secret(path: str) -> bytes:
    try:
        return Path(path).read_bytes().strip()
    except OSError as exc:
        raise ConfigError(f"relay: {path}", f"cannot be read: {exc.strerror}") from exc
