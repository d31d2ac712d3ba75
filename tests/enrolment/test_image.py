"""One usable face or one reason."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lfr_engine.enrolment.gate import Gate, weakest
from lfr_engine.enrolment.image import Enrolled, enrol_image, enrol_picture, the_one_face
from lfr_engine.enrolment.rejection import Reason, Refused, Rejected
from lfr_engine.identity.template import fused
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture
from tests.enrolment.fakes import FRONTAL, FakePack, encoded, faces_at, photograph


def reason(result: Enrolled | Rejected) -> Reason | None:
    return result.reason if isinstance(result, Rejected) else None


def test_a_good_picture_gives_a_unit_template_and_its_quality() -> None:
    result = enrol_image(encoded(photograph(1)), FakePack(), subject="one.png")
    assert isinstance(result, Enrolled)
    assert np.linalg.norm(result.template) == pytest.approx(1, abs=1e-5)
    assert 0 < result.quality.overall <= 1
    name, value = weakest(result.quality)
    assert getattr(result.quality, name) == value
    assert value == min(result.quality.size, result.quality.pose, result.quality.sharpness, value)
    assert "template" not in repr(result)


class Sided(FakePack):
    """Templates by columns, so that left is not right."""

    def embed(self, crops: ByteArray) -> FloatArray:
        return super().embed(np.ascontiguousarray(np.swapaxes(crops, 1, 2)))


def test_a_reference_is_the_picture_and_its_mirror_image_together() -> None:
    picture, pack = photograph(1), Sided()
    views, _ = enrol_picture(picture, pack, Gate())
    crop = pack.embedder.crop(picture, pack.detector.detect_still(picture).landmarks[0])
    np.testing.assert_array_equal(views[0], pack.embedder.embed(crop[None])[0])
    np.testing.assert_array_equal(views[1], pack.embedder.embed(crop[None, :, ::-1])[0])
    result = enrol_image(encoded(picture), pack)
    assert isinstance(result, Enrolled)
    np.testing.assert_allclose(result.template, fused(views), rtol=1e-5)
    assert views[0] @ views[1] < 0.999


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], Reason.NO_FACE),
        ([(10, 10, 60, 60), (65, 10, 110, 60)], Reason.TWO_FACES),
        ([(10, 10, 110, 110), (0, 0, 30, 30)], None),
        ([(-30, 10, 60, 100)], Reason.FACE_CUT),
        ([(10, 10, 40, 40)], Reason.FACE_SMALL),
    ],
)
def test_exactly_one_usable_face(
    boxes: list[tuple[float, float, float, float]], expected: Reason | None
) -> None:
    pack = FakePack(faces_at(*boxes))
    assert reason(enrol_image(encoded(photograph(1)), pack)) is expected


def test_a_doubtful_detection_neither_counts_nor_spoils() -> None:
    with pytest.raises(Refused, match="no face"):
        the_one_face(faces_at((10, 10, 90, 90), score=0.4))


def test_three_faces_are_counted() -> None:
    faces = faces_at((0, 0, 40, 40), (50, 0, 90, 40), (0, 50, 40, 90))
    with pytest.raises(Refused, match="3 faces of similar size"):
        the_one_face(faces)


def looked(landmarks: np.ndarray) -> object:
    box = np.array([[10, 10, 110, 110]], np.float32)
    face = Faces(box, np.array([0.9], np.float32), landmarks[None].astype(np.float32) + 10)
    return Gate().look(face, (120, 120))


@pytest.mark.parametrize(
    ("picture", "expected", "words"),
    [
        (photograph(1, 112) // 16, Reason.LIGHTING, "too dark: mean brightness"),
        (255 - photograph(1, 112) // 16, Reason.LIGHTING, "too bright: mean brightness"),
        (np.full((112, 112, 3), 128, np.uint8), Reason.LIGHTING, "too little contrast"),
        (cv2.resize(photograph(1, 6), (112, 112)), Reason.BLUR, "is blurred"),
    ],
)
def test_the_gate_names_what_is_wrong(picture: np.ndarray, expected: Reason, words: str) -> None:
    faces = faces_at((10, 10, 110, 110))
    seen = Gate().look(faces, (120, 120))
    with pytest.raises(Refused, match=words) as caught:
        Gate().assess(seen, picture)
    assert caught.value.reason is expected


def test_the_gate_refuses_a_profile_and_a_lying_head() -> None:
    aside = FRONTAL * 100
    aside[2, 0] += 30
    lying = FRONTAL[:, ::-1] * 100
    for landmarks in (aside, lying):
        with pytest.raises(Refused, match="the head is turned") as caught:
            looked(landmarks)
        assert caught.value.reason is Reason.POSE
    looked(FRONTAL * 100)


class Doubter(FakePack):
    """Sees a strong face and a weak one; the second look at the weak one shows ``again``."""

    def __init__(self, again: Faces) -> None:
        super().__init__()
        first = faces_at((10, 10, 60, 60), score=0.95)
        second = faces_at((65, 10, 110, 60), score=0.7)
        self.looks = [
            Faces(
                np.concatenate([first.boxes, second.boxes]),
                np.concatenate([first.scores, second.scores]),
                np.concatenate([first.landmarks, second.landmarks]),
            ),
            again,
        ]

    def detect_still(self, picture: Picture) -> Faces:
        return self.looks.pop(0)


def test_a_weak_second_face_counts_only_if_a_closer_look_confirms_it() -> None:
    data = encoded(photograph(1))
    # the closer view begins at x 42, y 0
    confirmed = faces_at((23, 10, 68, 60), score=0.95)
    elsewhere = faces_at((0, 60, 30, 85), score=0.95)
    assert reason(enrol_image(data, Doubter(confirmed))) is Reason.TWO_FACES
    assert reason(enrol_image(data, Doubter(elsewhere))) is not Reason.TWO_FACES
    assert reason(enrol_image(data, Doubter(faces_at()))) is not Reason.TWO_FACES
