"""The verification protocol, on scores and pairs made by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import InputError
from lfr_engine.evaluation.verification import (
    best_threshold,
    central_face,
    folds_of,
    read_pairs,
    run_verification,
    verify,
)
from lfr_engine.vision.faces import Faces, no_faces
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture


def write_people(folder: Path, *names: str) -> None:
    for name in names:
        person, number = name.rsplit("_", 1)
        (folder / person).mkdir(exist_ok=True)
        shade = np.full((40, 40, 3), 10 * int(number), np.uint8)
        cv2.imwrite(str(folder / person / f"{person}_{int(number):04d}.jpg"), shade)


def test_the_pair_file_is_read_in_its_order(tmp_path: Path) -> None:
    write_people(tmp_path, "Ann_B_1", "Ann_B_3", "Cy_2")
    listed = tmp_path / "pairs.txt"
    listed.write_text("10\t300\nAnn_B\t1\t3\n\nAnn_B\t3\tCy\t2\n", encoding="utf-8")
    same, other = read_pairs(listed, tmp_path)
    assert (same.first.name, same.second.name, same.mated) == (
        "Ann_B_0001.jpg",
        "Ann_B_0003.jpg",
        True,
    )
    assert (other.first.name, other.second.name, other.mated) == (
        "Ann_B_0003.jpg",
        "Cy_0002.jpg",
        False,
    )


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "holds not both"),
        ("Cy 2 2\n", "holds not both"),
        ("Cy 2 2\nCy two 2\n", "line 2: is not a pair"),
        ("Cy 2 2 2 2\n", "line 1: is not a pair"),
        ("Di 2 9\nDi 2 Cy 3\n", r"has none of the pictures .* no .*Di_0002\.jpg"),
    ],
)
def test_what_is_wrong_with_a_pair_file_is_said(tmp_path: Path, text: str, cause: str) -> None:
    write_people(tmp_path, "Cy_2")
    listed = tmp_path / "pairs.txt"
    listed.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=cause):
        read_pairs(listed, tmp_path)


def test_an_absent_pair_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        read_pairs(tmp_path / "none.txt", tmp_path)


def test_pictures_that_are_missing_are_left_to_be_counted(tmp_path: Path) -> None:
    write_people(tmp_path, "Cy_2")
    listed = tmp_path / "pairs.txt"
    listed.write_text("Cy 2 9\nCy 2 Di 1\n", encoding="utf-8")
    assert len(read_pairs(listed, tmp_path)) == 2


def test_too_few_pairs_that_can_be_compared_are_said() -> None:
    mated = np.array([True, False, True, False])
    acquired = np.array([True, True, False, False])
    with pytest.raises(InputError, match="only 2 of 4 can be compared"):
        verify(np.zeros(4, np.float32), mated, acquired, np.array([0, 0, 1, 1]))


def test_folds_begin_where_the_file_turns_to_mated_pairs_again() -> None:
    mated = np.array([1, 1, 0, 1, 0, 0, 1, 0], bool)
    assert folds_of(mated, 3).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]


def test_pairs_without_folds_are_cut_equally_by_kind() -> None:
    mated = np.array([1] * 6 + [0] * 3, bool)
    assert folds_of(mated, 3).tolist() == [0, 0, 1, 1, 2, 2, 0, 1, 2]


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.booleans()), min_size=2, max_size=40).filter(
        lambda rows: len({mated for _, mated in rows}) == 2
    )
)
def test_no_threshold_judges_more_pairs_rightly(rows: list[tuple[int, bool]]) -> None:
    scores = np.array([score / 20 for score, _ in rows], np.float32)
    mated = np.array([kind for _, kind in rows])

    def right(threshold: float) -> int:
        return int(((scores >= threshold) == mated).sum())

    chosen = right(best_threshold(scores, mated))
    assert chosen == max(right(threshold) for threshold in [*scores, -2.0, 2.0])


def test_a_fold_is_judged_by_the_others_threshold() -> None:
    mated = np.array([1, 0, 1, 0], bool)
    scores = np.array([0.9, 0.1, 0.45, 0.5], np.float32)
    everywhere = np.ones(4, bool)
    accuracies, thresholds, errors = verify(scores, mated, everywhere, np.array([0, 0, 1, 1]))
    # Learned from 0.9 and 0.1 alone, whatever would suit the second fold itself.
    assert thresholds[1] == pytest.approx(0.5)
    assert accuracies[1] == 0.0
    assert errors == 2 + int((1 - accuracies[0]) * 2)


def test_a_face_that_was_not_found_is_an_error_whichever_kind_the_pair_is() -> None:
    mated = np.array([1, 0, 1, 0, 1, 0], bool)
    scores = np.array([0.9, 0.0, 0.9, 0.0, 0.0, 0.0], np.float32)
    acquired = np.array([1, 1, 1, 1, 0, 0], bool)
    accuracies, _, errors = verify(scores, mated, acquired, np.array([0, 0, 1, 1, 2, 2]))
    assert accuracies == [1.0, 1.0, 0.0]
    assert errors == 2


def test_the_face_the_picture_was_cut_for_is_the_central_one() -> None:
    boxes = np.array([[0, 60, 120, 180], [95, 90, 165, 160], [120, 120, 130, 130]], np.float32)
    faces = Faces(boxes, np.array([0.99, 0.9, 0.8], np.float32), np.zeros((3, 5, 2), np.float32))
    assert central_face(faces, 250, 250) == 1


class FakeNetworks:
    """A detector that is blind below shade 5, and an embedder that sees shades as directions."""

    dimension = 2

    def detect_still(self, picture: Picture) -> Faces:
        assert isinstance(picture, np.ndarray)
        if picture.mean() < 5:
            return no_faces()
        return Faces(
            np.array([[10, 10, 30, 30]], np.float32),
            np.ones(1, np.float32),
            np.zeros((1, 5, 2), np.float32),
        )

    def crop(self, picture: ByteArray, _: FloatArray) -> ByteArray:
        return picture[:1, :1]

    def embed(self, crops: ByteArray) -> FloatArray:
        angle = np.round(crops[:, 0, 0, 0].astype(np.float32) / 10) / 3
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)


class FakePack:
    detector = embedder = FakeNetworks()


def test_a_run_encodes_each_picture_once_and_counts_what_failed(tmp_path: Path) -> None:
    write_people(tmp_path, "Ann_1", "Ann_2", "Bo_9", "Bo_10", "Dark_0", "Torn_1")
    (tmp_path / "Torn" / "Torn_0001.jpg").write_bytes(b"\xff\xd8\xff torn")
    listed = tmp_path / "pairs.txt"
    fold = "Ann 1 2\nBo 9 10\nAnn 1 Bo 9\nAnn 2 Bo 10\n"
    listed.write_text(fold * 9 + "Dark 0 0\nAnn 1 Torn 1\n", encoding="utf-8")
    told: list[tuple[str, int, int]] = []
    result = run_verification(
        tmp_path,
        listed,
        FakePack(),  # type: ignore[arg-type]
        lambda what, done, of: told.append((what, done, of)),
    )
    assert told[-1] == ("pictures", 6, 6)
    assert result.fold_accuracies == (1.0,) * 9 + (0.0,)
    assert result.accuracy == pytest.approx(0.9)
    assert result.failures == ("Dark_0000.jpg", "Torn_0001.jpg")
    assert (result.pairs, result.mated, result.pictures, result.errors) == (38, 19, 6, 2)
    assert np.cos(1 / 3) > result.threshold > np.cos(7 / 3)
