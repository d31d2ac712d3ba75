"""What the socket server asks of the engine: one port, so that neither knows the other's inside.

Owns: ``EngineApi``, what passes through it, and the two refusals that are the engine's to make.
Never: sockets, msgpack. Strategy: arguments arrive checked and typed; results are records of
``protocol.shapes``; a durable topic is readable from its store and announced as it grows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from lfr_engine.errors import InputError
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import CallerRole, CommandSpec, TopicSpec
from lfr_engine.runtime.flow import Lagged


class NotFound(InputError):
    """What the arguments name does not exist."""


class Conflict(InputError):
    """Not possible in the present state."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as proven by the operating system, a token or a certificate.

    Args:
        name: The account, token or certificate name; goes into the journal.
        role: The one role the caller acts in on this connection.
        origin: Where from: ``unix:uid=1000`` or an IP address.
        session: The connection's own identifier.
        proven_by: ``peer``, ``token`` or ``certificate``.
    """

    name: str
    role: CallerRole
    origin: str
    session: str
    proven_by: str


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a topic; ``cursor`` is set on durable topics and rises."""

    body: Any
    cursor: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Stored events after a cursor, oldest first.

    Args:
        items: At most as many as were asked for, those this caller may see.
        read_to: Every stored event up to this cursor was looked at; equal to the cursor that was
            asked for when nothing newer is stored.
        kept_after: Events after this cursor are still kept; what a reader wanted before it is gone.
    """

    items: Sequence[Item]
    read_to: int
    kept_after: int = 0


class TopicReader(Protocol):
    """The live end of a topic for one subscriber; ``runtime.flow.Subscription`` is one."""

    async def receive(self) -> Item | Lagged:
        """The next event, or how many were dropped because this reader was slow.

        Raises:
            trio.EndOfChannel: The topic ended.
        """
        ...


class EngineApi(Protocol):
    """The engine as the socket server sees it. Every method runs in the Trio thread."""

    async def execute(self, spec: CommandSpec, arguments: Command[Any], caller: Caller) -> Any:
        """Do it, and return ``spec.result``.

        Cancelled when the caller's deadline passes: a change must then be whole or absent.

        Raises:
            NotFound: What is named does not exist.
            Conflict: Not possible now.
            RuleError: A rule forbids it.
            LfrError: Anything else that is somebody's fault.
        """
        ...

    async def head(self, topic: TopicSpec[Any]) -> int:
        """Cursor of the newest stored event of a durable topic; 0 when there is none."""
        ...

    async def read(self, topic: TopicSpec[Any], after: int, limit: int, caller: Caller) -> Page:
        """Stored events of a durable topic with cursors above ``after``."""
        ...

    async def snapshot(self, topic: TopicSpec[Any], arguments: Any, caller: Caller) -> Any:
        """The present body of a topic that has snapshots."""
        ...

    def subscribe(
        self, topic: TopicSpec[Any], arguments: Any, caller: Caller
    ) -> AbstractContextManager[TopicReader]:
        """Hear everything published from now on; a durable event is stored before it is heard."""
        ...


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One line for the journal: a change that was asked for, a look, a refusal or a failure.

    Args:
        what: The command, ``subscribe <topic>`` or ``connect``.
        outcome: ``asked`` (allowed; recorded before it is done), ``refused`` or ``failed``.
        name: Who.
        role: In which role; empty when unknown.
        origin: Where from.
        session: Which connection.
        code: Why, when refused or failed.
        details: Arguments without pictures and passwords.
    """

    what: str
    outcome: str
    name: str
    role: str
    origin: str
    session: str
    code: str = ""
    details: dict[str, Any] = field(default_factory=dict)


Record = Callable[[CallRecord], Awaitable[None]]
"""Writes a line to the journal; when it raises, the call is not made."""
