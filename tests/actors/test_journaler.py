"""The journaler: what it acknowledges is durable, and when it cannot write everything stops."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import trio

from lfr_engine.actors.journaler import JournalerSettings, open_journaler
from lfr_engine.clock import SystemClock
from lfr_engine.errors import EngineError
from lfr_engine.journal.events.engine import CameraDown, CameraUp
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.lines import Record
from lfr_engine.journal.signing import Signer
from lfr_engine.journal.store import Journal
from lfr_engine.runtime.flow import Lagged
from lfr_engine.runtime.lanes import LaneHung
from lfr_engine.runtime.supervise import leaves


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.jsonl", Signer.generate(), SystemClock()) as opened:
        yield opened


def up(camera: str) -> Event:
    return CameraUp(camera=camera)


def test_an_event_is_on_disk_when_record_returns(journal: Journal) -> None:
    async def scenario() -> None:
        async with open_journaler(journal) as journaler:
            await journaler.record([up("one"), up("two")])
            text = journal.path.read_text()
            assert '"camera":"one"' in text
            assert '"camera":"two"' in text
            await journaler.record([])

    trio.run(scenario)
    assert journal.head.seq >= 3


def test_what_waits_together_is_one_append(journal: Journal) -> None:
    sizes: list[int] = []
    append = journal.append_batch

    def counted(items: Sequence[tuple[str, dict[str, object]]]) -> list[Record]:
        sizes.append(len(items))
        return append(items)

    journal.append_batch = counted  # type: ignore[method-assign, assignment]

    async def scenario() -> None:
        async with open_journaler(journal) as journaler, trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(journaler.record, [up(f"c{number}")])

    trio.run(scenario)
    assert sum(sizes) == 40
    assert len(sizes) < 10


def test_committed_records_are_told_in_order_with_their_numbers(journal: Journal) -> None:
    heard: list[Record | Lagged] = []

    async def scenario() -> None:
        async with open_journaler(journal) as journaler:
            with journaler.committed.subscribe() as news:
                for camera in "abc":
                    await journaler.record([up(camera)])
                heard.extend([await news.receive() for _ in range(3)])

    trio.run(scenario)
    records = [one for one in heard if isinstance(one, Record)]
    assert [record.body["camera"] for record in records] == ["a", "b", "c"]
    assert [record.hash for record in records] == [
        r.hash for r in journal.read(0, 3, ["camera.up"])
    ]


def test_an_event_that_does_not_fit_is_its_makers_fault_alone(journal: Journal) -> None:
    async def scenario() -> None:
        async with open_journaler(journal) as journaler:
            with pytest.raises(EngineError, match="does not fit"):
                await journaler.record([CameraDown(camera="two words", cause="x")])
            with pytest.raises(EngineError, match="100 events in one post"):
                await journaler.record([up("c")] * 100)
            await journaler.record([up("fine")])

    trio.run(scenario)
    assert '"camera":"fine"' in journal.path.read_text()


def test_a_failed_write_cancels_the_block_and_acknowledges_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise EngineError("journal", "the disk failed")

    monkeypatch.setattr(journal, "append_batch", broken)
    acknowledged: list[int] = []

    async def scenario() -> None:
        async with open_journaler(journal) as journaler:
            try:
                await journaler.record([up("c")])
                acknowledged.append(1)
            finally:
                assert journaler.failed

    with pytest.RaisesGroup(EngineError, flatten_subgroups=True):
        trio.run(scenario)
    assert acknowledged == []


def test_a_disk_that_does_not_answer_ends_the_block_in_time(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(journal, "append_batch", lambda _: answer.wait(20) and [])

    async def scenario() -> None:
        async with open_journaler(journal, JournalerSettings(0.3, grace_s=0.1)) as journaler:
            await journaler.record([up("c")])

    async def timed() -> None:
        with trio.fail_after(3):
            try:
                await scenario()
            finally:
                answer.set()

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(timed)
    # The lane and the watch have one limit; either says so, or both.
    assert all(isinstance(leaf, LaneHung | EngineError) for leaf in leaves(caught.value))


def test_cancelling_the_block_still_writes_what_was_posted(journal: Journal) -> None:
    async def scenario() -> None:
        with trio.CancelScope() as scope:
            async with open_journaler(journal) as journaler, trio.open_nursery() as nursery:
                for number in range(30):
                    nursery.start_soon(journaler.record, [up(f"c{number}")])
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                scope.cancel()

    trio.run(scenario)
    text = journal.path.read_text()
    assert all(f'"camera":"c{number}"' in text for number in range(30))


def test_reading_goes_between_appends(journal: Journal) -> None:
    async def scenario() -> None:
        async with open_journaler(journal) as journaler:
            await journaler.record([up("c")])
            head = await journaler.use(lambda j: j.head.seq)
            (record,) = await journaler.use(lambda j: j.read(head - 1, 10))
            assert record.kind == "camera.up"
            assert journaler.peak == 1

    trio.run(scenario)
