"""kill -9 at any moment: nothing committed is lost, and after its time the list is unreadable."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from lfr_engine.app.deployment import open_deployment
from lfr_engine.errors import InputError, LfrError, RuleError
from lfr_engine.identity.keys import key_file
from lfr_engine.identity.vault import Certificate, open_vault
from lfr_engine.journal.events.alerts import AlertGenerated
from lfr_engine.journal.events.watchlist import DeletionCertificate
from lfr_engine.journal.lines import committed
from lfr_engine.journal.verification import verify
from tests.app.deployment_child import rig
from tests.app.deployment_rig import LIST, MovableClock, Rig

ROOT = Path(__file__).parents[2]
POINTS = 50
DAY = dt.timedelta(days=1)
LONGEST_S = 4.0


@pytest.fixture(scope="module")
def forge() -> Iterator[subprocess.Popen[str]]:
    """Makes deployments in processes of their own."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.app.deployment_child"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process
        assert process.stdin is not None
        process.stdin.close()


def killed_after(forge: subprocess.Popen[str], folder: Path, seconds: float) -> dict[int, str]:
    """Kill a deployment; returns what it said was committed, by number."""
    assert forge.stdin is not None
    assert forge.stdout is not None
    forge.stdin.write(f"{folder}\n")
    forge.stdin.flush()
    process = int(forge.stdout.readline())
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    told = folder / "told"
    said = told.read_text() if told.exists() else ""
    lines = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return {int(seq): digest for seq, digest in lines}


def in_journal(made: Rig) -> dict[int, str]:
    with made.journal.open("rb") as file:
        return {p.record.seq: p.record.hash for p in committed(file, made.journal)}


def unreadable(made: Rig) -> bool:
    """Whether the list cannot be opened even by a clock that is set back and with the key."""
    folder = made.data / "watchlists" / LIST

    def record(_: Certificate) -> None:
        raise AssertionError("it was erased only now")

    try:
        open_vault(folder, key_file(made.data.parent / "list.key"), MovableClock(), record)
    except LfrError:
        return [path.name for path in folder.iterdir()] == ["erased.json"]
    return False


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    rig(folder, MovableClock()).build()
    return folder


def kill_and_restart(
    forge: subprocess.Popen[str], built: Path, folder: Path, seconds: float
) -> int:
    """One point; returns how many records the killed process had told of."""
    shutil.copytree(built, folder)
    told = killed_after(forge, folder, seconds)
    wait_until_gone(folder)
    made = rig(folder, MovableClock(2 * DAY))
    found = in_journal_or_torn(made)
    assert told.items() <= found.items()
    before = verify(made.journal)
    assert before.ok or before.unfinished
    with pytest.raises(RuleError, match="R3"):
        trio.run(reopen, made)
    assert unreadable(made)
    assert verify(made.journal).ok
    assert found.items() <= in_journal(made).items()
    certificates = [
        event.certificate
        for event in made.events(DeletionCertificate)
        if isinstance(event, DeletionCertificate) and event.what == "watchlist"
    ]
    assert len(set(certificates)) == 1
    assert not any((folder / "data" / "evidence").glob("*/E-*"))
    return len(told)


async def reopen(made: Rig) -> None:
    async with open_deployment(made.settings(), made.models, made.clock):
        raise AssertionError("it opened after its time")


def wait_until_gone(folder: Path) -> None:
    """The kernel lets go of a killed process's lock a moment later."""
    with (folder / "data" / "journal.jsonl").open("rb") as file:
        for _ in range(1000):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.01)
    raise AssertionError("the killed process still lives")


def in_journal_or_torn(made: Rig) -> dict[int, str]:
    """What is complete in a journal whose last append may be cut short."""
    found: dict[int, str] = {}
    with made.journal.open("rb") as file:
        try:
            for placed in committed(file, made.journal):
                found[placed.record.seq] = placed.record.hash
        except InputError:
            pass
    return found


@pytest.mark.slow
def test_killed_in_the_middle(forge: subprocess.Popen[str], built: Path, tmp_path: Path) -> None:
    assert kill_and_restart(forge, built, tmp_path / "one", LONGEST_S) > 5


@pytest.mark.long
def test_killed_at_fifty_random_points(
    forge: subprocess.Popen[str], built: Path, tmp_path: Path
) -> None:
    rng = random.Random(4)
    told = [
        kill_and_restart(forge, built, tmp_path / str(point), rng.uniform(0.0, LONGEST_S))
        for point in range(POINTS)
    ]
    assert sum(many > 0 for many in told) > POINTS / 2  # most die while it runs, not before


@pytest.mark.slow
def test_killed_and_resumed_no_alert_is_lost_or_doubled(
    forge: subprocess.Popen[str], built: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "resumed"
    shutil.copytree(built, folder)
    killed_after(forge, folder, LONGEST_S)
    wait_until_gone(folder)
    made = rig(folder, MovableClock())
    before = [e.alert for e in made.events(AlertGenerated) if isinstance(e, AlertGenerated)]
    restored: list[str] = []

    async def resume() -> None:
        async with (
            open_deployment(made.settings(cameras=()), made.models, made.clock) as session,
            trio.open_nursery() as nursery,
        ):
            await nursery.start(session.run)
            restored.extend(alert.reference for alert in await session.alerts())
            session.leave()

    trio.run(resume)
    assert before
    assert restored == before
