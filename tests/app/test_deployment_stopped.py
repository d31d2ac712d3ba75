"""What halts a deployment, or one person's alerts: stop, silence, withdrawal, ceiling, clock."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest
import trio

from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.alerts.policy import PolicySettings
from lfr_engine.alerts.stop import Capture
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity.watchlist import EntryState
from lfr_engine.journal.events.alerts import AlertExpired, AlertRetained
from lfr_engine.journal.events.deployment import (
    CeilingCrossed,
    DeploymentEnded,
    DeploymentPaused,
    DeploymentResumed,
    DeploymentStopped,
    PresenceChanged,
)
from lfr_engine.journal.events.engine import ClockRefused
from lfr_engine.journal.events.watchlist import EntryWithdrawn
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Picture
from tests.app.deployment_rig import MovableClock, Rig, until
from tests.app.deployment_run import EVE, OLGA, detected, raised, running
from tests.support.painted import PaintedDetector, Walk

DAY = dt.timedelta(days=1)


def test_stop_ends_capture_within_a_second_and_survives_a_restart(rig: Rig) -> None:
    async def stopped() -> None:
        async with running(rig) as session:
            await until(lambda: detected(session) > 3)
            began = trio.current_time()
            event = await session.stop(EVE, "crowd surge")
            assert trio.current_time() - began < 1
            assert event.capture_ended_ms is not None
            assert event.capture_ended_ms < 1000
            before = detected(session)
            await trio.sleep(0.3)
            assert detected(session) == before
            assert session.state().capture is Capture.STOPPED

    async def restarted() -> None:
        async with running(rig) as session:
            assert session.state().capture is Capture.STOPPED
            await trio.sleep(0.5)
            assert session.engine.reports == {}
            with pytest.raises(RuleError, match="may not resume"):
                await session.resume(EVE)
            await session.resume(OLGA, "all clear")
            await until(lambda: detected(session) > 3)

    trio.run(stopped)
    trio.run(restarted)
    assert len(rig.events(DeploymentStopped)) == 1
    assert len(rig.events(DeploymentResumed)) == 1


def test_a_stop_is_recorded_although_whoever_pressed_is_gone(rig: Rig) -> None:
    async def stopped() -> None:
        async with running(rig) as session:
            await until(lambda: detected(session) > 3)
            with trio.move_on_after(0):
                await session.stop(EVE, "crowd surge")
            assert session.state().capture is Capture.STOPPED

    async def restarted() -> None:
        async with running(rig) as session:
            assert session.state().capture is Capture.STOPPED

    trio.run(stopped)
    trio.run(restarted)


class Busy(PaintedDetector):
    """Takes all the time that two requests can take."""

    def detect(self, picture: Picture) -> Faces:
        until_ns = time.monotonic_ns() + 20_000_000
        while time.monotonic_ns() < until_ns:
            found = super().detect(picture)
        return found


@pytest.mark.slow
def test_stop_under_four_cameras_full_load_ends_capture_within_a_second(
    tmp_path: Path, clock: MovableClock
) -> None:
    walks = {
        f"cam{n}": [Walk("ann", 0, 3), Walk("cid", 0, 4, row=150), Walk("bob", 1, 5, row=150)]
        for n in range(4)
    }
    rig = Rig(tmp_path / "data", clock=clock, walks=walks, detector=Busy(), fps=60).build()
    took: list[float] = []

    async def scenario() -> None:
        async with running(rig) as session:
            await trio.sleep(3)
            pressed_ns = clock.monotonic_ns()
            event = await session.stop(EVE, "test")
            took.append((clock.monotonic_ns() - pressed_ns) / 1e9)
            last_ns = max(report.last_frame_ns for report in session.engine.reports.values())
            assert last_ns - pressed_ns < 1e9
            assert event.capture_ended_ms is not None
            assert event.capture_ended_ms < 1000
            before = sum(session.telemetry.counts[f"detected {camera}"] for camera in walks)
            await trio.sleep(0.5)
            after = sum(session.telemetry.counts[f"detected {camera}"] for camera in walks)
            assert after - before <= 2  # what was in the two requests already
            drops = session.telemetry.drops
            assert all(drops[camera]["slot"] > 0 for camera in walks)  # it was overloaded

    trio.run(scenario)
    assert took[0] < 1


def test_resuming_right_after_a_stop_starts_the_cameras_again(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig) as session:
            await until(lambda: detected(session) > 3)
            await session.stop(OLGA, "test")
            await session.resume(OLGA)
            before = detected(session)
            await until(lambda: detected(session) > before + 3)

    trio.run(scenario)


def test_silence_of_the_operator_pauses_and_a_heartbeat_alone_does_not_resume(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig, presence_s=0.6) as session:
            for _ in range(4):
                await trio.sleep(0.2)
                await session.heartbeat()
            assert session.state().capture is Capture.RUNNING
            await until(lambda: session.state().capture is Capture.PAUSED)
            before = detected(session)
            await session.heartbeat()
            await trio.sleep(0.3)
            assert detected(session) <= before + 2
            assert session.state().present
            await session.resume(OLGA)
            await until(lambda: detected(session) > before + 3)

    trio.run(scenario)
    assert [e.present for e in rig.events(PresenceChanged) if isinstance(e, PresenceChanged)] == [
        False,
        True,
    ]
    (paused,) = rig.events(DeploymentPaused)
    assert isinstance(paused, DeploymentPaused)
    assert paused.reason == "presence"


def test_a_withdrawn_person_stops_alerting_within_a_second_also_after_a_restart(
    tmp_path: Path, clock: MovableClock
) -> None:
    walks = {"door": [Walk("ann", 0.2, 3.2), Walk("ann", 5, 8), Walk("bob", 5, 8, row=150)]}
    rig = Rig(tmp_path / "data", clock=clock, walks=walks).build()
    rig.changes["policy"] = PolicySettings(pass_window_s=0.5)

    async def scenario() -> None:
        async with running(rig) as session:
            (reference,) = await raised(session)
            began = trio.current_time()
            event = await session.withdraw(OLGA, "ann", "arrested elsewhere")
            assert trio.current_time() - began < 1
            assert event.effective_ms is not None
            assert event.effective_ms < 1000
            assert (await session.alert(reference)).state is AlertState.EXPIRED
            with pytest.raises(InputError, match="already withdrawn"):
                await session.withdraw(OLGA, "ann", "again")
            await raised(session, 2)
            alerts = await session.alerts()
            assert [alert.entry for alert in alerts] == ["ann", "bob"]

    async def restarted() -> None:
        async with running(rig) as session:
            assert len(session.opened.gallery) == 1
            assert session.opened.facts["ann"].withdrawn

    trio.run(scenario)
    assert isinstance(rig.events(EntryWithdrawn)[0], EntryWithdrawn)
    trio.run(restarted)


def test_two_withdrawals_at_once_both_reach_the_vault(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig) as session, trio.open_nursery() as both:
            both.start_soon(session.withdraw, OLGA, "ann", "found")
            both.start_soon(session.withdraw, OLGA, "bob", "found")

    async def again() -> None:
        async with running(rig) as session:
            entries = session.opened.stored.watchlist.entries
            assert {entry.state for entry in entries} == {EntryState.WITHDRAWN}

    trio.run(scenario)
    trio.run(again)


def test_two_discounted_alerts_turn_the_ceiling_red_and_pause(
    tmp_path: Path, clock: MovableClock
) -> None:
    walks = {"door": [Walk("ann", 0.2, 3.2), Walk("bob", 0.2, 3.2, row=150)]}
    rig = Rig(tmp_path / "data", clock=clock, walks=walks).build()

    async def scenario() -> None:
        async with running(rig, pause_on_red=True) as session:
            for reference in await raised(session, 2):
                await session.display(OLGA, reference)
                await session.decide(OLGA, reference, "discounted", ["different_features"])
            assert session.state().ceiling.level.value == "red"
            assert session.state().capture is Capture.PAUSED

    trio.run(scenario)
    levels = [e.level for e in rig.events(CeilingCrossed) if isinstance(e, CeilingCrossed)]
    assert levels == ["amber", "red"]
    kept = [e.what for e in rig.events(AlertRetained) if isinstance(e, AlertRetained)]
    assert sorted(kept)[-2:] == ["discounted_evidence"] * 2


@pytest.mark.parametrize(("turned", "cause"), [(-DAY, "rewound"), (DAY, "jumped")])
def test_a_clock_that_is_turned_ends_the_deployment(
    rig: Rig, clock: MovableClock, turned: dt.timedelta, cause: str
) -> None:
    async def scenario() -> None:
        async with running(rig) as session:
            await until(lambda: detected(session) > 3)
            clock.ahead = turned
            await until(lambda: session.ended, 5)

    trio.run(scenario)
    (refused,) = rig.events(ClockRefused)
    assert isinstance(refused, ClockRefused)
    assert refused.cause == cause
    (ended,) = rig.events(DeploymentEnded)
    assert isinstance(ended, DeploymentEnded)
    assert ended.reason == "refused"


def test_alerts_presence_and_authority_are_driven_by_the_injected_time(
    rig: Rig, clock: MovableClock
) -> None:
    """Each limit is far off in real seconds: only the clock that is given can bring it about."""

    def expired() -> list[str | None]:
        return [e.reason for e in rig.events(AlertExpired) if isinstance(e, AlertExpired)]

    async def scenario() -> None:
        async with running(rig, decide_within_s=300.0, presence_s=600.0) as session:
            (reference,) = await raised(session)
            await until(lambda: session.state().passes == 1)  # nobody is in view any more
            clock.passed_s += 290
            await trio.sleep(0.6)  # two ticks
            assert (await session.alert(reference)).state is AlertState.GENERATED
            clock.passed_s += 11
            await until(lambda: expired() == ["timeout"], 3)
            assert session.state().capture is Capture.RUNNING
            clock.passed_s += 310
            await until(lambda: session.state().capture is Capture.PAUSED, 3)
            assert session.state().capture_reason == "presence"
            await session.resume(OLGA)
            clock.passed_s += 3600
            await until(lambda: session.ended, 5)

    trio.run(scenario)
    (ended,) = rig.events(DeploymentEnded)
    assert isinstance(ended, DeploymentEnded)
    assert ended.reason == "authority_end"
