"""The JSON body that MQTT and the webhook share, its signature, and what comes back.

Owns: the field names of our messages to programs. Never: a socket. Strategy: the body is built from
the cue alone; replies are read leniently in what they add and strictly in what they mean.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from typing import Any

import msgspec

from lfr_engine.relay.cue import Cue
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import Answer, Order, Receipt, Reply

VERSION = 1

LARGEST_REPLY = 4096
"""Bytes of a reply that are looked at; ours need fewer than 200."""


class _Back(msgspec.Struct):
    """What a program may tell us about a message."""

    message: int = 0
    status: str = ""
    reply: str = ""
    reference: str = ""


_STATUSES = {"received": Happening.RECEIPT, "delivered": Happening.RECEIPT, "read": Happening.SEEN}


def order_body(order: Order) -> bytes:
    """One order as UTF-8 JSON with sorted keys."""
    body = {
        "version": VERSION,
        "message": order.reference,
        "to": order.address,
        "text": order.text,
        "expires": _time(dt.datetime.fromtimestamp(order.deadline, dt.UTC)),
        "cues": [_cue(cue) for cue in order.cues],
    }
    return msgspec.json.encode(body, order="sorted")


def _cue(cue: Cue) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "reference": cue.reference,
        "place": cue.place,
        "category": cue.category,
        "captured": _time(cue.captured),
        "reviewed": cue.reviewed,
        "marking": cue.marking.value,
        "withdrawn": cue.withdrawn,
    }
    if cue.score is not None:
        fields["score"] = round(cue.score, 2)
    if cue.caution:
        fields["caution"] = cue.caution.value
    return fields


def _time(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def message_key(order: Order) -> str:
    """The same for every repetition of a message, different for every other: no recipient in it."""
    names = "/".join((*order.alerts, order.recipient, str(order.reference)))
    return hashlib.sha256(names.encode()).hexdigest()[:32]


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """``sha256=`` and the HMAC-SHA256 of ``timestamp.body`` in hexadecimal."""
    signed = timestamp.encode("ascii") + b"." + body
    return "sha256=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def read_back(bearer: str, address: str, data: bytes, message: int = 0) -> list[Receipt | Answer]:
    """What a program says about a message: ``{"message": 7, "status": "received"}``,
    ``{"reference": "A1B2C3", "reply": "engaged"}``, or both; anything else says nothing.

    ``message`` is assumed when the body names none.
    """
    if len(data) > LARGEST_REPLY:
        return []
    try:
        back = msgspec.json.decode(data, type=_Back)
    except msgspec.DecodeError:
        return []
    events: list[Receipt | Answer] = []
    happening = _STATUSES.get(back.status)
    reference = back.message or message
    if happening is not None and 1 <= reference <= 255:
        events.append(Receipt(bearer, address, reference, happening))
    if back.reply in set(Reply):
        events.append(Answer(bearer, address, Reply(back.reply), back.reference[:8]))
    return events
