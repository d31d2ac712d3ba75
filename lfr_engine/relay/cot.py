"""Cursor-on-Target: a cue as a marker and a chat line; presence; receipts and replies back.

Owns: the XML both ways and the cutting of a TCP stream into events. Never: a socket, a broadcast
(every event names its destination), an entity or a DTD. Strategy: write with ElementTree; read with
a bare expat parser that refuses a document type and keeps four attributes and one text.
"""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.parsers import expat

from lfr_engine.errors import ProtocolError
from lfr_engine.relay.bearer_settings import Position
from lfr_engine.relay.cue import Cue
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import Order

STALE = dt.timedelta(minutes=3)
PRESENCE_STALE = dt.timedelta(minutes=3)

LARGEST_EVENT = 65536
"""Bytes; the largest event handsets send, a freehand drawing, is about a tenth of this."""

_UNKNOWN = "9999999.0"
_END = b"</event>"
_MESSAGE = re.compile(r"LFR\.[A-Z0-9]{4,8}\.(\d{1,3})", re.ASCII)
_SENDER = "LFR-ENGINE"


@dataclass(frozen=True, slots=True)
class Handset:
    """A TAK address, ``CALLSIGN`` or ``CALLSIGN/device-uid``; chat and receipts need the uid."""

    callsign: str
    uid: str = ""

    @classmethod
    def parse(cls, address: str) -> Handset:
        """Split an address."""
        callsign, _, uid = address.partition("/")
        return cls(callsign, uid)


@dataclass(frozen=True, slots=True)
class ChatReceipt:
    """A handset has our chat line (RECEIPT) or its officer opened it (SEEN)."""

    message: int
    happening: Happening
    callsign: str
    uid: str


@dataclass(frozen=True, slots=True)
class ChatLine:
    """An officer wrote to us."""

    text: str
    callsign: str
    uid: str


def marker(
    cue: Cue, text: str, handset: Handset, now: dt.datetime, where: Position | None, link: str = ""
) -> bytes:
    """The cue on the map; the same reference updates it, a withdrawn cue removes it.

    ``where`` is the camera's place; None is written as an unknown position. ``link`` leads to the
    pictures, "" for none.
    """
    stale = now if cue.withdrawn else now + STALE
    event, detail = _event(f"LFR.{cue.reference}", "b-m-p-s-m", "m-g", now, stale, where)
    ET.SubElement(detail, "contact", callsign=f"LFR {cue.reference}")
    ET.SubElement(detail, "remarks").text = text
    if link and not cue.withdrawn:
        ET.SubElement(detail, "link", url=link, relation="r-u", remarks="pictures")
    _address(detail, handset)
    return _bytes(event)


def chat(order: Order, handset: Handset, now: dt.datetime) -> bytes:
    """The cue as a line of chat: what makes a handset sound, and report.

    Handsets answer with an event whose uid is our message's, so the reference travels in it.
    """
    message = f"LFR.{order.cues[0].reference}.{order.reference}"
    uid = f"GeoChat.{_SENDER}.{handset.callsign}.{message}"
    event, detail = _event(uid, "b-t-f", "h-g-i-g-o", now, now + STALE, None)
    line = ET.SubElement(
        detail,
        "__chat",
        {
            "parent": "RootContactGroup",
            "groupOwner": "false",
            "messageId": message,
            "chatroom": handset.callsign,
            "id": handset.uid,
            "senderCallsign": "LFR",
        },
    )
    ET.SubElement(line, "chatgrp", uid0=_SENDER, uid1=handset.uid, id=handset.uid)
    ET.SubElement(detail, "link", uid=_SENDER, type="a-f-G-U-C", relation="p-p")
    remarks = ET.SubElement(
        detail, "remarks", source=f"BAO.F.ATAK.{_SENDER}", to=handset.uid, time=_time(now)
    )
    remarks.text = order.text
    _address(detail, handset)
    return _bytes(event)


