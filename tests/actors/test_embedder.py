"""The embedder's batches: what waits, and what is worth waiting for."""

from __future__ import annotations

import numpy as np
import trio

from lfr_engine.actors.embedder import EmbedderSettings, run_embedder
from lfr_engine.actors.messages import Probe, Shot, ToMatcher
from lfr_engine.alerts.evidence import Track
from lfr_engine.clock import ManualClock
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.frame import ByteArray, FloatArray


class Counting:
    """Remembers the sizes of its batches."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def embed(self, crops: ByteArray) -> FloatArray:
        self.sizes.append(len(crops))
        return np.ones((len(crops), 4), np.float32)


def shot(number: int) -> Shot:
    return Shot(Track("door", number), 0, 0, 0.9, 60.0, np.full((8, 8, 3), 170, np.uint8))


async def _embedded(settings: EmbedderSettings, pauses_s: list[float]) -> tuple[list[int], float]:
    """Batch sizes for a shot after each pause, and how long that took."""
    network = Counting()
    send, shots = trio.open_memory_channel[Shot](8)
    to_matcher, probes = trio.open_memory_channel[ToMatcher](64)
    began_s = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(
            run_embedder, settings, lambda: network, shots, to_matcher, Telemetry(ManualClock())
        )
        with send:
            for number, pause_s in enumerate(pauses_s):
                await trio.sleep(pause_s)
                send.send_nowait(shot(number))
            got = [await probes.receive() for _ in pauses_s]
    assert [probe.shot.track.number for probe in got if isinstance(probe, Probe)] == list(
        range(len(pauses_s))
    )
    return network.sizes, trio.current_time() - began_s


def test_what_waits_is_one_batch_and_nobody_waits_for_more() -> None:
    sizes, _ = trio.run(_embedded, EmbedderSettings(most_per_batch=3), [0.0] * 5)
    assert sizes == [3, 2]


def test_a_patient_batch_waits_until_it_is_full_or_the_time_is_over() -> None:
    settings = EmbedderSettings(most_per_batch=3, patience_s=0.05)
    sizes, took_s = trio.run(_embedded, settings, [0.0, 0.005, 0.005, 0.0])
    assert sizes == [3, 1]
    assert took_s >= 0.05, "the last one waited in vain"


def test_the_end_of_the_shots_ends_the_wait() -> None:
    async def scenario() -> None:
        network = Counting()
        send, shots = trio.open_memory_channel[Shot](8)
        to_matcher, probes = trio.open_memory_channel[ToMatcher](64)
        with send:
            send.send_nowait(shot(1))
        with trio.fail_after(5):
            await run_embedder(
                EmbedderSettings(patience_s=60.0),
                lambda: network,
                shots,
                to_matcher,
                Telemetry(ManualClock()),
            )
            assert [type(probe) async for probe in probes] == [Probe]

    trio.run(scenario)


def test_views_that_wait_are_overwritten_when_the_engine_ends() -> None:
    waiting = shot(1)

    async def scenario() -> None:
        send, shots = trio.open_memory_channel[Shot](8)
        to_matcher, _ = trio.open_memory_channel[ToMatcher](64)
        settings = EmbedderSettings(patience_s=60.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                run_embedder, settings, Counting, shots, to_matcher, Telemetry(ManualClock())
            )
            send.send_nowait(waiting)
            while send.statistics().current_buffer_used:
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()

    trio.run(scenario)
    assert not waiting.crop.any()
