"""What a deployment writes down and leaves behind: over restarts, crashes, and its own end."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest
import trio

from lfr_engine.actors.events import AlertTold
from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.deployment.totals import build
from lfr_engine.errors import EngineError, RuleError
from lfr_engine.journal.events.alerts import AlertExpired, AlertGenerated, AlertRetained, BlueHit
from lfr_engine.journal.events.deployment import DeploymentEnded, DeploymentStarted, TrafficSummary
from lfr_engine.journal.events.engine import EngineStarted, EngineStopped, JournalViewed
from lfr_engine.journal.events.watchlist import DeletionCertificate
from lfr_engine.journal.lines import committed
from lfr_engine.journal.verification import verify
from lfr_engine.journal.viewing import record_view
from tests.app.deployment_rig import LIST, MovableClock, Rig, until
from tests.app.deployment_run import EVE, OLGA, detected, must_not_open, raised, running
from tests.support.painted import Walk

SECOND = dt.timedelta(seconds=1)
DAY = dt.timedelta(days=1)


def _deployment(rig: Rig) -> str:
    started = rig.events(DeploymentStarted)[0]
    assert isinstance(started, DeploymentStarted)
    return started.deployment


def test_an_alert_is_on_disk_before_anybody_hears_of_it(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig) as session:
            with session.told.subscribe() as news:
                with trio.fail_after(10):
                    told = await news.receive()
            assert isinstance(told, AlertTold)
            assert told.exposure is None
            on_disk = [e.alert for e in rig.events(AlertGenerated) if isinstance(e, AlertGenerated)]
            assert on_disk == [told.alert.reference]

    trio.run(scenario)


def test_a_journal_that_cannot_be_written_stops_the_engine_and_nothing_is_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []

    async def scenario() -> None:
        async with running(rig) as session:
            await until(lambda: detected(session) > 2)

            def broken(*_: object) -> None:
                raise EngineError("journal", "the disk failed")

            monkeypatch.setattr(session.opened.journal, "append_batch", broken)
            with session.told.subscribe() as news:
                while True:
                    told.append(await news.receive())

    with pytest.raises(EngineError, match="the disk failed"):
        trio.run(scenario)
    assert told == []
    assert rig.events(AlertGenerated) == []


def test_who_looks_at_the_journal_while_it_runs_is_recorded_first(rig: Rig) -> None:
    view = JournalViewed(actor="A. Auditor", role="auditor", purpose="complaint 7")

    async def scenario() -> None:
        async with running(rig):
            await trio.to_thread.run_sync(record_view, rig.journal, view, rig.clock, time.sleep)
            assert rig.events(JournalViewed) == [view]

    trio.run(scenario)
    assert verify(rig.journal).ok


def test_open_alerts_come_back_after_a_restart_once_each_and_can_be_decided(rig: Rig) -> None:
    references: list[str] = []

    async def first() -> None:
        async with running(rig) as session:
            references.extend(await raised(session))
            await session.display(OLGA, references[0])
            await until(lambda: rig.events(AlertRetained))

    async def second() -> None:
        async with running(rig) as session:
            assert session.state().resumed
            assert await raised(session) == references
            alert = await session.alert(references[0])
            assert alert.state is AlertState.DISPLAYED
            assert alert.pictures
            pictures = await session.pictures(OLGA, references[0])
            assert len(pictures.context) > 500
            await session.decide(OLGA, references[0], "passed", ["likeness"])

    trio.run(first)
    trio.run(second)
    generated = [e.alert for e in rig.events(AlertGenerated) if isinstance(e, AlertGenerated)]
    assert generated == references
    starts = [e.resumed for e in rig.events(DeploymentStarted) if isinstance(e, DeploymentStarted)]
    assert starts == [False, True]
    cleans = [e.clean for e in rig.events(EngineStarted) if isinstance(e, EngineStarted)]
    assert cleans == [True, True]
    with rig.journal.open("rb") as file:
        record = build((p.record for p in committed(file, rig.journal)), _deployment(rig))
    assert record.alerts.raised == 1
    assert not any("alert" in finding for finding in record.findings)


def test_cancelled_from_outside_it_says_goodbye_and_may_be_resumed(rig: Rig) -> None:
    async def scenario() -> None:
        with trio.CancelScope() as scope:
            async with running(rig) as session:
                await until(lambda: session.state().passes == 1)
                scope.cancel()
                await trio.sleep_forever()

    trio.run(scenario)
    assert rig.events(DeploymentEnded) == []
    traffic = [e.passes for e in rig.events(TrafficSummary) if isinstance(e, TrafficSummary)]
    assert sum(traffic) == 1
    (stopped,) = rig.events(EngineStopped)
    assert isinstance(stopped, EngineStopped)
    assert stopped.exit_status == 0
    assert verify(rig.journal).closed

    async def again() -> None:
        async with running(rig) as session:
            assert session.state().resumed
            assert session.state().passes == 1

    trio.run(again)


def test_blue_list_passes_are_measured_and_leave_no_picture(
    tmp_path: Path, clock: MovableClock
) -> None:
    rig = Rig(tmp_path / "data", clock=clock, people={"ann": "blue", "bob": "wanted"}).build()

    async def scenario() -> None:
        async with running(rig) as session:
            await raised(session)
            await session.blue_pass(OLGA, "ann", "door", "button")
            assert session.state().blue == {"door": (1, 1)}
            (alert,) = await session.alerts()
            assert alert.state is AlertState.BLUE
            assert session.state().counts.alerts == 0

    trio.run(scenario)
    assert len(rig.events(BlueHit)) == 1
    assert rig.events(AlertRetained) == []


def test_an_alert_nobody_decides_expires_and_what_is_open_expires_at_the_end(
    tmp_path: Path, clock: MovableClock
) -> None:
    walks = {"door": [Walk("ann", 0.2, 2.2), Walk("bob", 3, 60, row=150)]}
    rig = Rig(tmp_path / "data", clock=clock, walks=walks).build()

    async def scenario() -> None:
        async with running(rig, decide_within_s=1.5) as session:
            await raised(session, 2)
            await until(lambda: rig.events(AlertExpired))
            await session.end(OLGA)
            await until(lambda: session.ended)

    trio.run(scenario)
    expired = [e.reason for e in rig.events(AlertExpired) if isinstance(e, AlertExpired)]
    assert expired == ["timeout", "ended"]


def test_after_its_end_the_list_is_erased_by_the_next_start_and_nothing_runs(
    rig: Rig, clock: MovableClock
) -> None:
    async def first() -> None:
        async with running(rig) as session:
            await raised(session)
            await until(lambda: rig.events(AlertRetained))

    trio.run(first)
    clock.ahead = dt.timedelta(hours=2)
    with pytest.raises(RuleError, match="expired"):
        trio.run(must_not_open, rig)
    what = {e.what for e in rig.events(DeletionCertificate) if isinstance(e, DeletionCertificate)}
    assert {"watchlist", "alert_evidence"} <= what
    assert not (rig.data / "watchlists" / LIST / "key").exists()


def test_what_a_crash_left_unrecorded_is_swept(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig) as session:
            await raised(session)
            await until(lambda: rig.events(AlertRetained))
            folder = session.opened.evidence.folder
            (folder / "E-0123456789abcdef").write_bytes(b"half a picture")

    trio.run(scenario)

    async def again() -> None:
        async with running(rig) as session:
            assert len(session.opened.evidence.names()) == 1

    trio.run(again)
    (swept,) = rig.events(DeletionCertificate)
    assert isinstance(swept, DeletionCertificate)
    assert swept.items == ["E-0123456789abcdef"]


def test_what_a_crash_left_unrecorded_is_swept_although_its_time_is_over(
    rig: Rig, clock: MovableClock
) -> None:
    stray: list[Path] = []

    async def scenario() -> None:
        async with running(rig) as session:
            folder = session.opened.evidence.folder
            stray.append(folder / "E-0123456789abcdef")
            stray[0].write_bytes(b"half a picture")

    trio.run(scenario)
    clock.ahead = 2 * DAY
    with pytest.raises(RuleError, match="R3"):
        trio.run(must_not_open, rig)
    assert not stray[0].exists()
    assert not (stray[0].parent / "key").exists()
    swept = rig.events(DeletionCertificate)
    assert ["E-0123456789abcdef"] in [getattr(event, "items", None) for event in swept]


def test_the_record_of_a_whole_deployment_adds_up(tmp_path: Path, clock: MovableClock) -> None:
    walks = {"door": [Walk("ann", 0.2, 3), Walk("cid", 0.4, 3.4, row=150)]}
    rig = Rig(tmp_path / "data", clock=clock, walks=walks).build()

    async def scenario() -> None:
        async with running(rig, summary_every=SECOND) as session:
            await session.confirm_signage(EVE)
            (reference,) = await raised(session)
            await session.display(OLGA, reference)
            await session.decide(OLGA, reference, "passed", ["likeness"])
            await session.outcome(OLGA, reference, "engaged")
            await session.outcome(OLGA, reference, "confirmed_true", arrest=True)
            await until(lambda: session.state().passes == 2)
            await session.end(OLGA)
            await until(lambda: session.ended)

    trio.run(scenario)
    with rig.journal.open("rb") as file:
        record = build((p.record for p in committed(file, rig.journal)), _deployment(rig))
    assert record.findings == []
    assert (record.passes, record.alerts.raised, record.alerts.confirmed_true) == (2, 1, 1)
    assert record.detections > 20
    assert record.cameras[0].up_s > 1
    assert record.outcomes == {"arrest": 1}
    assert record.signage_confirmed
    assert {latency.stage for latency in record.latencies} >= {"capture_to_alert", "to_operator"}
    assert record.erasures[0].count == 2
