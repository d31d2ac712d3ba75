from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from lfr_engine.protocol.framing import CHUNK_BYTES, FrameLimits, FrameReader, frame

SMALL = FrameLimits(frame_bytes=100)


def frames(reader: FrameReader) -> list[bytes]:
    out: list[bytes] = []
    while (one := reader.next_frame()) is not None:
        out.append(one)
    return out


@given(
    st.lists(st.binary(min_size=1, max_size=100), max_size=6),
    st.lists(st.integers(0, 700), max_size=8),
)
def test_any_split_gives_the_same_frames(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    reader, seen = FrameReader(SMALL), []
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for begin, end in itertools.pairwise(edges):
        reader.feed(stream[begin:end])
        seen += frames(reader)
    assert seen == payloads
    assert len(reader) == 0


def test_a_64_mib_prefix_is_refused_from_its_four_bytes() -> None:
    reader = FrameReader(FrameLimits())
    reader.feed((64 * 1024 * 1024).to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="67108864 bytes where 8388608") as caught:
        reader.next_frame()
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert len(reader) == 4


def test_the_cap_itself_is_allowed() -> None:
    reader = FrameReader(SMALL)
    reader.feed(frame(bytes(100)) + (101).to_bytes(4, "big"))
    assert reader.next_frame() == bytes(100)
    with pytest.raises(RemoteProtocolError):
        reader.next_frame()


def test_an_empty_frame_is_refused() -> None:
    reader = FrameReader(SMALL)
    reader.feed(bytes(4))
    with pytest.raises(RemoteProtocolError, match="empty frame"):
        reader.next_frame()


def test_a_shell_that_never_takes_frames_out_is_told_so() -> None:
    reader = FrameReader(SMALL)
    reader.feed(bytes(CHUNK_BYTES))
    reader.feed(bytes(CHUNK_BYTES))
    with pytest.raises(LocalProtocolError):
        reader.feed(bytes(CHUNK_BYTES))


def test_dropping_forgets_everything() -> None:
    reader = FrameReader(SMALL)
    reader.feed(b"\0\0\0\x05abc")
    reader.drop()
    assert len(reader) == 0
    reader.feed(frame(b"x"))
    assert reader.next_frame() == b"x"
