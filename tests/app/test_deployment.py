"""A deployment from its opening to its end, on painted people with a real journal and vault."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import trio

from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.alerts.stop import Capture
from lfr_engine.app.deployment import open_deployment
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertDisplayed,
    AlertGenerated,
    AlertOutcome,
    AlertRetained,
    AlertViewed,
)
from lfr_engine.journal.events.deployment import DeploymentEnded, DeploymentStarted
from lfr_engine.journal.events.watchlist import DeletionCertificate
from lfr_engine.journal.verification import verify
from tests.app.deployment_rig import LIST, Rig, until
from tests.app.deployment_run import OLGA, raised, running


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "data").build()


def test_an_alert_is_raised_decided_and_its_list_erased_at_the_end(rig: Rig) -> None:
    async def scenario() -> None:
        async with running(rig) as session:
            [reference, *_] = await raised(session)
            shown = await session.display(OLGA, reference)
            assert shown.state is AlertState.DISPLAYED
            pictures = await session.pictures(OLGA, reference)
            assert pictures.portrait[:2] == pictures.reference[:2] == b"\xff\xd8"
            await session.opinion(OLGA, reference, "same")
            await session.decide(OLGA, reference, "passed", ["likeness"])
            await session.outcome(OLGA, reference, "engaged")
            await session.outcome(OLGA, reference, "confirmed_true", arrest=True)
            await until(lambda: session.state().counts.confirmed_true == 1)
            state = session.state()
            assert state.capture is Capture.RUNNING
            assert state.watchlist.id == LIST
            await session.end(OLGA, "enough")

    trio.run(scenario)
    order = [
        type(event)
        for event in rig.events(
            AlertGenerated, AlertDisplayed, AlertViewed, AlertDecided, AlertOutcome
        )
    ]
    assert order == [
        AlertGenerated, AlertDisplayed, AlertViewed, AlertDecided, AlertOutcome, AlertOutcome
    ]  # fmt: skip
    (started,) = rig.events(DeploymentStarted)
    assert isinstance(started, DeploymentStarted)
    assert not started.resumed
    (ended,) = rig.events(DeploymentEnded)
    assert isinstance(ended, DeploymentEnded)
    assert (ended.reason, ended.actor) == ("operator", "Olga")
    assert len(rig.events(AlertRetained)) == 1
    erased = {(e.what, e.method) for e in rig.events(DeletionCertificate)
              if isinstance(e, DeletionCertificate)}  # fmt: skip
    assert erased == {
        ("watchlist", "crypto_erase"), ("alert_evidence", "overwrite"),
        ("deployment_key", "crypto_erase"),
    }  # fmt: skip
    assert [path.name for path in (rig.data / "watchlists" / LIST).iterdir()] == ["erased.json"]
    assert list((rig.data / "evidence").iterdir()) == []
    assert verify(rig.journal).ok
    assert verify(rig.journal).closed


def test_the_authority_closes_the_cameras_by_itself(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "data", lasts=dt.timedelta(seconds=2)).build()

    async def scenario() -> None:
        async with open_deployment(rig.settings(), rig.models, rig.clock) as session:
            with trio.fail_after(6):
                await session.run()
            assert session.engine.watching == 0

    trio.run(scenario)
    (ended,) = rig.events(DeploymentEnded)
    assert isinstance(ended, DeploymentEnded)
    assert ended.reason == "authority_end"
