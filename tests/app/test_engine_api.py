"""The engine behind the socket: the port's contract, and what each mode does with each command."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import structlog
import trio

from lfr_engine.api.port import Caller, CallRecord, Conflict, EngineApi, Item, NotFound
from lfr_engine.app.engine_api import HANDLERS
from lfr_engine.app.engine_api_deployment import journalled
from lfr_engine.config import CameraConfig
from lfr_engine.errors import ConfigError, InputError, LfrError, RuleError
from lfr_engine.journal.events.access import ApiCalled, ApiRefused
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import (
    ALERTS,
    BOARD,
    COMMANDS,
    DECISIONS,
    LOGS,
    METRICS,
    PREVIEW,
)
from tests.api.port_contract import Lab, OpenLab, PortContract
from tests.app.api_rig import (
    AO,
    AUDITOR,
    ENGINEER,
    INTEGRATOR,
    OFFICER,
    OPERATOR,
    Stage,
    clip,
    deployment_stage,
    stage,
)
from tests.app.deployment_rig import Rig

Scenario = Callable[[], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def main() -> None:
        with trio.fail_after(30):
            await scenario()

    trio.run(main)


async def until(true: Callable[[], object]) -> None:
    with trio.fail_after(45):
        while not true():
            await trio.sleep(0.01)


async def first_alert(stage: Stage) -> s.Alert:
    with stage.engine.subscribe(ALERTS, a.NoFilter(), OPERATOR) as reader:
        page = await stage.engine.read(ALERTS, 0, 1, OPERATOR)
        item = page.items[0] if page.items else await reader.receive()
    assert isinstance(item, Item)
    assert isinstance(item.body, s.Alert)
    return item.body


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


# commissioning -----------------------------------------------------------------------------------

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


def test_commissioning_templates_nobody_and_counts_who_passes(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), pace="live", repeat=True)]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            await until(lambda: made.running.traffic.passes["door"] >= 2)
            board: s.Board = await made.call(a.BoardGet())
            assert board.passes >= 2
            assert board.engine.mode == "commissioning"
            assert board.cameras[0].state == "live"
            assert board.cameras[0].width == 320
            assert board.cameras[0].faces_per_minute >= 2
            assert made.embedder.calls == 0
            empty = await made.call(a.AlertsList())
            assert empty.alerts == []
            with pytest.raises(Conflict):
                await made.call(a.WatchlistStatus())
            with pytest.raises(RuleError, match="R27"):
                await made.call(a.WatchlistCheck(picture=b"x"))

    play(scenario)


@pytest.mark.slow
def test_cameras_come_stand_still_and_go(tmp_path: Path) -> None:
    async def scenario() -> None:
        video = str(clip(tmp_path))
        async with stage(tmp_path, exercise=False) as made:
            add = a.CamerasAdd(camera="gate", address=video)
            await made.call(add, ENGINEER)
            with pytest.raises(Conflict):
                await made.call(add, ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "live")
            await made.call(a.CamerasDisable(camera="gate"), ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "disabled")
            frames = made.running.engine.reports["gate"].frames
            await trio.sleep(0.3)
            assert made.running.engine.reports["gate"].frames == frames
            await made.call(a.CamerasEnable(camera="gate"), ENGINEER)
            await until(lambda: made.running.engine.reports["gate"].frames > frames)
            await until(lambda: made.running.camera_states()[0].state == "ended")
            await made.call(a.CamerasEnable(camera="gate"), ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "live")
            change = a.CamerasChange(camera="gate", address=str(tmp_path / "absent.mp4"))
            await made.call(change, ENGINEER)
            await until(lambda: made.running.camera_states()[0].state == "refused")
            assert "no such file" in " ".join(made.running.camera_states()[0].warnings)
            await made.call(a.CamerasRemove(camera="gate"), ENGINEER)
            assert (await made.call(a.CamerasList())).cameras == []
            with pytest.raises(NotFound):
                await made.call(a.CamerasRemove(camera="gate"), ENGINEER)

    play(scenario)


@pytest.mark.parametrize(
    "command",
    [
        a.CamerasAdd(camera="gate", address="x.mp4", site="elsewhere"),
        a.CamerasAdd(camera="gate", address="gopher://x"),
    ],
)
def test_what_a_camera_cannot_be_is_said(command: a.CamerasAdd, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=False, run=False) as made:
            with pytest.raises(InputError):
                await made.call(command, ENGINEER)

    play(scenario)


def test_a_password_in_an_address_is_shown_to_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source="rtsp://ann:s3cret@127.0.0.1:9/x")]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            await trio.sleep(0.1)
            board: s.Board = await made.call(a.BoardGet())
            assert "s3cret" not in repr(board)

    play(scenario)


def test_a_zone_edit_is_in_force_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=True, cameras=cameras) as made:
            corner = [(0.9, 0.9), (1.0, 0.9), (1.0, 1.0)]
            edit = a.ZoneEdit(camera="door", corners=corner, smallest_face_pixels=20)
            await made.call(edit, ENGINEER)
            zone = await made.call(a.ZoneGet(camera="door"))
            assert zone.corners == corner
            assert zone.smallest_face_pixels == 20
            await until(lambda: made.running.telemetry.counts["detected door"] > 60)
            assert made.embedder.calls == 0
            await made.call(a.ZoneEdit(camera="door", corners=[]), ENGINEER)
            await until(lambda: made.embedder.calls > 0)
            with pytest.raises(ConfigError):
                await made.call(a.ZoneEdit(camera="door", corners=corner[:2]), ENGINEER)

    play(scenario)


def test_the_red_stop_works_without_a_deployment_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            engine = made.running.engine
            await until(lambda: made.running.camera_states()[0].state == "live")
            began = trio.current_time()
            state = await made.call(a.DeploymentsStop(reason="a fight"))
            assert state.safe_stop
            await until(lambda: not engine.watches("door"))
            assert trio.current_time() - began < 1
            frames = engine.reports["door"].frames
            await trio.sleep(0.3)
            assert engine.reports["door"].frames == frames
            resumed = await made.call(a.DeploymentsResume(reason="over"))
            assert resumed.phase == "running"
            await until(lambda: engine.watches("door") and engine.reports["door"].frames > 0)
            assert (await made.call(a.DeploymentsPause(reason="x"))).phase == "paused"
            await until(lambda: made.running.camera_states()[0].drops.get("paused"))
            await made.call(a.DeploymentsResume(reason="x"))
            with pytest.raises(Conflict):
                await made.call(a.DeploymentsResume(reason="x"))

    play(scenario)


def test_a_preview_is_a_jpeg_whose_faces_are_blurred(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            command, shown = a.PreviewFrame(camera="door", width=320), None
            while shown is None or not shown.boxes:
                shown = await made.call(command, ENGINEER)
            picture = cv2.imdecode(np.frombuffer(shown.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert picture is not None
            assert picture.shape == (180, 320)
            left, top, width, height = shown.boxes[0]
            x, y = round((left + width * 0.2) * 320), round((top + height * 0.2) * 180)
            face = picture[y : y + round(height * 108), x : x + round(width * 192)]
            assert (
                float(np.abs(np.diff(face.astype(float), axis=1)).mean()) < 4
            )  # the noise is gone
            wanted = a.PreviewFilter(camera="door", per_second=10)
            with made.engine.subscribe(PREVIEW, wanted, ENGINEER) as reader:
                began = trio.current_time()
                for _ in range(4):
                    assert isinstance(await reader.receive(), Item)
                assert trio.current_time() - began >= 0.3
            with (
                pytest.raises(NotFound),
                made.engine.subscribe(PREVIEW, a.PreviewFilter(camera="no"), ENGINEER),
            ):
                pass

    play(scenario)


def test_a_camera_without_pictures_gives_no_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfr_engine.app.engine_api_cameras.PATIENCE_S", 0.2)

    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(tmp_path / "absent.mp4"))]
        async with stage(tmp_path, exercise=False, cameras=cameras) as made:
            await until(lambda: made.running.camera_states()[0].state == "refused")
            with pytest.raises(Conflict, match="refused"):
                await made.call(a.PreviewFrame(camera="door"), ENGINEER)

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


# exercise ----------------------------------------------------------------------------------------


def test_an_exercise_is_adjudicated_like_a_deployment(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)))]
        cv2.imwrite(str(tmp_path / "ann.png"), np.full((180, 120, 3), 90, np.uint8))
        async with stage(tmp_path, exercise=True, cameras=cameras) as made:
            raised = await first_alert(made)
            assert (raised.entry, raised.exercise) == ("ann", True)
            assert raised.score is raised.margin is raised.threshold is None
            assert raised.decide_by is not None
            name = raised.alert
            with pytest.raises(NotFound):
                await made.call(a.AlertsGet(alert=name), OFFICER)
            shown = await made.call(a.AlertsDisplayed(alert=name))
            assert shown.state == "displayed"
            assert shown.score is None
            judged = await made.call(a.AlertsOpinion(alert=name, opinion="same"))
            assert judged.score is not None
            with pytest.raises(LfrError):
                await made.call(a.AlertsDecide(alert=name, decision="passed", reasons=["mood"]))
            with made.engine.subscribe(ALERTS, a.NoFilter(), OFFICER) as officer:
                decide = a.AlertsDecide(alert=name, decision="passed", reasons=["likeness"])
                decided = await made.call(decide)
                told = await officer.receive()
            assert decided.state == "passed"
            assert [step.went_to for step in decided.history] == ["displayed", "passed"]
            assert decided.history[-1].actor == OPERATOR.name
            assert isinstance(told, Item)
            assert told.body.alert == name
            outcome = await made.call(a.AlertsOutcome(alert=name, outcome="engaged"), OFFICER)
            assert outcome.state == "engaged"
            steps = await made.engine.read(DECISIONS, 0, 10, OPERATOR)
            assert [item.body.went_to for item in steps.items] == ["displayed", "passed", "engaged"]
            pictures = await made.call(a.AlertsPictures(alert=name))
            probe = cv2.imdecode(np.frombuffer(pictures.probe, np.uint8), cv2.IMREAD_COLOR)
            known = cv2.imdecode(np.frombuffer(pictures.reference, np.uint8), cv2.IMREAD_COLOR)
            assert probe is not None
            assert known is not None
            assert probe.shape == known.shape
            with pytest.raises(Conflict):
                await made.call(a.AlertsHold(alert=name, reason="court"))

    play(scenario)


def test_an_exercise_takes_no_live_source(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=True, run=False) as made:
            with pytest.raises(RuleError, match="R27"):
                await made.call(a.CamerasAdd(camera="x", address="rtsp://host/1"), ENGINEER)

    play(scenario)


def test_who_is_withdrawn_alerts_no_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        cameras = [CameraConfig(name="door", source=str(clip(tmp_path)), repeat=True)]
        async with stage(tmp_path, exercise=True, cameras=cameras) as made:
            raised = await first_alert(made)
            await made.call(a.WatchlistWithdraw(entry="ann", reason="found"))
            assert (await made.call(a.AlertsGet(alert=raised.alert))).state == "expired"
            assert (await made.call(a.WatchlistStatus())).withdrawn == 1
            page = await made.call(a.WatchlistList(limit=1))
            assert [(entry.entry, entry.withdrawn) for entry in page.entries] == [("ann", True)]
            assert page.after == "ann"
            passes = made.running.traffic.passes["door"]
            await until(lambda: made.running.traffic.passes["door"] >= passes + 3)
            assert len(made.running.ledger) == 1

    play(scenario)


def test_staff_on_the_blue_list_concern_no_officer_and_no_integrator(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stage(tmp_path, exercise=True, run=False) as made:
            desk = made.running.desk
            await desk.record([made.generated(blue=True)])  # type: ignore[union-attr]
            for caller, seen in ((OPERATOR, 1), (AUDITOR, 1), (OFFICER, 0), (INTEGRATOR, 0)):
                page = await made.engine.read(ALERTS, 0, 10, caller)
                assert len(page.items) == seen
                assert page.read_to == 1
                assert len((await made.call(a.AlertsList(), caller)).alerts) == seen

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


# deployment --------------------------------------------------------------------------------------


def test_a_deployment_is_driven_over_the_socket(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data").build()

    async def scenario() -> None:
        async with deployment_stage(rig) as made:
            state = await made.call(a.StateGet())
            assert state.mode == "deployment"
            assert state.deployment is not None
            assert state.deployment.phase == "running"
            assert state.deployment.authorising_officer == "P. Example"
            raised = await first_alert(made)
            assert raised.label == "Ann"
            assert raised.expected_action == "speak to them"
            name = raised.alert
            assert (await made.call(a.AlertsDisplayed(alert=name))).state == "displayed"
            assert (await made.call(a.AlertsOpinion(alert=name, opinion="same"))).score is not None
            decide = a.AlertsDecide(alert=name, decision="passed", reasons=["likeness"])
            assert (await made.call(decide)).state == "passed"
            pictures = await made.call(a.AlertsPictures(alert=name))
            assert pictures.probe[:2] == pictures.reference[:2] == b"\xff\xd8"
            await made.engine.record(
                CallRecord("alerts.decide", "asked", "alex", "operator", "unix:uid=1", "s-1")
            )
            lines = await made.call(a.JournalQuery(kinds=["alert.decided", "api.called"]), AUDITOR)
            assert [line.kind for line in lines.events] == ["alert.decided", "api.called"]
            assert lines.events[0].actor == OPERATOR.name
            steps = await made.engine.read(DECISIONS, 0, 10, OPERATOR)
            assert steps.items[-1].cursor == lines.events[0].sequence
            assert (await made.call(a.JournalVerify(), AUDITOR)).intact
            report = await made.call(a.ReportGet(page="public"), AUDITOR)
            assert report.deployment == state.deployment.deployment
            assert report.page.startswith("<!")
            assert (await made.call(a.WatchlistStatus())).people == 2
            await made.call(a.WatchlistWithdraw(entry="bob", reason="found"))
            entries = (await made.call(a.WatchlistList())).entries
            assert [(entry.entry, entry.withdrawn) for entry in entries] == [
                ("ann", False),
                ("bob", True),
            ]
            assert (await made.call(a.DeploymentsPause(reason="rain"))).phase == "paused"
            assert (await made.call(a.DeploymentsResume(reason="dry"), AO)).phase == "running"
            stopped = await made.call(a.DeploymentsStop(reason="a fight"), OFFICER)
            assert stopped.safe_stop
            with pytest.raises(RuleError, match="R7"):
                await made.call(a.DeploymentsStart(signage_confirmed=False))
            with pytest.raises(Conflict):
                await made.call(a.DeploymentsLoad(authority=b"x"))
            with pytest.raises(RuleError, match="R4"):
                await made.call(_enrolment(), AO)
            assert (await made.call(a.DeploymentsEnd(reason="over"), AO)).phase == "ended"

    play(scenario)


def test_two_operators_judge_without_knowing_score_or_opinion_of_the_other(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data").build()
    otto = dataclasses.replace(OPERATOR, name="otto", session="s-2")
    judges = (OPERATOR, otto)

    async def views(made: Stage, name: str, caller: Caller) -> list[s.Alert]:
        """The alert in every way in which a caller may meet it."""
        (listed,) = (await made.call(a.AlertsList(), caller)).alerts
        page = await made.engine.read(ALERTS, 0, 10, caller)
        return [
            listed,
            await made.call(a.AlertsGet(alert=name), caller),
            *(item.body for item in page.items),
        ]

    async def knows(made: Stage, name: str, caller: Caller) -> set[bool]:
        seen = await views(made, name, caller)
        return {bool(one.score or one.margin or one.threshold) for one in seen}

    async def scenario() -> None:
        async with deployment_stage(rig, two_person=True) as made:
            name = (await first_alert(made)).alert
            for caller in judges:
                await made.call(a.AlertsDisplayed(alert=name), caller)
            judged = await made.call(a.AlertsOpinion(alert=name, opinion="same"))
            assert judged.score is not None
            assert await knows(made, name, OPERATOR) == {True}
            for caller in (otto, AO, INTEGRATOR, AUDITOR):
                assert await knows(made, name, caller) == {False}
            # nothing that Otto may ask for says what was thought before him
            seen = await views(made, name, otto)
            steps = await made.engine.read(DECISIONS, 0, 10, otto)
            report = await made.call(a.ReportGet(page="oversight"), otto)
            assert [step.body.went_to for step in steps.items] == ["displayed", "displayed"]
            assert "same" not in str([one.history for one in seen])
            (facts,) = report.record["alert_list"]
            assert facts["score"] is None
            assert f"{judged.score:.3f}" not in report.page
            refused = a.AlertsDecide(alert=name, decision="passed", reasons=["likeness"])
            with pytest.raises(RuleError, match="two people"):
                await made.call(refused, otto)
            own = await made.call(a.AlertsOpinion(alert=name, opinion="same"), otto)
            assert own.score == judged.score
            assert await knows(made, name, INTEGRATOR) == {False}
            decided = await made.call(refused, otto)
            assert decided.state == "passed"
            assert await knows(made, name, INTEGRATOR) == {True}
            assert await knows(made, name, OFFICER) == {True}
            report = await made.call(a.ReportGet(), otto)
            assert report.record["alert_list"][0]["score"] is not None

    play(scenario)


def test_arrests_and_other_outcomes_reach_the_figures(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data").build()

    async def scenario() -> None:
        async with deployment_stage(rig) as made:
            name = (await first_alert(made)).alert
            await made.call(a.AlertsDisplayed(alert=name))
            decide = a.AlertsDecide(
                alert=name, decision="passed", reasons=["likeness", "cannot_exclude"]
            )
            decided = await made.call(decide)
            assert decided.history[-1].reasons == ["likeness", "cannot_exclude"]
            early = a.AlertsOutcome(alert=name, outcome="lost", arrest=True)
            with pytest.raises(RuleError, match="nobody was engaged"):
                await made.call(early, OFFICER)
            assert (await made.call(a.AlertsGet(alert=name))).state == "passed"
            await made.call(a.AlertsOutcome(alert=name, outcome="engaged"), OFFICER)
            true = a.AlertsOutcome(alert=name, outcome="confirmed_true", arrest=True)
            await made.call(true, OFFICER)
            await made.call(true, OFFICER)  # sent twice, counted once
            enter = a.OutcomesEnter(outcome="safeguarding", count=3, note="two families")
            await made.call(enter, OFFICER)
            with pytest.raises(NotFound):
                await made.call(a.OutcomesEnter(outcome="arrest", alert="NONE"), OFFICER)
            report = await made.call(a.ReportGet(), AUDITOR)
            assert report.record["outcomes"] == {"safeguarding": 3, "arrest": 1}
            assert report.record["alerts"]["by_reason"] == {"cannot_exclude": 1, "likeness": 1}
            lines = await made.call(a.JournalQuery(kinds=["outcome.entered"]), AUDITOR)
            assert [line.data["outcome"] for line in lines.events] == [
                "arrest", "arrest", "safeguarding"
            ]  # fmt: skip

    play(scenario)


def test_passes_of_staff_come_by_button_by_program_and_by_table(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data", people={"ann": "blue", "bob": "wanted"}).build()

    async def scenario() -> None:
        async with deployment_stage(rig) as made:
            assert (await first_alert(made)).blue
            now = dt.datetime.now(dt.UTC)

            def table(*rows: str) -> a.BlueImport:
                return a.BlueImport(table="\n".join(["entry,camera,at,group", *rows]).encode())

            # one bad row, and nothing of the table is registered
            bad = table(f"ann,door,{now.isoformat()},A", f"bob,door,{now.isoformat()},A")
            with pytest.raises(InputError, match="bob: is not on the blue list"):
                await made.call(bad)
            early = (now - dt.timedelta(hours=1)).isoformat()
            with pytest.raises(InputError, match="not in this run"):
                await made.call(table(f"ann,door,{early},A"))
            assert (await made.call(a.BlueStatus())).passes == 0
            long_ago = (now - dt.timedelta(seconds=40)).isoformat()
            done = await made.call(table(f"ann,door,{now.isoformat()},A", f"ann,door,{long_ago},B"))
            assert (done.passes, done.hits) == (2, 1)
            assert done.by_camera["door"].low == pytest.approx(0.0126, abs=1e-4)
            press = a.BluePass(entry="ann", camera="door", source="button")
            assert (await made.call(press)).passes == 3
            lines = await made.call(a.JournalQuery(kinds=["blue.pass"]), AUDITOR)
            assert [line.data["source"] for line in lines.events] == ["csv", "csv", "button"]

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


def _enrolment() -> a.WatchlistEnrol:
    return a.WatchlistEnrol(
        entry="E1", picture=b"x", category="wanted", source="custody", lawful_basis="warrant",
        reason="court", expected_action="speak", last_checked="2026-01-01",
        label="E 1", priority="high", under_18=False,
    )  # fmt: skip
