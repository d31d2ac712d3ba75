"""Links: newest wins, nobody blocks another, nothing leaves unacknowledged."""

from __future__ import annotations

import threading
import time

import pytest
import trio
import trio.testing

from lfr_engine.runtime.flow import Broadcast, Lagged, LatestSlot, Outbox, SlotClosed


def test_slot_keeps_the_newest_and_counts_what_it_replaced() -> None:
    told: list[int] = []
    slot: LatestSlot[int] = LatestSlot(on_ready=lambda: told.append(1))
    assert [slot.put(number) for number in range(5)] == [None, 0, 1, 2, 3]
    slot.close()
    ended = [slot.exhausted]
    assert [slot.peek(), slot.take(), slot.take()] == [4, 4, None]
    assert [*ended, slot.exhausted] == [False, True]
    assert (slot.replaced, slot.passed) == (4, 1)
    assert len(told) == 2, "told of the first item and of the end"


def test_waiting_slot_loses_nothing_and_keeps_order() -> None:
    ready = threading.Semaphore(0)
    slot: LatestSlot[int] = LatestSlot(ahead=3, on_ready=ready.release)
    reader = threading.Thread(target=lambda: [slot.put(number) for number in range(50)])
    reader.start()
    seen: list[int] = []
    while len(seen) < 50:
        assert ready.acquire(timeout=5)
        item = slot.take()
        assert item is not None
        seen.append(item)
    reader.join(5)
    assert seen == list(range(50))
    assert slot.replaced == 0


def test_a_reader_goes_ahead_as_far_as_it_may_and_no_further() -> None:
    slot: LatestSlot[int] = LatestSlot(ahead=3)
    offered: list[int] = []

    def read() -> None:
        for number in range(5):
            slot.put(number)
            offered.append(number)

    reader = threading.Thread(target=read)
    reader.start()
    taken = []
    for number in range(5):
        while len(offered) < min(5, number + 3):
            time.sleep(0.001)
        assert len(offered) <= number + 3
        taken.append(slot.take())
    reader.join(5)
    assert taken == [0, 1, 2, 3, 4]
    assert slot.take() is None


def test_a_reader_may_wait_until_no_more_than_so_many_are_left() -> None:
    slot: LatestSlot[int] = LatestSlot(ahead=4)
    slot.wait_for_room(0)
    for number in range(4):
        assert slot.waiting == number
        slot.put(number)
    assert slot.waiting == 4
    slot.wait_for_room(4)
    gone_on = threading.Event()

    def wait() -> None:
        slot.wait_for_room(2)
        gone_on.set()

    threading.Thread(target=wait, daemon=True).start()
    slot.take()
    assert not gone_on.wait(0.01)
    slot.take()
    assert gone_on.wait(5)
    slot.close()
    slot.wait_for_room(0)


def test_closing_a_slot_frees_a_reader_that_waits() -> None:
    slot: LatestSlot[int] = LatestSlot(ahead=1)
    began, refused = threading.Event(), threading.Event()

    def read() -> None:
        slot.put(1)
        began.set()
        try:
            slot.put(2)
        except SlotClosed:
            refused.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert began.wait(5)
    slot.close()
    reader.join(5)
    assert refused.is_set()


def test_slow_subscriber_lags_alone() -> None:
    async def scenario() -> None:
        broadcast: Broadcast[int] = Broadcast(4)
        with broadcast.subscribe() as quick, broadcast.subscribe() as slow:
            got = []
            for number in range(10):
                broadcast.publish(number)
                got.append(await quick.receive())
            broadcast.close()
            assert got == list(range(10))
            assert await slow.receive() == Lagged(6)
            assert [await slow.receive() for _ in range(4)] == [6, 7, 8, 9]
            with pytest.raises(trio.EndOfChannel):
                await slow.receive()
        assert len(broadcast) == 0

    trio.run(scenario)


def test_subscribing_to_a_closed_broadcast_ends_at_once() -> None:
    async def scenario() -> None:
        broadcast: Broadcast[int] = Broadcast(1)
        broadcast.close()
        with broadcast.subscribe() as late, pytest.raises(trio.EndOfChannel):
            await late.receive()

    trio.run(scenario)


def test_outbox_returns_to_the_sender_only_after_acknowledgement() -> None:
    async def scenario() -> None:
        outbox: Outbox[str] = Outbox(8)
        order: list[str] = []

        async def sender(item: str) -> None:
            await outbox.post(item)
            order.append(f"acknowledged {item}")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender, "a")
            nursery.start_soon(sender, "b")
            await trio.testing.wait_all_tasks_blocked()
            batch, acknowledge = await outbox.receive(10)
            assert sorted(batch) == ["a", "b"]
            assert outbox.peak == 2
            order.append("written")
            acknowledge()
        assert order[0] == "written"
        assert sorted(order[1:]) == ["acknowledged a", "acknowledged b"]
        assert outbox.oldest_s() == 0.0
        outbox.close()
        with pytest.raises(trio.EndOfChannel):
            await outbox.receive(1)

    trio.run(scenario)
