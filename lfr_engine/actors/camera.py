"""The camera actor: one per source. Keeps a reader thread going and says how it fares.

Owns: the reader thread, the back-off, the camera's condition and its health. Never: what a picture
shows. Strategy: the reader puts frames straight into the detector's slot for this camera; a
watchdog judges by the age of the last frame, not by socket errors; ``POLICY`` says what is tried
again; what only an operator can mend waits for his word (``CameraControl``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import trio

from lfr_engine.actors.cadence import Cadence
from lfr_engine.actors.feeds import Feed
from lfr_engine.actors.reading import Reading
from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.priority import BULK_NICENESS, READING_NICENESS
from lfr_engine.runtime.flow import SlotClosed
from lfr_engine.runtime.lanes import run_thread
from lfr_engine.runtime.supervise import Action, ActorState, Backoff, Policy, supervise
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources import reader
from lfr_engine.sources.condition import CameraDown, CameraState, CameraUp, Condition, Signal
from lfr_engine.sources.health import SAMPLE_EVERY_S, CameraHealth, HealthReport
from lfr_engine.sources.look import PictureSample, sample_picture
from lfr_engine.sources.reader import ReaderSettings, StreamFacts
from lfr_engine.sources.spec import SourceAddress
from lfr_engine.vision.frame import Frame

POLICY: Policy = {SourceLost: Action.RETRY, SourceRefused: Action.STOP}

Read: TypeAlias = reader.Read

LATE_S = 0.25
"""A picture decoded so long after its capture is a sign of overload, like a missed slot."""

_WATCH_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """One camera. stall_s: silence that counts as stalled; lost_s: silence that reconnects."""

    camera: str
    address: SourceAddress
    reader: ReaderSettings = field(default_factory=ReaderSettings)
    stall_s: float = 1.5
    lost_s: float = 5.0
    debounce_s: float = 2.0


@dataclass(slots=True)
class CameraReport:
    """What the board shows of one camera; written by its actor only.

    frames: pictures that were decoded. last_frame_ns: when the last one was. late_s: how long after
    its capture that was. looked: the last sparse look at a picture, and when.
    """

    camera: str
    source: str
    condition: Condition
    facts: StreamFacts | None = None
    frames: int = 0
    last_frame_ns: int = 0
    last_media_s: float = 0.0
    late_s: float = 0.0
    error: str = ""
    looked: tuple[float, PictureSample] | None = None
    health: CameraHealth = field(default_factory=CameraHealth)

    def health_now(self, now_s: float) -> HealthReport:
        """The camera's health at monotonic second ``now_s``; in the trio thread."""
        return self.health.report(now_s, self.condition.state, self.condition.reason)


CameraEvent: TypeAlias = CameraDown | CameraUp


class CameraControl:
    """What an operator may do to a camera while it runs. For the trio thread only."""

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._word = trio.Event()

    def disable(self) -> None:
        """Close the source until ``enable``; no outage is announced."""
        if self.enabled:
            self.enabled = False
            self._word.set()

    def enable(self) -> None:
        """Open the source again."""
        if not self.enabled:
            self.enabled = True
            self._word.set()

    def retry(self) -> None:
        """Open the source anew, now: one that was refused, crashed, or waits for its turn."""
        self._word.set()

    def listen(self) -> trio.Event:
        """An event that is set at the operator's next word."""
        self._word = trio.Event()
        return self._word


