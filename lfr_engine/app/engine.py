"""The engine: every actor in its place, joined by channels, for one run.

Owns: the nesting, which is the order of starting and stopping. Never: a decision. Strategy: cameras
are innermost and leave first; what they began flows through the same channels to its end, so a
stop and the end of recorded material are one and the same path. An actor whose restart budget is
spent fails the engine loudly, except a camera, which fails alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import trio

from lfr_engine.actors.alerting import Record, run_alerting
from lfr_engine.actors.cadence import Cadence
from lfr_engine.actors.camera import (
    CameraReport,
    run_camera,
)
from lfr_engine.actors.detector import run_detector
from lfr_engine.actors.embedder import run_embedder
from lfr_engine.actors.events import EngineEvent, PassEnded
from lfr_engine.actors.feeds import Feed, Feeds
from lfr_engine.actors.matcher import run_matcher
from lfr_engine.actors.messages import (
    NewGallery,
    Question,
    Shot,
    ToAlerting,
    ToMatcher,
    TrackClosed,
)
from lfr_engine.actors.preview import PreviewPort
from lfr_engine.actors.tracker import (
    Follow,
    TrackNumbers,
    run_tracker,
)
from lfr_engine.alerts.table import AlertTable
from lfr_engine.app.plan import CameraPlan, Matching, Networks
from lfr_engine.clock import Stamp
from lfr_engine.errors import ConfigError, DeviceError, EngineError
from lfr_engine.identity.matcher import Gallery
from lfr_engine.journal.events.fields import Event
from lfr_engine.priority import short_turns
from lfr_engine.runtime.memory import give_back_large_blocks
from lfr_engine.runtime.supervise import Action, ActorState, Policy, supervise
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.condition import Condition
from lfr_engine.sources.health import CameraHealth

TO_EMBEDDER = 8
TO_MATCHER = 64
TO_ALERTING = 64
ENDINGS = 64
"""Bounds of the links, from ``docs/architecture.md``."""

RECORDED_PATIENCE_S = 0.25
"""How long views of recordings wait for each other: a face then costs less, and nobody waits."""

RESTARTED: Policy = {DeviceError: Action.BUDGET}


@dataclass(slots=True)
class Engine:
    """A run and what it shows of itself.

    Args:
        cameras: What to watch.
        networks: How the networks are opened.
        matching: Whom to look for; None for commissioning.
        telemetry: Where measures go.
        record: Makes events durable before they are told.
        publish: Told of every event, in the trio thread; must not block.
        live: Runs until ``finish``, whatever its sources do; otherwise until they ended.
        age_budget_s: Live frames older than this are dropped before detection.
        follow: Told whose every face is, in the trio thread, for measuring; must not block.
    """

    cameras: list[CameraPlan]
    networks: Networks
    matching: Matching | None
    telemetry: Telemetry
    record: Record
    publish: Callable[[EngineEvent], None]
    live: bool = False
    age_budget_s: float = 0.5
    follow: Follow | None = None
    capturing: bool = True
    reports: dict[str, CameraReport] = field(default_factory=dict)
    previews: dict[str, PreviewPort] = field(default_factory=dict)
    actors: dict[str, tuple[ActorState, str]] = field(default_factory=dict)
    _watching: dict[str, trio.CancelScope] = field(default_factory=dict)
    _gone: dict[str, trio.Event] = field(default_factory=dict)
    _stopped: bool = False
    _finished: trio.Event = field(default_factory=trio.Event)
    _start_camera: Callable[[CameraPlan], None] | None = None
    _feeds: Feeds | None = None
    _links: dict[str, trio.MemorySendChannel[Any]] = field(default_factory=dict)
    _numbers: dict[str, TrackNumbers] = field(default_factory=dict)
    _to_matcher: trio.MemorySendChannel[ToMatcher] | None = None
    _to_alerting: trio.MemorySendChannel[ToAlerting] | None = None

    def stop(self) -> None:
        """End every source at once (R17); what is under way still flows to its end."""
        self._stopped = True
        for scope in self._watching.values():
            scope.cancel()

    @property
    def watching(self) -> int:
        """Cameras whose reader and tracker have not yet left."""
        return len(self._watching)

    def start(self) -> None:
        """Start every camera again after ``stop``; one that has not yet left stays stopped."""
        self._stopped = False
        for plan in self.cameras:
            if plan.settings.camera not in self._watching and self._start_camera is not None:
                self._start_camera(plan)

    def capture(self, on: bool) -> None:
        """Use frames, or drop them before detection as ``paused``; connections stay (R17)."""
        self.capturing = on
        if self._feeds is not None:
            self._feeds.capture = on

    def finish(self) -> None:
        """End a live run: sources first, then everything behind them."""
        self.stop()
        self._finished.set()

    def add_camera(self, plan: CameraPlan) -> None:
        """Watch one camera more.

        Raises:
            ConfigError: A camera of that name is there already.
        """
        name = plan.settings.camera
        if any(known.settings.camera == name for known in self.cameras):
            raise ConfigError(f"camera {name}", "is there already", "choose another name")
        self.cameras.append(plan)
        if not self._stopped and self._start_camera is not None:
            self._start_camera(plan)

    async def remove_camera(self, name: str) -> None:
        """Stop watching a camera; returns once it is gone.

        Raises:
            ConfigError: There is no such camera.
        """
        kept = [plan for plan in self.cameras if plan.settings.camera != name]
        if len(kept) == len(self.cameras):
            raise ConfigError(f"camera {name}", "there is no such camera")
        self.cameras[:] = kept
        if name in self._watching:
            self._watching[name].cancel()
            await self._gone[name].wait()
        self.reports.pop(name, None)

    def watches(self, name: str) -> bool:
        """Whether a camera's task lives; that of recorded material that ended does not."""
        return name in self._watching

    def links(self) -> dict[str, tuple[int, int]]:
        """How many messages each link holds, and its bound."""
        found = {}
        for name, channel in self._links.items():
            state = channel.statistics()
            found[name] = (state.current_buffer_used, int(state.max_buffer_size))
        return found

    async def swap_gallery(self, gallery: Gallery) -> None:
        """Match against another snapshot; returns once it is in force (R15)."""
        assert self._to_matcher is not None, "nothing is matched in commissioning"
        message = NewGallery(gallery)
        await self._to_matcher.send(message)
        await message.done.wait()

    async def ask(self, act: Callable[[AlertTable, Stamp], Sequence[Event]]) -> Sequence[Event]:
        """Do something with the alert table, in its owner's task; its events are recorded and told.

        Raises:
            Whatever ``act`` raises.
        """
        assert self._to_alerting is not None, "there are no alerts in commissioning"
        question = Question(act)
        await self._to_alerting.send(question)
        await question.done.wait()
        if question.error is not None:
            raise question.error
        return question.events

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until every source ended, or, ``live``, until ``finish``. Started when it watches.

        Raises:
            EngineError: An actor the engine cannot do without failed for good.
        """
        short_turns()
        give_back_large_blocks()
        to_embedder, shots = trio.open_memory_channel[Shot](TO_EMBEDDER)
        to_end, endings = trio.open_memory_channel[TrackClosed](ENDINGS)
        self._links |= {"tracker → embedder": to_embedder, "endings": to_end}
        try:
            async with trio.open_nursery() as nursery:
                self._start_matching(nursery, shots, endings)
                await self._watch(to_embedder, to_end, task_status)
                for control in (self._to_matcher, self._to_alerting):
                    if control is not None:
                        control.close()
        finally:  # cancelled, or failed: what nobody took is overwritten all the same (R1)
            with suppress(trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
                while True:
                    shots.receive_nowait().erase()

    def _start_matching(
        self,
        nursery: trio.Nursery,
        shots: trio.MemoryReceiveChannel[Shot],
        endings: trio.MemoryReceiveChannel[TrackClosed],
    ) -> None:
        matching = self.matching
        if matching is None:
            shots.close()  # nobody is cropped
            nursery.start_soon(_count_passes, endings, self.publish)
            return
        to_matcher, probes = trio.open_memory_channel[ToMatcher](TO_MATCHER)
        to_alerting, scored = trio.open_memory_channel[ToAlerting](TO_ALERTING)
        self._links |= {"embedder → matcher": to_matcher, "matcher → alerting": to_alerting}
        self._to_matcher, self._to_alerting = to_matcher.clone(), to_alerting.clone()
        networks, telemetry = self.networks, self.telemetry
        embedder = networks.embedder
        if all(plan.fast for plan in self.cameras):
            embedder = dataclasses.replace(embedder, patience_s=RECORDED_PATIENCE_S)
        nursery.start_soon(
            self._supervised,
            "embedder",
            lambda: run_embedder(embedder, networks.open_embedder, shots, to_matcher, telemetry),
        )
        nursery.start_soon(
            run_matcher,
            matching.matcher,
            matching.gallery,
            probes,
            endings,
            to_alerting,
            telemetry,
        )
        nursery.start_soon(
            run_alerting, matching.alerting, scored, self.record, self.publish, telemetry
        )

    async def _watch(
        self,
        to_embedder: trio.MemorySendChannel[Shot],
        to_end: trio.MemorySendChannel[TrackClosed],
        task_status: trio.TaskStatus[None],
    ) -> None:
        feeds = self._feeds = Feeds(self.telemetry, age_budget_s=self.age_budget_s)
        feeds.capture = self.capturing
        networks = self.networks
        async with trio.open_nursery() as devices:
            devices.start_soon(
                self._supervised,
                "detector",
                lambda: run_detector(
                    networks.detector, networks.open_detector, feeds, self.telemetry
                ),
            )
            async with trio.open_nursery() as cameras:
                with to_embedder, to_end:

                    def start(plan: CameraPlan) -> None:
                        cameras.start_soon(
                            self._run_camera, plan, feeds, to_embedder.clone(), to_end.clone()
                        )

                    self._start_camera = start
                    for plan in self.cameras:
                        start(plan)
                    task_status.started()
                    if self.live:
                        await self._finished.wait()
                    self._start_camera = None
            devices.cancel_scope.cancel()

    async def _run_camera(
        self,
        plan: CameraPlan,
        feeds: Feeds,
        send: trio.MemorySendChannel[Shot],
        endings: trio.MemorySendChannel[TrackClosed],
    ) -> None:
        """One camera and its tracker; a stop ends the reader, and the tracker drains after it."""
        settings = plan.settings
        name = settings.camera
        condition = Condition(name, debounce_s=settings.debounce_s)
        report = CameraReport(name, settings.address.shown, condition)
        self.reports[name] = report
        preview = self.previews.setdefault(name, PreviewPort())
        scope = self._watching[name] = trio.CancelScope()
        gone = self._gone[name] = trio.Event()
        try:
            await self._run_parts(plan, feeds, send, endings, report, preview, scope)
        finally:
            del self._watching[name]
            gone.set()

    async def _run_parts(
        self,
        plan: CameraPlan,
        feeds: Feeds,
        send: trio.MemorySendChannel[Shot],
        endings: trio.MemorySendChannel[TrackClosed],
        report: CameraReport,
        preview: PreviewPort,
        scope: trio.CancelScope,
    ) -> None:
        settings = plan.settings
        name = settings.camera
        with send, endings, feeds.open(name, wait=plan.fast) as feed:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    self._supervised,
                    f"tracker {name}",
                    self._tracker(plan, feed, send, endings, preview, report.health),
                )
                with scope:
                    await run_camera(
                        settings,
                        plan.read,
                        feed,
                        report,
                        Cadence(adaptive=not plan.fast),
                        self.telemetry,
                        self.publish,
                        control=plan.control,
                    )
                feed.slot.close()

    def _tracker(
        self,
        plan: CameraPlan,
        feed: Feed,
        send: trio.MemorySendChannel[Shot],
        endings: trio.MemorySendChannel[TrackClosed],
        preview: PreviewPort,
        health: CameraHealth,
    ) -> Callable[[], Awaitable[None]]:
        cropper = self.networks.cropper if self.matching is not None else None
        numbers = self._numbers.setdefault(feed.camera, TrackNumbers(self._first(feed.camera)))
        return lambda: run_tracker(
            plan.tracking,
            feed,
            cropper,
            plan.inside,
            send.clone(),
            endings.clone(),
            self.telemetry,
            preview,
            health,
            numbers,
            follow=self.follow,
        )

    def _first(self, camera: str) -> int:
        """Behind every track of the camera that the journal names, where a run is resumed."""
        past = self.matching.alerting.restore if self.matching is not None else ()
        tracks = (str(getattr(event, "track", "")).rpartition("#") for event, _ in past)
        used = (int(n) for name, _, n in tracks if name == camera and n.isdecimal())
        return max(used, default=0) + 1

    async def _supervised(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        def on_state(state: ActorState, reason: str) -> None:
            self.actors[name] = (state, reason)

        await supervise(run, policy=RESTARTED, on_state=on_state)
        state, reason = self.actors[name]
        if state is ActorState.CRASHED:
            raise EngineError(name, f"failed for good: {reason}")


async def _count_passes(
    endings: trio.MemoryReceiveChannel[TrackClosed], publish: Callable[[EngineEvent], None]
) -> None:
    """Commissioning: tracks end here as passes; nobody is templated."""
    with endings:
        async for item in endings:
            publish(PassEnded(item.track, item.confirmed, item.reason, None))
