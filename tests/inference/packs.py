"""Small packs for tests: real digests over made-up weights, and a manifest that describes them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lfr_engine.inference.manifest import (
    Catalogue,
    EmbedderSpec,
    FileSpec,
    NetworkSpec,
    PackSpec,
    Preprocessing,
    WheelMember,
)
from lfr_engine.inference.store import ModelStore

DETECTOR = b"not a network, but a file with a digest" * 50
POINTS = ((3.0, 3.0), (5.0, 3.0), (4.0, 4.0), (3.0, 5.0), (5.0, 5.0))
WHEEL = "tinyfaces-1.0-py3-none-any.whl"
URL = "https://models.example/tiny/"


def quantised_embedder() -> bytes:
    """A 4-float embedder of 8×8 pictures whose weights and 1-D bias are block-quantised."""
    random = np.random.default_rng(7)
    weight = random.integers(-100, 100, (4, 192), dtype=np.int8)
    numbers = {
        "weight_q": weight,
        "weight_scale": random.uniform(0.001, 0.01, (4, 3)).astype(np.float32),
        "weight_zero": random.integers(-3, 3, (4, 3), dtype=np.int8),
        "bias_q": random.integers(-100, 100, 4, dtype=np.int8),
        "bias_scale": random.uniform(0.1, 1, 2).astype(np.float32),
        "bias_zero": random.integers(-3, 3, 2, dtype=np.int8),
    }
    nodes = [
        helper.make_node(
            "DequantizeLinear",
            ["weight_q", "weight_scale", "weight_zero"],
            ["weight"],
            axis=1,
            block_size=64,
        ),
        helper.make_node(
            "DequantizeLinear",
            ["bias_q", "bias_scale", "bias_zero"],
            ["bias"],
            axis=0,
            block_size=2,
        ),
        helper.make_node("Flatten", ["data"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "bias"], ["embedding"], transB=1),
    ]
    picture = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 8, 8])
    leftover = helper.make_tensor_value_info("weight_q", TensorProto.INT8, [4, 192])
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 4])
    constants = [numpy_helper.from_array(value, name) for name, value in numbers.items()]
    graph = helper.make_graph(nodes, "tiny", [picture, leftover], [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


EMBEDDER = quantised_embedder()
CONTENT = {"find.onnx": DETECTOR, "embed.onnx": EMBEDDER}


def file_spec(name: str, content: bytes) -> FileSpec:
    return FileSpec(
        name=name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        sha384=hashlib.sha384(content).hexdigest(),
        mirror=f"deep/er/{name}",
        wheel=WheelMember(requirement="tinyfaces==1.0", member=f"tinyfaces/{name}"),
        urls=(URL + name,),
    )


def tiny_pack(restriction: str = "") -> PackSpec:
    return PackSpec(
        summary="for tests",
        licence="CC0",
        restriction=restriction,
        detector=NetworkSpec(
            model="finder",
            licence="CC0",
            decoder="yunet",
            preprocessing=Preprocessing(colours="BGR", width=64, height=64, size_multiple=32),
            files=(file_spec("find.onnx", DETECTOR),),
        ),
        embedder=EmbedderSpec(
            model="embedder",
            licence="CC0",
            decoder="l2-embedding",
            conversion="fp16-ir",
            preprocessing=Preprocessing(colours="RGB", width=8, height=8),
            files=(file_spec("embed.onnx", EMBEDDER),),
            dimension=4,
            reference_points=POINTS,
        ),
        precision={"CPU": ("bf16", "f32")},
    )


def tiny_manifest(pack: PackSpec | None = None) -> bytes:
    told = msgspec.to_builtins(pack or tiny_pack())
    return as_toml({"schema": 1, "default": "tiny", "packs": {"tiny": told}})


def as_toml(table: dict[str, Any]) -> bytes:
    """A table as TOML, nested tables inline; None is left out."""
    lines = [f"{key} = {_toml_value(value)}" for key, value in table.items()]
    return "\n".join(lines).encode()


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        inside = (f"{json.dumps(k)} = {_toml_value(v)}" for k, v in value.items() if v is not None)
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    return json.dumps(value)  # strings and numbers are written alike


def tiny_store(folder: Path, pack: PackSpec | None = None) -> ModelStore:
    """A store below ``folder`` that knows the pack ``tiny`` and no other."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "tiny.toml"
    manifest.write_bytes(tiny_manifest(pack))
    return ModelStore(folder / "data", Catalogue([manifest]))


def flat_mirror(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


def tiny_wheel(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in CONTENT.items():
            archive.writestr(f"tinyfaces/{name}", content)
    return folder / WHEEL