async def run_camera(
    settings: CameraSettings,
    read: Read,
    feed: Feed,
    report: CameraReport,
    cadence: Cadence,
    telemetry: Telemetry,
    on_event: Callable[[CameraEvent], None],
    *,
    control: CameraControl | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Read one source until it ends (recorded) or the task is cancelled.

    A source that is refused or a task that crashed too often waits for a word of ``control``, and
    ends the actor where there is none. Errors do not leave this actor: they are on ``report`` and,
    for outages, in ``on_event``.
    """
    watched = _Watched(settings, read, feed, report, cadence, telemetry)
    operator = control or CameraControl()
    task_status.started()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_poll_condition, report, telemetry, on_event)
            while True:
                word = operator.listen()
                if operator.enabled:
                    async with trio.open_nursery() as attempt:
                        attempt.start_soon(_cancel_at, word, attempt.cancel_scope)
                        await watched.supervised()
                        attempt.cancel_scope.cancel()
                    if report.condition.state is CameraState.ENDED:
                        break
                else:
                    watched.signal(Signal.DISABLE)
                if control is None:
                    break
                await word.wait()
            nursery.cancel_scope.cancel()
    finally:
        feed.slot.close()


async def _cancel_at(word: trio.Event, scope: trio.CancelScope) -> None:
    await word.wait()
    scope.cancel()


class _Watched:
    """One source, read again as often as the policy allows."""

    def __init__(
        self,
        settings: CameraSettings,
        read: Read,
        feed: Feed,
        report: CameraReport,
        cadence: Cadence,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._read = read
        self._feed = feed
        self._report = report
        self._cadence = cadence
        self._telemetry = telemetry
        self._clock = telemetry.clock

    def signal(self, what: Signal, reason: str = "") -> None:
        """Tell the camera's condition, at the present."""
        self._report.condition.signal(what, self._clock.monotonic_ns() / 1e9, reason)

    async def supervised(self) -> None:
        """Read until the source ends, is refused, or the restart budget is spent."""
        await supervise(self._once, policy=POLICY, on_state=self._on_state, backoff=Backoff())

    def _on_state(self, state: ActorState, reason: str) -> None:
        signals = {
            ActorState.RUNNING: Signal.OPEN,
            ActorState.WAITING: Signal.BREAK,
            ActorState.STOPPED: Signal.REFUSAL,
            ActorState.CRASHED: Signal.CRASH,
            ActorState.DONE: Signal.END,
        }
        self.signal(signals[state], reason)
        self._report.error = reason

    async def _once(self) -> None:
        report = self._report
        report.last_frame_ns = self._clock.monotonic_ns()
        report.health.restarted()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_frames)
            nursery.start_soon(self._watch_health)
            niceness = READING_NICENESS if self._feed.unhurried else BULK_NICENESS
            name = f"camera {self._settings.camera}"
            await run_thread(self._read_into, name=name, niceness=niceness)
            nursery.cancel_scope.cancel()

    def _read_into(self, stop: threading.Event) -> None:
        """In the reader thread: every picture goes to the slot or is counted."""
        report, telemetry, clock = self._report, self._telemetry, self._clock
        reading = self._feed.reading()
        began_ns = clock.monotonic_ns()
        expected, looked_s = 0, -SAMPLE_EVERY_S

        def opened(facts: StreamFacts) -> None:
            if stop.is_set():
                raise SlotClosed
            report.facts = facts
            if not expected:
                telemetry.observe("open", (clock.monotonic_ns() - began_ns) / 1e9)

        def deliver(frame: Frame) -> None:
            nonlocal expected, looked_s
            if stop.is_set():  # this thread was given up: another may be reading already
                raise SlotClosed
            now_ns = clock.monotonic_ns()
            telemetry.dropped(report.camera, "decode", frame.sequence - expected)
            expected = frame.sequence + 1
            report.frames += 1
            report.last_media_s = frame.media_time_s
            report.last_frame_ns = now_ns
            report.late_s = (now_ns - frame.captured_ns) / 1e9
            telemetry.observe("decode", report.late_s)
            if now_ns / 1e9 - looked_s >= SAMPLE_EVERY_S:
                looked_s = now_ns / 1e9
                report.looked = (looked_s, sample_picture(frame.planes))
            self._offer(reading, frame, late=report.late_s > LATE_S)

        try:
            self._read(deliver, stop, opened)
        except SlotClosed:
            return
        finally:
            reading.rest()

    def _offer(self, reading: Reading, frame: Frame, *, late: bool) -> None:
        cadence, telemetry = self._cadence, self._telemetry
        if not cadence.admits():
            telemetry.dropped(self._report.camera, "cadence")
            return
        replaced = reading.offer(frame)
        if replaced is not None:
            telemetry.dropped(self._report.camera, "slot")
        if replaced is not None or late:
            cadence.missed()

    async def _watch_frames(self) -> None:
        settings, report = self._settings, self._report
        first = seen = report.frames
        while True:
            await trio.sleep(_WATCH_EVERY_S)
            silence_s = (self._clock.monotonic_ns() - report.last_frame_ns) / 1e9
            # Opening has limits of its own, and better words for what is wrong.
            opening_s = settings.reader.open_timeout_s if seen == first else 0.0
            if report.frames != seen:
                seen = report.frames
                self.signal(Signal.FRAME)
            elif not settings.address.live:
                continue
            elif silence_s > settings.lost_s + opening_s:
                raise SourceLost(settings.address, f"no frame for {silence_s:.1f} s")
            elif silence_s > settings.stall_s + opening_s:
                self.signal(Signal.SILENCE, f"no frame for {silence_s:.1f} s")

    async def _watch_health(self) -> None:
        report, health = self._report, self._report.health
        while True:
            now_s = self._clock.monotonic_ns() / 1e9
            detected = self._telemetry.counts[f"detected {report.camera}"]
            health.counted(now_s, report.frames, detected, report.late_s)
            looked, report.looked = report.looked, None
            if looked is not None:
                health.pictured(*looked)
            await trio.sleep(SAMPLE_EVERY_S)


async def _poll_condition(
    report: CameraReport, telemetry: Telemetry, on_event: Callable[[CameraEvent], None]
) -> None:
    while True:
        event = report.condition.poll(telemetry.clock.monotonic_ns() / 1e9)
        if event is not None:
            on_event(event)
        await trio.sleep(_WATCH_EVERY_S)
