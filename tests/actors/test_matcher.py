"""The matcher forgets: at once when a pass ended, and never before its last view was compared."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from lfr_engine.actors.embedder import EmbedderSettings, run_embedder
from lfr_engine.actors.matcher import MatcherSettings, run_matcher
from lfr_engine.actors.messages import (
    Probe,
    Scored,
    Shot,
    ShotLost,
    ToAlerting,
    ToMatcher,
    TrackClosed,
)
from lfr_engine.alerts.evidence import Track
from lfr_engine.clock import ManualClock
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.frame import ByteArray, FloatArray
from tests.support import painted

CID, DEE = Track("door", 1), Track("door", 2)
Send = trio.MemorySendChannel[ToMatcher]
End = trio.MemorySendChannel[TrackClosed]


def shot(track: Track) -> Shot:
    return Shot(track, 0, 0, 0.9, 60.0, np.full((32, 32, 3), 170, np.uint8))


def probe(track: Track) -> Probe:
    return Probe(shot(track), painted.PaintedEmbedder().embed(shot(track).crop[None])[0])


def closed(track: Track, shots: int) -> TrackClosed:
    return TrackClosed(track, True, "lost", 0.0, 1.0, 0, shots)


class Bench:
    """The matcher between channels. room: how many answers it may send unheard."""

    def __init__(self, room: int = 64) -> None:
        self.room = room
        self.clock = ManualClock()
        self.telemetry = Telemetry(self.clock)
        self.answers: list[ToAlerting] = []

    def run(
        self,
        act: Callable[[Send, End, trio.MemoryReceiveChannel[ToAlerting]], Awaitable[None]],
    ) -> None:
        async def scenario() -> None:
            send, probes = trio.open_memory_channel[ToMatcher](64)
            end, endings = trio.open_memory_channel[TrackClosed](64)
            answer, answers = trio.open_memory_channel[ToAlerting](self.room)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    run_matcher,
                    MatcherSettings(),
                    painted.gallery("ann"),
                    probes,
                    endings,
                    answer,
                    self.telemetry,
                )
                with send, end:
                    await act(send, end, answers)
                async for one in answers:
                    self.answers.append(one)

        trio.run(scenario, clock=MockClock(autojump_threshold=0))

    @property
    def erased(self) -> int:
        return self.telemetry.counts["erased templates"]

    @property
    def told(self) -> list[tuple[str, int]]:
        return [
            (
                type(one).__name__,
                (one.sighting.track if isinstance(one, Scored) else one.track).number,
            )
            for one in self.answers
            if isinstance(one, Scored | TrackClosed)
        ]


def test_a_pass_is_forgotten_although_nobody_hears_the_answers() -> None:
    bench = Bench(room=1)

    async def act(send: Send, end: End, answers: trio.MemoryReceiveChannel[ToAlerting]) -> None:
        for track in (CID, DEE, DEE, DEE):
            await send.send(probe(track))
        await wait_all_tasks_blocked()  # one answer lies there, the next one waits for room
        bench.clock.advance(0.02)
        await end.send(closed(CID, 1))
        await wait_all_tasks_blocked()
        assert bench.erased == 1

    bench.run(act)
    assert bench.telemetry.stages["erase"].count == 1
    assert bench.telemetry.stages["erase"].maximum == pytest.approx(0.02)
    assert bench.erased == 4


def test_an_ending_waits_for_the_views_before_it_and_is_told_behind_them() -> None:
    bench = Bench()

    async def act(send: Send, end: End, answers: trio.MemoryReceiveChannel[ToAlerting]) -> None:
        await send.send(probe(CID))
        await end.send(closed(CID, 2))
        await end.send(closed(DEE, 0))
        await wait_all_tasks_blocked()
        assert bench.erased == 0
        bench.clock.advance(0.3)
        await send.send(probe(CID))
        await wait_all_tasks_blocked()
        assert bench.erased == 2

    bench.run(act)
    assert bench.telemetry.stages["erase"].maximum < 0.001  # decided by the last comparison
    assert bench.telemetry.stages["track end to erase"].maximum == pytest.approx(0.3)
    assert bench.told == [("Scored", 1), ("TrackClosed", 2), ("Scored", 1), ("TrackClosed", 1)]


def test_a_lost_view_is_not_waited_for() -> None:
    bench = Bench()

    async def act(send: Send, end: End, answers: trio.MemoryReceiveChannel[ToAlerting]) -> None:
        await send.send(probe(CID))
        await end.send(closed(CID, 2))
        await send.send(ShotLost(CID))

    bench.run(act)
    assert bench.erased == 1
    assert bench.told == [("Scored", 1), ("TrackClosed", 1)]


def test_an_embedder_that_fails_says_which_views_are_lost() -> None:
    class Broken:
        def embed(self, crops: ByteArray) -> FloatArray:
            raise RuntimeError("the device is on fire")

    taken = [shot(CID), shot(DEE)]
    lost: list[ToMatcher] = []

    async def scenario() -> None:
        send, shots = trio.open_memory_channel[Shot](8)
        on, probes = trio.open_memory_channel[ToMatcher](8)
        for one in taken:
            await send.send(one)
        with pytest.raises(RuntimeError, match="on fire"):
            await run_embedder(EmbedderSettings(), Broken, shots, on, Telemetry(ManualClock()))
        lost.extend(probes.receive_nowait() for _ in taken)

    trio.run(scenario)
    assert lost == [ShotLost(CID), ShotLost(DEE)]
    assert not any(one.crop.any() for one in taken)


def test_templates_of_a_call_that_nobody_waits_for_are_overwritten() -> None:
    begun, go = threading.Event(), threading.Event()
    made: list[FloatArray] = []

    class Slow:
        def embed(self, crops: ByteArray) -> FloatArray:
            begun.set()
            go.wait(10)
            made.append(painted.PaintedEmbedder().embed(crops))
            return made[0]

    async def scenario() -> None:
        send, shots = trio.open_memory_channel[Shot](8)
        on, _probes = trio.open_memory_channel[ToMatcher](8)
        await send.send(shot(CID))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                run_embedder, EmbedderSettings(), Slow, shots, on, Telemetry(ManualClock())
            )
            await trio.to_thread.run_sync(begun.wait)
            nursery.cancel_scope.cancel()
            go.set()

    trio.run(scenario)
    assert made
    assert not made[0].any()


def test_what_lies_in_the_links_when_everything_is_cancelled_is_overwritten() -> None:
    waiting = [probe(CID), probe(DEE)]

    async def scenario() -> None:
        send, probes = trio.open_memory_channel[ToMatcher](8)
        _end, endings = trio.open_memory_channel[TrackClosed](8)
        answer, _answers = trio.open_memory_channel[ToAlerting](8)
        for one in waiting:
            await send.send(one)
        with trio.CancelScope() as scope:
            scope.cancel()
            await run_matcher(
                MatcherSettings(), painted.gallery("ann"), probes, endings, answer,
                Telemetry(ManualClock()),
            )  # fmt: skip

    trio.run(scenario)
    assert not any(one.template.any() or one.shot.crop.any() for one in waiting)
