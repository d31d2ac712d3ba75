"""The detector actor: one per device, serving every camera from one compiled network.

Owns: the detector and its lane. Never: a decision about a camera. Strategy: as many workers as the
network has requests, each taking the next frame, detecting it in the lane and handing the faces to
that camera's tracker in capture order. A call over its deadline raises ``LaneHung``; the supervisor
runs this actor again, which compiles the network anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import trio

from lfr_engine.actors.feeds import Feeds
from lfr_engine.actors.messages import Detected
from lfr_engine.runtime.lanes import Lane, open_lane
from lfr_engine.runtime.telemetry import TO_DETECTION, Telemetry
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
    async with open_lane(
        "detector", width=settings.requests, deadline_s=settings.deadline_s
    ) as lane:
        detector = await lane.run(open_detector)
        task_status.started()
        async with trio.open_nursery() as nursery:
            for _ in range(settings.requests):
                nursery.start_soon(_detect_frames, detector, lane, feeds, telemetry)


async def _detect_frames(
    detector: FaceDetector, lane: Lane, feeds: Feeds, telemetry: Telemetry
) -> None:
    clock = telemetry.clock
    while True:
        feed, frame, ticket = await feeds.next()
        try:
            telemetry.since("wait for detector", frame.captured_ns)
            began = clock.monotonic_ns()
            faces = await lane.run(detector.detect, frame.planes)
            telemetry.observe("detect", (clock.monotonic_ns() - began) / 1e9)
            telemetry.since(TO_DETECTION, frame.captured_ns, feed.camera)
            telemetry.counts[f"detected {feed.camera}"] += 1
            telemetry.counts[f"faces {feed.camera}"] += len(faces)
            await ticket.deliver(Detected(frame, faces, feed.scene_ns(frame)))
        finally:
            if ticket.give_up():
                telemetry.dropped(feed.camera, "device")
