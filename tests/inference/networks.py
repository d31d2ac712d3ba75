"""Networks of a few nodes: what they answer is known by heart, and they compile in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def mean_colour(path: Path, *, batch: int = 1, side: int = 4, dimensions: int = 4) -> Path:
    """Output ``means`` (n, 3): the mean of each channel as the network sees it, and ``sums``."""
    shape = [batch, 3, side, side][:dimensions]
    node = helper.make_node("ReduceMean", ["picture"], ["means"], axes=[2, 3], keepdims=0)
    total = helper.make_node("ReduceSum", ["means", "axis"], ["sums"], keepdims=1)
    return _save(
        path,
        [node, total] if dimensions == 4 else [helper.make_node("Relu", ["picture"], ["means"])],
        shape,
        [("means", [batch, 3]), ("sums", [batch, 1])] if dimensions == 4 else [("means", shape)],
        {"axis": np.array([1], np.int64)},
    )


def first_pixel(path: Path, *, side: int = 4) -> Path:
    """One output ``corner`` (n, 3): the top left pixel's channels."""
    cut = helper.make_node("Slice", ["picture", "from", "to", "axes"], ["cut"])
    flat = helper.make_node("Flatten", ["cut"], ["corner"], axis=1)
    return _save(
        path,
        [cut, flat],
        [1, 3, side, side],
        [("corner", [1, 3])],
        {
            "from": np.array([0, 0], np.int64),
            "to": np.array([1, 1], np.int64),
            "axes": np.array([2, 3], np.int64),
        },
    )


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    shape: Sequence[int],
    outputs: list[tuple[str, list[int]]],
    constants: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]],
) -> Path:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
