"""Everything an engine sends to a cockpit: the bytes on the way, and the pictures within them.

A relay stands on a socket of its own before the engine's, hands on every byte both ways, and keeps
what the engine said.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from lfr_engine.protocol.framing import CLIENT_LIMITS, FrameReader

JPEG = b"\xff\xd8\xff"
"""How every JPEG begins (ITU-T T.81: SOI, then a marker)."""


class Capture:
    """What the engine said, one recording a connection."""

    def __init__(self) -> None:
        self.recordings: list[bytearray] = []

    def blobs(self) -> list[bytes]:
        """Every binary field of every message."""
        found: list[bytes] = []
        for recording in self.recordings:
            reader = FrameReader(CLIENT_LIMITS)
            for start in range(0, len(recording), 4_096):
                reader.feed(bytes(recording[start : start + 4_096]))
                while (payload := reader.next_frame()) is not None:
                    # as the bytes say, not as the messages' types do: nothing is passed over
                    found.extend(_binary(msgspec.msgpack.decode(payload)))
        return found

    def jpegs_on_the_wire(self) -> int:
        """How often a JPEG begins anywhere in the bytes, whatever the messages say."""
        return sum(bytes(recording).count(JPEG) for recording in self.recordings)


def _binary(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _binary(key)
            yield from _binary(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _binary(one)


@contextlib.contextmanager
def relay(at: Path, to: Path) -> Iterator[Capture]:
    """Listen ``at`` for cockpits and hand everything on ``to`` the engine."""
    capture = Capture()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(at))
        listener.listen()
        accepting = threading.Thread(target=_accept, args=(listener, to, capture), daemon=True)
        accepting.start()
        try:
            yield capture
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join(10)


def _accept(listener: socket.socket, to: Path, capture: Capture) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:  # the listener was shut down
            return
        heard = bytearray()
        capture.recordings.append(heard)
        threading.Thread(target=_connection, args=(client, to, heard), daemon=True).start()


def _connection(client: socket.socket, to: Path, heard: bytearray) -> None:
    with client, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(str(to))
        asking = threading.Thread(target=_hand_on, args=(client, engine, None), daemon=True)
        asking.start()
        _hand_on(engine, client, heard)
        asking.join()


def _hand_on(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            if kept is not None:
                kept += data
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
