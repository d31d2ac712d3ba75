"""Commands on the deployment: authority, capture, blue list, journal and report.

Owns: what each mode answers, and the journal lines of calls. Never: capture that goes on after a
stop, whatever the mode (R17). Strategy: a deployment's session decides; in the other modes the red
stop still works, and what needs an authority is refused with the rule that asks for it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import trio

from lfr_engine.api.port import Caller, CallRecord, Conflict
from lfr_engine.app.blue_table import read_passes
from lfr_engine.app.board import moment
from lfr_engine.app.deployment_core import STOPPED
from lfr_engine.app.deployment_refusal import plain
from lfr_engine.app.deployment_session import Session
from lfr_engine.app.engine_api_alerts import person
from lfr_engine.app.running import Running, capture_state
from lfr_engine.deployment.intervals import clopper_pearson
from lfr_engine.deployment.page import full_page, public_page
from lfr_engine.deployment.record import as_values, without_open_scores
from lfr_engine.deployment.totals import build
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.access import ApiCalled, ApiRefused
from lfr_engine.journal.lines import committed
from lfr_engine.journal.verification import VerifyResult, verify
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import CallerRole

WITHOUT_INTERLOCK = dt.timedelta(seconds=15)
"""When to say again that an operator is there, where nothing depends on it."""


# authority and capture ---------------------------------------------------------------------------


async def start(running: Running, command: a.DeploymentsStart, caller: Caller) -> s.DeploymentState:
    """The loaded deployment runs already; starting it says that the signs stand."""
    session = _session(running, "deployments.start")
    if not command.signage_confirmed:
        raise RuleError("R7", "deployment", "signage is not confirmed", "look that the signs stand")
    await session.confirm_signage(person(caller))
    return capture_state(running)


async def pause(running: Running, command: a.DeploymentsPause, caller: Caller) -> s.DeploymentState:
    """Frames are dropped, connections stay."""
    if running.session is not None:
        await running.session.pause(person(caller), command.reason)
    elif not running.stopped:
        running.paused = command.reason
        running.engine.capture(False)
    await trio.lowlevel.checkpoint()
    return capture_state(running)


async def resume(
    running: Running, command: a.DeploymentsResume, caller: Caller
) -> s.DeploymentState:
    """A named person lets capture go on."""
    if running.session is not None:
        await running.session.resume(person(caller), command.reason)
    else:
        if not running.stopped and not running.paused:
            raise Conflict("capture", "is running")
        was_stopped = bool(running.stopped)
        running.stopped = running.paused = ""
        running.engine.capture(True)
        if was_stopped:
            running.engine.start()
            if running.relaying is not None:
                running.relaying.go_on()
    await trio.lowlevel.checkpoint()
    return capture_state(running)


async def stop(running: Running, command: a.DeploymentsStop, caller: Caller) -> s.EngineState:
    """The big red stop, in every mode."""
    if running.session is not None:
        await running.session.stop(person(caller), command.reason)
    else:
        running.stopped = command.reason
        running.engine.capture(False)
        running.engine.stop()
        if running.relaying is not None:
            running.relaying.stop(STOPPED)
    await trio.lowlevel.checkpoint()
    return running.state()


async def end(running: Running, command: a.DeploymentsEnd, caller: Caller) -> s.DeploymentState:
    """End in good order before the time."""
    session = _session(running, "deployments.end")
    await session.end(person(caller), command.reason)
    return capture_state(running)


async def heartbeat(running: Running, _: a.PresenceHeartbeat, __: Caller) -> s.Presence:
    """An operator is there."""
    before = None
    if running.session is not None:
        before = await running.session.heartbeat()
    await trio.lowlevel.checkpoint()
    return s.Presence(next_before=moment(before or running.clock.utc() + WITHOUT_INTERLOCK))


# blue list, journal, report ----------------------------------------------------------------------


async def blue_pass(running: Running, command: a.BluePass, caller: Caller) -> s.BlueStatus:
    """Consenting staff walked past (R9)."""
    session = _session(running, "blue.pass")
    cameras = [camera.config.name for camera in running.cameras]
    if command.camera is None and len(cameras) != 1:
        raise Conflict("camera", "there are several", "say which one they passed")
    await session.blue_pass(
        person(caller),
        command.entry,
        command.camera or cameras[0],
        command.source,
        command.group,
    )
    return _blue(session)


async def blue_import(running: Running, command: a.BlueImport, caller: Caller) -> s.BlueStatus:
    """Passes of consenting staff from a table (R9)."""
    session = _session(running, "blue.import")
    await session.blue_passes(person(caller), read_passes(command.table), "csv")
    return _blue(session)


async def blue_status(running: Running, _: a.BlueStatus, __: Caller) -> s.BlueStatus:
    """Passes, hits and their exact interval."""
    await trio.lowlevel.checkpoint()
    return s.BlueStatus(passes=0, hits=0) if running.session is None else _blue(running.session)


async def journal_query(running: Running, command: a.JournalQuery, _: Caller) -> s.JournalPage:
    """Lines of the journal."""
    session = _session(running, "journal.query")
    records = await session.journal(command.after, command.limit, command.kinds)
    return s.JournalPage(
        events=[
            s.JournalEvent(
                sequence=record.seq,
                at=moment(record.utc),
                kind=record.kind,
                actor=str(record.body.get("actor", "engine")),
                digest=record.hash,
                data=dict(record.body),
            )
            for record in records
        ],
        after=records[-1].seq if len(records) == command.limit else None,
    )


async def journal_verify(running: Running, _: a.JournalVerify, __: Caller) -> s.JournalCheck:
    """Prove the chain and the checkpoints, while it is being written."""
    session = _session(running, "journal.verify")
    path = session.opened.settings.data / "journal.jsonl"
    found: VerifyResult = await running.lane.run(verify, path)
    if not found.ok and found.unfinished:  # a line was being written; it is complete by now
        found = await running.lane.run(verify, path)
    return s.JournalCheck(
        intact=found.ok,
        events=found.records,
        checkpoints=found.checkpoints,
        digest=found.head.hash,
        fault=found.cause,
    )


async def report_get(running: Running, command: a.ReportGet, caller: Caller) -> s.Report:
    """The record of a deployment from the journal alone (R7); who judges alerts is told no score of
    those that are undecided (R10).
    """
    session = _session(running, "report.get")
    name = command.deployment or session.deployment
    path = session.opened.settings.data / "journal.jsonl"

    def made() -> s.Report:
        with path.open("rb") as file:
            record = build((placed.record for placed in committed(file, path)), name)
        if caller.role is CallerRole.OPERATOR:
            record = without_open_scores(record)
        pages = {"public": public_page, "oversight": full_page}
        make = pages.get(command.page)
        return s.Report(
            deployment=name, record=as_values(record), page="" if make is None else make(record)
        )

    return await running.lane.run(made)


def journalled(call: CallRecord, deployment: str | None) -> ApiCalled | ApiRefused:
    """A call as a line of the journal."""
    common: dict[str, Any] = {
        "command": call.what.replace(" ", ".")[:80],
        "origin": call.origin[:80] or None,
        "session": call.session[:80] or None,
        "deployment": deployment,
    }
    if call.outcome == "asked":
        words = ", ".join(f"{key}={value}" for key, value in call.details.items())
        return msgspec.convert(
            {
                **common,
                "actor": call.name[:80] or "unknown",
                "role": call.role,
                "details": plain(words) if words else None,
            },
            ApiCalled,
        )
    return msgspec.convert(
        {
            **common,
            "actor": call.name[:80] or None,
            "role": call.role or None,
            "code": call.code or call.outcome,
            "cause": plain(f"{call.outcome} {call.code}".strip()),
            "failed": call.outcome == "failed",
        },
        ApiRefused,
    )


def _session(running: Running, command: str) -> Session:
    if running.session is None:
        raise RuleError(
            "R3",
            command,
            f"needs a deployment, and this engine runs in {running.mode}",
            "start the engine with a signed authority under [deployment]",
        )
    return running.session


def _blue(session: Session) -> s.BlueStatus:
    rates = session.state().blue
    passes = sum(of for _, of in rates.values())
    hits = sum(hit for hit, _ in rates.values())
    return s.BlueStatus(
        passes=passes,
        hits=hits,
        rate=_interval(hits, passes) if passes else None,
        by_camera={camera: _interval(hit, of) for camera, (hit, of) in rates.items() if of},
    )


def _interval(events: int, trials: int) -> s.Interval:
    bounds = clopper_pearson(events, trials)
    return s.Interval(
        events=events, trials=trials, low=bounds.low, high=bounds.high, rate=events / trials
    )


DEPLOYMENT_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.DeploymentsStart: start,
    a.DeploymentsPause: pause,
    a.DeploymentsResume: resume,
    a.DeploymentsStop: stop,
    a.DeploymentsEnd: end,
    a.PresenceHeartbeat: heartbeat,
    a.BluePass: blue_pass,
    a.BlueImport: blue_import,
    a.BlueStatus: blue_status,
    a.JournalQuery: journal_query,
    a.JournalVerify: journal_verify,
    a.ReportGet: report_get,
}
