"""What can go wrong for a program that talks to an engine.

Owns: three errors. Strategy: refused means that the engine answered no; lost means that nobody
knows whether it did what was asked; a missing answer in time counts as lost.
"""

from __future__ import annotations

from lfr_engine.errors import Fault, LfrError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.errors import ErrorCode

_USERS_FAULT = {
    ErrorCode.BAD_ARGUMENT,
    ErrorCode.UNKNOWN_COMMAND,
    ErrorCode.UNKNOWN_TOPIC,
    ErrorCode.NOT_FOUND,
    ErrorCode.FORBIDDEN,
    ErrorCode.UNAUTHENTICATED,
    ErrorCode.RULE,
}


class CallRefused(LfrError):
    """The engine refused a call, a subscription or the connection.

    Args:
        subject: The command, topic or address.
        error: What the engine said; ``code`` is one of ``ErrorCode`` or a later version's.
    """

    fault = Fault.PEER

    def __init__(self, subject: str, error: m.Error) -> None:
        named = f"{error.field}: " if error.field else ""
        super().__init__(subject, f"{named}{error.text or error.code}")
        self.code = error.code
        self.field = error.field
        if error.code in _USERS_FAULT:
            self.exit_status = 2


class LinkLost(LfrError):
    """The connection ended or could not be made; a call under way may or may not have happened."""

    fault = Fault.NETWORK


class NotWhatWasAsked(LfrError):
    """The engine's answer does not have the shape this client knows: versions differ."""

    fault = Fault.PEER
