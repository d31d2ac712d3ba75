"""What became of a cue: one state per (alert, recipient, bearer), as a table.

Owns: the states, what can happen, the record of a delivery, the digest that the journal keeps.
Never: a time-out (``desk.py``), the text of a cue. Strategy: the table is total, so a late or
repeated report has a defined meaning, and nothing that was seen by an officer is ever sent again.
"""

from __future__ import annotations

import enum
import hashlib

import msgspec

from lfr_engine.relay.cue import Cue


class State(enum.StrEnum):
    """How far a cue got. ``accepted`` and ``sent`` mean "left our modem", never "delivered"."""

    QUEUED = "queued"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    ANSWERED = "answered"
    EXPIRED = "expired"


class Happening(enum.StrEnum):
    """What can happen to a delivery."""

    TAKEN = "taken"  # the modem or server accepted it
    LEFT = "left"  # it was sent
    TROUBLE = "trouble"  # it was not sent, or the network lost it; worth a retry
    REFUSED = "refused"  # it will never go on this bearer
    RECEIPT = "receipt"  # the target's own device reported it
    SEEN = "seen"  # the target read it
    ANSWER = "answer"  # the officer answered
    NO_RECEIPT = "no receipt"  # waited for a receipt; send again
    DEADLINE = "deadline"  # too late to be useful, or withdrawn
    RESEND = "resend"  # an operator asked for it again


REACHED = frozenset({State.DELIVERED, State.READ, State.ANSWERED})
"""An officer's device has it: never sent again."""

OVER = REACHED | {State.FAILED, State.EXPIRED}

_S, _H = State, Happening

# fmt: off
TABLE: dict[State, dict[Happening, State]] = {
    _S.QUEUED: {
        _H.TAKEN: _S.ACCEPTED, _H.LEFT: _S.SENT, _H.TROUBLE: _S.QUEUED, _H.REFUSED: _S.FAILED,
        _H.RECEIPT: _S.DELIVERED, _H.SEEN: _S.READ, _H.ANSWER: _S.ANSWERED,
        _H.NO_RECEIPT: _S.QUEUED, _H.DEADLINE: _S.EXPIRED, _H.RESEND: _S.QUEUED,
    },
    _S.ACCEPTED: {
        _H.TAKEN: _S.ACCEPTED, _H.LEFT: _S.SENT, _H.TROUBLE: _S.QUEUED, _H.REFUSED: _S.FAILED,
        _H.RECEIPT: _S.DELIVERED, _H.SEEN: _S.READ, _H.ANSWER: _S.ANSWERED,
        _H.NO_RECEIPT: _S.QUEUED, _H.DEADLINE: _S.EXPIRED, _H.RESEND: _S.QUEUED,
    },
    _S.SENT: {
        _H.TAKEN: _S.SENT, _H.LEFT: _S.SENT, _H.TROUBLE: _S.QUEUED, _H.REFUSED: _S.FAILED,
        _H.RECEIPT: _S.DELIVERED, _H.SEEN: _S.READ, _H.ANSWER: _S.ANSWERED,
        _H.NO_RECEIPT: _S.QUEUED, _H.DEADLINE: _S.EXPIRED, _H.RESEND: _S.QUEUED,
    },
    _S.FAILED: {
        _H.TAKEN: _S.FAILED, _H.LEFT: _S.FAILED, _H.TROUBLE: _S.FAILED, _H.REFUSED: _S.FAILED,
        _H.RECEIPT: _S.DELIVERED, _H.SEEN: _S.READ, _H.ANSWER: _S.ANSWERED,
        _H.NO_RECEIPT: _S.FAILED, _H.DEADLINE: _S.FAILED, _H.RESEND: _S.QUEUED,
    },
    _S.DELIVERED: {
        _H.TAKEN: _S.DELIVERED, _H.LEFT: _S.DELIVERED, _H.TROUBLE: _S.DELIVERED,
        _H.REFUSED: _S.DELIVERED, _H.RECEIPT: _S.DELIVERED, _H.SEEN: _S.READ,
        _H.ANSWER: _S.ANSWERED, _H.NO_RECEIPT: _S.DELIVERED, _H.DEADLINE: _S.DELIVERED,
        _H.RESEND: _S.DELIVERED,
    },
    _S.READ: {
        _H.TAKEN: _S.READ, _H.LEFT: _S.READ, _H.TROUBLE: _S.READ, _H.REFUSED: _S.READ,
        _H.RECEIPT: _S.READ, _H.SEEN: _S.READ, _H.ANSWER: _S.ANSWERED, _H.NO_RECEIPT: _S.READ,
        _H.DEADLINE: _S.READ, _H.RESEND: _S.READ,
    },
    _S.ANSWERED: dict.fromkeys(Happening, State.ANSWERED),
    _S.EXPIRED: {
        # a radio that was off may report late: the officer has it, and the record must say so
        _H.TAKEN: _S.EXPIRED, _H.LEFT: _S.EXPIRED, _H.TROUBLE: _S.EXPIRED, _H.REFUSED: _S.EXPIRED,
        _H.RECEIPT: _S.DELIVERED, _H.SEEN: _S.READ, _H.ANSWER: _S.ANSWERED,
        _H.NO_RECEIPT: _S.EXPIRED, _H.DEADLINE: _S.EXPIRED, _H.RESEND: _S.EXPIRED,
    },
}
# fmt: on


