"""One connection from the first byte to the last.

Owns: the handshake, the reading loop, and the tasks of one caller. Never: another connection's
state; whatever goes wrong here ends here. Strategy: no byte reaches a handler before the caller is
known; everything a client can hold open is bounded or has a deadline (see ``Bounds``).
"""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from lfr_engine import __version__
from lfr_engine.api.callers import ApiSettings, Proof, choose_role
from lfr_engine.api.guard import Bucket, Guard
from lfr_engine.api.outgoing import Doorbell, Outgoing
from lfr_engine.api.port import Caller, CallRecord
from lfr_engine.api.requests import Handling, answer, line, to_error
from lfr_engine.api.subscriptions import Subscriber, follow
from lfr_engine.api.tokens import TokenStore
from lfr_engine.clock import Clock
from lfr_engine.errors import LfrError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import BadArgument, to_record
from lfr_engine.protocol.commands import TOPICS, TopicSpec
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from lfr_engine.protocol.framing import CHUNK_BYTES, SERVER_LIMITS
from lfr_engine.protocol.machine import Phase, Role

log = structlog.get_logger("lfr_engine.api")

CAPABILITIES = ["credit", "cancel", "durable-cursors"]
_HANDSHAKE_CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Server:
    """What all connections share."""

    settings: ApiSettings
    guard: Guard
    tokens: TokenStore | None
    handling: Handling
    clock: Clock


