"""A client without a socket: calls, feeds and resuming, for any loop to drive.

Owns: one session after another over the sans-io connection; which call waits for which answer;
which feeds must be reopened. Never: sockets, tasks, clocks. Strategy: a shell connects, carries
bytes both ways (``receive`` and ``take_output``), and says when the link is gone; answers come back
through the callback given with each call, so the three shells differ only in how they wait.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from lfr_engine.client.errors import CallRefused, LinkLost, NotWhatWasAsked
from lfr_engine.client.feed import Feed
from lfr_engine.errors import LfrError, ProtocolError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.codec import BadArgument, to_plain, to_record
from lfr_engine.protocol.commands import BY_ARGUMENTS, CommandSpec
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.errors import ErrorCode, RemoteProtocolError
from lfr_engine.protocol.machine import Phase, Role
from lfr_engine.protocol.proof import Token, make_proof

R = TypeVar("R")

CAPABILITIES = ["credit", "cancel", "durable-cursors"]


class Link(enum.Enum):
    """Where the client stands with its engine."""

    CONNECTING = "connecting"
    OPEN = "open"
    LOST = "lost"
    REFUSED = "refused"
    CLOSED = "closed"


NO_RETRY = frozenset(
    {
        ErrorCode.UNAUTHENTICATED,
        ErrorCode.FORBIDDEN,
        ErrorCode.VERSION,
        ErrorCode.MALFORMED,
        ErrorCode.OUT_OF_ORDER,
    }
)
"""Connection errors that trying again cannot mend."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended: a value, or an error."""

    value: Any = None
    error: LfrError | None = None

    def unwrap(self) -> Any:
        """The value.

        Raises:
            LfrError: The call's error.
        """
        if self.error is not None:
            raise self.error
        return self.value


@dataclass(slots=True)
class _Waiting:
    spec: CommandSpec
    done: Callable[[Answer], None]


