"""The modem's serial grammar: every form seen, in any pieces, and noise."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.relay.tetra import at, sds

EXCHANGE = (
    b"\r\nOK\r\n"
    b"\r\n+CTSDSR: 12,1234567,0,2345678,0,32\r\n821000C9\r\n"
    b"+CMGS: 0\r\n\r\nOK\r\n"
    b"+CMGS: 0,4,7\r\n"
    b"+CME ERROR: 31\r\nERROR\r\n"
    b"+CTSDSR: 13,1234567,0,2345678,0,16,0\r\n8003\r\n"
    b"+CNUMF: 6,023401234567890\r\n"
)
EVENTS = [
    at.Ok(),
    at.Incoming(12, "1234567", "2345678", 32, bytes.fromhex("821000C9")),
    at.SendNotice(0),
    at.Ok(),
    at.SendNotice(0, 4, 7),
    at.Refused(31),
    at.Refused(None),
    at.Incoming(13, "1234567", "2345678", 16, bytes.fromhex("8003")),
    at.Value("+CNUMF", "6,023401234567890"),
]


def test_whole_and_byte_by_byte() -> None:
    assert at.Reader().feed(EXCHANGE) == EVENTS
    reader = at.Reader()
    assert [e for byte in EXCHANGE for e in reader.feed(bytes([byte]))] == EVENTS


@given(st.lists(st.integers(1, len(EXCHANGE) - 1)))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    reader = at.Reader()
    edges = [0, *sorted(cuts), len(EXCHANGE)]
    pieces = [EXCHANGE[a:b] for a, b in pairwise(edges)]
    assert [event for piece in pieces for event in reader.feed(piece)] == EVENTS


@pytest.mark.parametrize(
    ("header", "calling", "called"),
    [
        ("12,1234567,16", "", "1234567"),
        ("12,1234567,0,16", "", "1234567"),
        ("12,1234567,0,2345678,0,16", "1234567", "2345678"),
        ("12,1234567,0,2345678,0,16,1", "1234567", "2345678"),
        ("12,,,2345678,0,16", "", "2345678"),
        ("12, 23404010010001 ,0,23404010011023,0,16", "23404010010001", "23404010011023"),
        ("12,234014001234567,1,2345678,0,16", "1234567", "2345678"),
        ("12,02340040012345678,1,2345678,0,16", "12345678", "2345678"),
    ],
)
def test_forms_of_the_indication(header: str, calling: str, called: str) -> None:
    events = at.Reader().feed(f"+CTSDSR: {header}\r\n0201\r\n".encode())
    assert events == [at.Incoming(12, calling, called, 16, b"\x02\x01")]


@pytest.mark.parametrize(
    "header", ["", "12", "12,1", "x,1,2,3,4,16", "12,1,0,2,0,0", "12,1,0,2,0,9999"]
)
def test_an_unreadable_header_is_garbled_and_so_is_its_data(header: str) -> None:
    events = at.Reader().feed(f"+CTSDSR: {header}\r\n0201\r\nOK\r\n".encode())
    assert [type(event) for event in events] == [at.Garbled, at.Garbled, at.Ok]


@pytest.mark.parametrize("digits", ["0A0BA7D5B95BC50AFFE16", "0A0BA7D5B95BC50AFFE160"])
def test_an_odd_length_may_be_padded_or_not(digits: str) -> None:
    (event,) = at.Reader().feed(f"+CTSDSR: 12,2269001,0,9999,0,84\r\n{digits}\r\n".encode())
    assert event == at.Incoming(12, "2269001", "9999", 84, bytes.fromhex("0A0BA7D5B95BC50AFFE160"))


def test_other_lines_may_stand_between_an_indication_and_its_data() -> None:
    events = at.Reader().feed(b"+CTSDSR: 13,1,0,2,0,16\r\nOK\r\n+CSQ: 20,99\r\n7E2A\r\n")
    assert events == [
        at.Ok(),
        at.Value("+CSQ", "20,99"),
        at.Incoming(13, "1", "2", 16, b"\x7e\x2a"),
    ]


def test_an_indication_waits_only_so_long_for_its_data() -> None:
    events = at.Reader().feed(b"+CTSDSR: 13,1,0,2,0,16\r\n" + b"OK\r\n" * 4 + b"7E2A\r\n")
    assert at.Garbled("indication without its data") in events
    assert not any(isinstance(event, at.Incoming) for event in events)


def test_echo_is_told_apart_from_data() -> None:
    echoed = b"+CTSDSR: 13,1,0,2,0,16\r\nAT+CMGS=1,16\r\n8003\x1a\r\n7E2A\r\nOK\r\n"
    assert at.Reader().feed(echoed) == [
        at.Echo(),
        at.Echo(),
        at.Incoming(13, "1", "2", 16, b"\x7e\x2a"),
        at.Ok(),
    ]


def test_a_flood_without_line_ends_is_bounded_and_forgotten() -> None:
    reader = at.Reader()
    events = [event for _ in range(64) for event in reader.feed(b"A" * 500)]
    assert events == [at.Garbled("line too long")]
    assert reader.feed(b"A\r\nOK\r\n") == [at.Ok()]


def test_commands_match_the_worked_examples() -> None:
    cue = sds.Transfer(0x2A, "LFR VAN1 C2 #A1B2C3 0.83 14:05").encode()
    assert at.send_message("1234567", cue) == (
        b"AT+CMGS=1234567,272\r\n"
        b"820E2A014C46522056414E31204332202341314232433320302E38332031343A3035\x1a"
    )
    assert at.select_service(12) == b"AT+CTSDS=12,0,0,0,0\r\n"
    assert at.select_service(13) == b"AT+CTSDS=13,0\r\n"
    assert at.send_message("1234567", b"\x80\x03") == b"AT+CMGS=1234567,16\r\n8003\x1a"


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_give_events_and_nothing_is_hoarded(pieces: list[bytes]) -> None:
    reader = at.Reader()
    for piece in pieces:
        reader.feed(piece)
        assert len(reader._rest) <= at.LONGEST_LINE


lines = st.sampled_from(
    ["OK", "ERROR", "+CME ERROR: 2", "+CMGS: 0,4,7", "+CTSDSR: 12,1,0,2,0,16", "0201", "+X", "junk"]
)


@given(st.lists(lines, max_size=30))
def test_any_order_of_known_lines_is_survived(order: list[str]) -> None:
    events = at.Reader().feed("".join(f"{line}\r\n" for line in order).encode())
    assert events.count(at.Ok()) == order.count("OK")
