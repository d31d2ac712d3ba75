"""What a model pack is: its exact files, licences, preprocessing and measured accuracy.

Owns: the manifest's types, its strict reading and the preprocessing digest. Never: weights, a
network connection, a guess about a missing field. Strategy: TOML read into frozen structs; an
unknown or ill-typed key is an error that names the file and the key.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec

import lfr_engine
from lfr_engine.errors import ConfigError, ModelError

SCHEMA = 1

PackName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Sha384 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{96}$")]
Size = Annotated[int, msgspec.Meta(gt=0, le=4_000_000_000)]
"""Bytes of one file. The bound keeps a mistyped manifest from filling a disk."""
Pixels = Annotated[int, msgspec.Meta(gt=0, le=8192)]
Point = tuple[float, float]
Role = Literal["detector", "aligner", "embedder"]
ROLES: tuple[Role, ...] = ("detector", "aligner", "embedder")
Decoder = Literal["yunet", "ssd", "landmarks5", "l2-embedding"]
DeviceKind = Literal["CPU", "GPU", "NPU"]
Precision = Literal["f32", "f16", "bf16"]


class WheelMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a file lies inside a wheel of the package registry.

    requirement: pinned, ``"name==version"``. member: path inside the wheel.
    """

    requirement: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$")]
    member: str


class FileSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file exactly: what it is called here, its digests and where it may come from.

    mirror: its path in a mirror folder where that differs from the flat name. urls: tried in turn.
    """

    name: FileName
    size: Size
    sha256: Sha256
    sha384: Sha384 | None = None
    mirror: str = ""
    wheel: WheelMember | None = None
    urls: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        path = PurePosixPath(self.mirror)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"mirror {self.mirror!r} must be a path inside the mirror folder")
        for url in self.urls:
            if not re.match(r"https?://[^/\s]+/", url):
                raise ValueError(f"url {url!r} is not an http(s) address")


class Preprocessing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How pixels become the network's input: ``(pixel - mean) * scale`` on 0–255 floats.

    width, height: input size in pixels. size_multiple: 0 where that size is fixed, else any width
    and height divisible by it will do. mean and scale are per channel, in the order of ``colours``.
    """

    colours: Literal["BGR", "RGB"]
    width: Pixels
    height: Pixels
    size_multiple: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    layout: Literal["NCHW", "NHWC"] = "NCHW"


class NetworkSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One network of a pack.

    card: file name of its model card, empty for none. conversion: ``"as-is"``, or ``"fp16-ir"``
    (blocked dequantisation folded, saved as FP16 IR once at install).
    """

    model: str
    licence: str
    licence_url: str = ""
    card: str = ""
    decoder: Decoder
    conversion: Literal["as-is", "fp16-ir"] = "as-is"
    preprocessing: Preprocessing
    files: Annotated[tuple[FileSpec, ...], msgspec.Meta(min_length=1, max_length=4)]

    def __post_init__(self) -> None:
        graphs = [f.name for f in self.files if f.name.endswith((".onnx", ".xml"))]
        if len(graphs) != 1:
            raise ValueError(f"{self.model}: exactly one .onnx or .xml file is needed")
        names = {f.name for f in self.files}
        if len(names) != len(self.files):
            raise ValueError(f"{self.model}: two files have the same name")
        stem, suffix = graphs[0].rsplit(".", 1)
        if suffix == "xml" and f"{stem}.bin" not in names:
            raise ValueError(f"{self.model}: {graphs[0]} needs its weights {stem}.bin")
        if suffix == "xml" and self.conversion != "as-is":
            raise ValueError(f"{self.model}: only an .onnx file can be converted")

    @property
    def graph(self) -> FileSpec:
        """The .onnx or .xml file, as fetched."""
        return next(f for f in self.files if f.name.endswith((".onnx", ".xml")))


class EmbedderSpec(NetworkSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The network that makes templates.

    dimension: floats per template. reference_points: where the five landmarks of ``Faces`` lie in
    the aligned crop, x y in pixels of that crop, in the order of ``Faces.landmarks``. centre: what
    all faces have in common for this network, taken from each unit output before it becomes a
    template (``identity.template.centred``); empty for nothing, else ``dimension`` numbers.
    """

    dimension: Annotated[int, msgspec.Meta(gt=0, le=4096)]
    reference_points: tuple[Point, Point, Point, Point, Point]
    centre: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.centre and len(self.centre) != self.dimension:
            raise ValueError(f"{self.model}: centre has {len(self.centre)} of {self.dimension}")
        if not sum(value * value for value in self.centre) < 1:
            raise ValueError(f"{self.model}: centre is no mean of unit vectors")


