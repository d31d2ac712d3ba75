"""The connections to the engine: one for each role, calls by permission, feeds as messages.

Owns: the clients of ``lfr_engine.client.aio`` and their reading tasks. Never: widgets, decisions,
an engine module. Strategy: a connection acts in one role (R16: a journal line names one), so a
cockpit for several roles holds several connections and sends each command over the first one that
may send it; feeds go over the first that may hear them. Everything heard is emitted as a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from lfr_engine.client.aio import Client, Subscription, open_client
from lfr_engine.client.core import Link as Word
from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.client.feed import Delivery, Gap, Missed
from lfr_engine.clock import Clock
from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import commands as c
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.address import Address
from lfr_engine.protocol.arguments import Command
from lfr_engine.protocol.commands import BY_ARGUMENTS, CallerRole, TopicSpec, may_subscribe
from lfr_engine.protocol.errors import ErrorCode
from lfr_engine.protocol.proof import Token
from tui import messages as m

LogLevel = Literal["debug", "info", "warning", "error"]
R = TypeVar("R")
B = TypeVar("B")

DEFAULT_ROLES = (CallerRole.OPERATOR, CallerRole.ENGINEER, CallerRole.AUDITOR)
"""What a cockpit tries to be, when nobody says."""
LISTED = 100
"""Alerts asked for at the start and after a cut."""
AGAIN_SECONDS = 1.0
"""Between attempts to open a feed that the engine ended."""
KEEPALIVE_SECONDS = 2.0
"""Silence before a ping: an engine that hangs is noticed by the age of its board long before."""
WINDOW = 64
NEWEST_WINDOW = 2
"""Of a topic where the newest wins: whatever a thin link cannot carry is never queued."""

REFUSED_SECONDS = 10.0
"""Before asking again after a refusal that a restarted engine may take back."""

_NOT_OURS = frozenset({ErrorCode.FORBIDDEN, ErrorCode.UNAUTHENTICATED})
"""Refusals of the caller; asking again would only be counted against it."""
_FOR_EVER = frozenset({ErrorCode.FORBIDDEN, ErrorCode.UNKNOWN_TOPIC, ErrorCode.BAD_ARGUMENT})


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Whom to connect to, and as whom.

    Args:
        address: Where the engine listens.
        roles: Roles to act in, in order of preference; one connection each.
        token: Where the engine asks for one.
        tls: For TCP.
    """

    address: Address
    roles: tuple[CallerRole, ...] = DEFAULT_ROLES
    token: Token | None = None
    tls: ssl.SSLContext | None = None


