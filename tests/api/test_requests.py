from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from lfr_engine.api.port import Caller, CallRecord
from lfr_engine.api.requests import Handling, answer, safe_details
from lfr_engine.errors import EngineError
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import to_plain
from lfr_engine.protocol.commands import COMMANDS, TOPICS, CallerRole, may_call, may_subscribe
from tests.api.fake_engine import FakeEngine, example

R = CallerRole


def caller(role: CallerRole) -> Caller:
    return Caller("alex", role, "unix:uid=1", "s-1", "peer")


def ask(
    engine: FakeEngine, role: CallerRole, command: str, record: Any = None, **args: Any
) -> m.Response | m.Error:
    handling = Handling(engine, record or engine.record, 30.0)
    request = m.Request(id=1, command=command, args=args)

    async def scenario() -> m.Response | m.Error:
        return await answer(handling, caller(role), request, trio.CancelScope())

    return trio.run(scenario)


VALID: dict[str, dict[str, Any]] = {
    name: to_plain(example(spec.arguments)) for name, spec in COMMANDS.items()
} | {
    "cameras.add": {"camera": "north", "address": "rtsp://host/1"},
    "cameras.change": {"camera": "north", "address": "rtsp://host/2"},
    "preview.frame": {"camera": "north"},
    "zone.edit": {"camera": "north", "corners": [[0, 0], [1, 0], [1, 1]]},
    "watchlist.enrol": {
        "entry": "E1",
        "picture": b"x",
        "category": "C2",
        "source": "s",
        "lawful_basis": "l",
        "reason": "r",
        "expected_action": "a",
        "last_checked": "2026-01-01",
        "label": "l",
        "priority": "low",
        "under_18": False,
    },
    "alerts.opinion": {"alert": "A1", "opinion": "same"},
    "alerts.decide": {"alert": "A1", "decision": "passed", "reasons": ["clear"]},
    "alerts.outcome": {"alert": "A1", "outcome": "engaged"},
    "journal.verify": {},
    "report.get": {},
    "logs.level": {"level": "debug"},
}


@pytest.mark.parametrize("role", R)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_permission_matrix_holds_for_every_role_and_command(
    role: CallerRole, command: str
) -> None:
    engine = FakeEngine()
    engine.hang.set()
    said = ask(engine, role, command, **VALID[command])
    if role in COMMANDS[command].roles:
        assert isinstance(said, m.Response), said
        assert isinstance(said.result, COMMANDS[command].result)
        assert [name for name, _, _ in engine.calls] == [command]
    else:
        assert isinstance(said, m.Error)
        assert said.code == "forbidden"
        assert engine.calls == []
        assert [(r.what, r.outcome, r.name, r.role, r.code) for r in engine.records] == [
            (command, "refused", "alex", role.value, "forbidden")
        ]


def test_the_table_keeps_the_rules() -> None:
    """An oracle beside the table: what each role may change, by hand."""

    def changes(role: CallerRole) -> set[str]:
        return {name for name, spec in COMMANDS.items() if spec.changes and role in spec.roles}

    assert changes(R.AUDITOR) == set()
    assert changes(R.INTEGRATOR) == {"deployments.stop", "blue.pass"}
    assert changes(R.OFFICER) == {"deployments.stop", "alerts.outcome", "outcomes.enter"}
    decides = {name for name in COMMANDS if name in {"alerts.decide", "alerts.opinion"}}
    for role in R:
        assert bool(changes(role) & decides) == (role is R.OPERATOR)  # R2, R10
    assert COMMANDS["deployments.stop"].roles == set(R) - {R.AUDITOR}  # R17
    assert COMMANDS["watchlist.enrol"].roles == {R.AO}
    assert COMMANDS["alerts.pictures"].roles == {R.OPERATOR, R.OFFICER, R.AO}
    assert not may_subscribe(R.ENGINEER, "alerts")
    assert not may_call(R.AO, "no.such")
    assert not may_subscribe(R.AO, "no-such")


def test_every_change_is_journalled_but_the_heartbeat() -> None:
    silent = {name for name, spec in COMMANDS.items() if spec.changes and not spec.journalled}
    assert silent == {"presence.heartbeat"}


def test_a_change_is_journalled_before_it_is_made() -> None:
    engine = FakeEngine()
    seen: list[int] = []

    async def record(line: CallRecord) -> None:
        seen.append(len(engine.calls))
        await engine.record(line)

    ask(engine, R.ENGINEER, "cameras.disable", record, camera="north")
    assert seen == [0]
    assert [(r.what, r.outcome, r.details) for r in engine.records] == [
        ("cameras.disable", "asked", {"camera": "north"})
    ]
    assert len(engine.calls) == 1


