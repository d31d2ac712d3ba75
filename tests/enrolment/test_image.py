"""One usable face or one reason."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.enrolment.gate import Gate, roll_of, yaw_of
from lfr_engine.enrolment.image import Enrolled, enrol_image, the_one_face
from lfr_engine.enrolment.rejection import Reason, Refused, Rejected
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import Picture
from tests.enrolment.fakes import FRONTAL, FakePack, encoded, faces_at, photograph


def reason(result: Enrolled | Rejected) -> Reason | None:
    return result.reason if isinstance(result, Rejected) else None


def test_a_good_picture_gives_a_unit_template_and_its_quality() -> None:
    result = enrol_image(encoded(photograph(1)), FakePack(), subject="one.png")
    assert isinstance(result, Enrolled)
    assert np.linalg.norm(result.template) == pytest.approx(1, abs=1e-5)
    assert 0 < result.quality.score <= 1
    assert result.quality.weakest in {one.name for one in result.quality.components}
    assert "template" not in repr(result)


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
        the_one_face(faces_at((10, 10, 90, 90), score=0.4), 120, 120)


def test_three_faces_are_counted() -> None:
    faces = faces_at((0, 0, 40, 40), (50, 0, 90, 40), (0, 50, 40, 90))
    with pytest.raises(Refused, match="3 faces of similar size"):
        the_one_face(faces, 120, 120)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (np.full((32, 32, 3), 128, np.uint8), Reason.BLUR),
        (photograph(1, 32) // 12, Reason.LIGHTING),
        (255 - photograph(1, 32) // 12, Reason.LIGHTING),
    ],
)
def test_the_gate_names_what_is_wrong(picture: np.ndarray, expected: Reason) -> None:
    with pytest.raises(Refused) as caught:
        Gate(contrast=1.0).assess(FRONTAL * 100, picture)
    assert caught.value.reason is expected


def test_the_gate_refuses_a_profile_and_a_lying_head() -> None:
    aside = FRONTAL * 100
    aside[2, 0] += 30
    lying = FRONTAL[:, ::-1] * 100
    for landmarks in (aside, lying):
        with pytest.raises(Refused) as caught:
            Gate().assess(landmarks, photograph(1, 32))
        assert caught.value.reason is Reason.POSE


def test_pose_is_measured_in_degrees() -> None:
    assert yaw_of(FRONTAL) == pytest.approx(0, abs=1e-4)
    assert roll_of(FRONTAL) == pytest.approx(0, abs=1e-4)
    turned = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]], np.float32)
    assert roll_of(FRONTAL @ turned.T) == pytest.approx(np.degrees(0.3), abs=0.01)
    assert yaw_of(FRONTAL @ turned.T) == pytest.approx(0, abs=0.01)


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
    assert reason(enrol_image(data, Doubter(elsewhere))) is None
    assert reason(enrol_image(data, Doubter(faces_at()))) is None
