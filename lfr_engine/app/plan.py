"""What an engine is given: its cameras, its networks, and whom to look for.

Owns: three plain structs. Never: a task, a default of policy. They stand apart from the engine so
that whoever plans a run does not import what runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lfr_engine.actors.alerting import AlertingSettings
from lfr_engine.actors.camera import CameraControl, CameraSettings, Read
from lfr_engine.actors.detector import DetectorSettings, FaceDetector
from lfr_engine.actors.embedder import EmbedderSettings, FaceEmbedder
from lfr_engine.actors.matcher import MatcherSettings
from lfr_engine.actors.tracker import Cropper, Inside, TrackingSettings
from lfr_engine.identity.matcher import Gallery


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """One camera of a run. ``fast``: recorded, read as quickly as it can be processed. ``control``:
    an operator's hand on it; without one a refused camera ends.
    """

    settings: CameraSettings
    read: Read
    fast: bool
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    inside: Inside | None = None
    control: CameraControl | None = None


@dataclass(frozen=True, slots=True)
class Networks:
    """How the networks are opened, again after each failure."""

    open_detector: Callable[[], FaceDetector]
    open_embedder: Callable[[], FaceEmbedder]
    cropper: Cropper
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    embedder: EmbedderSettings = field(default_factory=EmbedderSettings)


@dataclass(frozen=True, slots=True)
class Matching:
    """Whom to look for, and what makes an alert. Absent in commissioning (R27)."""

    gallery: Gallery
    alerting: AlertingSettings
    matcher: MatcherSettings = field(default_factory=MatcherSettings)
