"""Networks changed before they are compiled, beside what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as op

from lfr_engine.inference import graphs
from lfr_engine.inference.detector import YunetDetector
from lfr_engine.inference.session import DeviceOptions, Input, Session
from lfr_engine.vision.colour import black, to_bgr
from lfr_engine.vision.frame import ByteArray, Colour, FloatArray, Matrix
from tests.inference.networks import mean_colour
from tests.inference.real_packs import installed, portrait
from tests.vision.pictures import as_planes

F32 = DeviceOptions(precision="f32", requests=1, threads=1)
COLOURS = [Colour(matrix, full) for matrix in Matrix for full in (False, True)]
HEIGHT, WIDTH = 8, 12


def edges(path: Path) -> Path:
    """A padded convolution over BGR (1, 3, 8, 12), stride 2, and something after it."""
    weights = np.random.default_rng(1).normal(size=(5, 3, 3, 3)).astype(np.float32)
    picture = op.parameter([1, 3, HEIGHT, WIDTH], ov.Type.f32, name="picture")
    seen = op.convolution(picture, op.constant(weights), [2, 2], [1, 1], [1, 1], [1, 1])
    result = op.result(op.relu(seen))
    result.output(0).get_tensor().set_names({"edges"})
    ov.save_model(ov.Model([result], [picture]), path, compress_to_fp16=False)
    return path


def in_gamut(colour: Colour) -> ByteArray:
    """Y, U, V (3, h, w) of colours that exist, so that no clamping is missed."""
    random = np.random.default_rng(5)
    luma = random.integers(black(colour) + 90, 160, (1, HEIGHT, WIDTH))
    chroma = random.integers(110, 146, (2, HEIGHT, WIDTH))
    return np.concatenate((luma, chroma)).astype(np.uint8)


@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize("first", ["convolution", "another"])
def test_planes_mean_to_the_network_what_their_picture_meant(
    tmp_path: Path, colour: Colour, first: str
) -> None:
    if first == "convolution":
        path, name = edges(tmp_path / "edges.xml"), "edges"
    else:
        path, name = mean_colour(tmp_path / "means.onnx"), "means"
    y, u, v = planes = in_gamut(colour)
    before = Session(path, Input(WIDTH, HEIGHT), F32).run(to_bgr(y, u, v, colour)[None])[name]
    after = Session(path, Input(WIDTH, HEIGHT, planes=colour), F32).run(planes[None])[name]
    # The picture was rounded to bytes on its way, the planes were not.
    np.testing.assert_allclose(after, before, atol=0.6 if name == "means" else 12)
    assert np.abs(after - before).mean() < 0.02 * np.abs(before).mean()


def test_no_layer_is_added_to_a_network_that_begins_with_a_convolution(tmp_path: Path) -> None:
    network = ov.Core().read_model(edges(tmp_path / "edges.xml"))

    def convolutions(model: Any) -> int:
        return sum(node.get_type_name() == "Convolution" for node in model.get_ops())

    assert convolutions(graphs.taking_planes(network, Colour())) == 1


@pytest.mark.parametrize(
    "odd", [{"mean": (1, 0, 0)}, {"scale": (2, 1, 1)}, {"batch": 2}, {"colours": "RGB"}]
)
def test_planes_are_only_for_networks_of_plain_pictures(odd: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="takes no planes"):
        Input(planes=Colour(), **odd)


def test_joined_outputs_stand_one_after_another(tmp_path: Path) -> None:
    path = mean_colour(tmp_path / "means.onnx")
    both = {"both": ["means", "sums"]}
    joined = Session(path, Input(), F32, adapt=lambda network: graphs.joined(network, both))
    assert joined.output_names == ["both"]
    picture = np.broadcast_to(np.array([10, 20, 30], np.uint8), (1, 4, 4, 3))
    assert joined.run(picture)["both"].tolist() == [[10, 20, 30, 60]]


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("colour", COLOURS, ids=str)
def test_yunet_finds_the_same_faces_in_planes_and_in_their_picture(colour: Colour) -> None:
    pack = installed("opencv-zoo")
    detector = YunetDetector(pack.detector.path, F32)
    picture = portrait("two_people.jpg")
    even: ByteArray = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    faces, again = detector.detect(even), detector.detect(as_planes(even, colour))
    assert len(faces) == len(again) == 2
    np.testing.assert_allclose(again.scores, faces.scores, atol=0.03)
    apart: FloatArray = np.abs(again.landmarks - faces.landmarks).max(axis=(1, 2))
    assert (apart < 0.06 * np.ptp(faces.boxes[:, [0, 2]], axis=1)).all()