class _Turned(Exception):
    """The handshake ends in a refusal."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.message = m.Error(code=code, text=text)


class Session:
    """One accepted stream.

    Args:
        server: What all connections share.
        stream: Between the two ends; TLS is already established.
        origin: ``unix:uid=…`` or an IP address.
        proof: What the operating system or a certificate says about the peer.
    """

    def __init__(self, server: Server, stream: trio.abc.Stream, origin: str, proof: Proof) -> None:
        self._server = server
        self._bounds = server.settings.bounds
        self._stream = stream
        self._origin = origin
        self._proof = proof
        self._id = secrets.token_hex(8)
        self._connection = Connection(Role.SERVER)
        self._out = Outgoing(self._connection, stream, self._bounds.write_seconds)
        self._scopes: dict[int, trio.CancelScope] = {}
        self._reading = trio.CancelScope()
        self._bells: dict[int, Doorbell] = {}
        self._last: m.Message = m.Goodbye(reason="the engine is shutting down")
        self._rate = Bucket(
            self._bounds.requests_per_second, self._bounds.requests_per_second / 10, server.clock
        )

    # -- handshake ------------------------------------------------------------------------------

    async def greet(self) -> Caller | None:
        """Challenge and hello; ``None`` after a refusal. The caller bounds the time."""
        nonce = secrets.token_bytes(32)
        try:
            self._out.push(m.Challenge(versions=list(m.VERSIONS), nonce=nonce))
            await self._out.flush()
            hello = await self._hello()
            if hello is None:
                return None
            caller = await self._recognise(hello, nonce)
        except _Turned as turned:
            await self._out.farewell(turned.message)
            return None
        except RemoteProtocolError as error:
            await self._out.farewell(m.Error(code=error.code, text=error.cause))
            return None
        self._out.push(
            m.Welcome(
                version=hello.version,
                engine=__version__,
                session=self._id,
                caller=caller.name,
                role=caller.role.value,
                capabilities=[word for word in CAPABILITIES if word in hello.capabilities],
                limits=m.Limits(
                    frame_bytes=SERVER_LIMITS.frame_bytes,
                    requests_in_flight=self._bounds.requests_in_flight,
                    subscriptions=self._bounds.subscriptions,
                    requests_per_second=self._bounds.requests_per_second,
                    idle_seconds=max(1, round(self._bounds.idle_seconds)),
                ),
            )
        )
        return caller

    async def _hello(self) -> m.Hello | None:
        while True:
            message = self._connection.next_message()
            if isinstance(message, m.Hello):
                return message
            if self._connection.ended:
                return None
            data = await self._stream.receive_some(_HANDSHAKE_CHUNK)
            self._connection.receive_data(bytes(data))

    async def _recognise(self, hello: m.Hello, nonce: bytes) -> Caller:
        if hello.version not in m.VERSIONS:
            raise _Turned(ErrorCode.VERSION, f"this engine speaks {list(m.VERSIONS)}")
        proof = self._proof
        if hello.token is not None:
            proof = await self._check_token(hello.token, hello, nonce)
        if not proof.roles:
            raise _Turned(ErrorCode.UNAUTHENTICATED, "this caller needs a token")
        if self._server.guard.tired_of(self._known_as(proof.name)):
            raise _Turned(ErrorCode.BUSY, "too many refused calls; wait before trying again")
        role = choose_role(proof, hello.role)
        if role is None:
            self._server.guard.refused(self._known_as(proof.name))
            await self._record_refusal(proof.name, hello.role or "", ErrorCode.FORBIDDEN)
            raise _Turned(ErrorCode.FORBIDDEN, "this caller does not have that role")
        return Caller(proof.name, role, self._origin, self._id, proof.proven_by)

    async def _check_token(self, name: str, hello: m.Hello, nonce: bytes) -> Proof:
        guard, tokens = self._server.guard, self._server.tokens
        found = None
        if tokens is not None and hello.proof is not None:
            now = self._server.clock.utc()
            found = tokens.check(name, nonce, hello.version, hello.proof, now)
        if found is None:
            locked = guard.guessed_wrong(self._origin)
            code = ErrorCode.LOCKED_OUT if locked else ErrorCode.UNAUTHENTICATED
            await self._record_refusal(name, "", code)
            raise _Turned(ErrorCode.UNAUTHENTICATED, "unknown, wrong or expired token")
        guard.proved(self._origin)
        return Proof(found.holder, tuple(found.roles), "token")

    async def _record_refusal(self, name: str, role: str, code: ErrorCode) -> None:
        await self._server.handling.record(
            CallRecord("connect", "refused", name, role, self._origin, self._id, code)
        )

    # -- conversation ---------------------------------------------------------------------------

    async def converse(self, caller: Caller) -> None:
        """Serve ``caller`` until either end leaves; what it started is over on return."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                async with trio.open_nursery() as work:
                    with self._reading:
                        self._last = await self._read(caller, work)
                    work.cancel_scope.cancel()
                await self._out.finish(self._last)
                nursery.cancel_scope.cancel()
        finally:
            await self._out.farewell(self._last)

    async def _write(self, scope: trio.CancelScope) -> None:
        try:
            await self._out.run()
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            scope.cancel()

    async def _read(self, caller: Caller, nursery: trio.Nursery) -> m.Message:
        """Hear messages until the client leaves; returns what to say at the end."""
        pinged = False
        began: float | None = None
        while self._connection.phase is Phase.OPEN:
            limit = trio.current_time() + self._bounds.idle_seconds
            if began is not None:
                limit = min(limit, began + self._bounds.frame_seconds)
            data = None
            try:
                with trio.move_on_at(limit):
                    data = await self._stream.receive_some(CHUNK_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return m.Goodbye(reason="cut")
            if data is None:
                if pinged or began is not None:
                    return m.Error(code=ErrorCode.TIMEOUT, text="silent for too long")
                pinged = True
                await self._out.send(m.Ping(n=1))
                continue
            pinged = False
            try:
                self._connection.receive_data(bytes(data))
                while (message := self._connection.next_message()) is not None:
                    await self._hear(message, caller, nursery)
                    began = None
            except RemoteProtocolError as error:
                return m.Error(code=error.code, text=error.cause)
            if self._connection.ended:
                break
            if not self._connection.held_bytes:
                began = None
            elif began is None:
                began = trio.current_time()
        return m.Goodbye(reason="as you wished")

    async def _hear(self, message: m.Message, caller: Caller, nursery: trio.Nursery) -> None:
        match message:
            case m.Request():
                await self._begin_request(message, caller, nursery)
            case m.Subscribe():
                await self._begin_subscription(message, caller, nursery)
            case m.Credit(id=known):
                bell = self._bells.get(known)
                if bell is not None:
                    bell.ring()
            case m.Cancel(id=known):
                scope = self._scopes.get(known)
                if scope is not None:
                    scope.cancel()
            case m.Ping(n=n):
                await self._out.send(m.Pong(n=n))
            case _:
                pass  # pong: hearing it was its purpose; goodbye: the phase has changed

    async def _slow_down(self) -> None:
        wait = self._rate.take()
        if wait > 0:
            await trio.sleep(wait)

    async def _begin_request(
        self, request: m.Request, caller: Caller, nursery: trio.Nursery
    ) -> None:
        await self._slow_down()
        if self._connection.requests_in_flight > self._bounds.requests_in_flight:
            await self._out.send(
                m.Error(id=request.id, code=ErrorCode.BUSY, text="too many unanswered requests")
            )
            return
        scope = self._scopes[request.id] = trio.CancelScope()
        nursery.start_soon(self._answer, request, caller, scope)

    async def _answer(self, request: m.Request, caller: Caller, scope: trio.CancelScope) -> None:
        outcome = await answer(self._server.handling, caller, request, scope)
        del self._scopes[request.id]
        try:
            await self._out.send(outcome)
        except LocalProtocolError:
            log.exception("answer cannot be sent", command=request.command, session=self._id)
            text = "the answer is too large; ask for less"
            await self._out.send(m.Error(id=request.id, code=ErrorCode.TOO_LARGE, text=text))
        if isinstance(outcome, m.Error) and outcome.code == ErrorCode.FORBIDDEN:
            self._count_refusal(caller)

    def _known_as(self, name: str) -> str:
        return f"{name} at {self._origin}"

    def _count_refusal(self, caller: Caller) -> None:
        """A caller that keeps asking for what it may not have floods the journal: end it."""
        if self._server.guard.refused(self._known_as(caller.name)):
            log.warning("connection closed: too many refused calls", session=self._id)
            self._last = m.Error(code=ErrorCode.BUSY, text="too many refused calls")
            self._reading.cancel()

    async def _begin_subscription(
        self, wish: m.Subscribe, caller: Caller, nursery: trio.Nursery
    ) -> None:
        await self._slow_down()
        topic = TOPICS.get(wish.topic)
        code, text, field = ErrorCode.BUSY, "too many subscriptions", None
        if topic is None or caller.role not in topic.roles:
            code = ErrorCode.UNKNOWN_TOPIC if topic is None else ErrorCode.FORBIDDEN
            text = "no such topic" if topic is None else f"not for the role {caller.role}"
            what = f"subscribe {wish.topic}"
            try:
                await self._server.handling.record(line(caller, what, "refused", code))
            except LfrError as error:
                text = str(error)
            self._count_refusal(caller)
        elif self._connection.subscriptions <= self._bounds.subscriptions:
            try:
                arguments = to_record(wish.args, topic.arguments)
            except BadArgument as error:
                code, text, field = ErrorCode.BAD_ARGUMENT, error.text, error.field or None
            else:
                scope = self._scopes[wish.id] = trio.CancelScope()
                self._bells[wish.id] = Doorbell()
                nursery.start_soon(self._follow, wish, topic, arguments, caller, scope)
                return
        await self._out.send(m.Error(id=wish.id, code=code, text=text, field=field))

    async def _follow(
        self,
        wish: m.Subscribe,
        topic: TopicSpec[Any],
        arguments: Any,
        caller: Caller,
        scope: trio.CancelScope,
    ) -> None:
        subscriber = Subscriber(
            wish.id,
            caller,
            self._out.send,
            lambda: self._connection.credit(wish.id),
            self._bells[wish.id],
        )
        last: m.Message = m.Ended(id=wish.id, reason="cancelled")
        with scope:
            try:
                await follow(
                    self._server.handling.engine, topic, arguments, wish.cursor, subscriber
                )
            except LfrError as error:
                last = to_error(wish.id, error)
            except Exception as error:  # a defect in one feed ends that feed only
                leaves = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
                if all(isinstance(leaf, trio.EndOfChannel) for leaf in leaves):
                    last = m.Ended(id=wish.id, reason="the topic ended")
                else:
                    log.exception("subscription failed", topic=topic.name, session=self._id)
                    last = m.Error(
                        id=wish.id, code=ErrorCode.INTERNAL, text="a defect; see the log"
                    )
        del self._scopes[wish.id]
        del self._bells[wish.id]
        with contextlib.suppress(LocalProtocolError):
            await self._out.send(last)
