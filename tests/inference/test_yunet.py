"""YuNet's tensors, made by hand, as faces."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.inference import yunet
from lfr_engine.inference.yunet import STRIDES
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.resize import Scale

WIDTH, HEIGHT = 128, 64


def silence() -> dict[str, FloatArray]:
    """The file's outputs, in which nothing is a face."""
    outputs: dict[str, FloatArray] = {}
    for stride in STRIDES:
        cells = (WIDTH // stride) * (HEIGHT // stride)
        for name, depth in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{name}_{stride}"] = np.zeros((1, cells, depth), np.float32)
    return outputs


def put(
    outputs: dict[str, FloatArray],
    stride: int,
    column: int,
    row: int,
    *,
    score: tuple[float, float] = (0.9, 0.9),
    box: tuple[float, float, float, float] = (0, 0, 0, 0),
    points: tuple[float, ...] = (0.0,) * 10,
) -> None:
    cell = row * (WIDTH // stride) + column
    outputs[f"cls_{stride}"][0, cell], outputs[f"obj_{stride}"][0, cell] = score
    outputs[f"bbox_{stride}"][0, cell] = box
    outputs[f"kps_{stride}"][0, cell] = points


def decode(outputs: dict[str, FloatArray], min_score: float = 0.6, max_faces: int = 10) -> Faces:
    whole = {
        name: np.concatenate([outputs[part] for part in parts], axis=1)
        for name, parts in yunet.PARTS.items()
    }
    return yunet.decode(
        whole,
        WIDTH,
        HEIGHT,
        Scale(1.0, 1.0),
        min_score=min_score,
        max_overlap=0.3,
        max_faces=max_faces,
    )


def test_an_empty_scene_has_no_faces() -> None:
    assert len(decode(silence())) == 0


def test_one_cell_becomes_one_face() -> None:
    outputs = silence()
    points = tuple(float(value) for value in range(10))
    put(
        outputs,
        16,
        3,
        2,
        score=(0.64, 1.0),
        box=(0.5, 0.25, math.log(2), math.log(3)),
        points=points,
    )
    faces = decode(outputs)
    # Middle (3.5, 2.25)·16 = (56, 36); sides 32 and 48.
    np.testing.assert_allclose(faces.boxes, [[40, 12, 72, 60]], rtol=1e-5)
    np.testing.assert_allclose(faces.scores, [0.8], rtol=1e-5)
    expected = (np.array(points).reshape(5, 2) + np.array([3, 2])) * 16
    np.testing.assert_allclose(faces.landmarks[0], expected)
    assert {a.dtype for a in (faces.boxes, faces.scores, faces.landmarks)} == {np.dtype("f4")}


@given(
    stride=st.sampled_from(STRIDES),
    cell=st.tuples(st.integers(0, 3), st.integers(0, 1)),
    box=st.tuples(*[st.floats(-1, 2, width=32)] * 4),
    score=st.floats(0.5, 1, width=32),
)
def test_any_cell_of_any_stride_lands_where_the_paper_says(
    stride: int, cell: tuple[int, int], box: tuple[float, float, float, float], score: float
) -> None:
    outputs = silence()
    put(outputs, stride, *cell, score=(score, score), box=box)
    faces = decode(outputs, min_score=0.3)
    assert len(faces) == 1
    x0, y0, x1, y1 = faces.boxes[0]
    assert (x0 + x1) / 2 == pytest.approx((cell[0] + box[0]) * stride, abs=1e-3)
    assert (y0 + y1) / 2 == pytest.approx((cell[1] + box[1]) * stride, abs=1e-3)
    assert x1 - x0 == pytest.approx(math.exp(box[2]) * stride, rel=1e-3)
    assert y1 - y0 == pytest.approx(math.exp(box[3]) * stride, rel=1e-3)
    assert faces.scores[0] == pytest.approx(score, abs=1e-6)


def test_the_weaker_of_two_cells_on_one_face_goes_across_strides() -> None:
    outputs = silence()
    put(outputs, 8, 4, 4, score=(0.8, 0.8), box=(0, 0, math.log(4), math.log(4)))
    put(outputs, 16, 2, 2, score=(0.9, 0.9), box=(0, 0, math.log(2), math.log(2)))
    put(outputs, 32, 3, 0, score=(0.7, 0.7))
    faces = decode(outputs)
    np.testing.assert_allclose(faces.scores, [0.9, 0.7], rtol=1e-6)


def test_scores_beyond_one_are_clamped_and_doubtful_cells_are_left_out() -> None:
    outputs = silence()
    put(outputs, 32, 0, 0, score=(1.4, 1.2))
    put(outputs, 32, 3, 1, score=(0.9, 0.3))  # √0.27 = 0.52
    assert decode(outputs).scores.tolist() == [1.0]


def test_absurd_sizes_stay_finite() -> None:
    outputs = silence()
    put(outputs, 32, 0, 0, box=(0, 0, 500, 500))
    assert np.isfinite(decode(outputs).boxes).all()


def test_a_picture_full_of_cells_is_bounded() -> None:
    outputs = silence()
    for name in ("cls", "obj"):
        for stride in STRIDES:
            outputs[f"{name}_{stride}"][...] = 0.95
    assert len(decode(outputs, max_faces=7)) == 7
