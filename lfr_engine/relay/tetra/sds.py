"""SDS-TL: the bytes of TETRA short data (EN 300 392-2 clause 29), both ways.

Owns: transfer, report, acknowledgement, short report, time stamps, text codings. Never: a serial
line, a clock, a message longer than one PDU. Strategy: one dataclass per PDU with ``encode``; one
``decode`` that returns a PDU or raises ProtocolError and nothing else.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from lfr_engine.errors import ProtocolError

TEXT = 0x82
IMMEDIATE_TEXT = 0x89
SIMPLE_TEXT = 0x02
SIMPLE_IMMEDIATE_TEXT = 0x09

_FIRST_TRANSFER_LAYER_PID = 0x80  # protocol identifiers from here on carry an SDS-TL header
_TRANSFER, _REPORT, _ACK = 0, 1, 2
_STAMP_FLAG = 0x80
_FRAME_UTC = 0b01
_FORWARD_ADDRESS_BYTES = {0: 1, 1: 3, 2: 6, 7: 0}  # short number, SSI, TSI, none


class ReportRequest(enum.IntEnum):
    """Which reports the sender asks of the target radio."""

    NONE = 0
    RECEIVED = 1
    READ = 2
    BOTH = 3


class Coding(enum.IntEnum):
    """Text coding schemes we read or write (clause 29.5.4)."""

    SEVEN_BIT = 0x00
    LATIN_1 = 0x01
    UTF_16_BE = 0x1A


class StatusClass(enum.IntEnum):
    """The class of a delivery status: ``status & 0xE0``."""

    DONE = 0x00
    TEMPORARY = 0x20
    FAILED = 0x40
    FLOW_CONTROL = 0x60
    OTHER = 0x80


RECEIVED = 0x00
RECEIPT_ACKNOWLEDGED = 0x01
READ = 0x02

STATUS_WORDS = {
    0x00: "received",
    0x01: "receipt acknowledged",
    0x02: "read",
    0x20: "congestion",
    0x42: "target temporarily unavailable",
    0x48: "message expired",
    0x4B: "target not registered",
    0x4D: "message too long",
    0x52: "target memory full",
    0x5A: "target unreachable",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """Month, day, hour and minute as sent; ``utc`` says whether they are in UTC or local time."""

    month: int
    day: int
    hour: int
    minute: int
    utc: bool

    @classmethod
    def of(cls, moment: dt.datetime) -> Stamp:
        """The stamp of an aware moment, in UTC."""
        moment = moment.astimezone(dt.UTC)
        return cls(moment.month, moment.day, moment.hour, moment.minute, utc=True)

    def encode(self) -> bytes:
        """Three bytes: frame(2) 00 month(4) | day(5) hour(5) minute(6)."""
        head = (_FRAME_UTC << 6 if self.utc else 0) | self.month
        return bytes([head]) + (self.day << 11 | self.hour << 6 | self.minute).to_bytes(2)

    @classmethod
    def decode(cls, data: bytes) -> Stamp:
        """Read three bytes; the values are not checked against the calendar."""
        low = int.from_bytes(data[1:3])
        return cls(data[0] & 0x0F, low >> 11, low >> 6 & 0x1F, low & 0x3F, data[0] >> 6 == 1)


@dataclass(frozen=True, slots=True)
class StoreAndForward:
    """How long the network may hold a message, and for whom.

    Args:
        validity: 5-bit code, see ``validity_code``.
        address_type: 0 short number, 1 SSI, 2 TSI, 7 none.
        address: The forward address: 1, 3, 6 or 0 bytes by type.
    """

    validity: int
    address_type: int = 7
    address: bytes = b""

    def encode(self) -> bytes:
        """One byte of validity(5) and type(3), then the address."""
        return bytes([self.validity << 3 | self.address_type]) + self.address


@dataclass(frozen=True, slots=True)
class Transfer:
    """SDS-TRANSFER with text.

    Args:
        reference: 0…255; ours are 1…255.
        text: What is shown; for codings we do not read, empty with ``raw`` holding the data.
        pid: TEXT or IMMEDIATE_TEXT for what we send.
        report: What the target is asked to report.
        any_service: The service-selection bit: True for "group or individual".
    """

    reference: int
    text: str
    pid: int = TEXT
    report: ReportRequest = ReportRequest.BOTH
    any_service: bool = True
    coding: int = Coding.LATIN_1
    stamp: Stamp | None = None
    store: StoreAndForward | None = None
    raw: bytes = b""

    def encode(self) -> bytes:
        """The PDU.

        Raises:
            ProtocolError: The coding is not one we write, or the text does not fit it.
        """
        header = _TRANSFER << 4 | self.report << 2 | self.any_service << 1
        parts = [bytes([self.pid, header | (self.store is not None), self.reference])]
        if self.store is not None:
            parts.append(self.store.encode())
        parts.append(bytes([self.coding | (_STAMP_FLAG if self.stamp is not None else 0)]))
        if self.stamp is not None:
            parts.append(self.stamp.encode())
        parts.append(_encode_text(self.text, self.coding) or self.raw)
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Report:
    """SDS-REPORT: what became of the message with ``reference``."""

    reference: int
    status: int
    acknowledge: bool = False
    pid: int = TEXT

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes([self.pid, _REPORT << 4 | self.acknowledge << 3, self.status, self.reference])


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """SDS-ACK: the answer to a report that asked for one."""

    reference: int
    status: int = RECEIPT_ACKNOWLEDGED
    pid: int = TEXT

    def encode(self) -> bytes:
        """Four bytes."""
        return bytes([self.pid, _ACK << 4, self.status, self.reference])


@dataclass(frozen=True, slots=True)
class SimpleText:
    """Text without a transfer layer: no reference, no report."""

    text: str
    pid: int = SIMPLE_TEXT
    coding: int = Coding.LATIN_1

    def encode(self) -> bytes:
        """Protocol identifier, coding, text."""
        return bytes([self.pid, self.coding]) + _encode_text(self.text, self.coding)


@dataclass(frozen=True, slots=True)
class Other:
    """Short data of a protocol we do not read (location, concatenated text …)."""

    pid: int
    data: bytes

    def encode(self) -> bytes:
        """As received."""
        return bytes([self.pid]) + self.data


Pdu = Transfer | Report | Acknowledgement | SimpleText | Other


@dataclass(frozen=True, slots=True)
class ShortReport:
    """A report squeezed into a pre-coded status: 0x7C00…0x7FFF."""

    reference: int
    status: int


@dataclass(frozen=True, slots=True)
class Status:
    """A pre-coded status that is not a report: an officer pressed a key."""

    value: int


_SHORT_REPORTS = {0: 0x43, 1: 0x52, 2: RECEIVED, 3: READ}
"""Short report type → delivery status; 0 is "protocol not supported", 1 "memory full"."""


def decode_status(value: int) -> ShortReport | Status:
    """Read a 16-bit pre-coded status: 0x7E<ref> received, 0x7F<ref> read, others an answer."""
    if value >> 10 == 0b011111:
        return ShortReport(value & 0xFF, _SHORT_REPORTS[value >> 8 & 0b11])
    return Status(value)


def decode(data: bytes) -> Pdu:
    """Read one type-4 short data message.

    Raises:
        ProtocolError: Truncated, or a header that breaks the standard.
    """
    if not data:
        raise ProtocolError("short data", "is empty")
    pid = data[0]
    if pid in {SIMPLE_TEXT, SIMPLE_IMMEDIATE_TEXT}:
        if len(data) < 2:
            raise ProtocolError("short data", "simple text without a coding")
        text, _ = _decode_text(data[2:], data[1] & 0x7F)
        return SimpleText(text, pid, data[1] & 0x7F)
    if pid < _FIRST_TRANSFER_LAYER_PID:
        return Other(pid, data[1:])
    if len(data) < 2:
        raise ProtocolError("short data", "has no transfer header")
    kind = data[1] >> 4
    if kind in {_REPORT, _ACK}:
        return _decode_answer(kind, data)
    if kind != _TRANSFER:
        raise ProtocolError("short data", f"message type {kind} is not known")
    if pid not in {TEXT, IMMEDIATE_TEXT}:
        return Other(pid, data[1:])
    return _decode_transfer(data)


def status_class(status: int) -> StatusClass:
    """The class of a delivery status; reserved classes are OTHER."""
    try:
        return StatusClass(status & 0xE0)
    except ValueError:
        return StatusClass.OTHER


def validity_code(seconds: float) -> int:
    """The largest validity code that does not outlast ``seconds``; 0 when under ten seconds.

    1–6 stand for n × 10 s, 7–10 for (n − 5) minutes. Longer codes are never needed: a cue lives
    for a minute or two, and a longer one would be delivered stale (R18).
    """
    if seconds < 120:
        return min(int(seconds // 10), 6)
    return min(int(seconds // 60) + 5, 10)


def _decode_answer(kind: int, data: bytes) -> Report | Acknowledgement:
    extra = 1 if data[1] & 0x01 else 0
    if len(data) < 4:
        raise ProtocolError("short data", "report shorter than four bytes")
    if extra and len(data) < 5:
        raise ProtocolError("short data", "report without its store-and-forward byte")
    if kind == _ACK:
        return Acknowledgement(data[3], data[2], data[0])
    return Report(data[3], data[2], acknowledge=bool(data[1] & 0x08), pid=data[0])


def _decode_transfer(data: bytes) -> Transfer:
    if len(data) < 4:
        raise ProtocolError("short data", "transfer shorter than four bytes")
    at = 3
    store = None
    if data[1] & 0x01:
        kind = data[at] & 0x07
        size = _FORWARD_ADDRESS_BYTES.get(kind)
        if size is None:
            raise ProtocolError("short data", f"forward address type {kind} is not known")
        store = StoreAndForward(data[at] >> 3, kind, data[at + 1 : at + 1 + size])
        at += 1 + size
    if at >= len(data):
        raise ProtocolError("short data", "ends before its text coding")
    coding, stamped = data[at] & 0x7F, bool(data[at] & _STAMP_FLAG)
    at += 1
    stamp = None
    if stamped:
        if at + 3 > len(data):
            raise ProtocolError("short data", "ends inside its time stamp")
        stamp = Stamp.decode(data[at : at + 3])
        at += 3
    text, raw = _decode_text(data[at:], coding)
    return Transfer(
        reference=data[2],
        text=text,
        pid=data[0],
        report=ReportRequest(data[1] >> 2 & 0b11),
        any_service=bool(data[1] & 0b10),
        coding=coding,
        stamp=stamp,
        store=store,
        raw=raw,
    )


def _encode_text(text: str, coding: int) -> bytes:
    try:
        if coding == Coding.LATIN_1:
            return text.encode("latin-1")
        if coding == Coding.UTF_16_BE:
            return text.encode("utf-16-be")
        if coding == Coding.SEVEN_BIT:
            return _pack_seven_bit(text)
    except UnicodeEncodeError as exc:
        raise ProtocolError("short data", "text does not fit its coding") from exc
    if text:
        raise ProtocolError("short data", f"coding 0x{coding:02X} is not written here")
    return b""


def _decode_text(data: bytes, coding: int) -> tuple[str, bytes]:
    if coding == Coding.LATIN_1:
        return data.decode("latin-1"), b""
    if coding == Coding.UTF_16_BE:
        return data[: len(data) // 2 * 2].decode("utf-16-be", errors="replace"), b""
    if coding == Coding.SEVEN_BIT:
        return _unpack_seven_bit(data), b""
    return "", data


def _pack_seven_bit(text: str) -> bytes:
    """GSM 03.38 packing, least significant bit first; for the characters it shares with ASCII."""
    bits = 0
    for place, octet in enumerate(text.encode("ascii")):
        bits |= octet << 7 * place
    size = (7 * len(text) + 7) // 8
    packed = bits.to_bytes(size, "little")
    # eight characters fill seven bytes; with seven the spare septet would read as one more
    # character, so it is filled with a carriage return as GSM 03.38 says
    return packed[:-1] + bytes([packed[-1] | 0x0D << 1]) if len(text) % 8 == 7 else packed


def _unpack_seven_bit(data: bytes) -> str:
    bits = int.from_bytes(data, "little")
    text = "".join(chr(bits >> 7 * place & 0x7F) for place in range(len(data) * 8 // 7))
    return text[:-1] if len(text) % 8 == 0 and text.endswith("\r") else text
