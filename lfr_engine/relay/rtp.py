"""RTP packets of G.711 speech (RFC 3550, RFC 3551), both ways.

Owns: the twelve bytes of the header and the cutting of speech into packets of 20 ms. Never: a
socket or a pace. Strategy: one talk spurt at a time; the first packet carries the marker bit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from lfr_engine.errors import ProtocolError
from lfr_engine.relay.g711 import PAYLOAD_TYPE, SILENCE, Law

RATE_HZ = 8000
PACKET_S = 0.02
PACKET_SAMPLES = 160

_HEADER = struct.Struct("!BBHII")
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: sequence number, time stamp in samples, source, payload."""

    payload_type: int
    sequence: int
    timestamp: int
    source: int
    marker: bool
    payload: bytes

    def encode(self) -> bytes:
        """Header and payload."""
        return (
            _HEADER.pack(
                _VERSION << 6,
                self.marker << 7 | self.payload_type,
                self.sequence & 0xFFFF,
                self.timestamp & 0xFFFFFFFF,
                self.source,
            )
            + self.payload
        )

    @classmethod
    def decode(cls, data: bytes) -> Packet:
        """Read a packet without extension; contributing sources are skipped.

        Raises:
            ProtocolError: Too short, or not version 2.
        """
        if len(data) < _HEADER.size or data[0] >> 6 != _VERSION:
            raise ProtocolError("RTP packet", "is not one of version 2")
        first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
        start = _HEADER.size + 4 * (first & 0x0F)
        kind = second & 0x7F
        return cls(kind, sequence, timestamp, source, bool(second & 0x80), data[start:])


def packets(
    speech: bytes, law: Law, *, source: int, sequence: int, timestamp: int
) -> Iterator[Packet]:
    """One talk spurt of G.711 bytes at 8 kHz; the last packet is filled up with silence.

    ``source`` is the 32-bit identifier of the sender, random per engine start; ``sequence`` and
    ``timestamp`` are those of the first packet.
    """
    for at in range(0, len(speech), PACKET_SAMPLES):
        piece = speech[at : at + PACKET_SAMPLES]
        yield Packet(
            PAYLOAD_TYPE[law],
            sequence + at // PACKET_SAMPLES & 0xFFFF,
            timestamp + at & 0xFFFFFFFF,
            source,
            marker=at == 0,
            payload=piece.ljust(PACKET_SAMPLES, bytes([SILENCE[law]])),
        )
