"""One request to one answer: known, allowed, well-formed, journalled, done, in that order.

Owns: that order, and the mapping from the engine's errors to the protocol's codes. Never: sockets.
Strategy: nothing reaches the engine before all checks passed, and a change is in the journal before
it is made; a defect in a handler is logged here and costs its caller an answer, nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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


async def answer(handling: Handling, caller: Caller, request: m.Request) -> m.Response | m.Error:
    """Run a request. Cancelled when the client cancels or goes; otherwise always answers."""

    def refuse(code: ErrorCode, text: str, field: str | None = None) -> m.Error:
        return m.Error(id=request.id, code=code, text=text, field=field)

    spec = COMMANDS.get(request.command)
    try:
        if spec is None or caller.role not in spec.roles:
            code = ErrorCode.UNKNOWN_COMMAND if spec is None else ErrorCode.FORBIDDEN
            text = "no such command" if spec is None else f"not for the role {caller.role}"
            await handling.record(line(caller, request.command, "refused", code))
            return refuse(code, text)
        arguments = to_record(request.args, spec.arguments)
        if spec.journalled:
            details = safe_details(request.args)
            await handling.record(line(caller, spec.name, "asked", details=details))
        return await _run(handling, caller, request, spec, arguments, refuse)
    except BadArgument as error:
        return refuse(ErrorCode.BAD_ARGUMENT, error.text, error.field or None)
    except LfrError as error:
        return to_error(request.id, error)
    except Exception:  # a defect in one handler must not take the server down
        log.exception("request failed", command=request.command, session=caller.session)
        return refuse(ErrorCode.INTERNAL, "a defect in the engine; its log says more")


async def _run(
    handling: Handling,
    caller: Caller,
    request: m.Request,
    spec: CommandSpec,
    arguments: Any,
    refuse: Callable[[ErrorCode, str], m.Error],
) -> m.Response | m.Error:
    seconds = handling.request_seconds if request.deadline_ms is None else request.deadline_ms / 1e3
    outcome: m.Response | m.Error = refuse(
        ErrorCode.DEADLINE, f"not finished within {seconds:g} s; the outcome is unknown"
    )
    with trio.move_on_after(seconds):
        try:
            result = await handling.engine.execute(spec, arguments, caller)
            if not isinstance(result, spec.result):
                raise EngineError(spec.name, f"its handler returned a {type(result).__name__}")
            outcome = m.Response(id=request.id, result=result)
        except LfrError as error:
            outcome = to_error(request.id, error)
    if spec.journalled and isinstance(outcome, m.Error):
        await handling.record(line(caller, spec.name, "failed", outcome.code))
    return outcome
