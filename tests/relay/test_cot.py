"""Cursor-on-Target: golden events, replies, and XML that is not to be trusted."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ProtocolError
from lfr_engine.relay import cot
from lfr_engine.relay.bearer_settings import Position
from lfr_engine.relay.cot import ChatLine, ChatReceipt, EventStream, Handset
from lfr_engine.relay.cue import Cue
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import Order
from tests.relay.samples import START, T0, make_cue

TEXT = "LFR! VAN1 C2 #A1B2C3 14:05 8s"
ECHO = Handset("ECHO21", "ANDROID-1")


def make_order(*cues: Cue, text: str = TEXT, address: str = "ECHO21/ANDROID-1") -> Order:
    return Order(
        number=1,
        alerts=tuple(f"a{n}" for n in range(len(cues) or 1)),
        recipient="E1",
        address=address,
        group=False,
        cues=cues or (make_cue(score=None),),
        text=text,
        reference=42,
        deadline=T0 + 90,
    )


def test_golden_marker() -> None:
    event = cot.marker(make_cue(score=None), TEXT, ECHO, START, Position(51.5, -0.1))
    assert event.decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<event version="2.0" uid="LFR.A1B2C3" type="b-m-p-s-m" how="m-g"'
        ' time="2026-11-22T14:05:00.000Z" start="2026-11-22T14:05:00.000Z"'
        ' stale="2026-11-22T14:08:00.000Z">'
        '<point lat="51.500000" lon="-0.100000" hae="9999999.0" ce="25" le="9999999.0" />'
        '<detail><contact callsign="LFR A1B2C3" />'
        f"<remarks>{TEXT}</remarks>"
        '<marti><dest callsign="ECHO21" /></marti></detail></event>\n'
    )


def test_golden_chat() -> None:
    assert cot.chat(make_order(), ECHO, START).decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<event version="2.0" uid="GeoChat.LFR-ENGINE.ECHO21.LFR.A1B2C3.42" type="b-t-f"'
        ' how="h-g-i-g-o" time="2026-11-22T14:05:00.000Z" start="2026-11-22T14:05:00.000Z"'
        ' stale="2026-11-22T14:08:00.000Z">'
        '<point lat="0.0" lon="0.0" hae="9999999.0" ce="9999999.0" le="9999999.0" />'
        '<detail><__chat parent="RootContactGroup" groupOwner="false" messageId="LFR.A1B2C3.42"'
        ' chatroom="ECHO21" id="ANDROID-1" senderCallsign="LFR">'
        '<chatgrp uid0="LFR-ENGINE" uid1="ANDROID-1" id="ANDROID-1" /></__chat>'
        '<link uid="LFR-ENGINE" type="a-f-G-U-C" relation="p-p" />'
        '<remarks source="BAO.F.ATAK.LFR-ENGINE" to="ANDROID-1" time="2026-11-22T14:05:00.000Z">'
        f"{TEXT}</remarks>"
        '<marti><dest callsign="ECHO21" /></marti></detail></event>\n'
    )


def test_a_withdrawn_cue_has_the_same_uid_and_is_stale_at_once() -> None:
    old = ET.fromstring(cot.marker(make_cue(), TEXT, ECHO, START, None, link="https://x/1"))
    new = ET.fromstring(
        cot.marker(make_cue(withdrawn=True), "LFR VAN1 #A1B2C3 CANCELLED", ECHO, START, None)
    )
    assert old.get("uid") == new.get("uid")
    assert new.get("stale") == new.get("time")
    link = old.find("detail/link")
    assert link is not None
    assert link.get("url") == "https://x/1"


def test_every_event_is_addressed() -> None:
    for event in (
        cot.marker(make_cue(), TEXT, ECHO, START, None),
        cot.chat(make_order(), ECHO, START),
    ):
        dest = ET.fromstring(event).find("detail/marti/dest")
        assert dest is not None
        assert dest.get("callsign") == "ECHO21"


def reply(kind: str, uid: str, text: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?><event version="2.0" uid="{uid}" type="{kind}">'
        '<point lat="0" lon="0" hae="0" ce="0" le="0"/><detail>'
        '<__chat senderCallsign="ECHO21" id="LFR-ENGINE"><chatgrp uid0="ANDROID-1"/></__chat>'
        f"<remarks>{text}</remarks></detail></event>"
    ).encode()


@pytest.mark.parametrize(
    ("kind", "happening"), [("b-t-f-d", Happening.RECEIPT), ("b-t-f-r", Happening.SEEN)]
)
def test_receipts_of_our_chat(kind: str, happening: Happening) -> None:
    assert cot.read(reply(kind, "LFR.A1B2C3.42")) == ChatReceipt(
        42, happening, "ECHO21", "ANDROID-1"
    )
    assert cot.read(reply(kind, "someone-elses")) is None


def test_a_line_of_chat_is_heard_with_its_sender() -> None:
    event = reply("b-t-f", "GeoChat.x", "#A1B2C3 engaged &amp; waiting")
    assert cot.read(event) == ChatLine("#A1B2C3 engaged & waiting", "ECHO21", "ANDROID-1")


def test_positions_and_our_own_events_say_nothing() -> None:
    assert cot.read(cot.presence(START)) is None
    assert cot.read(cot.chat(make_order(), ECHO, START)) is None


@pytest.mark.parametrize(
    "event",
    [
        b'<!DOCTYPE event [<!ENTITY a "b">]><event type="b-t-f"></event>',
        '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE event [<!ENTITY a "b">]><event/>'.encode(
            "utf-16"
        ),
        b"<event>&lol;</event>",
        b"<event",
        b"",
        b'<?xml version="1.0" encoding="nonsense"?><event/>',
    ],
)
def test_hostile_or_broken_xml_is_refused(event: bytes) -> None:
    with pytest.raises(ProtocolError):
        cot.read(event)


@given(st.binary(max_size=400) | st.text("<event/>&#!= '\"ab", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        cot.read(data)


@given(st.lists(st.integers(0, 400), max_size=8))
def test_a_stream_is_cut_into_events_however_it_comes(cuts: list[int]) -> None:
    data = cot.presence(START) + reply("b-t-f-d", "LFR.A1B2C3.42")
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    stream = EventStream()
    events = [e for a, b in itertools.pairwise(edges) for e in stream.feed(data[a:b])]
    assert len(events) == 2
    assert isinstance(cot.read(events[1]), ChatReceipt)


def test_an_endless_event_is_refused() -> None:
    stream = EventStream()
    for _ in range(65):
        stream.feed(b"x" * 1000)
    with pytest.raises(ProtocolError):
        stream.feed(b"x" * 1000)


def test_stale_is_three_minutes() -> None:
    assert dt.timedelta(seconds=180) == cot.STALE
