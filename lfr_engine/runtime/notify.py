"""Telling systemd how the service fares (sd_notify): ready, watchdog, stopping.

Owns: one datagram socket. Never: an error of its own; without systemd nothing happens.
"""

from __future__ import annotations

import contextlib
import os
import socket

import trio


def notify(state: str) -> bool:
    """Send ``READY=1``, ``WATCHDOG=1``, ``STOPPING=1`` or ``STATUS=…``; False without systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    name = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(state.encode(), name)
        return True
    return False


async def keep_watchdog() -> None:
    """Feed systemd's watchdog from the event loop, so that a stuck loop is noticed."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdigit() or int(microseconds) == 0:
        return
    while True:
        notify("WATCHDOG=1")
        await trio.sleep(int(microseconds) / 1e6 / 3)
