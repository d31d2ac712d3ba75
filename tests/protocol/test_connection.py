from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfr_engine.errors import ProtocolError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import encode
from lfr_engine.protocol.connection import CREDIT_CAP, Connection
from lfr_engine.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from lfr_engine.protocol.framing import CHUNK_BYTES, HANDSHAKE_LIMITS, frame
from lfr_engine.protocol.machine import PHASE_MEANINGS, TRANSITIONS, Phase, Role
from tests.protocol.support import LIMITS, NONCE, WELCOME, Pair, args, cursor, drain, plain, word

C, S = Role.CLIENT, Role.SERVER

# one of each, in an order that is allowed: writer and reader, whole and byte by byte
CONVERSATION: list[tuple[Role, m.Message]] = [
    (S, m.Challenge(versions=[2, 1], nonce=NONCE)),
    (C, m.Hello(version=1, client="t", role="operator", token="console", proof=bytes(32))),
    (S, WELCOME),
    (C, m.Request(id=1, command="state.get")),
    (C, m.Request(id=2, command="zone.get", args={"camera": "north"}, deadline_ms=50)),
    (C, m.Subscribe(id=3, topic="alerts", cursor=17, credit=2)),
    (S, m.Subscribed(id=3, cursor=17)),
    (S, m.Truncated(id=3, resumed=20)),
    (S, m.Event(id=3, body={"alert": "A1"}, cursor=21)),
    (C, m.Credit(id=3, n=1)),
    (S, m.Lagged(id=3, missed=4)),
    (S, m.Event(id=3, body={"jpeg": b"\xff\xd8"}, cursor=26)),
    (S, m.Response(id=2, result={"corners": [[0.0, 0.5]]})),
    (C, m.Cancel(id=1)),
    (S, m.Error(id=1, code="cancelled", text="as you wished")),
    (S, m.Ping(n=9)),
    (C, m.Pong(n=9)),
    (C, m.Cancel(id=3)),
    (S, m.Ended(id=3, reason="cancelled")),
    (C, m.Request(id=4, command="state.get")),
    (C, m.Goodbye(reason="done")),
    (S, m.Response(id=4)),
    (S, m.Goodbye()),
]


def test_a_whole_conversation_is_heard_as_it_was_said() -> None:
    pair = Pair()
    for role, message in CONVERSATION:
        assert pair.say(role, message) == message
    assert pair.client.phase is pair.server.phase is Phase.CLOSED
    assert {type(message) for _, message in CONVERSATION} == set(m.Message.__args__)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 10_000])
def test_pieces_do_not_matter(piece: int) -> None:
    client, server = Connection(C), Connection(S)
    for role, message in CONVERSATION:
        sender, receiver = (client, server) if role is C else (server, client)
        data = sender.send(message)
        heard: list[m.Message] = []
        for begin in range(0, len(data), piece):
            receiver.receive_data(data[begin : begin + piece])
            heard += drain(receiver)
        assert heard == [message]


@given(cuts=st.lists(st.integers(0, 4_000), max_size=10))
def test_any_split_of_the_stream_gives_the_same_messages(cuts: list[int]) -> None:
    """What the client says in one go after the welcome, cut anywhere."""
    said = [message for role, message in CONVERSATION[3:] if role is C]
    stream = b"".join(frame(encode(message)) for message in said)
    server = Pair().open().server
    heard: list[m.Message] = []
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    for begin, end in itertools.pairwise(edges):
        server.receive_data(stream[begin:end])
        heard += drain(server)
    assert heard == said


def outcome(data: bytes, pieces: list[int], role: Role, *, opened: bool) -> list[Any]:
    pair = Pair().open() if opened else Pair()
    end = pair.server if role is S else pair.client
    if role is S and not opened:
        end.send(m.Challenge(versions=[1], nonce=NONCE))
    seen: list[Any] = []
    position = 0
    try:
        for size in (*pieces, len(data)):
            if position < len(data):
                end.receive_data(data[position : position + max(1, size)])
                position += max(1, size)
                seen.extend(iter_messages(end))
        end.receive_data(b"")
        seen.extend(iter_messages(end))
    except RemoteProtocolError as error:
        seen.append((error.code, error.cause))
    assert end.held_bytes <= CHUNK_BYTES + 4
    return seen


def iter_messages(end: Connection) -> Any:
    while (message := end.next_message()) is not None:
        yield message


