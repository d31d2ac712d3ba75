"""Alerts over the socket: judged, decided and counted, in an exercise and in a deployment."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import cv2
import numpy as np
import pytest

from lfr_engine.api.port import Caller, CallRecord, Conflict, Item, NotFound
from lfr_engine.config import CameraConfig
from lfr_engine.errors import InputError, LfrError, RuleError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import ALERTS, DECISIONS
from tests.app.api_rig import (
    AO,
    AUDITOR,
    INTEGRATOR,
    OFFICER,
    OPERATOR,
    Stage,
    clip,
    deployment_stage,
    first_alert,
    play,
    stage,
)
from tests.app.deployment_rig import Rig, until


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


def _enrolment() -> a.WatchlistEnrol:
    return a.WatchlistEnrol(
        entry="E1", picture=b"x", category="wanted", source="custody", lawful_basis="warrant",
        reason="court", expected_action="speak", last_checked="2026-01-01",
        label="E 1", priority="high", under_18=False,
    )  # fmt: skip


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
