"""The tracker actor: one per camera. Faces become walkers, and their best views become shots.

Owns: the tracker, the choice of views and the crops until they are sent. Never: a template, nor a
crop of a face outside the zone (R21). Strategy: everything is decided by pure functions of
``vision``; a recorded source waits when the embedder is behind, a live one keeps only the best shot
of each track and counts the weaker ones. Time between pictures is the scene's; but when a live
camera shows none at all, the loop's own time ends its tracks, so that nobody's template waits for a
camera to come back (R1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import trio

from lfr_engine.actors.events import FacesFollowed
from lfr_engine.actors.feeds import Feed
from lfr_engine.actors.messages import Detected, Shot, TrackClosed
from lfr_engine.actors.preview import PreviewPort
from lfr_engine.alerts.evidence import Track
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.sources.health import CameraHealth
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture, picture_size
from lfr_engine.vision.pictures import Exposure, expose
from lfr_engine.vision.quality import (
    Flaw,
    QualityLimits,
    View,
    quality,
    texture,
    texture_flaw,
    view_flaw,
    view_quality,
    views,
)
from lfr_engine.vision.scene import SceneWatch
from lfr_engine.vision.shots import ShotSelector, ShotSettings
from lfr_engine.vision.tracker import NO_TRACK, EndedTrack, EndReason, Tracker, TrackerSettings

Crop = Callable[[Picture, FloatArray], ByteArray]
Inside = Callable[[FloatArray], npt.NDArray[np.bool_]]
Follow = Callable[[FacesFollowed], None]


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """How one camera's walkers are followed and looked at.

    pictures: make what an alert shows. silence_s: a live camera without a picture for so long
    (stalled, lost, paused, or none was detected) ends its tracks; a little more than a walker may
    go unseen in pictures (``TrackerSettings.max_coasting_s``).
    """

    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    quality: QualityLimits = field(default_factory=QualityLimits)
    shots: ShotSettings = field(default_factory=ShotSettings)
    pictures: bool = False
    silence_s: float = 1.5


@dataclass(slots=True)
class TrackNumbers:
    """The next free number of a camera's tracks; outlives each tracker, so none is used twice."""

    next: int = 1


@dataclass(frozen=True, slots=True)
class Cropper:
    """How a face is cut for the embedder. eyes_px: between the eyes, in the crop."""

    crop: Crop
    eyes_px: float


