"""One request to one answer: known, allowed, well-formed, journalled, done, in that order.

Owns: that order, and the mapping from the engine's errors to the protocol's codes. Never: sockets.
Strategy: nothing reaches the engine before all checks passed, and a change is in the journal before
it is made; a defect in a handler is logged here and costs its caller an answer, nobody else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from lfr_engine.api.port import Caller, CallRecord, Conflict, EngineApi, NotFound, Record
from lfr_engine.errors import (
    DeviceError,
    EngineError,
    Fault,
    InputError,
    LfrError,
    RuleError,
    SourceLost,
)
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import BadArgument, to_record
from lfr_engine.protocol.commands import COMMANDS, CommandSpec
from lfr_engine.protocol.errors import ErrorCode

log = structlog.get_logger("lfr_engine.api")

_CODES: tuple[tuple[type[LfrError], ErrorCode], ...] = (
    (RuleError, ErrorCode.RULE),
    (NotFound, ErrorCode.NOT_FOUND),
    (Conflict, ErrorCode.CONFLICT),
    (InputError, ErrorCode.BAD_ARGUMENT),
    (SourceLost, ErrorCode.UNAVAILABLE),
    (DeviceError, ErrorCode.UNAVAILABLE),
    (EngineError, ErrorCode.INTERNAL),
)
"""First match wins."""

_PASSWORD = re.compile(r"(?<=://)[^/@\s]*@")


@dataclass(frozen=True, slots=True)
class Handling:
    """What every request needs.

    Args:
        engine: Does the work.
        record: Writes the journal.
        request_seconds: For a request that names no deadline.
    """

    engine: EngineApi
    record: Record
    request_seconds: float


def to_error(number: int | None, error: LfrError) -> m.Error:
    """The message that stands for ``error``."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    if code is None:
        code = ErrorCode.UNAVAILABLE if error.fault is Fault.NETWORK else ErrorCode.INTERNAL
    named = error.rule if isinstance(error, RuleError) else None
    return m.Error(id=number, code=code, text=str(error), field=named)


def safe_details(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments fit for the journal: no pictures, no passwords, nothing long."""

    def safe(value: Any) -> Any:
        if isinstance(value, bytes):
            return f"<{len(value)} bytes>"
        if isinstance(value, str):
            return _PASSWORD.sub("***@", value)[:500]
        if isinstance(value, list):
            return [safe(inner) for inner in value[:64]]
        if isinstance(value, dict):
            return {str(key)[:64]: safe(inner) for key, inner in list(value.items())[:32]}
        return value

    return {key[:64]: safe(value) for key, value in list(arguments.items())[:32]}


def line(
    caller: Caller, what: str, outcome: str, code: str = "", details: dict[str, Any] | None = None
) -> CallRecord:
    """A journal line about ``caller``."""
    return CallRecord(
        what,
        outcome,
        caller.name,
        caller.role.value,
        caller.origin,
        caller.session,
        code,
        details or {},
    )


async def answer(
    handling: Handling, caller: Caller, request: m.Request, scope: trio.CancelScope
) -> m.Response | m.Error:
    """Run a request; always answers, unless the whole connection is cancelled.

    Args:
        handling: What every request needs.
        caller: Who asks.
        request: What is asked.
        scope: Not yet entered; cancelling it cancels the request. Its deadline is set here.
    """
    spec = COMMANDS.get(request.command)
    asked = False
    outcome: m.Response | m.Error = _refusal(
        request, ErrorCode.CANCELLED, "cancelled; the outcome is unknown"
    )
    try:
        with scope:
            if spec is None or caller.role not in spec.roles:
                return await _refuse(handling, caller, request, spec)
            arguments = to_record(request.args, spec.arguments)
            said = line(caller, spec.name, "asked", details=safe_details(request.args))
            if spec.journalled and not spec.at_once:
                await handling.record(said)
                asked = True
            seconds = handling.request_seconds
            if request.deadline_ms is not None:
                seconds = request.deadline_ms / 1e3
            scope.deadline = trio.current_time() + seconds
            outcome = await _run(handling.engine, caller, request, spec, arguments)
            if spec.at_once:
                await handling.record(said)
                asked = True
        if scope.cancelled_caught and trio.current_time() >= scope.deadline:
            text = "not finished before its deadline; the outcome is unknown"
            outcome = _refusal(request, ErrorCode.DEADLINE, text)
        if asked and isinstance(outcome, m.Error):
            await handling.record(line(caller, request.command, "failed", outcome.code))
    except BadArgument as error:
        return _refusal(request, ErrorCode.BAD_ARGUMENT, error.text, error.field or None)
    except LfrError as error:
        return to_error(request.id, error)
    return outcome


async def _refuse(
    handling: Handling, caller: Caller, request: m.Request, spec: CommandSpec | None
) -> m.Error:
    code = ErrorCode.UNKNOWN_COMMAND if spec is None else ErrorCode.FORBIDDEN
    await handling.record(line(caller, request.command, "refused", code))
    text = "no such command" if spec is None else f"not for the role {caller.role}"
    return _refusal(request, code, text)


async def _run(
    engine: EngineApi, caller: Caller, request: m.Request, spec: CommandSpec, arguments: Any
) -> m.Response | m.Error:
    try:
        result = await engine.execute(spec, arguments, caller)
        if isinstance(result, spec.result):
            return m.Response(id=request.id, result=result)
        log.error("wrong result", command=spec.name, kind=type(result).__name__)
    except LfrError as error:
        return to_error(request.id, error)
    except Exception:  # a defect in one handler must not take the server down
        log.exception("request failed", command=request.command, session=caller.session)
    return _refusal(request, ErrorCode.INTERNAL, "a defect in the engine; its log says more")


def _refusal(request: m.Request, code: ErrorCode, text: str, field: str | None = None) -> m.Error:
    return m.Error(id=request.id, code=code, text=text, field=field)