@dataclass(slots=True, eq=False)
class _Connection:
    role: CallerRole
    client: Client | None = None
    carries: set[str] = field(default_factory=set)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Open for the first time, or refused."""


class EngineLink:
    """See the module; use ``open_link``.

    Args:
        settings: See ``LinkSettings``.
        emit: Given every message, in the event loop's thread.
        clock: Stamps what is heard.
    """

    def __init__(
        self, settings: LinkSettings, emit: Callable[[m.Message], None], clock: Clock
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._clock = clock
        self._connections = [_Connection(role) for role in settings.roles]
        self._primary: _Connection | None = None
        self._carried: set[str] = set()
        self._log_level: LogLevel = "info"
        self._log_changed = asyncio.Event()

    # -- calls ----------------------------------------------------------------------------------

    def may(self, record: type[Command[Any]]) -> bool:
        """Whether an open connection has a role that may send this command."""
        return self._for(record) is not None

    def caller(self) -> str:
        """Our name as the engine knows it; empty while not connected."""
        for one in self._connections:
            if one.client is not None and one.client.welcome is not None:
                return one.client.welcome.caller
        return ""

    async def call(self, command: Command[R], *, timeout: float = 10.0) -> R:
        """Send a command over the first connection that may.

        Raises:
            CallRefused: The engine said no.
            LinkLost: Not connected, or cut.
            LfrError: No connection has the role it needs.
        """
        one = self._for(type(command))
        if one is None or one.client is None:
            spec = BY_ARGUMENTS[type(command)]
            if not any(other.client for other in self._connections):
                raise LinkLost(spec.name, "not connected to the engine")
            roles = " or ".join(role.value for role in CallerRole if role in spec.roles)
            raise LinkLost(spec.name, "nobody here may do this", f"it needs the role {roles}")
        return await one.client.call(command, timeout=timeout)

    def _for(self, record: type[Command[Any]]) -> _Connection | None:
        roles = BY_ARGUMENTS[record].roles
        for one in self._connections:
            if one.client is not None and one.client.link is Word.OPEN and one.role in roles:
                return one
        return None

    # -- feeds a screen asks for ----------------------------------------------------------------

    def follow_logs(self, level: LogLevel) -> None:
        """Hear log lines of ``level`` and above from now on."""
        if level != self._log_level:
            self._log_level = level
            self._log_changed.set()

    async def previews(self, arguments: a.PreviewFilter) -> AsyncIterator[s.Preview]:
        """Blurred pictures of one camera until the caller stops; cuts are waited out.

        Raises:
            CallRefused: The engine does not show this camera, or not to this role.
        """
        while True:
            client = next(
                (
                    one.client
                    for one in self._connections
                    if one.client is not None
                    and one.client.link is Word.OPEN
                    and may_subscribe(one.role, c.PREVIEW.name)
                ),
                None,
            )
            if client is None:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            try:
                async with client.subscribe(c.PREVIEW, arguments, window=NEWEST_WINDOW) as feed:
                    async for item in feed:
                        if isinstance(item, Delivery):
                            yield item.body
            except LinkLost:
                await asyncio.sleep(AGAIN_SECONDS)

    # -- inside ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep every connection until cancelled; a later role waits until the earlier is settled,
        so that the feeds go over the most preferred role that is given.
        """
        async with asyncio.TaskGroup() as group:
            for one in self._connections:
                group.create_task(self._keep(one))
                await one.settled.wait()

    async def _keep(self, one: _Connection) -> None:
        while True:
            if await self._until_refused(one):
                return
            await asyncio.sleep(REFUSED_SECONDS)

    async def _until_refused(self, one: _Connection) -> bool:
        """Hold one client; returns when it was refused, whether asking again is pointless."""
        feeds: list[asyncio.Task[None]] = []
        words: asyncio.Queue[Word] = asyncio.Queue(256)

        def heard(word: Word) -> None:
            with contextlib.suppress(asyncio.QueueFull):  # the newest of 256 is soon heard again
                words.put_nowait(word)

        async with open_client(
            self._settings.address,
            name="lfr-tui",
            token=self._settings.token,
            role=one.role.value,
            tls=self._settings.tls,
            patient=True,
            keepalive=KEEPALIVE_SECONDS,
            on_link=heard,
        ) as client:
            one.client = client
            try:
                while True:
                    word = await words.get()
                    refusal = await _refusal(client) if word is Word.REFUSED else None
                    self._tell(one, client, word, refusal)
                    if refusal is not None:
                        one.settled.set()
                        return isinstance(refusal, CallRefused) and refusal.code in _NOT_OURS
                    if word is Word.OPEN:
                        if not feeds:
                            feeds = self._start_feeds(one, client)
                        if self._primary is one:
                            await self._list_alerts()
                        one.settled.set()
            finally:
                one.client = None
                self._carried -= one.carries
                one.carries.clear()
                for task in feeds:
                    task.cancel()
                await asyncio.gather(*feeds, return_exceptions=True)

    def _tell(self, one: _Connection, client: Client, word: Word, refusal: LfrError | None) -> None:
        if word is Word.OPEN and self._primary is None:
            self._primary = one
        caller = client.welcome.caller if client.welcome is not None else ""
        self._emit(m.RoleChanged(one.role.value, word.value, caller))
        if self._primary in {None, one}:
            detail = "" if refusal is None else str(refusal)
            self._emit(m.LinkChanged(self._now(), word.value, detail))

    def _start_feeds(self, one: _Connection, client: Client) -> list[asyncio.Task[None]]:
        takers: dict[str, tuple[TopicSpec[Any], Callable[[Any], None]]] = {
            "board": (c.BOARD, self._board_came),
            "alerts": (c.ALERTS, self._alert_came),
            "decisions": (c.DECISIONS, self._decision_came),
        }
        tasks = []
        for name, (topic, take) in takers.items():
            if self._carry(one, name):
                tasks.append(asyncio.create_task(self._follow(client, topic, take, None)))
        if self._carry(one, "logs"):
            tasks.append(asyncio.create_task(self._follow_logs(client)))
        return tasks

    def _carry(self, one: _Connection, name: str) -> bool:
        if name in self._carried or not may_subscribe(one.role, name):
            return False
        self._carried.add(name)
        one.carries.add(name)
        return True

    async def _follow_logs(self, client: Client) -> None:
        """Subscribe to the log anew whenever another level is wanted."""
        while True:
            self._log_changed.clear()
            wanted = a.LogsFilter(level=self._log_level)
            following = asyncio.create_task(self._follow(client, c.LOGS, self._log_came, wanted))
            try:
                await self._log_changed.wait()
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)

    async def _follow(
        self, client: Client, topic: TopicSpec[B], take: Callable[[B], None], arguments: Any
    ) -> None:
        window = NEWEST_WINDOW if topic.newest else WINDOW
        while True:
            try:
                async with client.subscribe(topic, arguments, window=window) as feed:
                    await self._read(topic, feed, take)
            except CallRefused as error:
                if error.code in _FOR_EVER:
                    self._notice(f"{topic.name}: {error}", "warn")
                    return
                if topic.durable:
                    # our place is unknown to this engine: it keeps another journal
                    self._emit(m.OtherJournal())
                    await self._list_alerts()
            except LfrError as error:
                self._notice(f"{topic.name}: {error}", "warn")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _read(
        self, topic: TopicSpec[B], feed: Subscription[B], take: Callable[[B], None]
    ) -> None:
        async for item in feed:
            if isinstance(item, Delivery):
                take(item.body)
            elif isinstance(item, Missed):
                if not topic.newest and not topic.durable:
                    self._emit(m.EventsMissed(topic.name, item.count))
            elif isinstance(item, Gap):
                self._notice(f"older {topic.name} were deleted by retention", "warn")

    async def _list_alerts(self) -> None:
        if not self.may(a.AlertsList):
            return
        try:
            page = await self.call(a.AlertsList(limit=LISTED))
        except LfrError as error:
            self._notice(f"alerts: {error}", "warn")
            return
        self._emit(m.AlertsListed(self._now(), tuple(page.alerts)))

    def _board_came(self, body: s.Board) -> None:
        self._emit(m.BoardCame(self._now(), body))

    def _alert_came(self, body: s.Alert) -> None:
        self._emit(m.AlertCame(self._now(), body))

    def _decision_came(self, body: s.Transition) -> None:
        self._emit(m.DecisionCame(self._now(), body))

    def _log_came(self, body: s.LogLine) -> None:
        self._emit(m.LogCame(body))

    def _notice(self, text: str, level: str) -> None:
        self._emit(m.Noticed(self._now(), text, level))

    def _now(self) -> int:
        return self._clock.monotonic_ns()


async def _refusal(client: Client) -> LfrError:
    """Why a client was refused; a refused client answers every call with it."""
    try:
        await client.call(a.StateGet())
    except LfrError as error:
        return error
    raise AssertionError("a refused client answered")


@contextlib.asynccontextmanager
async def open_link(
    settings: LinkSettings, emit: Callable[[m.Message], None], clock: Clock
) -> AsyncIterator[EngineLink]:
    """Connect, and stay connected while the block lasts; never waits for the engine."""
    link = EngineLink(settings, emit, clock)
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def roles_of(words: Sequence[str]) -> tuple[CallerRole, ...]:
    """Roles by name, in the order given; the default ones for none."""
    return tuple(CallerRole(word) for word in words) or DEFAULT_ROLES
