"""The engine behind the socket: the port's contract, commissioning's refusals, what is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from lfr_engine.api.port import CallRecord, EngineApi, Item
from lfr_engine.app.engine_api import HANDLERS
from lfr_engine.app.engine_api_deployment import journalled
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.access import ApiCalled, ApiRefused
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import ALERTS, BOARD, COMMANDS, LOGS, METRICS
from tests.api.port_contract import Lab, OpenLab, PortContract
from tests.app.api_rig import (
    ENGINEER,
    OPERATOR,
    Stage,
    deployment_stage,
    first_alert,
    play,
    stage,
)
from tests.app.deployment_rig import Rig, until


def test_every_command_has_a_handler_and_no_other_is_there() -> None:
    assert set(HANDLERS) == {spec.arguments for spec in COMMANDS.values()}


class _ExerciseLab:
    def __init__(self, made: Stage) -> None:
        self._stage = made
        self.engine: EngineApi = made.engine

    async def raise_alert(self) -> None:
        desk = self._stage.running.desk
        await desk.record([self._stage.generated()])  # type: ignore[union-attr]


class TestExercisePort(PortContract):
    @pytest.fixture
    def open_lab(self, tmp_path: Path) -> OpenLab:
        @asynccontextmanager
        async def lab() -> AsyncIterator[Lab]:
            async with stage(tmp_path, exercise=True, run=False) as made:
                yield _ExerciseLab(made)

        return lab


class _DeploymentLab:
    def __init__(self, made: Stage) -> None:
        self._stage = made
        self.engine: EngineApi = made.engine

    async def raise_alert(self) -> None:
        session, ledger = self._stage.running.session, self._stage.running.ledger
        assert session is not None
        before = ledger.head("alerts")
        await session.journaler.record([self._stage.generated(deployment=session.deployment)])
        await until(lambda: ledger.head("alerts") > before)


class TestDeploymentPort(PortContract):
    @pytest.fixture
    def open_lab(self, tmp_path: Path) -> OpenLab:
        @asynccontextmanager
        async def lab() -> AsyncIterator[Lab]:
            rig = Rig(tmp_path / "data", walks={"door": []}).build()
            async with deployment_stage(rig) as made:
                yield _DeploymentLab(made)

        return lab


NEEDS_AN_AUTHORITY: list[a.Command[Any]] = [
    a.AlertsDisplayed(alert="A1"),
    a.AlertsOpinion(alert="A1", opinion="same"),
    a.AlertsDecide(alert="A1", decision="passed", reasons=["likeness"]),
    a.AlertsOutcome(alert="A1", outcome="engaged"),
    a.AlertsPictures(alert="A1"),
    a.AlertsHold(alert="A1", reason="court"),
    a.DeploymentsLoad(authority=b"x"),
    a.DeploymentsStart(signage_confirmed=True),
    a.DeploymentsEnd(reason="x"),
    a.BluePass(entry="E1"),
    a.BlueImport(table=b"entry,camera,at"),
    a.JournalQuery(),
    a.JournalVerify(),
    a.ReportGet(),
]


@pytest.mark.parametrize("command", NEEDS_AN_AUTHORITY, ids=lambda c: type(c).__name__)
def test_commissioning_refuses_with_the_rule(command: a.Command[Any], tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=False, run=False) as made:
            with pytest.raises(RuleError) as refused:
                await made.call(command)
            assert refused.value.rule == "R3"

    play(scenario)


def test_board_and_metrics_come_once_a_second_while_somebody_listens(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=False) as made:
            for topic, kind in ((BOARD, s.Board), (METRICS, s.Metrics)):
                with made.engine.subscribe(topic, a.NoFilter(), ENGINEER) as reader:
                    item = await reader.receive()
                    assert isinstance(item, Item)
                    assert isinstance(item.body, kind)

    play(scenario)


def test_the_log_is_heard_and_its_level_set(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=False, run=False) as made:
            log = structlog.get_logger("test")
            with made.engine.subscribe(LOGS, a.LogsFilter(level="info"), ENGINEER) as reader:
                log.debug("quiet")
                log.info("loud", camera="door")
                item = await reader.receive()
                assert isinstance(item, Item)
                assert item.body.text == "loud"
                assert item.body.fields == {"camera": "door"}
            level = await made.call(a.LogsLevel(level="error", minutes=1), ENGINEER)
            assert level.level == "error"
            assert level.until is not None
            made.running.log.until = dt.datetime.now(dt.UTC)
            made.running.log.tick()
            assert (await made.call(a.LogsLevel(), ENGINEER)) == s.LogLevel(level="info")

    play(scenario)


def test_pages_of_alerts_join(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=True, run=False) as made:
            desk = made.running.desk
            for _ in range(5):
                await desk.record([made.generated()])  # type: ignore[union-attr]
            first = await made.call(a.AlertsList(limit=3))
            second = await made.call(a.AlertsList(limit=3, older=first.older))
            names = [alert.alert for alert in first.alerts + second.alerts]
            assert names == sorted(names, reverse=True)
            assert len(set(names)) == 5
            assert second.older is None
            assert (await made.call(a.AlertsList(states=["passed"]))).alerts == []
            assert (await made.call(a.AlertsList(camera="gate"))).alerts == []

    play(scenario)


def test_a_client_resumes_with_its_cursor_after_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data").build()

    async def scenario() -> None:
        async with deployment_stage(rig) as made:
            raised = await first_alert(made)
            before = await made.engine.read(ALERTS, 0, 100, OPERATOR)
        async with deployment_stage(rig) as made:
            after = await made.engine.read(ALERTS, 0, 100, OPERATOR)
            kept = [item.cursor for item in after.items][: len(before.items)]
            assert kept == [item.cursor for item in before.items]
            assert after.items[0].body.alert == raised.alert

    play(scenario)


def test_a_call_fits_the_journal_however_long_it_is() -> None:
    long = CallRecord(
        "subscribe alerts", "asked", "n" * 300, "operator", "o" * 300, "s" * 300, "",
        {"note": "x" * 900},
    )  # fmt: skip
    assert isinstance(journalled(long, "D-1"), ApiCalled)
    refused = CallRecord("connect", "refused", "", "", "10.0.0.1", "s-1", "unauthenticated")
    line = journalled(refused, "D-1")
    assert isinstance(line, ApiRefused)
    assert line.actor is None
