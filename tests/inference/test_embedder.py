"""Templates: unit length, order, the contract, and real people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lfr_engine.inference.embedder import EmbedderFacts, FaceEmbedder
from lfr_engine.inference.pack import OpenPack, open_pack
from lfr_engine.inference.session import DeviceOptions, Input
from lfr_engine.vision.frame import FloatArray
from tests.inference.networks import first_pixel
from tests.inference.real_packs import installed, portrait
from tests.vision.pictures import as_planes

REFERENCE = np.array([[1, 1], [6, 1], [3.5, 3], [1, 6], [6, 6]], np.float32)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> FaceEmbedder:
    return FaceEmbedder(
        first_pixel(tmp_path_factory.mktemp("networks") / "corner.onnx", side=8),
        Input(),
        EmbedderFacts(crop_size=8, reference=REFERENCE, dimension=3),
        DeviceOptions(precision="f32", requests=1, threads=1),
        pack="small",
        model_sha256="ab" * 32,
        preprocessing="cd" * 32,
        allowed_precisions=("f32",),
    )


def test_templates_are_unit_rows_in_the_order_of_the_crops(small: FaceEmbedder) -> None:
    crops = np.zeros((6, 8, 8, 3), np.uint8)
    crops[:, 0, 0, 0] = range(6)
    crops[:, 0, 0, 2] = 4
    templates = small.embed(crops)
    expected = np.array([[k, 0, 4] / np.hypot(k, 4) for k in range(6)])
    np.testing.assert_allclose(templates, expected, rtol=1e-6)
    assert templates.dtype == np.float32
    assert templates.flags.owndata


def test_what_all_faces_share_is_taken_from_each_template(tmp_path: Path) -> None:
    centre = np.array([0.2, 0, 0.1], np.float32)
    embedder = FaceEmbedder(
        first_pixel(tmp_path / "corner.onnx", side=8),
        Input(),
        EmbedderFacts(crop_size=8, reference=REFERENCE, dimension=3, centre=centre),
        DeviceOptions(precision="f32", requests=1, threads=1),
        pack="small",
        model_sha256="ab" * 32,
        preprocessing="cd" * 32,
        allowed_precisions=("f32",),
    )
    crops = np.zeros((1, 8, 8, 3), np.uint8)
    crops[0, 0, 0] = 3, 0, 4
    expected = np.array([0.6, 0, 0.8]) - centre
    np.testing.assert_allclose(
        embedder.embed(crops)[0], expected / np.linalg.norm(expected), rtol=1e-6
    )


def test_no_crops_give_no_templates(small: FaceEmbedder) -> None:
    assert small.embed(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, 3)


@pytest.mark.parametrize("shape", [(8, 8, 3), (1, 9, 8, 3), (1, 8, 8, 1)])
def test_crops_of_another_shape_are_our_own_defect(
    small: FaceEmbedder, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="crops"):
        small.embed(np.zeros(shape, np.uint8))


def test_the_contract_says_what_made_the_templates(small: FaceEmbedder) -> None:
    contract = small.contract
    assert (contract.pack, contract.precision, contract.dimension) == ("small", "f32", 3)
    assert (contract.model_sha256, contract.preprocessing) == ("ab" * 32, "cd" * 32)
    assert (small.dimension, small.crop_size) == (3, 8)


def test_the_crop_puts_the_landmarks_at_the_reference(small: FaceEmbedder) -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    landmarks = REFERENCE * 4 + [30, 40]
    x, y = landmarks[2]
    picture[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5] = 255
    crop = small.crop(picture, landmarks.astype(np.float32))
    assert crop.shape == (8, 8, 3)
    assert crop[3, 3:5].min() > 150
    assert crop[7].max() == 0


@pytest.fixture(scope="module", params=["opencv-zoo", "omz"])
def real(request: pytest.FixtureRequest) -> OpenPack:
    return open_pack(installed(request.param), DeviceOptions(requests=1, threads=1))


def template_of(pack: OpenPack, name: str, *, planes: bool = False) -> FloatArray:
    picture = portrait(name)
    faces = pack.detector.detect_still(picture)
    crop = pack.embedder.crop(as_planes(picture) if planes else picture, faces.landmarks[0])
    template: FloatArray = pack.embedder.embed(crop[None])[0]
    return template


@pytest.mark.slow
@pytest.mark.shared
def test_one_person_resembles_himself_and_nobody_else(real: OpenPack) -> None:
    obama, obama2, biden, biden2, miranda = (
        template_of(real, name)
        for name in (
            "obama.jpg",
            "obama2.jpg",
            "biden.jpg",
            "biden2.jpg",
            "lin-manuel-miranda.png",
        )
    )
    assert obama @ obama2 > 0.6
    assert biden @ biden2 > 0.6
    for first, second in ((obama, biden), (obama2, biden2), (obama, miranda), (biden, miranda)):
        assert first @ second < 0.3


@pytest.mark.slow
@pytest.mark.shared
def test_video_planes_make_the_template_the_photograph_makes(real: OpenPack) -> None:
    from_bgr = template_of(real, "obama.jpg")
    assert from_bgr @ template_of(real, "obama.jpg", planes=True) > 0.99
