"""What a deployment does by itself: stop, pause, withdrawal, clock, ceiling, restart, refusal."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from lfr_engine.actors.events import AlertTold
from lfr_engine.alerts.adjudication import Person
from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.alerts.policy import PolicySettings
from lfr_engine.alerts.stop import Capture
from lfr_engine.app.deployment import open_deployment
from lfr_engine.app.deployment_session import Session
from lfr_engine.deployment.totals import build
from lfr_engine.errors import ConfigError, EngineError, InputError, RuleError
from lfr_engine.identity.watchlist import EntryState
from lfr_engine.journal.events.alerts import (
    AlertExpired,
    AlertGenerated,
    AlertRetained,
    BlueHit,
)
from lfr_engine.journal.events.deployment import (
    AuthorityRefused,
    CeilingCrossed,
    DeploymentEnded,
    DeploymentPaused,
    DeploymentResumed,
    DeploymentStarted,
    DeploymentStopped,
    PresenceChanged,
    TrafficSummary,
)
from lfr_engine.journal.events.engine import (
    CalibrationRefused,
    ClockRefused,
    EngineStarted,
    EngineStopped,
    JournalViewed,
)
from lfr_engine.journal.events.watchlist import (
    DeletionCertificate,
    EntryWithdrawn,
    WatchlistRefused,
)
from lfr_engine.journal.lines import committed
from lfr_engine.journal.place import key_path
from lfr_engine.journal.signing import Signer, load_key
from lfr_engine.journal.store import Journal
from lfr_engine.journal.verification import verify
from lfr_engine.journal.viewing import record_view
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Picture
from tests.app.deployment_rig import LIST, MovableClock, Rig, until
from tests.support.painted import PaintedDetector, Walk

OLGA = Person("Olga", "operator")
EVE = Person("Eve", "engineer")
SECOND = dt.timedelta(seconds=1)
DAY = dt.timedelta(days=1)


@asynccontextmanager
async def running(rig: Rig, **changes: Any) -> AsyncIterator[Session]:
    async with (
        open_deployment(rig.settings(**changes), rig.models, rig.clock) as session,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(session.run)
        yield session
        session.leave()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def rig(tmp_path: Path, clock: MovableClock) -> Rig:
    return Rig(tmp_path / "data", clock=clock).build()


def detected(session: Session) -> int:
    return session.telemetry.counts["detected door"]


async def raised(session: Session, count: int = 1) -> list[str]:
    found: list[str] = []
    with trio.fail_after(15):
        while len(found) < count:
            found = [alert.reference for alert in await session.alerts()]
            await trio.sleep(0.02)
    return found


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


def _deployment(rig: Rig) -> str:
    started = rig.events(DeploymentStarted)[0]
    assert isinstance(started, DeploymentStarted)
    return started.deployment


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


def test_a_clock_behind_the_journal_is_refused(rig: Rig, clock: MovableClock) -> None:
    clock.ahead = -DAY
    with pytest.raises(RuleError, match="R3"):
        trio.run(_open, rig)
    (refused,) = rig.events(ClockRefused)
    assert isinstance(refused, ClockRefused)
    assert refused.cause == "rewound"
    assert (rig.data / "watchlists" / LIST / "key").exists()


async def _open(rig: Rig) -> None:
    async with open_deployment(rig.settings(), rig.models, rig.clock):
        raise AssertionError("it opened")


def _end_of(rig: Rig) -> None:
    assert isinstance(rig.clock, MovableClock)
    rig.clock.ahead = 2 * DAY


def _authority_gone(rig: Rig) -> None:
    rig.authority.unlink()


def _authority_altered(rig: Rig) -> None:
    rig.authority.write_bytes(rig.authority.read_bytes().replace(b"High", b"Long"))


def _other_signer(rig: Rig) -> None:
    trusted, rig.signer = rig.signer, Signer.generate()
    rig.sign()
    rig.signer = trusted


REFUSALS: dict[str, tuple[Callable[[Rig], object], str, type, str]] = {
    "no authority": (_authority_gone, "R3", AuthorityRefused, "there is no authority"),
    "altered": (_authority_altered, "R3", AuthorityRefused, "was altered"),
    "unknown key": (_other_signer, "R3", AuthorityRefused, "not trusted"),
    "expired": (_end_of, "R3", AuthorityRefused, "expired"),
    "not yet": (
        lambda rig: rig.sign(start=rig.clock.utc() + SECOND * 60), "R3", AuthorityRefused,
        "begins at",
    ),
    "too long": (lambda rig: rig.sign(end=rig.clock.utc() + DAY), "R3", AuthorityRefused, "longer"),
    "another camera": (
        lambda rig: rig.sign(cameras=("gate",)), "R3", AuthorityRefused, "cover camera door"
    ),
    "another zone": (
        lambda rig: rig.sign(zones=("yard",)), "R3", AuthorityRefused, "cover zone gate"
    ),
    "altered list": (
        lambda rig: rig.sign(watchlist_digest="0" * 64), "R3", AuthorityRefused, "was changed"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refused_with_the_rule_and_journalled(rig: Rig, name: str) -> None:
    spoil, rule, kind, words = REFUSALS[name]
    spoil(rig)
    with pytest.raises(RuleError, match=words) as caught:
        trio.run(_open, rig)
    assert caught.value.rule == rule
    refused = rig.events(kind)
    assert len(refused) == 1
    assert words in refused[0].cause  # type: ignore[attr-defined]
    assert rig.events(DeploymentStarted) == []
    assert rig.loaded == 0
    assert verify(rig.journal).ok


def test_a_missing_list_and_a_wrong_key_are_refused_and_journalled(rig: Rig) -> None:
    rig.sign(watchlist="WL-2")
    with pytest.raises(RuleError, match="holds no watchlist vault"):
        trio.run(_open, rig)
    rig.sign()
    path = rig.data.parent / "list.key"
    path.write_bytes(os.urandom(32))
    with pytest.raises(InputError, match="does not open it"):
        trio.run(_open, rig)
    assert len(rig.events(WatchlistRefused)) == 2


def test_a_threshold_may_only_be_stricter(rig: Rig) -> None:
    rig.changes["threshold"] = 0.2
    with pytest.raises(RuleError, match="R5"):
        trio.run(_open, rig)
    rig.changes = {"stricter": {"wanted": 0.1}}
    with pytest.raises(RuleError, match="only be stricter"):
        trio.run(_open, rig)
    rig.changes = {"stricter": {"unheard": 0.9}}
    with pytest.raises(ConfigError, match="no such category"):
        trio.run(_open, rig)
    assert len(rig.events(CalibrationRefused)) == 3


def test_a_stricter_category_is_kept_to(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig, stricter={"wanted": 0.999}) as session:
            await until(lambda: session.state().passes == 1)
            assert await session.alerts() == []
            assert session.opened.thresholds == {"ann": 0.999}

    trio.run(scenario)


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
        trio.run(_open, rig)
    what = {e.what for e in rig.events(DeletionCertificate) if isinstance(e, DeletionCertificate)}
    assert {"watchlist", "alert_evidence"} <= what
    assert not (rig.data / "watchlists" / LIST / "key").exists()


def test_an_ended_deployment_cannot_be_opened_again(rig: Rig) -> None:
    async def ended() -> None:
        async with running(rig) as session:
            with pytest.raises(RuleError, match="may not end"):
                await session.end(EVE)
            await session.end(OLGA)

    trio.run(ended)
    with pytest.raises(RuleError, match="its deployment has ended"):
        trio.run(_open, rig)


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


def test_people_and_texts_are_checked_before_anything_happens(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig) as session:
            (reference,) = await raised(session)
            await session.display(OLGA, reference)
            with pytest.raises(InputError, match="one long word"):
                await session.decide(OLGA, reference, "passed", ["likeness"], "x" * 200)
            with pytest.raises(InputError, match="longer than 250"):
                await session.decide(OLGA, reference, "passed", ["likeness"], "ab " * 100)
            with pytest.raises(InputError, match="no reason for passed"):
                await session.decide(OLGA, reference, "passed", ["blur"])
            with pytest.raises(RuleError, match="R2"):
                await session.decide(EVE, reference, "passed", ["likeness"])
            with pytest.raises(RuleError, match="R16"):
                await session.pictures(EVE, reference)
            with pytest.raises(InputError, match="no such alert"):
                await session.alert("NOBODY")
            with pytest.raises(InputError, match="not on the blue list"):
                await session.blue_pass(OLGA, "ann", "door")
            with pytest.raises(RuleError, match="does not cover camera roof"):
                await session.add_camera(EVE, rig.plan("roof", []))
            assert (await session.alert(reference)).state is AlertState.DISPLAYED
            await session.hold(OLGA, reference, "court case")
        with pytest.raises(InputError, match="not running"):
            await session.alerts()

    trio.run(scenario)
    (stopped,) = rig.events(EngineStopped)
    assert isinstance(stopped, EngineStopped)
    assert stopped.reason == "asked to stop"


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
        trio.run(_open, rig)
    assert not stray[0].exists()
    assert not (stray[0].parent / "key").exists()
    swept = rig.events(DeletionCertificate)
    assert ["E-0123456789abcdef"] in [getattr(event, "items", None) for event in swept]


def test_who_looks_at_the_journal_while_it_runs_is_recorded_first(rig: Rig) -> None:
    view = JournalViewed(actor="A. Auditor", role="auditor", purpose="complaint 7")

    async def scenario() -> None:
        async with running(rig):
            await trio.to_thread.run_sync(record_view, rig.journal, view, rig.clock, time.sleep)
            assert rig.events(JournalViewed) == [view]

    trio.run(scenario)
    assert verify(rig.journal).ok


def test_a_second_process_is_refused(rig: Rig) -> None:
    journal = Journal.open(rig.journal, load_key(key_path(rig.journal)), rig.clock)
    with pytest.raises(InputError, match="another process writes"):
        trio.run(_open, rig)
    journal.close()
    assert rig.events(DeploymentStarted) == []


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
