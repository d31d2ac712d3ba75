"""G.711: 16-bit speech to µ-law or A-law bytes and back (ITU-T G.711).

Owns: the two companding laws as tables. Never: a sample rate, a packet. Strategy: work every code
and every sample out once by the recommendation's segments, then look them up.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["mu", "a"]
SILENCE = {"mu": 0xFF, "a": 0xD5}
PAYLOAD_TYPE = {"mu": 0, "a": 8}
"""RTP payload types PCMU and PCMA (RFC 3551)."""

_BIAS = 132  # 33 in the 14-bit terms of the recommendation
_MU_CLIP = 32635


def encode(samples: NDArray[np.int16], law: Law) -> bytes:
    """Samples, shape (n,), to n bytes."""
    return _encoder(law)[samples.astype(np.int32) + 32768].tobytes()


def decode(data: bytes, law: Law) -> NDArray[np.int16]:
    """Bytes to samples, shape (n,), full 16-bit scale."""
    return _decoder(law)[np.frombuffer(data, np.uint8)]


@cache
def _encoder(law: Law) -> NDArray[np.uint8]:
    samples = np.arange(-32768, 32768, dtype=np.int32)
    table: NDArray[np.uint8] = _mu_encode(samples) if law == "mu" else _a_encode(samples)
    return table


@cache
def _decoder(law: Law) -> NDArray[np.int16]:
    codes = np.arange(256, dtype=np.int32)
    if law == "mu":
        codes = ~codes & 0xFF
        magnitude = (((codes & 0x0F) << 3) + _BIAS << (codes >> 4 & 7)) - _BIAS
        return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)
    codes = codes ^ 0x55
    step, segment = codes & 0x0F, codes >> 4 & 7
    magnitude = np.where(
        segment == 0, (step << 4) + 8, (step << 4) + 0x108 << np.maximum(segment - 1, 0)
    )
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


def _mu_encode(samples: NDArray[np.int32]) -> Any:
    negative = samples < 0
    # the recommendation drops two bits before it takes the magnitude
    magnitude = np.where(negative, -(samples >> 2), samples >> 2) << 2
    magnitude = np.minimum(magnitude, _MU_CLIP) + _BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    code = segment << 4 | magnitude >> segment + 3 & 0x0F
    return (~(code | np.where(negative, 0x80, 0)) & 0xFF).astype(np.uint8)


def _a_encode(samples: NDArray[np.int32]) -> Any:
    negative = samples < 0
    magnitude = np.where(negative, -(samples >> 3) - 1, samples >> 3)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    code = segment << 4 | magnitude >> np.maximum(segment, 1) & 0x0F
    return ((code | np.where(negative, 0, 0x80)) ^ 0x55).astype(np.uint8)
