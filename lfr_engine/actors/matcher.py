"""The matcher actor: one per engine. Templates become scores, and are forgotten.

Owns: the watchlist snapshot and every probe template (R1). Never: a template after its pass ended,
and none leaves: what goes on are entry ids and scores. Strategy: the views of a pass are fused in
``PassMemory``; each new view is scored alone and fused; a new snapshot arrives as a message and
takes effect with the next probe (R15). Endings of passes come by a link of their own, past the
views that queue for the embedder and for this actor, and a task of their own erases at once.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import trio

from lfr_engine.actors.messages import (
    NewGallery,
    Probe,
    Scored,
    ToAlerting,
    ToMatcher,
    TrackClosed,
)
from lfr_engine.alerts.evidence import NO_SCORE, Ranking, Sighting, Track
from lfr_engine.identity.matcher import Gallery, Matches
from lfr_engine.identity.passes import PassMemory
from lfr_engine.runtime.lanes import Lane, open_lane
from lfr_engine.runtime.telemetry import Telemetry

WEIGHT_POWER = 3
"""A view weighs in fusion by this power of its quality. A view whose similarity to its walker's
best views is r weighs best as r / (1 - r²) (a unit vector with noise of its own); measured on
simulated walk-bys, 0.6 with 10 px between the eyes and 8 with 35 px (``docs/tracking.md``)."""

IN_THE_LOOP_BYTES = 1_000_000
"""A larger gallery is searched in a lane: past the cache, a search may hold the loop for 10 ms."""


@dataclass(frozen=True, slots=True)
class MatcherSettings:
    """most_passes: walkers whose templates are held at once, over all cameras."""

    most_passes: int = 512


async def run_matcher(
    settings: MatcherSettings,
    gallery: Gallery,
    receive: trio.MemoryReceiveChannel[ToMatcher],
    endings: trio.MemoryReceiveChannel[TrackClosed],
    send: trio.MemorySendChannel[ToAlerting],
    telemetry: Telemetry,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Match until probes and endings have ended; then close ``send``. Erases everything on leaving.

    Two stages are observed of each pass that had templates: ``erase``, from the decision that it
    matched nobody more (its track ended and its last view was compared, whichever came later) to
    their erasure; and ``track end to erase``, which counts the comparison of views under way, too.
    """
    memory: PassMemory[Track] = PassMemory(
        gallery.contract.dimension, most_passes=settings.most_passes
    )
    passes = _OpenPasses(memory, telemetry)
    async with open_lane("matcher", width=1) as lane:
        task_status.started()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_hear_endings, endings, passes, send)
                async for item in receive:
                    if isinstance(item, NewGallery):
                        gallery.contract.require(item.gallery.contract, "new watchlist snapshot")
                        gallery = item.gallery
                        item.done.set()
                        continue
                    if isinstance(item, Probe):
                        scored = await _score(item, gallery, memory, lane, telemetry)
                        ended = passes.compared(item.shot.track, telemetry.clock.monotonic_ns())
                        await send.send(scored)
                    else:
                        ended = passes.compared(item.track, telemetry.clock.monotonic_ns())
                    if ended is not None:
                        await send.send(ended)
        finally:
            telemetry.counts["erased templates"] += memory.erase_all()
            _erase_unheard(receive)
    send.close()


def _erase_unheard(receive: trio.MemoryReceiveChannel[ToMatcher]) -> None:
    """Where this actor was cancelled, probes may lie in its link; nobody will ask for them."""
    with suppress(trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
        while True:
            item = receive.receive_nowait()
            if isinstance(item, Probe):
                item.erase()
                item.shot.erase()


async def _hear_endings(
    endings: trio.MemoryReceiveChannel[TrackClosed],
    passes: _OpenPasses,
    send: trio.MemorySendChannel[ToAlerting],
) -> None:
    """Erase first, tell after. An ending never overtakes a view of its pass: what counts as
    compared is already in ``send`` or first in its queue.
    """
    async for closed in endings:
        if passes.closed(closed):
            await send.send(closed)


class _OpenPasses:
    """Which passes may be forgotten: closed ones of whom no view is under way any more."""

    def __init__(self, memory: PassMemory[Track], telemetry: Telemetry) -> None:
        self._memory = memory
        self._telemetry = telemetry
        self._compared: Counter[Track] = Counter()
        self._awaited: dict[Track, TrackClosed] = {}

    def compared(self, track: Track, now_ns: int) -> TrackClosed | None:
        """A view was compared, or lost; returns the ending of its pass where it was the last."""
        self._compared[track] += 1
        closed = self._awaited.get(track)
        if closed is None or self._compared[track] < closed.shots:
            return None
        del self._awaited[track]
        self._erase(closed, now_ns)
        return closed

    def closed(self, closed: TrackClosed) -> bool:
        """A track ended; whether it is forgotten already, else that waits for its last view."""
        if self._compared[closed.track] < closed.shots:
            self._awaited[closed.track] = closed
            return False
        self._erase(closed, closed.closed_ns)
        return True

    def _erase(self, closed: TrackClosed, decided_ns: int) -> None:
        del self._compared[closed.track]
        erased = self._memory.erase(closed.track)
        if erased:
            self._telemetry.counts["erased templates"] += erased
            self._telemetry.since("erase", decided_ns)
            self._telemetry.since("track end to erase", closed.closed_ns)


async def _score(
    probe: Probe, gallery: Gallery, memory: PassMemory[Track], lane: Lane, telemetry: Telemetry
) -> Scored:
    shot = probe.shot
    fused = memory.add(shot.track, probe.template, shot.quality**WEIGHT_POWER)
    pair = np.stack([probe.template, fused])
    with telemetry.timed("match"):
        large = gallery.templates.nbytes > IN_THE_LOOP_BYTES
        matches = await lane.run(gallery.match, pair) if large else gallery.match(pair)
    pair.fill(0)
    sighting = Sighting(
        shot.track,
        shot.scene_ns,
        shot.quality,
        single=_ranking(gallery, matches, 0),
        fused=_ranking(gallery, matches, 1),
    )
    fused.fill(0)
    scored = Scored(sighting, shot.captured_ns, shot.face_px, gallery.generation, shot.exposure)
    probe.erase()
    return scored


def _ranking(gallery: Gallery, matches: Matches, row: int) -> Ranking:
    best, second = int(matches.entry[row]), int(matches.second_entry[row])
    if best < 0:
        return Ranking(None, NO_SCORE)
    return Ranking(
        gallery.entries[best],
        float(matches.score[row]),
        gallery.entries[second] if second >= 0 else None,
        float(matches.second_score[row]) if second >= 0 else NO_SCORE,
    )
