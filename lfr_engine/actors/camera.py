"""The camera actor: one per source. Keeps a reader thread going and says how it fares.

Owns: the reader thread, the back-off and the camera's condition. Never: a picture's content.
Strategy: the reader puts frames straight into the detector's slot for this camera; a watchdog
judges by the age of the last frame, not by socket errors; ``POLICY`` says what is tried again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import trio

from lfr_engine.actors.cadence import Cadence
from lfr_engine.actors.feeds import Feed
from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.runtime.flow import SlotClosed
from lfr_engine.runtime.lanes import run_reader
from lfr_engine.runtime.supervise import Action, ActorState, Backoff, Policy, supervise
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.condition import CameraDown, CameraUp, Condition, Signal
from lfr_engine.sources.reader import ReaderSettings, StreamFacts
from lfr_engine.sources.spec import SourceAddress
from lfr_engine.vision.frame import Frame

POLICY: Policy = {SourceLost: Action.RETRY, SourceRefused: Action.STOP}

Read = Callable[[Callable[[Frame], object], threading.Event, Callable[[StreamFacts], None]], None]
"""Reads a source in a thread: (deliver, stop, on_open)."""


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
    """What the board shows of one camera; written by its actor only."""

    camera: str
    source: str
    condition: Condition
    facts: StreamFacts | None = None
    frames: int = 0
    last_frame_ns: int = 0
    last_media_s: float = 0.0
    error: str = ""


CameraEvent = CameraDown | CameraUp


async def run_camera(
    settings: CameraSettings,
    read: Read,
    feed: Feed,
    report: CameraReport,
    cadence: Cadence,
    telemetry: Telemetry,
    on_event: Callable[[CameraEvent], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Read one source until it ends (recorded), is refused, or the task is cancelled.

    Errors do not leave this actor: they are on ``report`` and, for outages, in ``on_event``.
    """
    condition = report.condition
    clock = telemetry.clock

    def signal(what: Signal, reason: str = "") -> None:
        condition.signal(what, clock.monotonic_ns() / 1e9, reason)

    def on_state(state: ActorState, reason: str) -> None:
        if state is ActorState.RUNNING:
            signal(Signal.OPEN)
        elif state is ActorState.WAITING:
            signal(Signal.BREAK, reason)
        elif state is ActorState.STOPPED:
            signal(Signal.REFUSAL, reason)
        elif state is ActorState.CRASHED:
            signal(Signal.CRASH, reason)
        else:
            signal(Signal.END)
        report.error = reason

    async def read_once() -> None:
        report.last_frame_ns = clock.monotonic_ns()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch_frames, settings, report, signal, telemetry)
            await run_reader(
                partial(_read_into, read, feed, report, cadence, telemetry),
                name=f"camera {settings.camera}",
            )
            nursery.cancel_scope.cancel()

    task_status.started()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_poll_condition, report, telemetry, on_event)
        await supervise(read_once, policy=POLICY, on_state=on_state, backoff=Backoff())
        nursery.cancel_scope.cancel()
    feed.slot.close()


def _read_into(
    read: Read,
    feed: Feed,
    report: CameraReport,
    cadence: Cadence,
    telemetry: Telemetry,
    stop: threading.Event,
) -> None:
    """In the reader thread: every decoded frame goes to the slot or is counted."""
    began_ns = telemetry.clock.monotonic_ns()

    def opened(facts: StreamFacts) -> None:
        report.facts = facts
        telemetry.observe("open", (telemetry.clock.monotonic_ns() - began_ns) / 1e9)

    def deliver(frame: Frame) -> None:
        now_ns = telemetry.clock.monotonic_ns()
        report.frames += 1
        report.last_media_s = frame.media_time_s
        report.last_frame_ns = now_ns
        telemetry.observe("decode", (now_ns - frame.captured_ns) / 1e9)
        if not cadence.admits(frame.sequence):
            telemetry.dropped(report.camera, "cadence")
            return
        if feed.slot.put_from_thread(frame) is not None:
            telemetry.dropped(report.camera, "slot")
            cadence.missed()

    try:
        read(deliver, stop, opened)
    except SlotClosed:
        return


async def _watch_frames(
    settings: CameraSettings,
    report: CameraReport,
    signal: Callable[..., None],
    telemetry: Telemetry,
) -> None:
    seen = report.frames
    while True:
        await trio.sleep(0.1)
        silence_s = (telemetry.clock.monotonic_ns() - report.last_frame_ns) / 1e9
        if report.frames != seen:
            seen = report.frames
            signal(Signal.FRAME)
        elif not settings.address.live:
            continue
        elif silence_s > settings.lost_s:
            raise SourceLost(settings.address, f"no frame for {silence_s:.1f} s")
        elif silence_s > settings.stall_s:
            signal(Signal.SILENCE, f"no frame for {silence_s:.1f} s")


async def _poll_condition(
    report: CameraReport, telemetry: Telemetry, on_event: Callable[[CameraEvent], None]
) -> None:
    while True:
        now_s = telemetry.clock.monotonic_ns() / 1e9
        event = report.condition.poll(now_s)
        if event is not None:
            on_event(event)
        await trio.sleep(0.1)
