"""SIGHUP: what of the configuration can change while the engine runs, and a word about the rest.

Owns: the comparison of the file as it was with the file as it is. Never: half a change to one
camera; a bad file changes nothing. Strategy: cameras that the file did not mention before and does
not mention now (added over the socket) are left alone.
"""

from __future__ import annotations

import msgspec
import structlog

from lfr_engine import config as configuration
from lfr_engine.app.running import Running
from lfr_engine.config import CameraConfig, Config
from lfr_engine.errors import LfrError

log = structlog.get_logger("lfr_engine.run")


async def reload(running: Running) -> None:
    """Read the file again and apply what can be applied; says what cannot."""
    try:
        fresh = configuration.load(running.path)
    except LfrError as error:
        log.warning("configuration not reloaded", cause=str(error))
        return
    before = running.config
    fixed = fixed_keys(before, fresh)
    if fixed:
        log.warning("takes a restart", keys=fixed)
    if fresh.log.level != before.log.level:
        running.log.configure(fresh.log.level)
        log.info("log level", level=fresh.log.level)
    if running.session is not None and fresh.cameras != before.cameras:
        log.warning("takes a restart", keys=["cameras"], why="a deployment's authority names them")
        cameras = before.cameras
    else:
        await _apply_cameras(running, before.cameras, fresh.cameras)
        cameras = fresh.cameras
    running.config = msgspec.structs.replace(before, cameras=cameras, log=fresh.log)
    log.info("configuration reloaded")


def fixed_keys(before: Config, fresh: Config) -> list[str]:
    """Keys that differ and cannot change while the engine runs."""
    changed = []
    for table in ("engine", "matching", "exercise", "deployment", "relay", "api", "metrics", "log"):
        old, new = getattr(before, table), getattr(fresh, table)
        if old is None or new is None:
            if old is not new:
                changed.append(table)
            continue
        for field in msgspec.structs.fields(old):
            key = f"{table}.{field.name}"
            if getattr(old, field.name) != getattr(new, field.name) and key != "log.level":
                changed.append(key)
    return changed


async def _apply_cameras(
    running: Running, before: list[CameraConfig], fresh: list[CameraConfig]
) -> None:
    known = {camera.name: camera for camera in before}
    wanted = {camera.name: camera for camera in fresh}
    present = {camera.config.name for camera in running.cameras}
    for name in known.keys() - wanted.keys():
        if name in present:
            await running.cameras.remove(name)
            log.info("camera removed", camera=name)
    for name, camera in wanted.items():
        if known.get(name) == camera:
            continue
        try:
            if name in present:
                await running.cameras.replace(camera)
                log.info("camera changed", camera=name)
            else:
                await running.cameras.add(camera)
                log.info("camera added", camera=name)
        except LfrError as error:
            log.warning("camera not changed", camera=name, cause=str(error))
