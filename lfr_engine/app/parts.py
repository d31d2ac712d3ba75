"""What every mode prepares in the same way: networks from a pack, a watchlist from a folder.

Owns: the options a pack is compiled with, how it is compiled again after a failure, and which
threshold a stated rate means. Never: a camera, a decision. Strategy: everything here blocks, so it
runs in a lane.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from lfr_engine.actors.alerting import AlertingSettings
from lfr_engine.actors.detector import DetectorSettings
from lfr_engine.actors.tracker import Cropper
from lfr_engine.alerts.adjudication import AdjudicationSettings
from lfr_engine.alerts.evidence import EvidenceSettings
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.app.plan import Matching, Networks
from lfr_engine.config import REQUESTS
from lfr_engine.enrolment.folder import FolderWatchlist, load_folder
from lfr_engine.errors import RuleError
from lfr_engine.identity import calibration
from lfr_engine.identity.matcher import Gallery
from lfr_engine.inference import detector as detectors
from lfr_engine.inference.pack import OpenPack, open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import InstalledPack, ModelStore
from lfr_engine.vision.tracker import TrackerSettings

Size = tuple[int, int]
Progress = Callable[[str, int, int], None]
"""Told (what, done, in all), in the lane's thread."""


@dataclass(frozen=True, slots=True)
class PackRequest:
    """Which networks to run, and how. pack, precision: empty for the default."""

    pack: str = ""
    device: str = "CPU"
    precision: str = ""
    requests: int = REQUESTS
    detector_size: Size = (640, 384)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A pack that runs, and how to run it again after a failure."""

    name: str
    pack: OpenPack
    networks: Networks = field(repr=False)

    @property
    def device(self) -> str:
        """What really runs the detector."""
        return ", ".join(self.pack.report.detector.devices)

    @property
    def precision(self) -> str:
        """The detector's precision."""
        return self.pack.report.detector.precision


def open_networks(request: PackRequest, store: ModelStore) -> Opened:
    """Verify and compile a pack.

    Raises:
        ModelError: It is not installed, was altered, or cannot be read.
        DeviceError: The device is absent or refused a network.
    """
    cv2.setNumThreads(1)  # OpenCV's own threads would fight the decoders and the networks
    name = request.pack or store.packs.default
    installed = store.open(name)
    options = DeviceOptions(
        device=request.device, precision=request.precision or None, requests=request.requests
    )
    if options.device == "CPU":
        # One processor thread a stream, and no more streams than processors: OpenVINO sees to
        # the second. Streams then do not fight the decoders (docs/performance.md).
        options = dataclasses.replace(options, threads=request.requests)
    pack = _open(installed, options, request.detector_size)
    return Opened(name, pack, _networks(pack, installed, options, request.detector_size))


def _open(installed: InstalledPack, options: DeviceOptions, size: Size) -> OpenPack:
    # Faint detections may continue a walker (vision.tracker), so they must come through.
    faint = detectors.DetectorSettings(min_score=TrackerSettings().faint_score)
    return open_pack(installed, options, detector_size=size, settings=faint)


def _networks(
    pack: OpenPack, installed: InstalledPack, options: DeviceOptions, size: Size
) -> Networks:
    """The networks as compiled now, and how to compile them again after a failure."""
    fresh: list[OpenPack] = [pack, pack]

    def again() -> OpenPack:
        return fresh.pop() if fresh else _open(installed, options, size)

    points = np.array(installed.embedder_spec.reference_points, np.float32)
    return Networks(
        open_detector=lambda: again().detector,
        open_embedder=lambda: again().embedder,
        cropper=Cropper(pack.embedder.crop, float(np.linalg.norm(points[1] - points[0]))),
        detector=DetectorSettings(requests=options.requests),
    )


def enrol_folder(
    folder: Path, pack: OpenPack, progress: Progress, *, strict: bool = True
) -> FolderWatchlist:
    """A watchlist for an exercise from a folder of pictures.

    Raises:
        WatchlistError: It holds nobody who could be enrolled.
        ExceptionGroup: ``strict``, and some pictures cannot be enrolled: an ``ImageError`` each.
    """
    what = "enrolling the watchlist"
    return load_folder(folder, pack, lambda done, total: progress(what, done, total), strict=strict)


def choose_threshold(
    gallery: Gallery, fpir: float, own: float | None = None
) -> tuple[float, float | None]:
    """The threshold and the FPIR it states; one of the user's ``own`` states what it gives (R5).

    Raises:
        RuleError: R5, no calibration fits the networks, and there is no threshold of one's own.
    """
    templates = len(gallery.owners)
    try:
        fitted = calibration.shipped(gallery.contract)
    except RuleError:
        if own is None:
            raise
        return own, None
    if own is not None:
        return own, fitted.fpir_at(own, templates).value
    return fitted.threshold_for(fpir, templates).value, fpir


def exercise_matching(
    gallery: Gallery,
    entries: Iterable[str],
    evidence: EvidenceSettings,
    *,
    site: str,
    recorded: bool,
) -> Matching:
    """Matching for an exercise: everybody listed is wanted, and every alert is marked (R27).

    recorded: time is the scene's, because files are read as quickly as they can be processed.
    """
    return Matching(
        gallery,
        AlertingSettings(
            AdjudicationSettings("exercise"),
            evidence,
            {entry: EntryFacts(entry, "wanted") for entry in entries},
            site,
            exercise=True,
            recorded=recorded,
        ),
    )
