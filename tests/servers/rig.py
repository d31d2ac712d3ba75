"""Cameras, feeds and a detector under test, with everything between them real but the network.

A ``Rig`` watches sources with ``run_camera`` and ``run_detector`` as the engine does, and keeps
what came out of each camera's feed. Scenarios wait for conditions, never for a length of time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from lfr_engine.actors.cadence import Cadence
from lfr_engine.actors.camera import (
    CameraControl,
    CameraEvent,
    CameraReport,
    CameraSettings,
    Read,
    run_camera,
)
from lfr_engine.actors.detector import DetectorSettings, FaceDetector, run_detector
from lfr_engine.actors.feeds import Feed, Feeds
from lfr_engine.actors.messages import Detected
from lfr_engine.clock import SystemClock
from lfr_engine.errors import DeviceError
from lfr_engine.runtime.supervise import Action, ActorState, supervise
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.condition import CameraDown, CameraState, CameraUp, Condition, Signal
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import ReaderSettings
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import Picture

QUICK = ReaderSettings(open_timeout_s=3.0, read_timeout_s=1.0)


class QuickDetector:
    """Finds nobody, at once."""

    def detect(self, _: Picture) -> Faces:
        return no_faces()


@dataclass
class Seen:
    """What came out of one camera's feed."""

    frames: list[tuple[int, int, int]] = field(default_factory=list)  # sequence, captured, width

    @property
    def sizes(self) -> list[int]:
        """Widths in the order in which they appeared."""
        return list(dict.fromkeys(width for _, _, width in self.frames))

    @property
    def span_s(self) -> float:
        """From the first capture to the last."""
        return (self.frames[-1][1] - self.frames[0][1]) / 1e9


class Noted(Condition):
    """A camera's condition that remembers every state it was in."""

    def __init__(self, camera: str, *, debounce_s: float) -> None:
        super().__init__(camera, debounce_s=debounce_s)
        self.states = [self.state]

    def signal(self, signal: Signal, now_s: float, reason: str = "") -> None:
        super().signal(signal, now_s, reason)
        if self.states[-1] is not self.state:
            self.states.append(self.state)


@dataclass
class Rig:
    """A run. Add cameras with ``watch`` inside ``running``."""

    open_detector: Callable[[], FaceDetector] = QuickDetector
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    telemetry: Telemetry = field(default_factory=lambda: Telemetry(SystemClock()))
    events: list[CameraEvent] = field(default_factory=list)
    reports: dict[str, CameraReport] = field(default_factory=dict)
    controls: dict[str, CameraControl] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    detector_states: list[tuple[ActorState, str]] = field(default_factory=list)
    states: dict[str, list[CameraState]] = field(default_factory=dict)
    _marks: dict[str, Counter[str]] = field(default_factory=dict)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Rig]:
        """The detector, and room for cameras, for the length of a block."""
        self._feeds = Feeds(self.telemetry)
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._run_detector)
            yield self
            nursery.cancel_scope.cancel()

    def watch(
        self,
        camera: str,
        address: str,
        reader: ReaderSettings = QUICK,
        *,
        read: Read | None = None,
        adaptive: bool = False,
        recorded: bool = False,
        stall_s: float = 0.7,
        lost_s: float = 1.5,
        debounce_s: float = 0.5,
    ) -> None:
        """Begin to watch a source; a recorded one waits where a live one drops frames."""
        settings = CameraSettings(
            camera, parse_address(address), reader, stall_s, lost_s, debounce_s
        )
        if read is None:
            read = reader_for(camera, settings.address, reader, self.telemetry.clock)
        condition = Noted(camera, debounce_s=debounce_s)
        self.reports[camera] = CameraReport(camera, settings.address.shown, condition)
        self.controls[camera] = CameraControl()
        self.seen[camera] = Seen()
        self.states[camera] = condition.states
        cadence = Cadence(adaptive=adaptive)
        self._nursery.start_soon(self._run_camera, settings, read, cadence, recorded)

    async def until(self, met: Callable[[], bool], *, within: float = 15.0) -> None:
        """Wait until a condition is met."""
        with trio.move_on_after(within):
            while not met():
                await trio.sleep(0.02)
            return
        found = {name: (r.condition.state, r.error, r.frames) for name, r in self.reports.items()}
        raise AssertionError(f"not met within {within} s: {found}, {self.events}")

    async def until_state(self, camera: str, state: CameraState, *, within: float = 15.0) -> None:
        """Wait until the board says so."""
        await self.until(lambda: self.reports[camera].condition.state is state, within=within)

    async def until_frames(self, camera: str, more: int, *, within: float = 15.0) -> None:
        """Wait for so many more frames of a camera behind the detector."""
        goal = len(self.seen[camera].frames) + more
        await self.until(lambda: len(self.seen[camera].frames) >= goal, within=within)

    def told(self, camera: str) -> list[type[CameraDown] | type[CameraUp]]:
        """The kinds of event of a camera so far."""
        return [type(event) for event in self.events if event.camera == camera]

    def mark(self, camera: str) -> None:
        """Count this camera's frames and drops from here on."""
        self.seen[camera].frames.clear()
        self._marks[camera] = Counter(self.telemetry.drops.get(camera, {}))

    def drops(self, camera: str) -> Counter[str]:
        """A camera's drops by reason since ``mark``."""
        return Counter(self.telemetry.drops.get(camera, {})) - self._marks.get(camera, Counter())

    def unaccounted(self, camera: str) -> int:
        """Frames since ``mark`` that neither came out of the feed nor were counted as dropped.

        One frame may be in the slot and one in the detector when the mark is set and when this is
        asked.
        """
        numbers = [number for number, _, _ in self.seen[camera].frames]
        return numbers[-1] - numbers[0] + 1 - len(numbers) - self.drops(camera).total()

    @property
    def turns_held(self) -> int:
        """Readers of recordings that decode."""
        return self._feeds.turns.held

    async def _run_detector(self) -> None:
        await supervise(
            lambda: run_detector(self.detector, self.open_detector, self._feeds, self.telemetry),
            policy={DeviceError: Action.BUDGET},
            on_state=lambda state, reason: self.detector_states.append((state, reason)),
        )

    async def _run_camera(
        self, settings: CameraSettings, read: Read, cadence: Cadence, recorded: bool
    ) -> None:
        name = settings.camera
        with self._feeds.open(name, wait=recorded) as feed:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._consume, feed)
                await run_camera(
                    settings,
                    read,
                    feed,
                    self.reports[name],
                    cadence,
                    self.telemetry,
                    self.events.append,
                    control=self.controls[name],
                )

    async def _consume(self, feed: Feed) -> None:
        seen = self.seen[feed.camera]
        while True:
            try:
                detected: Detected = await feed.receive()
            except trio.EndOfChannel:
                return
            frame = detected.frame
            seen.frames.append((frame.sequence, frame.captured_ns, frame.planes.width))
