"""The embedder actor: one per device. Shots become templates, in micro-batches.

Owns: the embedder network and its lane. Never: a template after it was sent, nor a file. Strategy:
whatever waits in the channel when the network is free is one batch, and where nobody waits for an
alert the batch may wait for more; of views that are lost with a failed network the matcher is told,
so that it does not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import trio

from lfr_engine.actors.messages import Probe, Shot, ShotLost, ToMatcher
from lfr_engine.runtime.lanes import Lane, open_lane
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.frame import ByteArray, FloatArray


class FaceEmbedder(Protocol):
    """What this actor needs of a network."""

    def embed(self, crops: ByteArray) -> FloatArray:
        """Unit templates (n, d) float32 of aligned crops (n, size, size, 3) BGR uint8."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedderSettings:
    """most_per_batch: crops in one call. patience_s: how long a call waits to be of so many; 0 for
    live cameras. deadline_s: a longer call is a hang.
    """

    most_per_batch: int = 8
    patience_s: float = 0.0
    deadline_s: float = 10.0


async def run_embedder(
    settings: EmbedderSettings,
    open_embedder: Callable[[], FaceEmbedder],
    receive: trio.MemoryReceiveChannel[Shot],
    send: trio.MemorySendChannel[ToMatcher],
    telemetry: Telemetry,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Embed until the shots' channel ends; then close ``send``. ``started()`` once compiled.

    The channel ends stay open when this raises, so that the supervisor can run it again.

    Raises:
        LaneHung: A call did not return within its deadline.
        DeviceError: The network could not be compiled or failed.
    """
    async with open_lane("embedder", width=1, deadline_s=settings.deadline_s, bulk=True) as lane:
        embedder = await lane.run(open_embedder)
        task_status.started()
        async for first in receive:
            batch = await _gathered(first, receive, settings)
            telemetry.peak("tracker → embedder", len(batch), settings.most_per_batch)
            try:
                probes = await _embed(embedder, lane, batch, telemetry)
            except Exception:
                for shot in batch:
                    await send.send(ShotLost(shot.track))
                raise
            try:
                while probes:
                    await send.send(probes[0])
                    del probes[0]
            except BaseException:
                for probe in probes:
                    probe.erase()
                raise
        send.close()


async def _gathered(
    first: Shot, receive: trio.MemoryReceiveChannel[Shot], settings: EmbedderSettings
) -> list[Shot]:
    """``first``, what waits behind it, and what comes before patience or the channel ends."""
    shots, most = [first], settings.most_per_batch
    with suppress(trio.WouldBlock, trio.EndOfChannel):
        while len(shots) < most:
            shots.append(receive.receive_nowait())
    if len(shots) < most and settings.patience_s > 0:
        try:
            with trio.move_on_after(settings.patience_s), suppress(trio.EndOfChannel):
                while len(shots) < most:
                    shots.append(await receive.receive())
        except BaseException:
            for shot in shots:
                shot.erase()  # the engine is ending, and nobody else has them (R1)
            raise
    return shots


async def _embed(
    embedder: FaceEmbedder, lane: Lane, shots: list[Shot], telemetry: Telemetry
) -> list[Probe]:
    crops, call = np.stack([shot.crop for shot in shots]), _Call(embedder)
    try:
        with telemetry.timed("embed"):
            templates = await lane.run(call.run, crops)
    except BaseException:
        call.forget()
        for shot in shots:
            shot.erase()
        raise
    finally:
        crops.fill(0)
    telemetry.counts["embedded"] += len(shots)
    probes = [Probe(shot, template.copy()) for shot, template in zip(shots, templates, strict=True)]
    templates.fill(0)
    return probes


class _Call:
    """One call in the lane, whose templates are overwritten should nobody wait for them any more:
    a call that was given up ends by itself, and its result goes nowhere (R1).
    """

    def __init__(self, embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._made: list[FloatArray] = []
        self._forgotten = False

    def run(self, crops: ByteArray) -> FloatArray:
        """In the lane's thread."""
        templates = self._embedder.embed(crops)
        self._made.append(templates)
        if self._forgotten:
            templates.fill(0)
        return templates

    def forget(self) -> None:
        """In the loop's thread; whichever of the two comes last overwrites."""
        self._forgotten = True
        for templates in self._made:
            templates.fill(0)
