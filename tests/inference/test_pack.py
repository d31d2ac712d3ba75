"""Packs opened: the right classes, the pack's own precisions, the report and the contract."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from lfr_engine.errors import ConfigError, DeviceError, ModelError
from lfr_engine.inference.detector import SsdDetector, YunetDetector
from lfr_engine.inference.pack import open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import InstalledPack
from tests.inference.real_packs import installed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zoo() -> InstalledPack:
    return installed("opencv-zoo")


def test_the_default_pack_opens_as_asked(zoo: InstalledPack) -> None:
    opened = open_pack(
        zoo,
        DeviceOptions(precision="f32", requests=3, threads=2),
        detector_size=(320, 192),
        detector_requests=2,
        embedder_requests=1,
    )
    assert isinstance(opened.detector, YunetDetector)
    assert opened.detector.size == (320, 192)
    assert (opened.report.detector.requests, opened.report.embedder.requests) == (2, 1)
    assert opened.report.detector.devices == ("CPU",)
    assert dict(opened.report.embedder.kernels).keys() == {"f32"}
    assert opened.contract.pack == "opencv-zoo"
    assert opened.contract.model_sha256 == zoo.embedder.sha256
    assert opened.contract.preprocessing == zoo.preprocessing
    assert (opened.contract.precision, opened.contract.dimension) == ("f32", 128)
    assert (opened.embedder.crop_size, opened.embedder.dimension) == (112, 128)
    assert len(opened.detector.detect(np.zeros((90, 160, 3), np.uint8))) == 0


def test_the_second_pack_has_its_own_detector() -> None:
    opened = open_pack(installed("omz"), DeviceOptions(precision="f32", requests=1))
    assert isinstance(opened.detector, SsdDetector)
    assert opened.detector.size == (300, 300)
    assert (opened.embedder.crop_size, opened.contract.dimension) == (128, 256)


def test_precisions_the_pack_was_not_checked_with_are_refused(zoo: InstalledPack) -> None:
    with pytest.raises(ConfigError, match="f16: not a precision of this pack"):
        open_pack(zoo, DeviceOptions(precision="f16"))


def test_absent_devices_are_refused(zoo: InstalledPack) -> None:
    with pytest.raises(DeviceError, match="no such inference device"):
        open_pack(zoo, DeviceOptions(device="GPU.9"))


def test_device_kinds_the_pack_was_not_checked_on_are_refused(zoo: InstalledPack) -> None:
    only_gpu = dataclasses.replace(
        zoo, spec=msgspec.structs.replace(zoo.spec, precision={"GPU": ("f16",)})
    )
    with pytest.raises(ModelError, match="not checked on CPU"):
        open_pack(only_gpu, DeviceOptions())
