"""Detectors: back to source pixels, the sizes tried for stills, and real photographs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lfr_engine.errors import ConfigError
from lfr_engine.inference import detector
from lfr_engine.inference.detector import (
    DetectorSettings,
    FaceDetector,
    SsdDetector,
    YunetDetector,
    still_sides,
    without_doubtful,
)
from lfr_engine.inference.session import DeviceOptions, Input
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import ByteArray, FloatArray
from tests.inference.real_packs import installed, portrait
from tests.vision.pictures import as_planes

ONE = DeviceOptions(requests=1, threads=1)


class OneFaceSession:
    """A session that always answers one YuNet face in the cell at (1, 1) of stride 32."""

    sizes_seen: list[tuple[int, int]]
    visible_at = frozenset({128, 320})

    def __init__(self, _: Path, input_: Input, *__: Any, **___: Any) -> None:
        assert input_.width is not None
        assert input_.height is not None
        self.size = (input_.width, input_.height)
        planes = (1, 3, input_.height, input_.width)
        pictures = (1, input_.height, input_.width, 3)
        self.input = np.zeros(pictures if input_.planes is None else planes, np.uint8)

    @contextlib.contextmanager
    def request(self) -> Iterator[OneFaceSession]:
        yield self

    def run(self, pictures: ByteArray | None = None) -> dict[str, FloatArray]:
        width, height = self.size
        assert pictures is None or pictures.shape == self.input.shape
        type(self).sizes_seen.append(self.size)
        cells = [(width // stride) * (height // stride) for stride in (8, 16, 32)]
        depths = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
        outputs = {
            name: np.zeros((1, sum(cells), depth), np.float32) for name, depth in depths.items()
        }
        cell = cells[0] + cells[1] + width // 32 + 1
        score = 0.9 if width in self.visible_at else 0.1
        outputs["cls"][0, cell] = outputs["obj"][0, cell] = score
        return outputs


@pytest.fixture
def yunet(monkeypatch: pytest.MonkeyPatch) -> YunetDetector:
    OneFaceSession.sizes_seen = []
    monkeypatch.setattr(detector, "Session", OneFaceSession)
    return YunetDetector(Path("yunet.onnx"), ONE, size=(128, 96))


def test_faces_come_back_in_source_pixels(yunet: YunetDetector) -> None:
    picture = np.zeros((300, 400, 3), np.uint8)  # 3.125 source pixels a network pixel
    faces = yunet.detect(picture)
    np.testing.assert_allclose(faces.boxes, [[50, 50, 150, 150]])
    np.testing.assert_allclose(faces.landmarks, np.full((1, 5, 2), 100))
    np.testing.assert_allclose(faces.scores, [0.9], rtol=1e-6)
    again, planes = yunet.detect_many([picture, as_planes(picture)])
    np.testing.assert_array_equal(again.boxes, faces.boxes)
    np.testing.assert_array_equal(planes.boxes, faces.boxes)


def test_a_still_is_looked_at_again_until_a_face_shows(yunet: YunetDetector) -> None:
    assert len(yunet.detect_still(np.zeros((480, 640, 3), np.uint8))) == 1
    assert OneFaceSession.sizes_seen == [(640, 640), (320, 320)]


def test_a_still_without_a_face_is_given_up_after_all_sizes(yunet: YunetDetector) -> None:
    assert len(yunet.detect_still(np.zeros((100, 90, 3), np.uint8))) == 0
    assert OneFaceSession.sizes_seen == [(512, 512), (256, 256)]


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((92, 112), [512, 256]),
        ((250, 250), [512, 256]),
        ((640, 400), [640, 320]),
        ((3000, 4000), [640, 320, 1280]),
    ],
)
def test_sides_follow_the_picture(size: tuple[int, int], sides: list[int]) -> None:
    assert still_sides(*size) == sides


def faces_scored(*scores: float) -> Faces:
    n = len(scores)
    return Faces(
        np.zeros((n, 4), np.float32),
        np.array(scores, np.float32),
        np.zeros((n, 5, 2), np.float32),
    )


def test_doubtful_faces_go_only_beside_a_sure_one() -> None:
    assert len(without_doubtful(faces_scored(0.95, 0.85, 0.7))) == 2
    assert len(without_doubtful(faces_scored(0.75, 0.65))) == 2
    assert len(without_doubtful(no_faces())) == 0


@pytest.mark.parametrize("size", [(640, 360), (0, 32), (100, 96)])
def test_sizes_the_network_cannot_have_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="multiples of 32"):
        YunetDetector(Path("yunet.onnx"), ONE, size=size)


@pytest.mark.parametrize("bad", [{"min_score": 1.0}, {"max_overlap": 0.0}, {"max_faces": 0}])
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        DetectorSettings(**bad)


@pytest.fixture(scope="module", params=["opencv-zoo", "omz"])
def real(request: pytest.FixtureRequest) -> FaceDetector:
    pack = installed(request.param)
    if pack.aligner is None:
        return YunetDetector(pack.detector.path, ONE)
    return SsdDetector(pack.detector.path, pack.aligner.path, ONE)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "least", "middle"),
    [
        ("obama.jpg", 1, (490, 256)),
        ("biden2.jpg", 1, (645, 460)),
        ("lin-manuel-miranda.png", 1, (394, 312)),
        ("two_people.jpg", 2, None),
    ],
)
def test_real_portraits_show_their_faces(
    real: FaceDetector, name: str, least: int, middle: tuple[float, float] | None
) -> None:
    faces = real.detect_still(portrait(name))
    assert len(faces) == least
    for box, points in zip(faces.boxes, faces.landmarks, strict=True):
        left_eye, right_eye, nose, left_mouth, right_mouth = points
        assert left_eye[0] < nose[0] < right_eye[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
        assert left_mouth[0] < right_mouth[0]
        assert (points > box[:2]).all()
        assert (points < box[2:]).all()
    if middle is not None:
        found = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2
        size = faces.boxes[0, 2] - faces.boxes[0, 0]
        assert np.abs(found - middle).max() < 0.15 * size


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("longer", [100, 250, 1000, 4000])
def test_a_portrait_is_found_at_any_size(real: FaceDetector, longer: int) -> None:
    picture = portrait("obama.jpg")
    factor = longer / max(picture.shape)
    resized = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor), np.uint8)
    faces = real.detect_still(resized)
    assert len(faces) == 1
    middle = (faces.boxes[0, :2] + faces.boxes[0, 2:]) / 2 / factor
    assert np.abs(middle - [490, 256]).max() < 40


@pytest.mark.slow
@pytest.mark.shared
def test_live_planes_show_what_the_photograph_shows(real: FaceDetector) -> None:
    picture = portrait("two_people.jpg")
    from_planes, from_bgr = real.detect(as_planes(picture)), real.detect(picture)
    assert len(from_planes) == len(from_bgr) == 2
    order = [np.argsort(f.boxes[:, 0]) for f in (from_planes, from_bgr)]
    distance = from_planes.landmarks[order[0]] - from_bgr.landmarks[order[1]]
    assert np.abs(distance).max() < 6


@pytest.mark.slow
def test_an_empty_scene_shows_no_face(real: FaceDetector) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (360, 640, 3), dtype=np.uint8)
    assert len(real.detect(noise)) == 0
    assert len(real.detect_still(np.full((500, 500, 3), 127, np.uint8))) == 0