fragments = st.binary(max_size=300) | st.builds(frame, st.binary(min_size=1, max_size=120))
nearly = st.builds(
    lambda kind, body: frame(encode(m.Request(id=1, command=kind, args=body))), word, args
)


@given(
    data=st.lists(fragments | nearly, max_size=5).map(b"".join),
    pieces=st.lists(st.integers(1, 50), max_size=20),
    role=st.sampled_from(Role),
    opened=st.booleans(),
)
@example(data=b"\x00\x00\x00\x01\xc1", pieces=[], role=S, opened=True)
@example(data=b"\x04\x00\x00\x00", pieces=[1, 1], role=S, opened=False)
def test_any_bytes_give_messages_or_one_protocol_error(
    data: bytes, pieces: list[int], role: Role, *, opened: bool
) -> None:
    whole = outcome(data, [], role, opened=opened)
    assert outcome(data, pieces, role, opened=opened) == whole


@given(
    st.builds(m.Request, id=st.integers(1, m.LARGEST_ID), command=word, args=args)
    | st.builds(
        m.Subscribe,
        id=st.integers(1, m.LARGEST_ID),
        topic=word,
        args=args,
        cursor=st.none() | cursor,
        credit=st.integers(0, 100_000),
    )
    | st.builds(m.Ping, n=cursor)
    | st.builds(m.Goodbye, reason=st.text(max_size=50))
)
def test_what_is_sent_is_received(message: m.Message) -> None:
    assert Pair().open().say(C, message) == message


@given(plain)
def test_any_result_travels(value: Any) -> None:
    pair = Pair().open()
    pair.say(C, m.Request(id=1, command="x"))
    heard = pair.say(S, m.Response(id=1, result=value))
    assert isinstance(heard, m.Response)
    assert heard.result == value


SENDABLE: dict[type[Any], m.Message] = {type(message): message for _, message in CONVERSATION}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("speaker", Role)
@pytest.mark.parametrize("kind", m.Message.__args__)
def test_the_table_alone_decides_what_may_be_said(
    phase: Phase, speaker: Role, kind: type[Any]
) -> None:
    message = SENDABLE[kind]
    if kind is m.Error:
        message = m.Error(code="internal", text="")
        allowed = speaker is S and phase is not Phase.CLOSED
    else:
        allowed = (phase, speaker, kind) in TRANSITIONS
    end = Connection(speaker)
    end.phase = phase
    end._ledger.last_id = 3
    end._ledger.requests |= {1, 2, 4}
    end._ledger.credit[3] = 5
    if kind in {m.Request, m.Subscribe}:
        end._ledger.last_id = 0
    if allowed:
        assert end.send(message)
    else:
        with pytest.raises(LocalProtocolError, match="may not be sent"):
            end.send(message)
        assert end.phase is phase


def test_every_phase_is_explained_and_every_phase_but_the_last_can_be_left() -> None:
    assert set(PHASE_MEANINGS) == set(Phase)
    assert {phase for phase, _, _ in TRANSITIONS} == set(Phase) - {Phase.CLOSED}


@pytest.mark.parametrize(
    ("messages", "cause"),
    [
        ([m.Request(id=5, command="x"), m.Request(id=5, command="x")], "does not rise"),
        ([m.Request(id=5, command="x"), m.Subscribe(id=4, topic="x", credit=1)], "does not rise"),
        ([m.Cancel(id=1)], "never used"),
        ([m.Credit(id=1, n=1)], "never used"),
        (
            [m.Subscribe(id=1, topic="x", credit=CREDIT_CAP), m.Credit(id=1, n=1)],
            "more than 100000 credit",
        ),
    ],
)
def test_a_client_cannot_confuse_the_ledger(messages: list[m.Message], cause: str) -> None:
    pair = Pair().open()
    for message in messages[:-1]:
        pair.say(C, message)
    with pytest.raises(LocalProtocolError, match=cause):
        pair.client.send(messages[-1])
    pair.server.receive_data(frame(encode(messages[-1])))
    with pytest.raises(RemoteProtocolError, match=cause) as caught:
        pair.server.next_message()
    assert caught.value.code is ErrorCode.OUT_OF_ORDER


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (m.Response(id=9), "not waiting"),
        (m.Error(id=9, code="x", text=""), "not waiting"),
        (m.Event(id=1, body=None), "no credit"),
        (m.Event(id=9, body=None), "no credit"),
        (m.Ended(id=9, reason=""), "not a subscription"),
        (m.Lagged(id=9, missed=1), "not a subscription"),
        (m.Response(id=1), "not waiting"),
    ],
)
def test_a_server_cannot_answer_what_was_not_asked(message: m.Message, cause: str) -> None:
    pair = Pair().open()
    pair.say(C, m.Subscribe(id=1, topic="alerts", credit=0))
    with pytest.raises(LocalProtocolError, match=cause):
        pair.server.send(message)


