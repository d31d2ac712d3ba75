"""One end of one connection, without a socket: bytes in, messages out, and the reverse.

Owns: the phase, the frames, the ids in use and the credit left. Never: sockets, clocks, tasks, the
meaning of commands. Strategy: both ends walk ``machine.TRANSITIONS`` and the same ledger of ids,
so whatever one end is allowed to send the other accepts. Any bytes give messages or one
``RemoteProtocolError``; after it the connection answers every call with that same error.
"""

from __future__ import annotations

from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import decode, encode
from lfr_engine.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from lfr_engine.protocol.framing import (
    CLIENT_LIMITS,
    HANDSHAKE_LIMITS,
    SERVER_LIMITS,
    FrameLimits,
    FrameReader,
    frame,
)
from lfr_engine.protocol.machine import Phase, Role, next_phase

CREDIT_CAP = 100_000
"""More unspent credit than this is a client's mistake, not a wish."""


class Connection:
    """The sans-io end of a connection.

    Args:
        role: Which end this is.
        limits: Caps on received frames once open; by default those of the role. During the
            handshake ``HANDSHAKE_LIMITS`` hold on both ends.
    """

    def __init__(self, role: Role, limits: FrameLimits | None = None) -> None:
        self.role = role
        self.phase = Phase.GREETING
        self.ended = False
        self._limits = limits or (SERVER_LIMITS if role is Role.SERVER else CLIENT_LIMITS)
        self._reader = FrameReader(HANDSHAKE_LIMITS)
        self._ledger = _Ledger()
        self._failure: RemoteProtocolError | None = None

    @property
    def held_bytes(self) -> int:
        """Received bytes that are not yet a whole frame."""
        return len(self._reader)

    @property
    def requests_in_flight(self) -> int:
        """Requests sent or received and not yet answered."""
        return len(self._ledger.requests)

    @property
    def subscriptions(self) -> int:
        """Subscriptions not yet ended."""
        return len(self._ledger.credit)

    def credit(self, subscription: int) -> int:
        """Events that may still be sent for ``subscription``; 0 when there is none."""
        return self._ledger.credit.get(subscription, 0)

    def send(self, message: m.Message) -> bytes:
        """The bytes of ``message``, to be written in the order of the calls.

        Raises:
            LocalProtocolError: It may not be said now, or cannot be encoded.
        """
        following = next_phase(self.phase, self.role, message)
        if following is None:
            raise LocalProtocolError(
                f"{_kind(message)} may not be sent by the {self.role.value} "
                f"while {self.phase.value}"
            )
        payload = encode(message)
        if len(payload) > SERVER_LIMITS.frame_bytes:
            raise LocalProtocolError(f"{_kind(message)} of {len(payload)} bytes is too large")
        cause = self._ledger.note(message)
        if cause:
            raise LocalProtocolError(cause)
        self._enter(following)
        return frame(payload)

    def receive_data(self, data: bytes) -> None:
        """Add received bytes; none means that the other end closed its side."""
        if not data:
            self.ended = True
        elif self._failure is None and not self.ended:
            self._reader.feed(data)

    def next_message(self) -> m.Message | None:
        """The next whole message, or ``None`` until more bytes come (or, after the end, never).

        Raises:
            RemoteProtocolError: The bytes break the protocol; raised again on every later call.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return self._next()
        except RemoteProtocolError as error:
            self._failure = error
            self._reader.drop()
            raise

    def _next(self) -> m.Message | None:
        payload = self._reader.next_frame()
        if payload is None:
            if self.ended and len(self._reader):
                raise RemoteProtocolError(ErrorCode.MALFORMED, "the stream ended inside a frame")
            return None
        message = decode(payload, self._reader.limits)
        following = next_phase(self.phase, self.role.other, message)
        if following is None:
            raise RemoteProtocolError(
                ErrorCode.OUT_OF_ORDER,
                f"{_kind(message)} is not allowed from the {self.role.other.value} "
                f"while {self.phase.value}",
            )
        cause = self._ledger.note(message)
        if cause:
            raise RemoteProtocolError(ErrorCode.OUT_OF_ORDER, cause)
        self._enter(following)
        return message

    def _enter(self, phase: Phase) -> None:
        if self.phase is not Phase.OPEN and phase is Phase.OPEN:
            self._reader.limits = self._limits
        self.phase = phase


class _Ledger:
    """Ids in use: requests waiting for an answer, subscriptions and their credit."""

    def __init__(self) -> None:
        self.last_id = 0
        self.requests: set[int] = set()
        self.credit: dict[int, int] = {}

    def note(self, message: m.Message) -> str:
        """Record what was said; returns what is wrong with it, or nothing."""
        if isinstance(message, m.Request | m.Subscribe):
            return self._begin(message)
        if isinstance(message, m.Credit | m.Cancel):
            return self._steer(message)
        if isinstance(message, m.Response | m.Error):
            return self._answer(message)
        if isinstance(message, m.Event):
            return self._spend(message.id)
        if isinstance(message, m.Subscribed | m.Lagged | m.Truncated | m.Ended):
            return self._inform(message)
        return ""

    def _begin(self, message: m.Request | m.Subscribe) -> str:
        if message.id <= self.last_id:
            return f"id {message.id} does not rise above {self.last_id}"
        self.last_id = message.id
        if isinstance(message, m.Request):
            self.requests.add(message.id)
        else:
            self.credit[message.id] = message.credit
        return ""

    def _steer(self, message: m.Credit | m.Cancel) -> str:
        if message.id > self.last_id:
            return f"id {message.id} was never used"
        # what it refers to may have ended while it travelled: then it means nothing
        if isinstance(message, m.Credit) and message.id in self.credit:
            self.credit[message.id] += message.n
            if self.credit[message.id] > CREDIT_CAP:
                return f"more than {CREDIT_CAP} credit for {message.id}"
        return ""

    def _answer(self, message: m.Response | m.Error) -> str:
        known = message.id
        if known is None:
            return ""
        if known in self.requests:
            self.requests.remove(known)
        elif isinstance(message, m.Error) and known in self.credit:
            del self.credit[known]
        else:
            return f"{known} is not waiting for an answer"
        return ""

    def _spend(self, known: int) -> str:
        if self.credit.get(known, 0) < 1:
            return f"no credit left for {known}"
        self.credit[known] -= 1
        return ""

    def _inform(self, message: m.Subscribed | m.Lagged | m.Truncated | m.Ended) -> str:
        if message.id not in self.credit:
            return f"{message.id} is not a subscription"
        if isinstance(message, m.Ended):
            del self.credit[message.id]
        return ""


def _kind(message: m.Message) -> str:
    return type(message).__name__.lower()
