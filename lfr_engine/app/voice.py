"""What the engine's events sound like in the log: what happened, where, and which reference.

Owns: the words. Never: an entry's name or id; an alert is spoken of by its reference.
"""

from __future__ import annotations

import structlog

from lfr_engine.actors.events import AlertChanged, AlertTold, EngineEvent, PassEnded
from lfr_engine.sources.condition import CameraDown, CameraUp

log = structlog.get_logger("lfr_engine.run")


def say(event: EngineEvent) -> None:
    """An event of the engine as a log line, without anything about a person but references."""
    match event:
        case AlertTold(alert=alert, new=True):
            log.warning(
                "possible match",
                camera=alert.camera,
                alert=alert.reference,
                age_ms=round(event.age_s * 1e3),
                late=alert.late,
            )
        case AlertChanged(alert=alert):
            log.info("alert", alert=alert.reference, state=alert.state.value)
        case PassEnded(confirmed=True):
            log.debug(
                "pass",
                camera=event.track.camera,
                track=event.track.number,
                verdict=event.finding.verdict.value if event.finding else "no usable view",
            )
        case CameraDown():
            log.warning("camera down", camera=event.camera, reason=event.reason)
        case CameraUp():
            log.info("camera up", camera=event.camera, outage_s=round(event.outage_s, 1))
