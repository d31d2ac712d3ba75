"""The cameras of a run as people change them: added, changed, disabled, removed, their zones.

Owns: which settings each camera has now, and its zone of recognition. Never: a frame. Strategy: a
zone is asked for every frame, so an edit is in force at the next one; any other change takes the
camera out of the engine and puts it in again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from lfr_engine.actors.camera import CameraControl, CameraSettings
from lfr_engine.actors.tracker import TrackingSettings
from lfr_engine.api.port import NotFound
from lfr_engine.app.engine import Engine
from lfr_engine.app.plan import CameraPlan
from lfr_engine.clock import Clock
from lfr_engine.config import CameraConfig
from lfr_engine.errors import ConfigError, RuleError
from lfr_engine.sources.condition import CameraState
from lfr_engine.sources.opening import reader_for
from lfr_engine.sources.reader import Pace, ReaderSettings
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.zone import Zone


class LiveZone:
    """A zone that can be edited while frames pass; called with boxes (n, 4) in pixels.

    Args:
        size: Width and height of the camera's picture, or None while it is not known: then nobody
            is inside, because what cannot be judged is not templated (R21).
    """

    def __init__(self, size: Callable[[], tuple[int, int] | None]) -> None:
        self.zone: Zone | None = None
        self.smallest_face_px = 0
        self._size = size

    def __call__(self, boxes: FloatArray) -> npt.NDArray[np.bool_]:
        """Which boxes lie in the zone and are large enough: (n,)."""
        size = self._size()
        if size is None:
            return np.zeros(len(boxes), np.bool_)
        inside = np.ones(len(boxes), np.bool_)
        if self.zone is not None:
            inside &= self.zone.admits(boxes, size)
        if self.smallest_face_px:
            sides = boxes[:, 2:] - boxes[:, :2]
            inside &= sides.prod(axis=1) >= self.smallest_face_px**2
        return inside


@dataclasses.dataclass(slots=True)
class Camera:
    """One camera: settings as configured, and what an operator holds of it."""

    config: CameraConfig
    plan: CameraPlan
    zone: LiveZone
    control: CameraControl


class Cameras:
    """Every camera of one run.

    Args:
        clock: Stamps frames.
        recorded_only: An exercise: live sources are refused (R27).
        pictures: Alerts come with pictures.
    """

    def __init__(self, clock: Clock, *, recorded_only: bool, pictures: bool) -> None:
        self._clock = clock
        self._recorded_only = recorded_only
        self._pictures = pictures
        self._cameras: dict[str, Camera] = {}
        self._engine: Engine | None = None

    def __iter__(self) -> Iterator[Camera]:
        return iter(self._cameras.values())

    def __len__(self) -> int:
        return len(self._cameras)

    def __getitem__(self, name: str) -> Camera:
        """The camera called ``name``. Raises ``NotFound``."""
        camera = self._cameras.get(name)
        if camera is None:
            raise NotFound(f"camera {name}", "there is no such camera")
        return camera

    def plans(self, configs: Sequence[CameraConfig]) -> list[CameraPlan]:
        """Plans for the cameras the engine begins with.

        Raises:
            ConfigError: An address or a zone is not one.
            RuleError: R27, an exercise and a live source.
        """
        for config in configs:
            self._cameras[config.name] = self._make(config)
        return [camera.plan for camera in self]

    def attach(self, engine: Engine) -> None:
        """The engine these cameras run in."""
        self._engine = engine

    async def add(
        self,
        config: CameraConfig,
        start: Callable[[CameraPlan], Awaitable[None]] | None = None,
    ) -> None:
        """Watch one camera more. Raises as ``plans``, and ``ConfigError`` for a name in use.

        start: what puts it into the engine, where somebody must be asked first.
        """
        if config.name in self._cameras:
            raise ConfigError(
                f"camera {config.name}", "is there already", "choose another name, or change it"
            )
        camera = self._make(config)
        if start is not None:
            await start(camera.plan)
        else:
            self._running.add_camera(camera.plan)
        self._cameras[config.name] = camera

    async def remove(self, name: str) -> None:
        """Stop watching and forget. Raises ``NotFound``."""
        self[name]
        await self._running.remove_camera(name)
        del self._cameras[name]

    async def replace(self, config: CameraConfig) -> None:
        """Watch with other settings. Raises as ``plans``, and ``NotFound``."""
        before = self[config.name]
        if config == before.config:
            return
        zone = self._zone(config)
        if msgspec.structs.replace(before.config, zone=config.zone) == config:
            before.config, before.zone.zone = config, zone
            return
        camera = self._make(config)
        camera.zone.smallest_face_px = before.zone.smallest_face_px
        await self._running.remove_camera(config.name)
        self._cameras[config.name] = camera
        self._running.add_camera(camera.plan)

    async def enable(self, name: str) -> None:
        """Connect again: a disabled, refused, crashed or ended camera. Raises ``NotFound``."""
        camera = self[name]
        camera.config = msgspec.structs.replace(camera.config, enabled=True)
        report = self._running.reports.get(name)
        # Of an ended camera the tracker may still be at work; its source hears nobody any more.
        ended = report is not None and report.condition.state is CameraState.ENDED
        if ended or not self._running.watches(name):
            await self._running.remove_camera(name)
            self._running.add_camera(camera.plan)
        elif camera.control.enabled:
            camera.control.retry()
        camera.control.enable()

    async def disable(self, name: str) -> None:
        """Disconnect, and keep the settings. Raises ``NotFound``."""
        camera = self[name]
        camera.config = msgspec.structs.replace(camera.config, enabled=False)
        camera.control.disable()

    def edit_zone(
        self, name: str, corners: Sequence[tuple[float, float]], smallest_face_px: int
    ) -> None:
        """Replace a zone at once; no corners means the whole picture.

        Raises:
            ConfigError: The corners make no zone.
            NotFound: No such camera.
        """
        camera = self[name]
        config = msgspec.structs.replace(camera.config, zone=list(corners) or None)
        camera.zone.zone = self._zone(config)
        camera.zone.smallest_face_px = smallest_face_px
        camera.config = config

    @property
    def _running(self) -> Engine:
        assert self._engine is not None, "attach() comes before the first change"
        return self._engine

    def _zone(self, config: CameraConfig) -> Zone | None:
        if config.zone is None:
            return None
        return Zone(tuple(config.zone), f"zone of camera {config.name}")

    def _make(self, config: CameraConfig) -> Camera:
        address = parse_address(config.source)
        if self._recorded_only and address.live:
            raise RuleError(
                "R27",
                f"camera {config.name}",
                "is a live source, and an exercise runs on recorded material only",
                "record it first, or run a deployment under a signed authority",
            )
        settings = CameraSettings(
            config.name,
            address,
            ReaderSettings(
                rtsp_transport=config.transport,
                decode=config.decode,
                pace=Pace(config.pace),
                repeat=config.repeat,
            ),
            stall_s=config.stall,
            lost_s=config.lost,
            debounce_s=config.debounce,
        )
        control = CameraControl(enabled=config.enabled)
        zone = LiveZone(lambda: self._size(config.name))
        zone.zone = self._zone(config)
        plan = CameraPlan(
            settings,
            reader_for(config.name, address, settings.reader, self._clock),
            fast=not address.live and config.pace == "fast",
            tracking=TrackingSettings(pictures=self._pictures),
            inside=zone,
            control=control,
        )
        return Camera(config, plan, zone, control)

    def _size(self, name: str) -> tuple[int, int] | None:
        report = self._running.reports.get(name)
        if report is None or report.facts is None:
            return None
        return report.facts.width, report.facts.height