def test_without_a_journal_nothing_is_changed() -> None:
    engine = FakeEngine()

    async def record(_: CallRecord) -> None:
        raise EngineError("journal", "the disk is full")

    said = ask(engine, R.ENGINEER, "cameras.disable", record, camera="north")
    assert isinstance(said, m.Error)
    assert engine.calls == []


def test_the_red_stop_is_done_before_it_is_journalled_and_needs_no_disk() -> None:
    engine = FakeEngine()
    done: list[int] = []

    async def record(_: CallRecord) -> None:
        await trio.lowlevel.checkpoint()
        done.append(len(engine.calls))
        raise EngineError("journal", "the disk is full")

    said = ask(engine, R.OFFICER, "deployments.stop", record, reason="x")
    assert isinstance(said, m.Error)  # it says what could not be recorded
    assert [name for name, _, _ in engine.calls] == ["deployments.stop"]
    assert done == [1]


def test_reading_is_not_journalled() -> None:
    engine = FakeEngine()
    ask(engine, R.ENGINEER, "state.get")
    assert engine.records == []


@pytest.mark.parametrize(
    ("role", "command", "args", "code", "field"),
    [
        (R.AO, "no.such", {}, "unknown-command", None),
        (R.ENGINEER, "cameras.disable", {}, "bad-argument", "camera"),
        (R.ENGINEER, "cameras.disable", {"camera": 3}, "bad-argument", "camera"),
        (R.ENGINEER, "cameras.disable", {"camera": "a", "b": 1}, "bad-argument", "b"),
        (R.ENGINEER, "cameras.disable", {"camera": "a/../b"}, "bad-argument", "camera"),
        (R.ENGINEER, "cameras.disable", {"camera": "a\n"}, "bad-argument", "camera"),
        (
            R.ENGINEER,
            "zone.edit",
            {"camera": "a", "corners": [[0, 2]]},
            "bad-argument",
            "corners[0][1]",
        ),
        (R.ENGINEER, "cameras.disable", {"camera": "absent"}, "not-found", None),
        (R.AO, "deployments.start", {"signage_confirmed": False}, "rule", "R3"),
        (R.AO, "deployments.resume", {"reason": "twice"}, "conflict", None),
        (
            R.OPERATOR,
            "alerts.decide",
            {"alert": "defect", "decision": "passed", "reasons": ["x"]},
            "internal",
            None,
        ),
    ],
)
def test_errors_name_what_is_wrong(
    role: CallerRole, command: str, args: dict[str, Any], code: str, field: str | None
) -> None:
    said = ask(FakeEngine(), role, command, **args)
    assert isinstance(said, m.Error)
    assert (said.code, said.field) == (code, field)
    assert "Traceback" not in said.text
    assert "ZeroDivision" not in said.text


def test_a_failed_change_is_journalled_as_failed() -> None:
    engine = FakeEngine()
    ask(engine, R.ENGINEER, "cameras.disable", camera="absent")
    assert [(r.outcome, r.code) for r in engine.records] == [("asked", ""), ("failed", "not-found")]


def test_a_deadline_ends_the_work_and_is_journalled() -> None:
    engine = FakeEngine()
    request = m.Request(id=1, command="journal.verify", deadline_ms=50)

    async def scenario() -> m.Response | m.Error:
        handling = Handling(engine, engine.record, 30.0)
        return await answer(handling, caller(R.AUDITOR), request, trio.CancelScope())

    said = trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))
    assert isinstance(said, m.Error)
    assert said.code == "deadline"
    assert engine.cancelled == 1
    assert [r.outcome for r in engine.records] == ["asked", "failed"]


def test_pictures_and_passwords_do_not_reach_the_journal() -> None:
    safe = safe_details(
        {
            "picture": b"\xff" * 10,
            "address": "rtsp://user:secret@host/1",
            "list": [b"x", "y"],
            "map": {"k": "http://a:b@c"},
            "long": "z" * 9_000,
            "number": 3,
        }
    )
    assert safe["picture"] == "<10 bytes>"
    assert safe["address"] == "rtsp://***@host/1"
    assert safe["list"] == ["<1 bytes>", "y"]
    assert safe["map"] == {"k": "http://***@c"}
    assert len(safe["long"]) == 500
    assert safe["number"] == 3


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: spec.name)
def test_every_result_travels_and_returns(spec: Any) -> None:
    result = example(spec.result)
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(result))
    assert msgspec.convert(wire, spec.result) == result


@pytest.mark.parametrize("spec", TOPICS.values(), ids=lambda spec: spec.name)
def test_every_event_travels_and_returns(spec: Any) -> None:
    body = example(spec.body)
    assert msgspec.convert(msgspec.msgpack.decode(msgspec.msgpack.encode(body)), spec.body) == body
