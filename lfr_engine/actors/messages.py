"""What travels between actors, in the order a frame meets them. Data only.

Owns: the message types. Never: a template or a crop in a ``repr``. Strategy: whoever holds a crop
or a template last overwrites it (``erase``); nothing else may keep a reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import trio

from lfr_engine.alerts.evidence import Sighting, Track
from lfr_engine.alerts.table import AlertTable
from lfr_engine.clock import Stamp
from lfr_engine.identity.matcher import Gallery
from lfr_engine.journal.events.fields import Event
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Frame
from lfr_engine.vision.pictures import Exposure


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """A frame with its faces; ``scene_ns`` as in ``Shot``."""

    frame: Frame
    faces: Faces
    scene_ns: int


@dataclass(slots=True, eq=False)
class Shot:
    """One view of a walker worth a template.

    crop: aligned (size, size, 3) BGR uint8, owned. captured_ns: monotonic capture stamp, for ages.
    scene_ns: when it happened: the same stamp for live sources, the media time for recorded ones,
    so that passes keep their distance however quickly a file is read. quality: 0–1. face_px: side
    of the face in source pixels. exposure: what an alert would show; kept only if it is one.
    """

    track: Track
    captured_ns: int
    scene_ns: int
    quality: float
    face_px: float
    crop: ByteArray = field(repr=False)
    exposure: Exposure | None = None

    def erase(self) -> None:
        """Overwrite every picture (R1)."""
        self.crop.fill(0)
        if self.exposure is not None:
            self.exposure.erase()


@dataclass(slots=True, eq=False)
class Probe:
    """A shot's template: ``template`` (d,) float32 of length 1, owned."""

    shot: Shot
    template: FloatArray = field(repr=False)

    def erase(self) -> None:
        """Overwrite the template and the crop (R1); the alert's pictures go on."""
        self.template.fill(0)
        self.shot.crop.fill(0)


@dataclass(frozen=True, slots=True)
class TrackClosed:
    """A walker is gone. ``confirmed`` ones are passes. ``closed_ns`` is when that was decided.

    shots: views of him that were sent to the embedder. The ending does not queue behind them: it
    goes straight to the matcher, which knows by this number whether one is still under way.
    """

    track: Track
    confirmed: bool
    reason: str
    first_s: float
    last_s: float
    closed_ns: int
    shots: int


@dataclass(frozen=True, slots=True)
class ShotLost:
    """A view that will never be compared: the embedder failed with it."""

    track: Track


@dataclass(slots=True, eq=False)
class NewGallery:
    """A new watchlist snapshot; ``done`` is set once it is in force."""

    gallery: Gallery
    done: trio.Event = field(default_factory=trio.Event)


@dataclass(frozen=True, slots=True)
class Scored:
    """A sighting, stamped in scene time; ``captured_ns`` is the monotonic stamp of its frame.

    Whoever takes it erases ``exposure`` unless it becomes an alert.
    """

    sighting: Sighting
    captured_ns: int
    face_px: float
    generation: int
    exposure: Exposure | None = None


@dataclass(slots=True, eq=False)
class Question:
    """Something to do with the alert table, done by its owner.

    act: decides on the table and returns the events to record; what it raises goes back to who
    asked. done: set once recorded and told.
    """

    act: Callable[[AlertTable, Stamp], Sequence[Event]]
    done: trio.Event = field(default_factory=trio.Event)
    events: Sequence[Event] = ()
    error: Exception | None = None


ToMatcher: TypeAlias = Probe | ShotLost | NewGallery
ToAlerting: TypeAlias = Scored | TrackClosed | Question
