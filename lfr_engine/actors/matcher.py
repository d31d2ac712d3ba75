"""The matcher actor: one per engine. Templates become scores, and are forgotten.

Owns: the watchlist snapshot and every probe template (R1). Never: a template after its pass ended,
and none leaves: what goes on are entry ids and scores. Strategy: the views of a pass are fused in
``PassMemory``; each new view is scored alone and fused; a new snapshot arrives as a message and
takes effect with the next probe (R15).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trio

from lfr_engine.actors.messages import NewGallery, Probe, Scored, ToAlerting, ToMatcher, TrackClosed
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
    send: trio.MemorySendChannel[ToAlerting],
    telemetry: Telemetry,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Match until the probes' channel ends; then close ``send``. Erases everything on leaving.

    The time from the decision that a track ended to the erasure of its templates is observed as
    the stage ``erase``.
    """
    memory: PassMemory[Track] = PassMemory(
        gallery.contract.dimension, most_passes=settings.most_passes
    )
    async with open_lane("matcher", width=1) as lane:
        task_status.started()
        try:
            async for item in receive:
                if isinstance(item, NewGallery):
                    gallery.contract.require(item.gallery.contract, "new watchlist snapshot")
                    gallery = item.gallery
                    item.done.set()
                elif isinstance(item, Probe):
                    await send.send(await _score(item, gallery, memory, lane, telemetry))
                else:
                    _erase(item, memory, telemetry)
                    await send.send(item)
        finally:
            telemetry.counts["erased templates"] += memory.erase_all()
    send.close()


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
    scored = Scored(sighting, shot.captured_ns, shot.face_px, gallery.generation, shot.pictures)
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


def _erase(closed: TrackClosed, memory: PassMemory[Track], telemetry: Telemetry) -> None:
    erased = memory.erase(closed.track)
    if erased:
        telemetry.counts["erased templates"] += erased
        telemetry.since("erase", closed.closed_ns)
