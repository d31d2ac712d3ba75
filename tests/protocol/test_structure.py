from __future__ import annotations

import contextlib
import math
import struct
from typing import Any

import msgpack  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.protocol.errors import ErrorCode, RemoteProtocolError
from lfr_engine.protocol.framing import FrameLimits
from lfr_engine.protocol.structure import check_structure
from tests.protocol.support import plain

LIMITS = FrameLimits(depth=8, elements=200)


@given(plain)
def test_everything_plain_is_allowed(value: Any) -> None:
    check_structure(msgpack.packb(value), FrameLimits())


@given(plain, st.integers(1, 50))
def test_a_value_cut_short_is_refused(value: Any, cut: int) -> None:
    whole = msgpack.packb(value)
    with pytest.raises(RemoteProtocolError):
        check_structure(whole[: max(0, len(whole) - cut)], FrameLimits())


@given(st.binary(max_size=200))
def test_any_bytes_are_judged_as_the_msgpack_library_judges_them(data: bytes) -> None:
    """Whatever passes is one whole value that the library reads with the same limits."""
    try:
        check_structure(data, LIMITS)
    except RemoteProtocolError:
        return
    with contextlib.suppress(UnicodeDecodeError):  # text is checked by the decoder
        msgpack.unpackb(data, strict_map_key=True)


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (b"", ErrorCode.MALFORMED, "cut short"),
        (b"\xdd\xff\xff\xff\xff", ErrorCode.TOO_LARGE, "more than 200 values"),
        (b"\xdf\xff\xff\xff\xff", ErrorCode.TOO_LARGE, "more than 200 values"),
        (b"\xdc\x00\xc9" + b"\xc0" * 201, ErrorCode.TOO_LARGE, "more than 200 values"),
        (b"\x91" * 9 + b"\xc0", ErrorCode.TOO_LARGE, "deeper than 8"),
        (b"\xc6\xff\xff\xff\xff", ErrorCode.MALFORMED, "cut short"),
        (b"\xc6\xff", ErrorCode.MALFORMED, "cut short"),
        (b"\xc1", ErrorCode.MALFORMED, "0xc1"),
        (b"\xd6\xff\x00\x00\x00\x00", ErrorCode.MALFORMED, "0xd6"),
        (b"\x81\x01\x01", ErrorCode.MALFORMED, "map key"),
        (b"\x81\x90\x01", ErrorCode.MALFORMED, "map key"),
        (b"\xc0\xc0", ErrorCode.MALFORMED, "bytes follow"),
        (b"\xcb" + struct.pack(">d", math.nan), ErrorCode.MALFORMED, "finite"),
        (b"\xcb" + struct.pack(">d", -math.inf), ErrorCode.MALFORMED, "finite"),
        (b"\xca" + struct.pack(">f", math.inf), ErrorCode.MALFORMED, "finite"),
    ],
)
def test_refusals(data: bytes, code: ErrorCode, said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=said) as caught:
        check_structure(data, LIMITS)
    assert caught.value.code is code


def test_the_limits_themselves_are_allowed() -> None:
    check_structure(b"\x91" * 8 + b"\xc0", LIMITS)
    check_structure(msgpack.packb([None] * 199), LIMITS)
    check_structure(b"\xcb" + struct.pack(">d", 1.7976931348623157e308), LIMITS)
    check_structure(b"\xca" + struct.pack(">f", 3.4028234e38), LIMITS)
