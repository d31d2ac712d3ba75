"""The serial grammar of a TETRA modem: bytes in, events out; commands as bytes (EN 300 392-5).

Owns: lines, prefixes, the two-line indication, the shape of the commands we send. Never: the order
of commands (``modem.py``), a timer, an exception: a serial line is noisy, so what cannot be read
becomes a ``Garbled`` event. Strategy: cut at CR, LF, Ctrl-Z and ESC (an echoed message ends in the
last two); match indications by prefix first, because one may arrive between a command and its OK.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_LINE = 1024
"""2047 bits, the largest short data message, are 512 hexadecimal digits; twice that is noise."""

_END_OF_LINE = re.compile(rb"[\r\n\x1a\x1b]")
_ENDS_OF_MESSAGE = (b"\x1a", b"\x1b")
_HEX = re.compile(r"[0-9A-Fa-f]+", re.ASCII)
_PATIENCE_LINES = 3  # other lines that may stand between an indication and its data


@dataclass(frozen=True, slots=True)
class Ok:
    """The command is done."""


@dataclass(frozen=True, slots=True)
class Refused:
    """``ERROR`` (code None) or ``+CME ERROR: code``."""

    code: int | None


@dataclass(frozen=True, slots=True)
class SendNotice:
    """``+CMGS: instance[,status[,reference]]``: part of an answer, or unsolicited news of it."""

    instance: int
    status: int | None = None
    reference: int | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """``+CTSDSR`` with its data.

    Args:
        service: 12 short data type 4, 13 status; others occur.
        calling: Short subscriber number of the sender, "" when the modem does not tell.
        called: Short subscriber number it was sent to.
        bits: Length of the data in bits; ``data`` is padded with zeros to whole bytes.
    """

    service: int
    calling: str
    called: str
    bits: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Value:
    """Any other answer or indication, split at its colon: ``+CNUMF: …``."""

    prefix: str
    body: str


@dataclass(frozen=True, slots=True)
class Echo:
    """Our own bytes back: echo is on, or the line loops."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """A line that follows no rule; ``why`` never repeats it, for it may hold someone's message."""

    why: str


Event = Ok | Refused | SendNotice | Incoming | Value | Echo | Garbled


@dataclass(slots=True)
class _Header:
    service: int
    calling: str
    called: str
    bits: int
    patience: int = _PATIENCE_LINES


class Reader:
    """Bytes from the modem, in any pieces, to events; holds at most one line and one header."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self._header: _Header | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Every event that ``data`` completes."""
        events: list[Event] = []
        buffer = self._rest + data
        start = 0
        for end in _END_OF_LINE.finditer(buffer):
            line, start = buffer[start : end.start()], end.end()
            if self._skipping:
                self._skipping = False
            elif len(line) > LONGEST_LINE:
                events.append(Garbled("line too long"))
            elif end[0] in _ENDS_OF_MESSAGE:
                events.append(Echo())  # no modem ends its own lines so
            elif line.strip():
                events += self._line(line.decode("latin-1").strip())
        self._rest = buffer[start:]
        if len(self._rest) > LONGEST_LINE:
            if not self._skipping:
                events.append(Garbled("line too long"))
            self._rest, self._skipping = b"", True
        return events

    def _line(self, line: str) -> list[Event]:
        if _HEX.fullmatch(line):
            return [self._data(line)]
        if line.startswith("+CTSDSR:"):
            lost, self._header = self._header, _read_header(line[8:])
            events: list[Event] = [Garbled("indication without its data")] if lost else []
            if self._header is None:
                events.append(Garbled("indication with unreadable fields"))
            return events
        events = [_event(line)]
        if self._header is not None:
            self._header.patience -= 1
            if self._header.patience < 0:
                self._header = None
                events.insert(0, Garbled("indication without its data"))
        return events

    def _data(self, line: str) -> Event:
        header = self._header
        if header is None:
            return Garbled("data without an indication")
        nibbles = (header.bits + 3) // 4
        # some modems pad an odd length to whole bytes and some do not
        if len(line) not in {nibbles, nibbles + nibbles % 2}:
            return Garbled("data of another length than announced")
        self._header = None
        digits = line[:nibbles]
        data = bytes.fromhex(digits + "0" * (nibbles % 2))
        return Incoming(header.service, header.calling, header.called, header.bits, data)


def _event(line: str) -> Event:
    if line.startswith("+"):
        prefix, colon, body = line.partition(":")
        return _prefixed(prefix, body.strip()) if colon else Garbled("prefix only")
    if line == "OK":
        return Ok()
    if line == "ERROR":
        return Refused(None)
    if line[:2].upper() == "AT":
        return Echo()
    return Garbled("unknown line")


def _prefixed(prefix: str, body: str) -> Event:
    if prefix in {"+CME ERROR", "+CMS ERROR"}:
        return Refused(int(body) if _is_number(body) else None)
    if prefix == "+CMGS":
        fields = [field.strip() for field in body.split(",")]
        if len(fields) <= 3 and all(_is_number(field) for field in fields):
            return SendNotice(*map(int, fields))
    return Value(prefix, body)


def _read_header(body: str) -> _Header | None:
    """The fields of an indication, or None; without a calling identity it has 3 or 4 of them."""
    fields = [field.strip() for field in body.split(",")]
    if len(fields) in {3, 4}:
        calling, called, bits = "", fields[1], fields[-1]
    elif len(fields) in {6, 7}:
        calling, called, bits = fields[1], fields[3], fields[5]
    else:
        return None
    if not _is_number(fields[0]) or not _is_number(bits) or not 1 <= int(bits) <= 2047:
        return None
    if not _is_identity(calling) or not _is_identity(called):
        return None
    return _Header(int(fields[0]), subscriber(calling), subscriber(called), int(bits))


def subscriber(identity: str) -> str:
    """The short number of an ISSI, or of a 15–17-digit TSI (its last eight); no zeros ahead."""
    identity = identity.strip().lstrip("+")
    if len(identity) >= 15:
        identity = identity[-8:]
    return identity.lstrip("0") or identity


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 9


def _is_identity(text: str) -> bool:
    text = text.lstrip("+")
    return not text or (text.isascii() and text.isdecimal() and len(text) <= 24)


def command(text: str) -> bytes:
    """One command line."""
    return text.encode("ascii") + b"\r\n"


def select_service(service: int) -> bytes:
    """Choose what the next ``AT+CMGS`` sends: 12 short data, 13 status."""
    return command("AT+CTSDS=12,0,0,0,0" if service == 12 else f"AT+CTSDS={service},0")


def send_message(called: str, data: bytes) -> bytes:
    """``AT+CMGS`` with its data: length in bits, hexadecimal, closed by Ctrl-Z."""
    return command(f"AT+CMGS={called},{8 * len(data)}") + data.hex().upper().encode() + b"\x1a"


ABORT = b"\x1b"
"""Leaves a half-written message."""
