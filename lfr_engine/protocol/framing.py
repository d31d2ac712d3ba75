"""Frames: an unsigned 32-bit big-endian length, then that many bytes of msgpack.

Owns: cutting a byte stream into frames and the limits of a frame. Never: decoding, sockets, or
keeping more than one frame and one chunk of bytes. Strategy: the length is checked against the cap
as soon as its four bytes are here, before any of the frame is waited for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lfr_engine.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError

PREFIX = struct.Struct(">I")
CHUNK_BYTES = 65_536
"""Largest piece a shell should read from a socket at once."""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What one frame may hold.

    Args:
        frame_bytes: Bytes after the length prefix.
        depth: Maps and arrays inside one another.
        elements: Values in total, keys included.
    """

    frame_bytes: int = 8 * 1024 * 1024
    depth: int = 24
    elements: int = 10_000


HANDSHAKE_LIMITS = FrameLimits(frame_bytes=4_096, depth=4, elements=64)
"""Before a caller is known nothing larger is needed: 10,000 strangers hold 40 MiB at most."""

SERVER_LIMITS = FrameLimits()
"""From a known client: 8 MiB carries an enrolment picture; 10,000 values check in about 3 ms."""

CLIENT_LIMITS = FrameLimits(elements=1_000_000)
"""From the engine the client chose to trust: journal pages and reports are long."""


def frame(payload: bytes) -> bytes:
    """Put the length before ``payload``."""
    return PREFIX.pack(len(payload)) + payload


class FrameReader:
    """Cuts bytes into frames, whatever pieces they come in.

    Args:
        limits: The cap in force; may be replaced between frames.
    """

    def __init__(self, limits: FrameLimits) -> None:
        self.limits = limits
        self._buffer = bytearray()
        self._start = 0

    def __len__(self) -> int:
        """Bytes held."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes) -> None:
        """Add bytes as they came.

        Raises:
            LocalProtocolError: The caller did not take the frames out between two feeds.
        """
        if len(self) > self.limits.frame_bytes + PREFIX.size + CHUNK_BYTES:
            raise LocalProtocolError("fed again before the frames were taken out")
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """One frame without its prefix, or ``None`` when more bytes are needed.

        Raises:
            RemoteProtocolError: The announced length is 0 or over the cap.
        """
        if len(self) < PREFIX.size:
            return None
        (size,) = PREFIX.unpack_from(self._buffer, self._start)
        if size == 0:
            raise RemoteProtocolError(ErrorCode.MALFORMED, "an empty frame")
        if size > self.limits.frame_bytes:
            raise RemoteProtocolError(
                ErrorCode.TOO_LARGE,
                f"a frame of {size} bytes where {self.limits.frame_bytes} are allowed",
            )
        begin = self._start + PREFIX.size
        if len(self._buffer) < begin + size:
            return None
        self._start = begin + size
        return bytes(memoryview(self._buffer)[begin : self._start])

    def drop(self) -> None:
        """Forget everything held: the stream is no longer to be read."""
        self._buffer = bytearray()
        self._start = 0
