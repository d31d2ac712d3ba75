"""The conversation as a table: who may say what, when, and where it leads.

Owns: ``TRANSITIONS``, the one description of the order of messages; client, server, tests and
documents all read it. Never: bytes, bookkeeping of ids. Strategy: both ends walk the same table,
each feeding it what it sends and what it receives.
"""

from __future__ import annotations

import enum

from lfr_engine.protocol import messages as m


class Role(enum.Enum):
    """Which end of the connection."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Role:
        """The other end."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class Phase(enum.Enum):
    """How far the conversation is."""

    GREETING = "greeting"
    PROVING = "proving"
    DECIDING = "deciding"
    OPEN = "open"
    CLIENT_LEAVING = "client leaving"
    SERVER_LEAVING = "server leaving"
    CLOSED = "closed"


PHASE_MEANINGS: dict[Phase, str] = {
    Phase.GREETING: "the server owes its challenge",
    Phase.PROVING: "the client owes its hello",
    Phase.DECIDING: "the server owes its welcome",
    Phase.OPEN: "requests, subscriptions and events",
    Phase.CLIENT_LEAVING: "the client said goodbye; answers may still come",
    Phase.SERVER_LEAVING: "the server said goodbye; what the client sent before is discarded",
    Phase.CLOSED: "nothing more may be said",
}

_BY_CLIENT = (m.Request, m.Subscribe, m.Credit, m.Cancel, m.Ping, m.Pong)
_BY_SERVER = (
    m.Response,
    m.Subscribed,
    m.Event,
    m.Lagged,
    m.Truncated,
    m.Ended,
    m.Ping,
    m.Pong,
)

Kind = type[m.Message]

TRANSITIONS: dict[tuple[Phase, Role, Kind], Phase] = {
    (Phase.GREETING, Role.SERVER, m.Challenge): Phase.PROVING,
    (Phase.PROVING, Role.CLIENT, m.Hello): Phase.DECIDING,
    (Phase.DECIDING, Role.SERVER, m.Welcome): Phase.OPEN,
    **{(Phase.OPEN, Role.CLIENT, kind): Phase.OPEN for kind in _BY_CLIENT},
    **{(Phase.OPEN, Role.SERVER, kind): Phase.OPEN for kind in _BY_SERVER},
    (Phase.OPEN, Role.CLIENT, m.Goodbye): Phase.CLIENT_LEAVING,
    (Phase.OPEN, Role.SERVER, m.Goodbye): Phase.SERVER_LEAVING,
    **{(Phase.CLIENT_LEAVING, Role.SERVER, kind): Phase.CLIENT_LEAVING for kind in _BY_SERVER},
    (Phase.CLIENT_LEAVING, Role.SERVER, m.Goodbye): Phase.CLOSED,
    **{(Phase.SERVER_LEAVING, Role.CLIENT, kind): Phase.SERVER_LEAVING for kind in _BY_CLIENT},
    (Phase.SERVER_LEAVING, Role.CLIENT, m.Goodbye): Phase.CLOSED,
}
"""(phase, who speaks, what) → next phase. ``error`` is added by ``next_phase``."""


def next_phase(phase: Phase, speaker: Role, message: m.Message) -> Phase | None:
    """Where ``message`` leads, or ``None`` when it may not be said now.

    An ``error`` with an id answers a request and is allowed where a response is; without one it
    ends the conversation from any phase.
    """
    if isinstance(message, m.Error):
        if speaker is Role.CLIENT or phase is Phase.CLOSED:
            return None
        if message.id is None:
            return Phase.CLOSED
        return TRANSITIONS.get((phase, speaker, m.Response))
    return TRANSITIONS.get((phase, speaker, type(message)))