class Key(msgspec.Struct, frozen=True, order=True):
    """Names one delivery. ``alert`` and ``recipient`` are identifiers, never names of persons."""

    alert: str
    recipient: str
    bearer: str


class Delivery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cue on its way to one recipient by one bearer; what the outbox stores.

    Args:
        address: Where the bearer sends it: short number, callsign and uid, topic, URL name.
        group: The address is a group: no receipt will come, so it is sent twice.
        priority: 1 (first) … 9 (last).
        created, deadline: Seconds since 1970 (UTC); after the deadline nothing is sent.
        reference: 1…255 once sent, unique per (bearer, address) until it is reused; 0 before.
        attempts: Times it was handed to the bearer.
        next_try: Not handed over before this moment.
        digest: Of the text last sent; "" before.
        carried: How many cues the last message held: 1, or more when coalesced; 0 before.
        reason: Why it is in its state, in plain words.
    """

    key: Key
    cue: Cue
    address: str
    group: bool
    priority: int
    created: float
    deadline: float
    state: State = State.QUEUED
    reference: int = 0
    attempts: int = 0
    next_try: float = 0.0
    digest: str = ""
    carried: int = 0
    reason: str = ""

    @property
    def over(self) -> bool:
        """Nothing more will be sent."""
        return self.state in OVER


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one delivery, as journalled: identifiers, states and a digest, never the text.

    carried: how many cues left in one message, said by the first of them; 0 by all others.
    """

    at: float
    key: Key
    before: State
    after: State
    happening: str
    reason: str
    reference: int
    digest: str
    carried: int = 0


def digest_of(text: str) -> str:
    """SHA-256 of a text, the first 16 bytes in hexadecimal: enough to prove what was sent."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def step(
    delivery: Delivery, happening: Happening, at: float, reason: str = ""
) -> tuple[Delivery, Change | None]:
    """The delivery after ``happening``, and the change to record; None when nothing changed.

    A retry (queued → queued) is a change when its reason differs.
    """
    after = TABLE[delivery.state][happening]
    if after is delivery.state and (delivery.over or reason == delivery.reason):
        return delivery, None
    new = msgspec.structs.replace(delivery, state=after, reason=reason)
    return new, Change(
        at=at,
        key=delivery.key,
        before=delivery.state,
        after=after,
        happening=happening.value,
        reason=reason,
        reference=new.reference,
        digest=new.digest,
    )
