"""The protocol's own errors: whose mistake, and the code the other end is told.

Owns: ``ErrorCode`` (the words of ``error`` messages) and two exceptions. Never: text that carries
a secret or a picture. Strategy: bytes from the other end raise ``RemoteProtocolError`` and nothing
else; misuse by our own program raises ``LocalProtocolError`` before a byte is written.
"""

from __future__ import annotations

import enum

from lfr_engine.errors import EngineError, ProtocolError


class ErrorCode(enum.StrEnum):
    """Why something was refused; the ``code`` of an ``error`` message.

    A client must accept codes it does not know: later versions may add some.
    """

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    OUT_OF_ORDER = "out-of-order"
    VERSION = "version"
    TIMEOUT = "timeout"
    UNAUTHENTICATED = "unauthenticated"
    LOCKED_OUT = "locked-out"
    FORBIDDEN = "forbidden"
    UNKNOWN_COMMAND = "unknown-command"
    UNKNOWN_TOPIC = "unknown-topic"
    BAD_ARGUMENT = "bad-argument"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    RULE = "rule"
    BUSY = "busy"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    LEAVING = "leaving"


CODE_MEANINGS: dict[ErrorCode, str] = {
    ErrorCode.MALFORMED: "the bytes are not a message of this protocol; the connection closes",
    ErrorCode.TOO_LARGE: "a frame, its depth or its number of values is over the limit; closes",
    ErrorCode.OUT_OF_ORDER: "the message is not allowed now, or an id was used again; closes",
    ErrorCode.VERSION: "no protocol version in common; closes",
    ErrorCode.TIMEOUT: "the handshake, or a started frame, took too long; closes",
    ErrorCode.UNAUTHENTICATED: "unknown caller or wrong token; closes",
    ErrorCode.LOCKED_OUT: "too many wrong tokens from this address; wait; closes",
    ErrorCode.FORBIDDEN: "the caller's role may not do this",
    ErrorCode.UNKNOWN_COMMAND: "no such command",
    ErrorCode.UNKNOWN_TOPIC: "no such topic",
    ErrorCode.BAD_ARGUMENT: "an argument is missing, unknown or of the wrong kind; see `field`",
    ErrorCode.NOT_FOUND: "what the arguments name does not exist",
    ErrorCode.CONFLICT: "not possible in the present state",
    ErrorCode.RULE: "a governing rule forbids it; `field` names the rule",
    ErrorCode.BUSY: "too many connections, requests or subscriptions, or too fast; try later",
    ErrorCode.DEADLINE: "not finished before the request's deadline; the outcome is unknown",
    ErrorCode.CANCELLED: "cancelled at the caller's wish",
    ErrorCode.UNAVAILABLE: "a device, link or store is down; trying again may help",
    ErrorCode.INTERNAL: "a defect in the engine; see its log",
    ErrorCode.LEAVING: "the engine is shutting down",
}
"""Every code and its meaning, for the documents."""


class RemoteProtocolError(ProtocolError):
    """The other end sent bytes that this protocol does not allow.

    Args:
        code: What to tell the other end.
        cause: What is wrong, in plain words.
    """

    def __init__(self, code: ErrorCode, cause: str) -> None:
        super().__init__("connection", cause)
        self.code = code


class LocalProtocolError(EngineError):
    """Our own program asked the connection for something the protocol does not allow."""

    def __init__(self, cause: str) -> None:
        super().__init__("connection", cause)
