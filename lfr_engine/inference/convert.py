"""Turn a fetched ONNX file into the FP16 IR that OpenVINO loads; done once, at install.

Owns: folding of constant ``DequantizeLinear`` nodes, and saving IR whose bytes depend on the
graph alone. Never: a file outside the folder it is given. Strategy: OpenVINO refuses blocked
dequantisation of a 1-D constant (SFace's bias) and miscomputes others (YuNet in bf16 in two
streams), so every dequantised constant becomes plain float weights first. ``onnx`` and
``openvino`` are imported only when a conversion really runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from lfr_engine.errors import ModelError
from lfr_engine.inference.manifest import NetworkSpec
from lfr_engine.vision.frame import FloatArray

NumberArray = np.ndarray[Any, np.dtype[Any]]


def dequantised(
    values: NumberArray, scale: NumberArray, zero: NumberArray | None, axis: int, block: int
) -> FloatArray:
    """``(values - zero) * scale`` in float32, as ONNX ``DequantizeLinear`` (opset 21) defines it.

    values: any shape. scale, zero: a scalar; or 1-D along ``axis`` (``block`` 0); or the shape of
    ``values`` with ``axis`` divided by ``block``, rounded up. Raises ``ValueError`` when the
    shapes do not fit.
    """
    wide_scale = _spread(np.asarray(scale), values.shape, axis, block)
    out = values.astype(np.float32)
    if zero is not None:
        out = out - _spread(np.asarray(zero), values.shape, axis, block).astype(np.float32)
    result: FloatArray = (out * wide_scale.astype(np.float32)).astype(np.float32)
    return result


def _spread(part: NumberArray, shape: tuple[int, ...], axis: int, block: int) -> NumberArray:
    """Repeat ``part`` so that it broadcasts over ``shape``."""
    if part.size == 1:
        return part.reshape(())
    axis %= len(shape)
    if block == 0:
        wide = part.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    else:
        wide = np.repeat(part, block, axis=axis)
        wide = np.take(wide, np.arange(min(shape[axis], wide.shape[axis])), axis=axis)
    if any(w not in (1, s) for w, s in zip(wide.shape, shape, strict=True)):
        raise ValueError(f"scale of shape {part.shape} does not fit weights of shape {shape}")
    return wide


def fold(model: Any) -> int:
    """Replace every ``DequantizeLinear`` of constants in an ``onnx.ModelProto`` by its result.

    Changes ``model`` in place, drops initialisers and graph inputs that nothing uses any more, and
    returns how many nodes were folded.
    """
    from onnx import numpy_helper  # noqa: PLC0415 - needed only while converting

    graph = model.graph
    constants = {item.name: item for item in graph.initializer}
    kept, folded = [], 0
    for node in graph.node:
        inputs = [name for name in node.input if name]
        if node.op_type != "DequantizeLinear" or not all(name in constants for name in inputs):
            kept.append(node)
            continue
        numbers = [numpy_helper.to_array(constants[name]) for name in inputs]
        settings = {item.name: item.i for item in node.attribute}
        weights = dequantised(
            numbers[0],
            numbers[1],
            numbers[2] if len(numbers) > 2 else None,
            settings.get("axis", 1),
            settings.get("block_size", 0),
        )
        graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        folded += 1
    used = {name for node in kept for name in node.input} | {item.name for item in graph.output}
    weights_kept = [item for item in graph.initializer if item.name in used]
    names = {item.name for item in weights_kept}
    inputs_kept = [item for item in graph.input if item.name in used and item.name not in names]
    for field, items in (
        (graph.node, kept),
        (graph.initializer, weights_kept),
        (graph.input, inputs_kept),
    ):
        del field[:]
        field.extend(items)
    return folded


def convert_to_ir(source: Path, spec: NetworkSpec) -> tuple[Path, Path]:
    """Write ``source``'s graph as FP16 IR beside it and return the .xml and .bin paths.

    Equal graphs give equal bytes whatever OpenVINO wrote them. Raises ``ModelError`` when the file
    is not an ONNX graph, cannot be converted, or does not take the input the manifest describes.
    """
    import onnx  # noqa: PLC0415 - slow to import, needed only here
    import openvino  # noqa: PLC0415 - slow to import, needed only here

    xml = source.with_suffix(".xml")
    try:
        model = onnx.load(source)
        fold(model)
        network = openvino.Core().read_model(model.SerializeToString())
        _name_by_place(network)
        openvino.save_model(network, xml, compress_to_fp16=True)
    except Exception as exc:  # onnx and openvino raise no common type
        first_line = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
        raise ModelError(source.name, f"cannot be converted: {first_line}") from exc
    require_input(network, spec, source.name)
    _drop_writer(xml)
    return xml, xml.with_suffix(".bin")


def require_input(network: Any, spec: NetworkSpec, subject: str) -> None:
    """Raise ``ModelError`` unless an ``openvino.Model`` takes one picture as ``spec`` says."""
    shape = spec.preprocessing
    picture = [3, shape.height, shape.width]
    if shape.layout == "NHWC":
        picture = [shape.height, shape.width, 3]
    found = network.inputs[0].partial_shape if len(network.inputs) == 1 else None
    dims = [] if found is None or found.rank.is_dynamic else list(found)
    fits = len(dims) == 4 and all(
        dim.is_dynamic or dim.get_length() == want
        for dim, want in zip(dims[1:], picture, strict=True)
    )
    if not fits:
        raise ModelError(
            subject,
            f"takes {'several inputs' if found is None else found} instead of one picture "
            f"{shape.layout} {picture}",
            "mend its preprocessing in the manifest",
        )


def _name_by_place(network: Any) -> None:
    """Replace names OpenVINO numbered by a counter of the process, so that digests do not move."""
    for place, operation in enumerate(network.get_ordered_ops()):
        if operation.get_type_name() not in {"Parameter", "Result"}:  # the graph's own names
            operation.set_friendly_name(f"{operation.get_type_name()}_{place}")


def _drop_writer(xml: Path) -> None:
    """Remove the OpenVINO version from an IR, so that equal graphs have equal digests."""
    text = xml.read_bytes()
    xml.write_bytes(re.sub(rb'\s*<info name="OpenVINO Runtime" value="[^"]*" />', b"", text))
