from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx.reference import ReferenceEvaluator

from lfr_engine.errors import ModelError
from lfr_engine.inference.convert import convert_to_ir, dequantised, fold
from lfr_engine.vision.frame import FloatArray
from tests.inference.packs import EMBEDDER, tiny_pack

SPEC = tiny_pack().embedder


@given(
    values=hnp.arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 9))),
    axis=st.sampled_from([0, 1, -1]),
    block=st.integers(1, 10),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocked_dequantisation_is_that_of_every_single_weight(
    values: np.ndarray[tuple[int, int], np.dtype[np.int8]], axis: int, block: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    shape = list(values.shape)
    shape[axis] = -(-shape[axis] // block)
    scale = random.uniform(0.01, 2, shape).astype(np.float32)
    zero = random.integers(-128, 127, shape, dtype=np.int8)
    got = dequantised(values, scale, zero, axis, block)
    for at in np.ndindex(values.shape):
        part = list(at)
        part[axis] //= block
        want = np.float32(int(values[at]) - int(zero[tuple(part)])) * scale[tuple(part)]
        assert got[at] == want
    assert got.dtype == np.float32


def test_scalar_and_per_axis_scales() -> None:
    values = np.array([[1, 2], [3, 4]], np.int8)
    assert dequantised(values, np.array(0.5, np.float32), None, 1, 0).tolist() == [
        [0.5, 1],
        [1.5, 2],
    ]
    rows = dequantised(values, np.array([1, 10], np.float32), np.array([0, 3], np.int8), 0, 0)
    assert rows.tolist() == [[1, 2], [0, 10]]


def test_a_scale_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        dequantised(np.zeros((4, 6), np.int8), np.ones((4, 2), np.float32), None, 1, 2)


def test_folding_leaves_plain_weights_and_one_input() -> None:
    model = onnx.load_from_string(EMBEDDER)
    assert fold(model) == 2
    onnx.checker.check_model(model)
    assert [node.op_type for node in model.graph.node] == ["Flatten", "Gemm"]
    assert [item.name for item in model.graph.input] == ["data"]
    assert sorted(item.name for item in model.graph.initializer) == ["bias", "weight"]
    assert fold(model) == 0


def reference(picture: FloatArray) -> FloatArray:
    (answer,) = ReferenceEvaluator(onnx.load_from_string(EMBEDDER)).run(
        None, {"data": picture, "weight_q": onnx.numpy_helper.to_array(first_weights())}
    )
    return np.asarray(answer, dtype=np.float32)


def first_weights() -> onnx.TensorProto:
    graph = onnx.load_from_string(EMBEDDER).graph
    return next(item for item in graph.initializer if item.name == "weight_q")


def converted(folder: Path, content: bytes = EMBEDDER) -> Path:
    folder.mkdir(exist_ok=True)
    source = folder / "embed.onnx"
    source.write_bytes(content)
    xml, weights = convert_to_ir(source, SPEC)
    assert (xml.name, weights.name) == ("embed.xml", "embed.bin")
    return xml


def test_the_ir_computes_what_the_onnx_file_does(tmp_path: Path) -> None:
    compiled = openvino.Core().compile_model(
        converted(tmp_path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    picture = np.random.default_rng(1).uniform(0, 255, (1, 3, 8, 8)).astype(np.float32)
    (got,) = compiled([picture]).values()
    # FP16 weights hold 11 bits; the sum of 192 terms of either sign loses a little of that
    np.testing.assert_allclose(got, reference(picture), rtol=2e-3, atol=0.5)


def test_weights_are_stored_in_half_precision(tmp_path: Path) -> None:
    assert converted(tmp_path).with_suffix(".bin").stat().st_size < 192 * 4 * 4


def test_equal_graphs_give_equal_bytes_and_name_no_version(tmp_path: Path) -> None:
    one, two = converted(tmp_path / "a"), converted(tmp_path / "b")
    assert one.read_bytes() == two.read_bytes()
    assert one.with_suffix(".bin").read_bytes() == two.with_suffix(".bin").read_bytes()
    assert openvino.__version__.split("-", maxsplit=1)[0].encode() not in one.read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a network", EMBEDDER[:-200]])
def test_what_is_no_network_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ModelError, match=r"^embed\.onnx: cannot be converted: .+"):
        converted(tmp_path, content)


def test_another_input_than_the_manifest_says_is_refused(tmp_path: Path) -> None:
    model = onnx.load_from_string(EMBEDDER)
    fold(model)
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 16
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 4
    with pytest.raises(ModelError, match=r"instead of one picture NCHW \[3, 8, 8\]"):
        converted(tmp_path, bytes(model.SerializeToString()))
