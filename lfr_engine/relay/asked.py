"""What the relay is asked to carry, and what officers answered: its words to the rest of the house.

Owns: the request, the reply, and how an alert's messages are named. Never: a delivery, a bearer.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lfr_engine.relay.cue import Cue
from lfr_engine.relay.port import Reply

WITHDRAWN = "/withdrawn"
REVIEWED = "/reviewed"
"""Ends of the identifiers of what follows an alert's first cue: taken back, or now looked at."""


def alert_of(identifier: str) -> str:
    """The alert a delivery is about, whichever of its messages it is."""
    return identifier.removesuffix(WITHDRAWN).removesuffix(REVIEWED)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An alert to relay, or to take back when ``cue.withdrawn``.

    Args:
        alert: Identifier of the alert; a request repeated for it changes nothing.
        priority: 1 (first) … 9 (last).
    """

    alert: str
    cue: Cue
    priority: int = 5


@dataclass(frozen=True, slots=True)
class OfficerReply:
    """A decision event: an officer answered a cue.

    Args:
        recipient: The officer, by the identifier of the configuration.
        certain: The answer named the cue; False: it is taken to be about the last one delivered.
    """

    at: float
    alert: str
    recipient: str
    bearer: str
    reply: Reply
    certain: bool