def presence(now: dt.datetime) -> bytes:
    """We exist, so that officers can write to us; the engine's own position is not given.

    Servers count as a user only what names its software and its team.
    """
    event, detail = _event(_SENDER, "a-f-G-U-C", "m-g", now, now + PRESENCE_STALE, None)
    ET.SubElement(detail, "takv", os="", version="1", device="", platform="LFR")
    ET.SubElement(detail, "contact", callsign="LFR", endpoint="*:-1:stcp")
    ET.SubElement(detail, "__group", name="Cyan", role="HQ")
    return _bytes(event)


class EventStream:
    """Bytes from a TAK server, in any pieces, to whole events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Every event that ``data`` completes.

        Raises:
            ProtocolError: An event over 64 KiB.
        """
        *events, self._rest = (self._rest + data).split(_END)
        if len(self._rest) > LARGEST_EVENT or any(len(event) > LARGEST_EVENT for event in events):
            raise ProtocolError("TAK server", f"sent an event over {LARGEST_EVENT} bytes")
        return [event + _END for event in events]


def read(event: bytes) -> ChatReceipt | ChatLine | None:
    """What an event means to us; None for the rest (positions, markers, others' chat).

    Raises:
        ProtocolError: Not well-formed, or with a document type or entity.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(event.strip(), True)
    except (expat.ExpatError, ValueError, LookupError) as exc:
        raise ProtocolError("TAK server", "sent an event that is not well-formed XML") from exc
    kind, uid = reader.event.get("type", ""), reader.event.get("uid", "")
    callsign = reader.chat.get("senderCallsign", "")
    sender = reader.group.get("uid0", "") or reader.link.get("uid", "")
    if kind in {"b-t-f-d", "b-t-f-r"}:
        found = _MESSAGE.fullmatch(uid) or _MESSAGE.fullmatch(reader.chat.get("messageId", ""))
        if found is None:
            return None
        happening = Happening.RECEIPT if kind == "b-t-f-d" else Happening.SEEN
        return ChatReceipt(int(found[1]), happening, callsign, sender)
    if kind == "b-t-f" and sender != _SENDER:
        return ChatLine("".join(reader.remarks).strip(), callsign, sender)
    return None


@dataclass(slots=True)
class _Reader:
    """Keeps the few things we look at from one event."""

    event: dict[str, str] = field(default_factory=dict)
    chat: dict[str, str] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    link: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    parser: expat.XMLParserType = field(init=False)
    _in_remarks: bool = False

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = _refuse_document_type
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kept = {"event": self.event, "__chat": self.chat, "chatgrp": self.group, "link": self.link}
        if name in kept and not kept[name]:
            kept[name].update(attributes)
        self._in_remarks = name == "remarks"

    def _end(self, name: str) -> None:
        self._in_remarks = self._in_remarks and name != "remarks"

    def _text(self, text: str) -> None:
        if self._in_remarks:
            self.remarks.append(text)


def _refuse_document_type(*_: object) -> None:
    raise ProtocolError("TAK server", "sent an event with a document type")


def _event(
    uid: str,
    kind: str,
    how: str,
    now: dt.datetime,
    stale: dt.datetime,
    where: Position | None,
) -> tuple[ET.Element, ET.Element]:
    event = ET.Element(
        "event",
        version="2.0",
        uid=uid,
        type=kind,
        how=how,
        time=_time(now),
        start=_time(now),
        stale=_time(stale),
    )
    ET.SubElement(
        event,
        "point",
        lat="0.0" if where is None else f"{where.latitude:.6f}",
        lon="0.0" if where is None else f"{where.longitude:.6f}",
        hae=_UNKNOWN,
        ce=_UNKNOWN if where is None else "25",
        le=_UNKNOWN,
    )
    return event, ET.SubElement(event, "detail")


def _address(detail: ET.Element, handset: Handset) -> None:
    marti = ET.SubElement(detail, "marti")
    ET.SubElement(marti, "dest", callsign=handset.callsign)


def _bytes(event: ET.Element) -> bytes:
    text: bytes = ET.tostring(event, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
