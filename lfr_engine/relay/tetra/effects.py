"""What passes between a modem and its owner: messages to send, effects, and the modem's refusals.

Owns: the words, and which refusals are worth a retry. Never: behaviour (``modem.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

from lfr_engine.relay.tetra import at

SHORT_DATA = 12
STATUS = 13

ALREADY_REGISTERED = 38

CME_WORDS = {
    0: "not sent",
    1: "no reliable link",
    2: "busy",
    3: "not allowed now",
    4: "unsupported",
    20: "message stack full",
    30: "out of service",
    31: "no acknowledgement from the network",
    32: "user data undecodable",
    33: "wrong parameter type",
    34: "value out of range",
    35: "syntax",
    36: "data without a command",
    37: "timed out",
    38: "protocol already registered",
    39: "protocol table full",
    40: "not in direct mode",
    41: "transmit inhibited",
    42: "busy with signalling",
    43: "not in trunked mode",
}

_NEVER_UNCHANGED = frozenset({4, 32, 33, 34, 35})
"""Codes that blame the message itself: sending the same again cannot help."""


def refusal_text(code: int | None) -> str:
    """A refusal in words; None stands for a plain ``ERROR``."""
    if code is None:
        return "error"
    return f"CME {code} {CME_WORDS.get(code, 'of the maker')}"


def worth_a_retry(code: int | None) -> bool:
    """Whether sending the same message again can help; unknown refusals are retried."""
    return code not in _NEVER_UNCHANGED


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to send.

    Args:
        number: The desk's number, given back in Taken, Left, Failed; 0 for our own answers.
        called: Short subscriber number.
        data: Whole bytes; 2 bytes for a status.
        service: SHORT_DATA or STATUS.
    """

    number: int
    called: str
    data: bytes
    service: int = SHORT_DATA


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for the port."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Ready:
    """Set up: messages may be submitted. ``lacks`` names what the modem refused, if anything."""

    largest_bits: int
    lacks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """The modem accepted the message; it has not left yet."""

    number: int


@dataclass(frozen=True, slots=True)
class Left:
    """The message left the modem. Nothing is known about the target."""

    number: int


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """The modem accepted the message and never said that it left."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The message was refused, or its fate is unknown; ``again`` says whether a retry may help."""

    number: int
    why: str
    again: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """Short data or a status came in."""

    incoming: at.Incoming


@dataclass(frozen=True, slots=True)
class Lost:
    """The modem does not answer: close the port and find it again."""

    why: str


Effect = Write | Ready | Taken | Left | Unconfirmed | Failed | Heard | Lost
