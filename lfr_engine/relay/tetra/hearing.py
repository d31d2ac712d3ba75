"""What a TETRA indication means to the relay, and the messages an order becomes.

Owns: the way from short data to Receipt and Answer, and from an Order to bytes. Never: a port, the
modem's state. Strategy: two pure functions; what is not for us means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lfr_engine.errors import ProtocolError
from lfr_engine.relay.bearer_settings import TetraSettings
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import Answer, Order, Receipt, read_reply
from lfr_engine.relay.tetra import at, sds
from lfr_engine.relay.tetra.effects import SHORT_DATA, STATUS, Message

_TOO_LONG = 0x4D


@dataclass(frozen=True, slots=True)
class Hearing:
    """What came in: an event for the relay, and an answer for the network, if any."""

    event: Receipt | Answer | None = None
    answer: Message | None = None


def order_message(order: Order, settings: TetraSettings, now: float) -> Message:
    """An order as one SDS-TL message; to a group without asking for reports."""
    store = None
    code = sds.validity_code(order.deadline - now)
    if settings.hold and code and not order.group:
        store = sds.StoreAndForward(code)
    transfer = sds.Transfer(
        reference=order.reference,
        text=order.text,
        pid=sds.IMMEDIATE_TEXT if settings.immediate else sds.TEXT,
        report=sds.ReportRequest.NONE if order.group else sds.ReportRequest.BOTH,
        store=store,
    )
    return Message(order.number, order.address, transfer.encode())


def status_message(order: Order, status: str) -> Message:
    """The pre-coded status sent where text cannot be."""
    return Message(order.number, order.address, bytes.fromhex(status), STATUS)


def hear(incoming: at.Incoming, settings: TetraSettings, addresses: Mapping[str, str]) -> Hearing:
    """Read one indication.

    ``addresses`` leads from a short number to the address as configured. A modem that does not
    tell the calling number gives the only number it has.
    """
    number = incoming.calling or incoming.called
    address = addresses.get(number, number)
    if incoming.service == STATUS:
        return Hearing(_status(incoming, settings, address))
    if incoming.service == SHORT_DATA:
        try:
            return _short_data(sds.decode(incoming.data), settings.name, address, number)
        except ProtocolError:
            pass  # somebody's radio, or the air, got it wrong; the next report may be right
    return Hearing()


def _short_data(pdu: sds.Pdu, bearer: str, address: str, number: str) -> Hearing:
    answer: sds.Acknowledgement | sds.Report | None = None
    event: Receipt | Answer | None = None
    match pdu:
        case sds.Report(reference, status, acknowledge, (sds.TEXT | sds.IMMEDIATE_TEXT) as pid):
            event = _receipt(bearer, address, reference, status)
            answer = sds.Acknowledgement(reference, pid=pid) if acknowledge else None
        case sds.Transfer(reference, text, pid, report):
            event = _words(bearer, address, text)
            if report & sds.ReportRequest.RECEIVED:
                answer = sds.Report(reference, sds.RECEIVED, pid=pid)
        case sds.SimpleText(text):
            event = _words(bearer, address, text)
    return Hearing(event, None if answer is None else Message(0, number, answer.encode()))


def _status(
    incoming: at.Incoming, settings: TetraSettings, address: str
) -> Receipt | Answer | None:
    decoded = sds.decode_status(int.from_bytes(incoming.data[:2].ljust(2, b"\0")))
    if isinstance(decoded, sds.ShortReport):
        return _receipt(settings.name, address, decoded.reference, decoded.status)
    reply = settings.answers.get(f"{decoded.value:04X}")
    return None if reply is None else Answer(settings.name, address, reply)


def _receipt(bearer: str, address: str, reference: int, status: int) -> Receipt | None:
    kind = sds.status_class(status)
    words = sds.STATUS_WORDS.get(status, f"status 0x{status:02X}")
    if status == sds.READ:
        happening = Happening.SEEN
    elif status == sds.RECEIVED:
        happening = Happening.RECEIPT
    elif kind is sds.StatusClass.DONE or kind is sds.StatusClass.OTHER:
        return None  # the network acknowledges the network; the officer's radio said nothing
    else:
        # a radio that is off or out of reach may come back before the deadline
        happening = Happening.REFUSED if status == _TOO_LONG else Happening.TROUBLE
    return Receipt(bearer, address, reference, happening, words)


def _words(bearer: str, address: str, text: str) -> Answer | None:
    read = read_reply(text)
    return None if read is None else Answer(bearer, address, *read)
