"""Batches: any number of pictures, and the same answer however they are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ModelError
from lfr_engine.inference.batches import BATCH, BatchedNetwork, runs
from lfr_engine.inference.devices import choose_precision
from lfr_engine.inference.session import DeviceOptions, Input, Session
from lfr_engine.vision.frame import ByteArray
from tests.inference.networks import first_pixel, mean_colour
from tests.inference.real_packs import installed

F32 = DeviceOptions(precision="f32", requests=1, threads=1)


@given(st.integers(1, 100))
def test_every_picture_is_run_once_and_little_is_run_in_vain(count: int) -> None:
    plan = runs(count)
    assert sum(pictures for pictures, _ in plan) == count
    assert all(pictures <= size and size in {1, BATCH} for pictures, size in plan)
    assert sum(size - pictures for pictures, size in plan) < BATCH / 2


def test_the_rest_is_filled_up_only_when_more_than_half_full() -> None:
    assert runs(4) == [(4, 4)]
    assert runs(6) == [(4, 4), (1, 1), (1, 1)]
    assert runs(7) == [(4, 4), (3, 4)]


def pictures_of(count: int, side: int = 4) -> ByteArray:
    shades = np.arange(count, dtype=np.uint8)[:, None, None, None]
    return np.broadcast_to(shades, (count, side, side, 3)).copy()


def test_answers_come_in_the_order_of_the_pictures(tmp_path: Path) -> None:
    network = BatchedNetwork(
        first_pixel(tmp_path / "corner.onnx"), Input(), F32, allowed_precisions=("f32",)
    )
    assert (network.width, network.height) == (4, 4)
    for count in (1, 2, 3, 4, 5, 7, 11):
        answer = network.run(pictures_of(count))
        assert answer.tolist() == [[value] * 3 for value in range(count)]


def test_a_network_with_two_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="2 outputs"):
        BatchedNetwork(
            mean_colour(tmp_path / "means.onnx", batch=1), Input(), F32, allowed_precisions=("f32",)
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pack", "role"), [("opencv-zoo", "embedder"), ("omz", "embedder"), ("omz", "aligner")]
)
def test_a_face_gets_the_same_answer_alone_and_in_company(pack: str, role: str) -> None:
    """OpenVINO 2026.4 fails this with a variable batch: see ``lfr_engine/inference/batches.py``."""
    network = next(n for r, n in installed(pack).networks.items() if r == role)
    spec = network.spec.preprocessing
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (7, spec.height // 4, spec.width // 4, 3), dtype=np.uint8)
    pictures = coarse.repeat(4, axis=1).repeat(4, axis=2)
    for precision in {"f32", choose_precision("CPU", None)}:
        batched = BatchedNetwork(
            network.path,
            Input(colours=spec.colours),
            DeviceOptions(precision=precision, requests=1, threads=1),
            allowed_precisions=(precision,),
        )
        together = batched.run(pictures)
        alone = np.concatenate([batched.run(picture[None]) for picture in pictures])
        np.testing.assert_allclose(together, alone, atol=1e-4 * np.abs(alone).max())


@pytest.mark.slow
@pytest.mark.parametrize("pack", ["opencv-zoo", "omz"])
def test_streams_and_precision_hardly_change_an_answer(pack: str) -> None:
    """Every network of ours, in every way we run it, against f32 on one stream.

    Wrong kernels are silent: YuNet's original file scores 0 everywhere in bf16 on two streams.
    """
    rng = np.random.default_rng(4)
    for role, network in installed(pack).networks.items():
        spec = network.spec.preprocessing
        input_ = Input(width=spec.width, height=spec.height, colours=spec.colours)
        coarse = rng.integers(60, 200, (1, spec.height // 4, spec.width // 4, 3), dtype=np.uint8)
        picture = coarse.repeat(4, axis=1).repeat(4, axis=2)
        true = Session(network.path, input_, F32).run(picture)
        precision = choose_precision("CPU", None)
        for requests, threads in ((1, 1), (2, 2), (2, 0)):
            options = DeviceOptions(precision=precision, requests=requests, threads=threads)
            answer = Session(network.path, input_, options).run(picture)
            for name, right in true.items():
                # The rows of an SSD come in order of score: their scores are compared.
                part = np.s_[..., 2] if name == "detection_out" else np.s_[...]
                expected, got = right[part], answer[name][part]
                span = np.abs(expected).max() + 1e-6
                error = np.abs(got - expected).mean() / span
                assert error < 0.02, (role, name, precision, requests, threads)
