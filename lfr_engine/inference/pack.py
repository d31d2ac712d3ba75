"""A verified pack, ready to run: the one place where manifest, device and networks meet.

Owns: which classes a pack's decoders mean. Never: a file that the store has not verified.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from lfr_engine.errors import ModelError
from lfr_engine.identity.template import TemplateContract
from lfr_engine.inference.detector import (
    DetectorSettings,
    FaceDetector,
    Size,
    SsdDetector,
    YunetDetector,
)
from lfr_engine.inference.devices import AUTO, device_kind
from lfr_engine.inference.embedder import EmbedderFacts, FaceEmbedder
from lfr_engine.inference.manifest import NetworkSpec
from lfr_engine.inference.session import DeviceOptions, Input, SessionReport
from lfr_engine.inference.store import InstalledPack


@dataclass(frozen=True, slots=True)
class PackReport:
    """What is engaged, network by network."""

    pack: str
    detector: SessionReport
    embedder: SessionReport


@dataclass(frozen=True, slots=True, eq=False)
class OpenPack:
    """A detector and an embedder that belong together. ``report`` says what really runs them."""

    detector: FaceDetector
    embedder: FaceEmbedder
    report: PackReport

    @property
    def contract(self) -> TemplateContract:
        """What its templates are bound to."""
        return self.embedder.contract


def open_pack(
    installed: InstalledPack,
    options: DeviceOptions,
    *,
    detector_size: Size = (640, 384),
    settings: DetectorSettings | None = None,
    detector_requests: int | None = None,
    embedder_requests: int = 1,
) -> OpenPack:
    """Compile the networks of a pack.

    Args:
        installed: From ``ModelStore.open``: its files were verified just now.
        options: Device, precision, threads; ``cache_folder`` None means the pack's own.
        detector_size: For detectors that take any size; others keep their own.
        settings: What counts as a face.
        detector_requests: Threads that may detect at once; ``options.requests`` where None.
        embedder_requests: Threads that may embed at once.

    Raises:
        ModelError: A file cannot be read as the network it should be.
        DeviceError: The device is absent or refused a network.
    """
    options = dataclasses.replace(options, cache_folder=options.cache_folder or installed.cache)
    detector_options = dataclasses.replace(options, requests=detector_requests or options.requests)
    # One thread a face where threads are counted: two are 1.4 times as quick for 1.5 times the
    # processor time, and there is other work.
    embedder_options = dataclasses.replace(
        options,
        requests=embedder_requests,
        threads=embedder_requests if options.threads else 0,
    )
    allowed = _allowed_precisions(installed, options.device)
    detector = _detector(installed, detector_options, detector_size, settings, allowed)
    spec = installed.embedder_spec
    embedder = FaceEmbedder(
        installed.embedder.path,
        _input(spec),
        EmbedderFacts(
            crop_size=spec.preprocessing.width,
            reference=np.array(spec.reference_points, np.float32),
            dimension=spec.dimension,
            centre=np.array(spec.centre, np.float32) if spec.centre else None,
        ),
        embedder_options,
        pack=installed.name,
        model_sha256=installed.embedder.sha256,
        preprocessing=installed.preprocessing,
        allowed_precisions=allowed,
    )
    report = PackReport(installed.name, detector.report, embedder.report)
    return OpenPack(detector, embedder, report)


def _detector(
    installed: InstalledPack,
    options: DeviceOptions,
    size: Size,
    settings: DetectorSettings | None,
    allowed: tuple[str, ...],
) -> FaceDetector:
    network = installed.detector
    if network.spec.decoder == "yunet":
        return YunetDetector(
            network.path, options, size=size, settings=settings, allowed_precisions=allowed
        )
    if installed.aligner is None:
        raise ModelError(installed.name, "its detector gives no landmarks and it has no aligner")
    return SsdDetector(
        network.path,
        installed.aligner.path,
        options,
        settings=settings,
        allowed_precisions=allowed,
    )


def _allowed_precisions(installed: InstalledPack, device: str) -> tuple[str, ...]:
    kind = device_kind(device)
    table = {str(name): tuple(values) for name, values in installed.spec.precision.items()}
    allowed = table.get("CPU" if kind == AUTO else kind)
    if allowed is None:
        raise ModelError(installed.name, f"not checked on {kind}", f"use {', '.join(table)}")
    return allowed


def _input(spec: NetworkSpec) -> Input:
    shape = spec.preprocessing
    return Input(
        width=shape.width,
        height=shape.height,
        colours=shape.colours,
        mean=shape.mean,
        scale=shape.scale,
        layout=shape.layout,
    )
