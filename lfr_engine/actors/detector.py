"""The detector actor: one per device, serving every camera from one compiled network.

Owns: the detector and its threads. Never: a decision about a camera. Strategy: as many threads as
the network has requests, each taking the next frame itself, detecting it and handing the faces to
that camera's tracker in capture order; the trio thread only watches them. A call over its deadline
raises ``LaneHung``; the supervisor runs this actor again, which compiles the network anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import trio

from lfr_engine.actors.feeds import Feeds
from lfr_engine.clock import Clock
from lfr_engine.runtime.lanes import LaneHung, open_lane, run_thread
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Picture


class FaceDetector(Protocol):
    """What this actor needs of a network."""

    def detect(self, picture: Picture) -> Faces:
        """Faces of one picture, in source pixels; callable from several threads."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """requests: frames in the network at once. deadline_s: a longer call is a hang."""

    requests: int = 2
    deadline_s: float = 10.0


async def run_detector(
    settings: DetectorSettings,
    open_detector: Callable[[], FaceDetector],
    feeds: Feeds,
    telemetry: Telemetry,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Detect until cancelled. ``started()`` once the network is compiled.

    Raises:
        LaneHung: A call did not return within its deadline.
        DeviceError: The network could not be compiled or failed.
    """
    async with open_lane("detector", width=1, deadline_s=settings.deadline_s) as lane:
        detector = await lane.run(open_detector)
    task_status.started()

    def work(stop: threading.Event) -> None:
        while (pick := feeds.take(stop)) is not None:
            try:
                faces = detector.detect(pick.frame.planes)
            except BaseException:
                pick.give_up()
                raise
            pick.deliver(faces)

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_notice_hangs, feeds, settings.deadline_s, telemetry.clock)
            for number in range(settings.requests):
                nursery.start_soon(
                    partial(run_thread, work, name=f"detector {number + 1}", on_stop=feeds.wake)
                )
    finally:
        feeds.give_up()


async def _notice_hangs(feeds: Feeds, deadline_s: float, clock: Clock) -> None:
    while True:
        await trio.sleep(min(0.5, deadline_s / 10))
        oldest_ns = feeds.oldest_ns()
        if oldest_ns is not None and clock.monotonic_ns() - oldest_ns > deadline_s * 1e9:
            raise LaneHung("detector", f"a call did not return within {deadline_s:g} s")