def test_credit_and_cancel_for_what_ended_meanwhile_mean_nothing() -> None:
    pair = Pair().open()
    pair.say(C, m.Subscribe(id=1, topic="alerts", credit=1))
    pair.say(S, m.Error(id=1, code="forbidden", text=""))
    pair.say(C, m.Credit(id=1, n=5))
    pair.say(C, m.Cancel(id=1))
    assert pair.server.credit(1) == 0
    assert pair.server.subscriptions == 0


def test_requests_in_flight_are_counted_on_both_ends() -> None:
    pair = Pair().open()
    pair.say(C, m.Request(id=1, command="x"))
    pair.say(C, m.Request(id=2, command="x"))
    pair.say(S, m.Response(id=1))
    assert pair.client.requests_in_flight == pair.server.requests_in_flight == 1


def test_before_the_welcome_frames_are_small() -> None:
    pair = Pair()
    pair.say(S, m.Challenge(versions=[1], nonce=NONCE))
    pair.server.receive_data((HANDSHAKE_LIMITS.frame_bytes + 1).to_bytes(4, "big"))
    with pytest.raises(RemoteProtocolError, match="4096 are allowed"):
        pair.server.next_message()


def test_the_first_error_is_the_answer_to_every_later_call() -> None:
    server = Pair().open().server
    server.receive_data(frame(b"\xc1"))
    with pytest.raises(ProtocolError) as first:
        server.next_message()
    server.receive_data(frame(encode(m.Ping())))
    with pytest.raises(ProtocolError) as second:
        server.next_message()
    assert first.value is second.value
    assert server.held_bytes == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"\x81\xa4type\xa4\xff\xff\xff\xff",  # not UTF-8
        b"\x81\xa4type\xa4king",
        b"\x80",
        b"\x90",
        b"\xc0",
        encode(m.Ping()).replace(b"ping", b"PING"),
        b"\x82\xa4type\xa4ping\xa1n\xa3one",
        b"\x82\xa4type\xa4ping\xa1n\xff",
    ],
)
def test_what_is_msgpack_but_no_message_is_malformed(payload: bytes) -> None:
    server = Pair().open().server
    server.receive_data(frame(payload))
    with pytest.raises(RemoteProtocolError) as caught:
        server.next_message()
    assert caught.value.code is ErrorCode.MALFORMED


def test_messages_before_the_bad_one_are_still_heard() -> None:
    server = Pair().open().server
    server.receive_data(frame(encode(m.Ping(n=1))) + frame(b"\xc1"))
    assert server.next_message() == m.Ping(n=1)
    with pytest.raises(ProtocolError):
        server.next_message()


def test_an_end_between_frames_is_clean_and_inside_one_is_not() -> None:
    clean = Pair().open().server
    clean.receive_data(b"")
    assert clean.next_message() is None
    assert clean.ended
    cut = Pair().open().server
    cut.receive_data(b"\x00\x00")
    cut.receive_data(b"")
    with pytest.raises(ProtocolError, match="ended inside a frame"):
        cut.next_message()


def test_a_message_that_cannot_be_encoded_leaves_no_trace() -> None:
    pair = Pair().open()
    pair.say(C, m.Request(id=1, command="x"))
    with pytest.raises(LocalProtocolError, match="cannot be encoded"):
        pair.server.send(m.Response(id=1, result=object()))
    assert pair.server.requests_in_flight == 1
    assert pair.say(S, m.Response(id=1, result=1)) == m.Response(id=1, result=1)


def test_limits_travel_in_the_welcome() -> None:
    pair = Pair()
    pair.say(S, m.Challenge(versions=[1], nonce=NONCE))
    pair.say(C, m.Hello(version=1, client="test"))
    heard = pair.say(S, WELCOME)
    assert isinstance(heard, m.Welcome)
    assert heard.limits == LIMITS
