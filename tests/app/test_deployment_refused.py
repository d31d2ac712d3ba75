"""What a deployment refuses, by rule and in the journal: to open, and orders it must not take."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable

import pytest
import trio

from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.errors import ConfigError, InputError, RuleError
from lfr_engine.journal.events.deployment import AuthorityRefused, DeploymentStarted
from lfr_engine.journal.events.engine import CalibrationRefused, ClockRefused, EngineStopped
from lfr_engine.journal.events.watchlist import WatchlistRefused
from lfr_engine.journal.place import key_path
from lfr_engine.journal.signing import Signer, load_key
from lfr_engine.journal.store import Journal
from lfr_engine.journal.verification import verify
from tests.app.deployment_rig import LIST, MovableClock, Rig, until
from tests.app.deployment_run import EVE, OLGA, must_not_open, raised, running

SECOND = dt.timedelta(seconds=1)
DAY = dt.timedelta(days=1)


def test_a_clock_behind_the_journal_is_refused(rig: Rig, clock: MovableClock) -> None:
    clock.ahead = -DAY
    with pytest.raises(RuleError, match="R3"):
        trio.run(must_not_open, rig)
    (refused,) = rig.events(ClockRefused)
    assert isinstance(refused, ClockRefused)
    assert refused.cause == "rewound"
    assert (rig.data / "watchlists" / LIST / "key").exists()


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
        trio.run(must_not_open, rig)
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
        trio.run(must_not_open, rig)
    rig.sign()
    path = rig.data.parent / "list.key"
    path.write_bytes(os.urandom(32))
    with pytest.raises(InputError, match="does not open it"):
        trio.run(must_not_open, rig)
    assert len(rig.events(WatchlistRefused)) == 2


def test_a_threshold_may_only_be_stricter(rig: Rig) -> None:
    rig.changes["threshold"] = 0.2
    with pytest.raises(RuleError, match="R5"):
        trio.run(must_not_open, rig)
    rig.changes = {"stricter": {"wanted": 0.1}}
    with pytest.raises(RuleError, match="only be stricter"):
        trio.run(must_not_open, rig)
    rig.changes = {"stricter": {"unheard": 0.9}}
    with pytest.raises(ConfigError, match="no such category"):
        trio.run(must_not_open, rig)
    assert len(rig.events(CalibrationRefused)) == 3


def test_a_stricter_category_is_kept_to(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig, stricter={"wanted": 0.999}) as session:
            await until(lambda: session.state().passes == 1)
            assert await session.alerts() == []
            assert session.opened.thresholds == {"ann": 0.999}

    trio.run(scenario)


def test_an_ended_deployment_cannot_be_opened_again(rig: Rig) -> None:
    async def ended() -> None:
        async with running(rig) as session:
            with pytest.raises(RuleError, match="may not end"):
                await session.end(EVE)
            await session.end(OLGA)

    trio.run(ended)
    with pytest.raises(RuleError, match="its deployment has ended"):
        trio.run(must_not_open, rig)


def test_a_second_process_is_refused(rig: Rig) -> None:
    journal = Journal.open(rig.journal, load_key(key_path(rig.journal)), rig.clock)
    with pytest.raises(InputError, match="another process writes"):
        trio.run(must_not_open, rig)
    journal.close()
    assert rig.events(DeploymentStarted) == []


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
