"""A look at msgpack bytes before anything is built from them.

Owns: the limits on depth, number of values and kinds of values. Never: allocation that follows a
length the sender claims. Strategy: one flat walk over the tags with a small stack; strings and
binaries are skipped by their length, so a large picture costs one step.

Allowed kinds: nil, booleans, integers, finite floats, strings, binaries, arrays, and maps whose
keys are strings. Extension types (time stamps among them) are refused: times travel as RFC 3339
text, so that every language reads the same value.
"""

from __future__ import annotations

from lfr_engine.protocol.errors import ErrorCode, RemoteProtocolError
from lfr_engine.protocol.framing import FrameLimits

# plain numbers: an enum's attribute look-up doubles the time of the walk
_SCALAR, _FLOAT, _SIZED, _ARRAY, _MAP, _REFUSED = range(6)


def _tag(tag: int) -> tuple[int, int]:
    """Kind of a tag, and the bytes that follow: of the value, or of its length."""
    if 0xA0 <= tag <= 0xBF:
        return _SCALAR, tag & 0x1F
    if tag <= 0x7F or tag >= 0xE0:
        return _SCALAR, 0
    if tag <= 0x9F:
        return (_MAP if tag <= 0x8F else _ARRAY), 0
    return _OTHERS.get(tag, (_REFUSED, 0))


_OTHERS = {
    **dict.fromkeys((192, 194, 195), (_SCALAR, 0)),
    **{first + power: (_SCALAR, 1 << power) for first in (0xCC, 0xD0) for power in range(4)},
    **{first + power: (_SIZED, 1 << power) for first in (0xC4, 0xD9) for power in range(3)},
    0xCA: (_FLOAT, 4),
    0xCB: (_FLOAT, 8),
    0xDC: (_ARRAY, 2),
    0xDD: (_ARRAY, 4),
    0xDE: (_MAP, 2),
    0xDF: (_MAP, 4),
}
_TAGS = tuple(_tag(tag) for tag in range(256))
_STRINGS = frozenset((*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB))


def check_structure(payload: bytes, limits: FrameLimits) -> None:
    """Walk ``payload`` once.

    Raises:
        RemoteProtocolError: Not exactly one msgpack value, or over a limit, or a kind of value
            this protocol does not carry.
    """
    try:
        end = _walk(payload, limits)
    except IndexError:
        end = len(payload) + 1
    if end > len(payload):
        raise RemoteProtocolError(ErrorCode.MALFORMED, "a msgpack value is cut short")
    if end < len(payload):
        raise RemoteProtocolError(ErrorCode.MALFORMED, "bytes follow the msgpack value")


def _walk(payload: bytes, limits: FrameLimits) -> int:
    position, budget = 0, limits.elements
    left, in_map = 1, False
    outer: list[tuple[int, bool]] = []
    while True:
        while left == 0:
            if not outer:
                return position
            left, in_map = outer.pop()
        tag = payload[position]
        if in_map and not left & 1 and tag not in _STRINGS:
            raise RemoteProtocolError(ErrorCode.MALFORMED, "a map key is not a string")
        kind, width = _TAGS[tag]
        left -= 1
        budget -= 1
        position += 1
        if kind == _SCALAR:
            position += width
        elif kind == _SIZED:
            position += width + _length(payload, position, width)
        elif kind == _FLOAT:
            _refuse_infinite(tag, payload[position], payload[position + 1])
            position += width
        elif kind == _REFUSED:
            raise RemoteProtocolError(
                ErrorCode.MALFORMED, f"msgpack tag 0x{tag:02x} is not part of this protocol"
            )
        else:
            count = _length(payload, position, width) if width else tag & 0x0F
            position += width
            outer.append((left, in_map))
            in_map = kind == _MAP
            left = 2 * count if in_map else count
            _keep_within(limits, values=left, budget=budget, depth=len(outer))


def _keep_within(limits: FrameLimits, *, values: int, budget: int, depth: int) -> None:
    if values > budget:
        raise RemoteProtocolError(
            ErrorCode.TOO_LARGE, f"more than {limits.elements} values in one frame"
        )
    if depth > limits.depth:
        raise RemoteProtocolError(ErrorCode.TOO_LARGE, f"values nested deeper than {limits.depth}")


def _length(payload: bytes, position: int, width: int) -> int:
    if position + width > len(payload):
        raise IndexError
    return int.from_bytes(payload[position : position + width], "big")


def _refuse_infinite(tag: int, first: int, second: int) -> None:
    """All exponent bits set means infinity or not-a-number (IEEE 754)."""
    exponent = 0x80 if tag == 0xCA else 0xF0
    if first & 0x7F == 0x7F and second & exponent == exponent:
        raise RemoteProtocolError(ErrorCode.MALFORMED, "a number is not finite")
