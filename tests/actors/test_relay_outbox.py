"""One conformance suite for the outbox in memory and in SQLite; then what befalls only a file."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.errors import InputError
from lfr_engine.relay.delivery import Change, Delivery, Happening, Key, State, step
from lfr_engine.relay.outbox import MemoryOutbox, OutboxStore
from tests.relay.samples import T0, make_cue

MakeStore = Callable[[], OutboxStore]


def make_delivery(alert: str = "a1") -> Delivery:
    return Delivery(
        key=Key(alert, "E1", "radio"),
        cue=make_cue(),
        address="1234567",
        group=False,
        priority=5,
        created=T0,
        deadline=T0 + 90,
    )


def make_step(delivery: Delivery, happening: Happening) -> tuple[Delivery, Change]:
    after, change = step(delivery, happening, T0)
    assert change is not None
    return after, change


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OutboxStore:
    return MemoryOutbox() if request.param == "memory" else SqliteOutbox(tmp_path / "outbox.db")


def test_the_newest_of_each_delivery_is_loaded(store: OutboxStore) -> None:
    first, other = make_delivery(), make_delivery("a2")
    sent, change = make_step(first, Happening.LEFT)
    store.save([first, other], [])
    store.save([sent], [change])
    assert {delivery.key.alert: delivery for delivery in store.load()} == {"a1": sent, "a2": other}
    assert store.timeline("a1") == [change]
    assert store.timeline("a2") == []


def test_the_journal_is_fed_in_order_and_only_once_acknowledged(store: OutboxStore) -> None:
    delivery = make_delivery()
    changes = []
    for happening in (Happening.TAKEN, Happening.LEFT, Happening.RECEIPT):
        delivery, change = make_step(delivery, happening)
        changes.append(change)
    store.save([delivery], changes)
    (first, _), (second, _) = store.unjournalled(2)
    assert [change for _, change in store.unjournalled(9)] == changes
    store.journalled(second)
    store.journalled(first)
    assert [change for _, change in store.unjournalled(9)] == changes[2:]


def test_what_is_forgotten_is_gone_but_never_before_the_journal_has_it(store: OutboxStore) -> None:
    delivery, change = make_step(make_delivery(), Happening.LEFT)
    store.save([delivery], [change])
    store.forget([delivery.key])
    assert store.load() == []
    assert [kept for _, kept in store.unjournalled(9)] == [change]
    store.journalled(store.unjournalled(9)[-1][0])
    store.forget([delivery.key])
    assert store.timeline("a1") == []


def test_commands_wait_until_they_are_done(store: OutboxStore) -> None:
    store.ask("cancel", "a1")
    store.ask("resend", "a2")
    commands = store.commands()
    assert [(verb, alert) for _, verb, alert in commands] == [("cancel", "a1"), ("resend", "a2")]
    store.done(commands[0][0])
    assert [verb for _, verb, _ in store.commands()] == ["resend"]


def test_a_file_outlives_its_process_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    delivery, change = make_step(make_delivery(), Happening.LEFT)
    SqliteOutbox(path).save([delivery], [change])
    assert SqliteOutbox(path).load() == [delivery]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reader = SqliteOutbox(path, writable=False)
    assert reader.timeline("a1") == [change]
    with pytest.raises(InputError):
        reader.save([delivery], [])


def test_the_text_of_a_cue_is_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    delivery = replace(make_delivery(), digest="d" * 32, state=State.SENT)
    outbox = SqliteOutbox(path)
    outbox.save([delivery], [])
    outbox.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"LFR! VAN1" not in stored


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_a_file_that_is_no_outbox_is_a_plain_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"outbox\.db"):
        SqliteOutbox(path, writable=False)
    with pytest.raises(InputError, match="missing"):
        SqliteOutbox(tmp_path / "missing" / "outbox.db")


KILLED = """
import os, signal, sys
from pathlib import Path
from lfr_engine.actors.relay_outbox import SqliteOutbox
from tests.actors.test_relay_outbox import make_delivery
outbox = SqliteOutbox(Path(sys.argv[1]))
for number in range(20):
    outbox.save([make_delivery(f"a{number}")], [])
    print(number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_what_was_saved_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == -9, done.stderr
    assert len(SqliteOutbox(path).load()) == len(done.stdout.split()) == 20
