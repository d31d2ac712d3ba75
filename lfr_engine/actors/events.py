"""What an engine tells the outside, as it happens. Data only; no template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from lfr_engine.alerts.evidence import Finding, Track
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.sources.condition import CameraDown, CameraUp
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.geometry import IndexArray
from lfr_engine.vision.pictures import Exposure


@dataclass(frozen=True, slots=True)
class AlertTold:
    """A possible match, new or grown. age_s: from capture of the frame that decided it until now.

    scene_s: when that frame happened, in the scene's own time (media time of recorded material).
    exposure: of the deciding view, with a new alert where pictures are made; who hears it owns it.
    """

    alert: Alert
    new: bool
    age_s: float
    scene_s: float
    exposure: Exposure | None = None


@dataclass(frozen=True, slots=True)
class PassEnded:
    """A walker is gone. finding: what his sightings amounted to; None where there were none."""

    track: Track
    confirmed: bool
    reason: str
    finding: Finding | None


@dataclass(frozen=True, slots=True, eq=False)
class FacesFollowed:
    """The faces of one frame and whose they are: for measuring, never sent anywhere.

    scene_s: as of ``AlertTold``. boxes: (n, 4) float32 pixels. tracks: (n,) track numbers,
    ``tracker.NO_TRACK`` where a face has none.
    """

    camera: str
    scene_s: float
    boxes: FloatArray
    tracks: IndexArray


@dataclass(frozen=True, slots=True)
class AlertChanged:
    """Somebody did something about an alert, or its time was up; this is how it stands now."""

    alert: Alert


EngineEvent: TypeAlias = AlertTold | AlertChanged | PassEnded | CameraDown | CameraUp