async def run_tracker(
    settings: TrackingSettings,
    feed: Feed,
    cropper: Cropper | None,
    inside: Inside | None,
    send: trio.MemorySendChannel[Shot],
    endings: trio.MemorySendChannel[TrackClosed],
    telemetry: Telemetry,
    preview: PreviewPort,
    health: CameraHealth,
    numbers: TrackNumbers,
    *,
    follow: Follow | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Follow one camera until its feed ends, then close every track. Closes its ends on leaving.

    cropper: None in commissioning, where nobody is templated (R27). inside: which boxes lie in the
    zone; everywhere where None. health: told the sizes of faces and who could be recognised.
    follow: told of every frame's faces before their views go on; must not block.
    Should it fail, the open tracks are closed first, so that nobody's templates stay (R1).
    """
    with send, endings:
        shots = _Shots(settings, feed, cropper, inside, send, endings, telemetry, health)
        tracker = Tracker(settings.tracker, inside, numbers.next)
        scene = SceneWatch()
        task_status.started()
        try:
            while True:
                live = not feed.recorded and (len(tracker) or shots.waiting)
                try:
                    detected = await _next(feed, settings.silence_s if live else None)
                except trio.EndOfChannel:
                    break
                if detected is None:
                    await shots.close(tracker.close(EndReason.SILENT))
                    continue
                time_s = detected.scene_ns / 1e9
                with telemetry.timed("track"):
                    cut = scene.changed(detected.frame.planes.y)
                    gone = tracker.close(EndReason.RESTART) if cut else ()
                    update = tracker.update(time_s, detected.faces)
                numbers.next = tracker.next_id
                hidden = tracker.hidden(time_s)
                with telemetry.timed("crop"):
                    chosen = shots.choose(detected, update.track_ids, hidden)
                preview.offer(detected, hidden)
                if follow is not None:
                    boxes = detected.faces.boxes
                    follow(FacesFollowed(feed.camera, time_s, boxes, update.track_ids))
                telemetry.dropped(feed.camera, "crowd", update.refused)
                await shots.send(chosen)
                await shots.close(gone + update.ended)
            await shots.close(tracker.close(EndReason.CLOSED))
        except Exception:
            shots.erase()
            await shots.close(tracker.close(EndReason.RESTART))
            raise
        finally:
            shots.erase()


async def _next(feed: Feed, silence_s: float | None) -> Detected | None:
    """The next frame with its faces, or None where none came for so long."""
    if silence_s is None:
        return await feed.receive()
    with trio.move_on_after(silence_s):
        return await feed.receive()
    return None


class _Shots:
    """The views of one camera on their way to the embedder."""

    def __init__(
        self,
        settings: TrackingSettings,
        feed: Feed,
        cropper: Cropper | None,
        inside: Inside | None,
        send: trio.MemorySendChannel[Shot],
        endings: trio.MemorySendChannel[TrackClosed],
        telemetry: Telemetry,
        health: CameraHealth,
    ) -> None:
        self._limits = settings.quality
        self._health = health
        self._met: set[int] = set()
        self._expose = settings.pictures
        self._selector = ShotSelector(settings.shots)
        self._feed = feed
        self._cropper = cropper
        self._inside = inside
        self._telemetry = telemetry
        self._channel = send
        self._endings = endings
        self._waiting: dict[int, Shot] = {}
        self._sent: Counter[int] = Counter()

    @property
    def waiting(self) -> int:
        """Views held back because the embedder was busy."""
        return len(self._waiting)

    def choose(
        self, detected: Detected, track_ids: npt.NDArray[np.intp], hidden: FloatArray
    ) -> list[Shot]:
        """The views of this frame that deserve a template, cropped.

        hidden: boxes (m, 4) of walkers who are not detected in it, to be blurred all the same.
        """
        faces, cropper = detected.faces, self._cropper
        if not len(faces):
            return []
        planes, time_s = detected.frame.planes, detected.scene_ns / 1e9
        seen = views(faces, picture_size(planes))
        flaws = [view_flaw(view, self._limits) for view in seen]
        if self._inside is not None:
            within = self._inside(faces.boxes)
            flaws = [f if w else Flaw.OUTSIDE_ZONE for f, w in zip(flaws, within, strict=True)]
        self._note(seen, flaws, track_ids)
        if cropper is None:
            return []
        chosen = []
        for index, (view, flaw) in enumerate(zip(seen, flaws, strict=True)):
            track = int(track_ids[index])
            if flaw is not None:
                self._drop(flaw)
                continue
            promised = view_quality(view)
            if track != NO_TRACK and not self._selector.worth_crop(
                track, time_s, view.size_px, promised
            ):
                crop = cropper.crop(planes, faces.landmarks[index])
                pixels = texture(crop, cropper.eyes_px)
                spoilt = texture_flaw(pixels, self._limits)
                overall, kept = quality(view, pixels).overall, 1.0
                if spoilt is not None:
                    self._drop(spoilt)
                elif not self._selector.worth_template(track, time_s, view.size_px, overall):
                    chosen.append(
                        Shot(
                            Track(self._feed.camera, track),
                            detected.frame.captured_ns,
                            detected.scene_ns,
                            overall,
                            view.size_px,
                            crop,
                            self._exposure(detected, hidden, index),
                        )
                    )
                    continue
                elif promised > 0:
                    kept = overall / promised
                self._selector.fruitless(track, time_s, kept)
                crop.fill(0)
        return chosen

    def _note(
        self, seen: list[View], flaws: list[Flaw | None], track_ids: npt.NDArray[np.intp]
    ) -> None:
        """Tell the camera's health how large faces are, and of each walker's first usable view."""
        now_s = self._telemetry.clock.monotonic_ns() / 1e9
        self._health.faces_seen(now_s, [view.size_px for view in seen])
        for track, flaw in zip(track_ids.tolist(), flaws, strict=True):
            if flaw is None and track != NO_TRACK and track not in self._met:
                self._met.add(track)
                self._health.opportunity(now_s)

    def _exposure(self, detected: Detected, hidden: FloatArray, index: int) -> Exposure | None:
        if not self._expose:
            return None
        boxes = np.concatenate([detected.faces.boxes, hidden])
        return expose(detected.frame.planes, boxes, detected.faces.boxes[index])

    async def send(self, shots: Sequence[Shot]) -> None:
        """Send shots; a live camera never waits, and keeps the best shot of each track."""
        for shot in shots:
            if self._feed.recorded:
                await self._send(shot)
            else:
                self._hold(shot)
        for number in list(self._waiting):
            try:
                self._channel.send_nowait(self._waiting[number])
            except trio.WouldBlock:
                return
            del self._waiting[number]
            self._sent[number] += 1

    def _hold(self, shot: Shot) -> None:
        held = self._waiting.get(shot.track.number)
        if held is not None and held.quality >= shot.quality:
            shot, held = held, shot
        if held is not None:
            held.erase()
            self._telemetry.dropped(self._feed.camera, "embedder busy")
        self._waiting[shot.track.number] = shot

    async def _send(self, shot: Shot) -> None:
        await self._channel.send(shot)
        self._sent[shot.track.number] += 1

    async def close(self, tracks: Sequence[EndedTrack]) -> None:
        """Send what waits of these tracks, and tell the matcher that they ended."""
        now_ns = self._telemetry.clock.monotonic_ns()
        for ended in tracks:
            self._selector.forget(ended.track_id)
            self._met.discard(ended.track_id)
            last = self._waiting.pop(ended.track_id, None)
            if last is not None:
                await self._send(last)
            await self._endings.send(
                TrackClosed(
                    Track(self._feed.camera, ended.track_id),
                    ended.confirmed,
                    ended.reason.value,
                    ended.first_seen_s,
                    ended.last_seen_s,
                    now_ns,
                    self._sent.pop(ended.track_id, 0),
                )
            )

    def erase(self) -> None:
        """Overwrite what was not sent (R1)."""
        for shot in self._waiting.values():
            shot.erase()
        self._waiting.clear()

    def _drop(self, flaw: Flaw) -> None:
        self._telemetry.dropped(self._feed.camera, flaw.value)