class Accuracy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One measured figure, never without its conditions.

    value is a percentage. source: who measured it.
    """

    measure: str
    value: Annotated[float, msgspec.Meta(ge=0, le=100)]
    precision: Precision
    conditions: str
    source: str


class PackSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A detector, an optional aligner and an embedder that belong together.

    restriction: a limit on use that a person must accept before installing, or empty. precision:
    for each device kind the precisions it may be pinned to, the preferred first.
    """

    summary: str
    licence: str
    restriction: str = ""
    detector: NetworkSpec
    aligner: NetworkSpec | None = None
    embedder: EmbedderSpec
    precision: dict[DeviceKind, Annotated[tuple[Precision, ...], msgspec.Meta(min_length=1)]]
    accuracy: tuple[Accuracy, ...] = ()

    def __post_init__(self) -> None:
        allowed: dict[Role, tuple[Decoder, ...]] = {
            "detector": ("yunet", "ssd"),
            "aligner": ("landmarks5",),
            "embedder": ("l2-embedding",),
        }
        for role, network in self.networks().items():
            if network.decoder not in allowed[role]:
                raise ValueError(f"decoder {network.decoder!r} does not fit the {role}")
        if self.detector.decoder == "ssd" and self.aligner is None:
            raise ValueError("an ssd detector gives no landmarks: an aligner is needed")
        names = [f.name for n in self.networks().values() for f in n.files]
        if len(set(names)) != len(names):
            raise ValueError("two files of the pack have the same name")

    def networks(self) -> dict[Role, NetworkSpec]:
        """The networks by role, in the order they run."""
        found: dict[Role, NetworkSpec | None] = {
            "detector": self.detector,
            "aligner": self.aligner,
            "embedder": self.embedder,
        }
        return {role: network for role, network in found.items() if network is not None}

    def files(self) -> list[FileSpec]:
        """Every file to fetch."""
        return [f for network in self.networks().values() for f in network.files]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The packs of one manifest file. default: the pack used when none is named, or empty."""

    schema: Literal[1]
    default: str = ""
    packs: dict[PackName, PackSpec]

    def __post_init__(self) -> None:
        if self.default and self.default not in self.packs:
            raise ValueError(f"default {self.default!r} is not among the packs")


def models_folder() -> Path:
    """Where manifest.toml and the cards lie: inside an installed wheel, or at a checkout's root."""
    package = Path(lfr_engine.__file__).parent
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def read_manifest(path: Path) -> Manifest:
    """Read one manifest file strictly; ``ConfigError`` names the file, the key and the cause."""
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise ConfigError(path, f"cannot be read: {exc.strerror or exc}") from exc
    try:
        return msgspec.toml.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise ConfigError(path, f"not a valid model manifest: {exc}", "see docs/models.md") from exc


class Catalogue:
    """Every pack this installation knows: the project's own and the operator's.

    Args:
        manifests: Manifest files; the first one's default is the default pack.
    """

    def __init__(self, manifests: list[Path]) -> None:
        self.packs: dict[str, PackSpec] = {}
        self.origins: dict[str, Path] = {}
        self.default = ""
        for path in manifests:
            manifest = read_manifest(path)
            self.default = self.default or manifest.default
            for name, pack in manifest.packs.items():
                if name in self.packs:
                    raise ConfigError(
                        path,
                        f"pack {name!r} is already described by {self.origins[name]}",
                        "give it another name",
                    )
                self.packs[name] = pack
                self.origins[name] = path

    def pack(self, name: str) -> PackSpec:
        """The pack called ``name``; ``ModelError`` lists the known names."""
        if name not in self.packs:
            known = ", ".join(self.packs)
            raise ModelError(name, "no such model pack", f"known packs: {known}")
        return self.packs[name]


def catalogue(data: Path) -> Catalogue:
    """The project's packs, then those of ``data``/packs.d in name order."""
    return Catalogue(
        [models_folder() / "manifest.toml", *sorted((data / "packs.d").glob("*.toml"))]
    )


def preprocessing_digest(pack: PackSpec) -> str:
    """SHA-256 in hex over what decides a template besides the picture and the network.

    Equal digests mean equal alignment points, crop size, channel order, mean, scale, layout and
    centre; part of ``TemplateContract``.
    """
    embedder = pack.embedder
    shape = embedder.preprocessing
    lines = [
        "lfr-preprocessing 1",
        f"crop {shape.width} {shape.height}",
        f"colours {shape.colours} {shape.layout}",
        "mean " + _numbers(shape.mean),
        "scale " + _numbers(shape.scale),
        *(f"point {_numbers(point)}" for point in embedder.reference_points),
        *([f"centre {_numbers(embedder.centre)}"] if embedder.centre else []),
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.6f}" for value in values)
