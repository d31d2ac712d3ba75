"""Commands on cameras, their zones, and previews.

Owns: what a request becomes as a camera's configuration, and the pace of previews. Never: an
unblurred face (``actors.preview`` gives none). Strategy: JPEG is made in a lane, for one subscriber
when that subscriber takes the last one, so a slow link costs nothing.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

import cv2
import msgspec
import trio

from lfr_engine.actors.preview import Preview
from lfr_engine.api.port import Caller, Conflict, Item, NotFound
from lfr_engine.app.board import moment
from lfr_engine.app.engine_api_alerts import person
from lfr_engine.app.running import Running
from lfr_engine.config import CameraConfig
from lfr_engine.errors import ConfigError, EngineError, InputError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s

PATIENCE_S = 5.0
"""For a camera to give a picture that was asked for."""
_JPEG_QUALITY = 80
_DONE = s.Done()


async def cameras_list(running: Running, _: a.CamerasList, __: Caller) -> s.CameraList:
    """Every camera."""
    await trio.lowlevel.checkpoint()
    return s.CameraList(cameras=running.camera_states())


async def cameras_add(running: Running, command: a.CamerasAdd, caller: Caller) -> s.Done:
    """Add a camera; it is gone after a restart unless it is in the file too."""
    _require_site(running, command.site)
    config = CameraConfig(name=command.camera, source=command.address)
    session = running.session
    start = None if session is None else partial(session.add_camera, person(caller))
    try:
        await running.cameras.add(config, start)
    except ConfigError as error:
        if "already" in error.cause:
            raise Conflict(error.subject, error.cause, error.mend) from error
        raise
    return _DONE


async def cameras_change(running: Running, command: a.CamerasChange, _: Caller) -> s.Done:
    """Another address."""
    before = running.cameras[command.camera].config
    await running.cameras.replace(msgspec.structs.replace(before, source=command.address))
    return _DONE


async def cameras_enable(running: Running, command: a.CamerasEnable, _: Caller) -> s.Done:
    """Connect again."""
    await running.cameras.enable(command.camera)
    return _DONE


async def cameras_disable(running: Running, command: a.CamerasDisable, _: Caller) -> s.Done:
    """Disconnect and keep the settings."""
    await running.cameras.disable(command.camera)
    return _DONE


async def cameras_remove(running: Running, command: a.CamerasRemove, _: Caller) -> s.Done:
    """Disconnect and forget."""
    await running.cameras.remove(command.camera)
    running.traffic.down.pop(command.camera, None)
    return _DONE


async def preview_frame(running: Running, command: a.PreviewFrame, _: Caller) -> s.Preview:
    """The next picture of a camera, every face in it blurred."""
    with trio.move_on_after(PATIENCE_S):
        return await _next_preview(running, command.camera, command.width)
    state = running.engine.reports[command.camera].condition
    raise Conflict(
        f"camera {command.camera}", f"gives no picture now: it is {state.state.value}", state.reason
    )


async def zone_get(running: Running, command: a.ZoneGet, _: Caller) -> s.Zone:
    """A camera's zone; no corners is the whole picture."""
    await trio.lowlevel.checkpoint()
    zone = running.cameras[command.camera].zone
    return s.Zone(
        camera=command.camera,
        corners=list(zone.zone.corners) if zone.zone is not None else [],
        smallest_face_pixels=zone.smallest_face_px,
    )


async def zone_edit(running: Running, command: a.ZoneEdit, _: Caller) -> s.Done:
    """Another zone, in force at the next frame."""
    await trio.lowlevel.checkpoint()
    running.cameras.edit_zone(command.camera, command.corners, command.smallest_face_pixels)
    return _DONE


class PreviewReader:
    """Pictures of one camera for one subscriber, no more often than it asked for.

    Raises:
        NotFound: There is no such camera.
    """

    def __init__(self, running: Running, wanted: a.PreviewFilter) -> None:
        running.cameras[wanted.camera]
        self._running = running
        self._wanted = wanted
        self._next_at = trio.current_time()

    async def receive(self) -> Item:
        """The next picture that is due; waits while the camera gives none."""
        await trio.sleep_until(self._next_at)
        wanted = self._wanted
        try:
            preview = await _next_preview(self._running, wanted.camera, wanted.width)
        except NotFound as error:
            raise trio.EndOfChannel from error
        self._next_at = trio.current_time() + 1 / wanted.per_second
        return Item(preview)


async def _next_preview(running: Running, camera: str, width: int) -> s.Preview:
    running.cameras[camera]
    port = running.engine.previews.get(camera)
    while port is None:
        await trio.sleep(0.05)
        port = running.engine.previews.get(camera)
    preview = await port.next()
    jpeg = await running.lane.run(_encode, preview, width)
    ago_ns = running.clock.monotonic_ns() - preview.captured_ns
    return s.Preview(
        camera=camera,
        captured=moment(running.clock.utc() - dt.timedelta(microseconds=ago_ns / 1000)),
        jpeg=jpeg,
        boxes=[
            (float(x0), float(y0), float(x1 - x0), float(y1 - y0))
            for x0, y0, x1, y1 in preview.boxes
        ],
    )


def _encode(preview: Preview, width: int) -> bytes:
    picture = preview.picture
    height, own = picture.shape[:2]
    if width < own:
        size = width, max(1, round(height * width / own))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype("uint8")
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise EngineError("preview", "cannot be encoded")
    return data.tobytes()


def _require_site(running: Running, site: str | None) -> None:
    if site is not None and site != running.config.engine.site:
        raise InputError(
            "site", f"this engine watches one site, {running.config.engine.site}", "leave it out"
        )


CAMERA_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.CamerasList: cameras_list,
    a.CamerasAdd: cameras_add,
    a.CamerasChange: cameras_change,
    a.CamerasEnable: cameras_enable,
    a.CamerasDisable: cameras_disable,
    a.CamerasRemove: cameras_remove,
    a.PreviewFrame: preview_frame,
    a.ZoneGet: zone_get,
    a.ZoneEdit: zone_edit,
}