class Core:
    """The state of one client.

    Args:
        name: What this program calls itself; shown in the engine's log.
        address: For error texts.
        token: Where the engine asks for one.
        role: The role to act in; the caller's first role when ``None``.
        on_link: Told of every change of the link.
    """

    def __init__(
        self,
        name: str,
        address: object,
        *,
        token: Token | None = None,
        role: str | None = None,
        on_link: Callable[[Link], None] = lambda _: None,
    ) -> None:
        self.link = Link.LOST
        self.welcome: m.Welcome | None = None
        self.refusal: LfrError | None = None
        self._name = name
        self._address = str(address)
        self._token = token
        self._role = role
        self._on_link = on_link
        self._connection: Connection | None = None
        self._output = bytearray()
        self._last_id = 0
        self._waiting: dict[int, _Waiting] = {}
        self._feeds: dict[int, Feed[Any]] = {}
        self._all_feeds: list[Feed[Any]] = []

    # -- the link -------------------------------------------------------------------------------

    def connecting(self) -> None:
        """A shell begins to connect: everything of an earlier connection is forgotten."""
        self._connection = Connection(Role.CLIENT)
        self._output.clear()
        self._last_id = 0
        self._set_link(Link.CONNECTING)

    def receive(self, data: bytes) -> None:
        """Take bytes as they came; none means that the engine closed.

        Raises:
            LinkLost: The engine closed, or said that it leaves.
            CallRefused: The engine refused the connection.
            ProtocolError: The bytes are not the protocol's.
        """
        connection = self._live()
        connection.receive_data(data)
        while (message := connection.next_message()) is not None:
            self._hear(message)
        if connection.ended:
            raise LinkLost(self._address, "the engine closed the connection")

    def take_output(self) -> bytes:
        """Bytes to write now; may be none."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def lost(self, error: LfrError) -> None:
        """The link is gone: calls under way fail, feeds wait to be reopened."""
        if self.link is Link.CLOSED:
            return
        self._connection = None
        self.welcome = None
        refused = isinstance(error, CallRefused) and error.code in NO_RETRY
        waiting, self._waiting = self._waiting, {}
        self._feeds = {}
        for feed in self._all_feeds:
            feed.lost()
        if refused or isinstance(error, ProtocolError | NotWhatWasAsked):
            self.refusal = error
            self._end_feeds(error)
            self._set_link(Link.REFUSED)
        else:
            self._set_link(Link.LOST)
        for call in waiting.values():
            call.done(Answer(error=LinkLost(call.spec.name, f"no answer came: {error}")))

    def close(self) -> None:
        """Say goodbye (see ``take_output``) and end everything."""
        if self.link is Link.OPEN:
            self._say(m.Goodbye())
        waiting, self._waiting = self._waiting, {}
        self._set_link(Link.CLOSED)
        self._end_feeds(None)
        for call in waiting.values():
            call.done(Answer(error=LinkLost(call.spec.name, "this client was closed")))

    # -- calls ----------------------------------------------------------------------------------

    def call(
        self,
        command: Command[Any],
        done: Callable[[Answer], None],
        *,
        deadline_ms: int | None = None,
    ) -> int:
        """Ask; ``done`` is called once, later. Returns the id, for ``cancel``.

        Raises:
            LinkLost: Not connected at the moment; nothing was sent.
        """
        spec = BY_ARGUMENTS[type(command)]
        self._need_open(spec.name)
        new = self._new_id()
        self._say(
            m.Request(id=new, command=spec.name, args=to_plain(command), deadline_ms=deadline_ms)
        )
        self._waiting[new] = _Waiting(spec, done)
        return new

    def cancel(self, call: int) -> None:
        """Stop waiting for a call, and ask the engine to stop it."""
        waiting = self._waiting.get(call)
        if waiting is not None and self.link is Link.OPEN:
            waiting.done = lambda _: None
            self._say(m.Cancel(id=call))

    def ping(self, n: int) -> None:
        """Ask for a sign of life, when the link is open."""
        if self.link is Link.OPEN:
            self._say(m.Ping(n=n))

    # -- feeds ----------------------------------------------------------------------------------

    def add_feed(self, feed: Feed[Any]) -> None:
        """Subscribe now, or as soon as the link is open, and again after every cut."""
        self._all_feeds.append(feed)
        if self.link is Link.OPEN:
            self._subscribe(feed)

    def remove_feed(self, feed: Feed[Any]) -> None:
        """Unsubscribe."""
        if feed in self._all_feeds:
            self._all_feeds.remove(feed)
        if feed.id is not None and self.link is Link.OPEN and not feed.ended:
            self._say(m.Cancel(id=feed.id))
        feed.end()

    def taken(self, feed: Feed[Any]) -> None:
        """An item was taken out of ``feed``: grant credit when enough is due."""
        if self.link is Link.OPEN:
            credit = feed.credit_due()
            if credit is not None:
                self._say(credit)

    # -- inside ---------------------------------------------------------------------------------

    def _hear(self, message: m.Message) -> None:
        match message:
            case m.Response(id=known, result=result):
                self._answered(known, result)
            case m.Event(id=known):
                feed = self._feeds.get(known)
                if feed is not None:
                    feed.arrived(message)
                    self.taken(feed)
            case m.Challenge():
                self._greet(message)
            case m.Welcome():
                self.welcome = message
                self._set_link(Link.OPEN)
                for feed in self._all_feeds:
                    self._subscribe(feed)
            case m.Error():
                self._refused(message)
            case m.Ping(n=n):
                if self.link is Link.OPEN:
                    self._say(m.Pong(n=n))
            case m.Goodbye(reason=reason):
                raise LinkLost(self._address, f"the engine left: {reason or 'no reason given'}")
            case m.Subscribed() | m.Lagged() | m.Truncated() | m.Ended():
                self._informed(message)

    def _greet(self, challenge: m.Challenge) -> None:
        common = [version for version in m.VERSIONS if version in challenge.versions]
        if not common:
            raise RemoteProtocolError(
                ErrorCode.VERSION,
                f"the engine speaks protocol {challenge.versions}, this client {[*m.VERSIONS]}",
            )
        proof = None
        if self._token is not None:
            proof = make_proof(self._token, challenge.nonce, common[0])
        self._say(
            m.Hello(
                version=common[0],
                client=self._name,
                role=self._role,
                capabilities=CAPABILITIES,
                token=None if self._token is None else self._token.name,
                proof=proof,
            )
        )

    def _answered(self, known: int, result: Any) -> None:
        waiting = self._waiting.pop(known, None)
        if waiting is None:
            return
        try:
            answer = Answer(to_record(result, waiting.spec.result))
        except BadArgument as error:
            answer = Answer(error=NotWhatWasAsked(waiting.spec.name, f"its answer: {error}"))
        waiting.done(answer)

    def _refused(self, message: m.Error) -> None:
        if message.id is None:
            raise CallRefused(self._address, message)
        feed = self._feeds.pop(message.id, None)
        if feed is not None:
            if feed in self._all_feeds:  # its reader may have left meanwhile
                self._all_feeds.remove(feed)
            feed.end(CallRefused(feed.topic.name, message))
            return
        waiting = self._waiting.pop(message.id, None)
        if waiting is not None:
            waiting.done(Answer(error=CallRefused(waiting.spec.name, message)))

    def _informed(self, message: m.Subscribed | m.Lagged | m.Truncated | m.Ended) -> None:
        feed = self._feeds.get(message.id)
        if feed is None:
            return
        if isinstance(message, m.Subscribed):
            feed.opened(message.cursor)
        elif isinstance(message, m.Ended):
            del self._feeds[message.id]
            if feed in self._all_feeds:
                self._all_feeds.remove(feed)
            if not feed.ended:
                feed.end(LinkLost(feed.topic.name, f"the engine ended it: {message.reason}"))
        else:
            feed.informed(message)

    def _subscribe(self, feed: Feed[Any]) -> None:
        new = self._new_id()
        self._feeds[new] = feed
        self._say(feed.subscribe(new))

    def _say(self, message: m.Message) -> None:
        self._output += self._live().send(message)

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _live(self) -> Connection:
        if self._connection is None or self._connection.phase is Phase.CLOSED:
            raise LinkLost(self._address, "not connected")
        return self._connection

    def _need_open(self, what: str) -> None:
        if self.link is Link.REFUSED and self.refusal is not None:
            raise self.refusal
        if self.link is not Link.OPEN:
            raise LinkLost(what, f"not connected to {self._address}", "nothing was sent; try again")

    def _end_feeds(self, error: LfrError | None) -> None:
        feeds, self._all_feeds = self._all_feeds, []
        for feed in feeds:
            feed.end(error)

    def _set_link(self, link: Link) -> None:
        if link is not self.link:
            self.link = link
            self._on_link(link)


class Backoff:
    """How long to wait before the next attempt: doubling, capped, jittered.

    Args:
        chance: Where the jitter comes from.
        first: Seconds, about, after the first failure.
        cap: Seconds at most.
    """

    def __init__(self, chance: random.Random, *, first: float = 0.2, cap: float = 5.0) -> None:
        self._chance = chance
        self._first = first
        self._cap = cap
        self._failures = 0

    def failed(self) -> float:
        """Count a failure; returns seconds to wait, between half and the whole of the step."""
        step: float = min(self._cap, self._first * 2 ** min(self._failures, 16))
        self._failures += 1
        return step * self._chance.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Begin again from the first step."""
        self._failures = 0
