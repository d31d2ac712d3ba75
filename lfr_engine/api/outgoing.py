"""The only writer of a connection: messages in order, many to one system call, bounded.

Owns: the bytes that wait to be written. Never: more than ``HIGH_WATER`` plus one message; a sender
waits instead. Strategy: senders append, one task writes; the other end's refusal to read is given
``write_seconds``, then the connection ends, so a stuck client costs a little memory for a while.
"""

from __future__ import annotations

import contextlib

import trio

from lfr_engine.protocol import messages as m
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.errors import LocalProtocolError

HIGH_WATER = 256 * 1024


class Doorbell:
    """Wakes one waiting task; remembers a ring that nobody heard."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def ring(self) -> None:
        """Wake the waiter, now or as soon as there is one."""
        self._event.set()

    async def wait(self) -> None:
        """Wait for a ring since the last wait."""
        await self._event.wait()
        self._event = trio.Event()


class Outgoing:
    """What is on its way to one client.

    Args:
        connection: Turns messages into bytes.
        stream: Where the bytes go.
        write_seconds: How long one write may take.
    """

    def __init__(
        self, connection: Connection, stream: trio.abc.SendStream, write_seconds: float
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._write_seconds = write_seconds
        self._buffer = bytearray()
        self._filled = Doorbell()
        self._drained = trio.Event()
        self._writing = False
        self._written = Doorbell()
        self.peak = 0

    async def send(self, message: m.Message) -> None:
        """Queue ``message``; waits while the client reads too slowly.

        Raises:
            LocalProtocolError: It may not be said now, or is too large.
        """
        while len(self._buffer) >= HIGH_WATER:
            await self._drained.wait()
        self.push(message)

    def push(self, message: m.Message) -> None:
        """Queue ``message`` now: for the small ones that open or end a conversation.

        Raises:
            LocalProtocolError: As ``send``.
        """
        self._buffer += self._connection.send(message)
        self.peak = max(self.peak, len(self._buffer))
        self._filled.ring()

    async def run(self) -> None:
        """Write until cancelled.

        Raises:
            trio.BrokenResourceError: The client is gone.
            trio.TooSlowError: It does not read.
        """
        while True:
            await self._filled.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write everything queued; raises as ``run``."""
        while self._buffer:
            data, self._buffer = self._buffer, bytearray()
            drained, self._drained = self._drained, trio.Event()
            drained.set()
            self._writing = True
            with trio.fail_after(self._write_seconds):
                await self._stream.send_all(data)
            self._writing = False
        self._written.ring()

    async def finish(self, last: m.Message) -> None:
        """Queue one last thing and give ``run`` a second to write it all."""
        with contextlib.suppress(LocalProtocolError):
            self.push(last)
            with trio.move_on_after(1):
                while self._buffer or self._writing:
                    await self._written.wait()

    async def farewell(self, last: m.Message) -> None:
        """When ``run`` was cut short: say one last thing if the stream is between two frames.

        Never raises, never lingers.
        """
        if self._writing:
            return
        with contextlib.suppress(
            LocalProtocolError,
            trio.BrokenResourceError,
            trio.ClosedResourceError,
            trio.TooSlowError,
        ):
            self.push(last)
            with trio.move_on_after(1, shield=True):
                await self.flush()
