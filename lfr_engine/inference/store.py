"""Installed model packs: where they lie, and proof that they are what they should be.

Owns: the data folder's ``models`` part and the check of every file before every load. Never: a
network connection, a conversion, a path to a file that was not just verified. Strategy: what is
loaded as fetched is checked against the manifest; what was converted is checked against the
pack's own ``installed.json``, which was written when the conversion's input had been checked.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import platformdirs

from lfr_engine.errors import ModelError
from lfr_engine.inference.manifest import (
    ROLES,
    Catalogue,
    EmbedderSpec,
    NetworkSpec,
    PackSpec,
    Role,
    catalogue,
    preprocessing_digest,
)

RECORD = "installed.json"
CHUNK = 1 << 20
"""Bytes read at a time: a file of any size is hashed in bounded memory."""


class FileRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and SHA-256 in hex of one ready-to-load file."""

    size: int
    sha256: str


class NetworkRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """loads: the file OpenVINO reads. files: ready to load. sources: name → SHA-256 as fetched."""

    loads: str
    files: dict[str, FileRecord]
    sources: dict[str, str]


class PackRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``installed.json`` holds: how a pack folder came to be."""

    schema: int
    pack: str
    lfr: str
    openvino: str
    networks: dict[Role, NetworkRecord]


@dataclass(frozen=True, slots=True)
class InstalledNetwork:
    """One verified network.

    path: the .onnx or .xml to load. sha256: digest of the ready-to-load files; of the file itself
    where there is one, else over their names and digests.
    """

    role: Role
    spec: NetworkSpec
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class InstalledPack:
    """A verified pack. cache: folder for compiled blobs of these very files, None if unwritable."""

    name: str
    spec: PackSpec
    networks: dict[Role, InstalledNetwork]
    cache: Path | None

    @property
    def detector(self) -> InstalledNetwork:
        """The network that finds faces."""
        return self.networks["detector"]

    @property
    def aligner(self) -> InstalledNetwork | None:
        """The network that finds landmarks, where the detector does not."""
        return self.networks.get("aligner")

    @property
    def embedder(self) -> InstalledNetwork:
        """The network that makes templates; its ``spec`` is ``self.spec.embedder``."""
        return self.networks["embedder"]

    @property
    def embedder_spec(self) -> EmbedderSpec:
        """Dimension and reference points of the templates."""
        return self.spec.embedder

    @property
    def preprocessing(self) -> str:
        """The preprocessing digest for ``TemplateContract``."""
        return preprocessing_digest(self.spec)

    def without_centre(self) -> InstalledPack:
        """The same, its templates as the network gives them: what a centre is measured on."""
        embedder = msgspec.structs.replace(self.spec.embedder, centre=())
        return replace(self, spec=msgspec.structs.replace(self.spec, embedder=embedder))


def data_folder() -> Path:
    """``$LFR_DATA``, or the platform's folder for this user's data."""
    chosen = os.environ.get("LFR_DATA")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("lfr-engine"))


def install_command(name: str) -> str:
    """What mends a pack: said by every error about one."""
    return f"run: lfr models install {name}"


class ModelStore:
    """The packs below one data folder.

    Args:
        root: The data folder (``data_folder()``); packs lie in ``root/models/NAME``.
        packs: What is known to exist; read from the manifests where None.
    """

    def __init__(self, root: Path, packs: Catalogue | None = None) -> None:
        self.root = root
        self.models = root / "models"
        self.packs = catalogue(root) if packs is None else packs

    def folder(self, name: str) -> Path:
        """Where the pack called ``name`` lies or would lie."""
        return self.models / name

    def installed(self, name: str) -> bool:
        """Whether there is anything under that name; says nothing of its soundness."""
        return self.folder(name).exists()

    def open(self, name: str) -> InstalledPack:
        """Verify every file of a pack and return it.

        Raises ``ModelError`` naming the first bad file, what is wrong and the mend.
        """
        for problem in self.problems(name):
            raise problem
        spec = self.packs.pack(name)
        record = self._record(name)
        networks = {
            role: InstalledNetwork(
                role, network, self.folder(name) / record.networks[role].loads, digest
            )
            for role, network in spec.networks().items()
            for digest in [_network_digest(record.networks[role])]
        }
        return InstalledPack(name, spec, networks, self._cache(name, networks))

    def problems(self, name: str) -> Iterator[ModelError]:
        """Everything wrong with an installed pack, file by file; nothing when it is sound."""
        spec = self.packs.pack(name)
        mend = install_command(name)
        try:
            record = self._record(name)
        except ModelError as problem:
            yield problem
            return
        for role, network in spec.networks().items():
            entry = record.networks.get(role)
            fetched = {f.name: f.sha256 for f in network.files}
            converted = entry is not None and entry.loads not in fetched
            if (
                entry is None
                or entry.sources != fetched
                or converted != (network.conversion != "as-is")
            ):
                yield ModelError(
                    f"pack {name}, {role}", "installed from another version of the manifest", mend
                )
                continue
            expected = entry.files
            if network.conversion == "as-is":
                expected = {f.name: FileRecord(f.size, f.sha256) for f in network.files}
            if entry.loads not in expected:
                yield ModelError(self.folder(name) / RECORD, "altered", mend)
            for file, facts in expected.items():
                cause = file_problem(self.folder(name) / file, facts.size, facts.sha256)
                if cause:
                    yield ModelError(self.folder(name) / file, cause, mend)

    def _record(self, name: str) -> PackRecord:
        path = self.folder(name) / RECORD
        mend = install_command(name)
        try:
            record = msgspec.json.decode(path.read_bytes(), type=PackRecord)
        except FileNotFoundError as exc:
            cause = "is not installed" if not self.installed(name) else f"has no {RECORD}"
            raise ModelError(f"model pack {name}", cause, mend) from exc
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise ModelError(path, f"cannot be read: {exc}", mend) from exc
        if record.pack != name or record.schema != 1:
            raise ModelError(path, "belongs to another pack or version", mend)
        return record

    def _cache(self, name: str, networks: dict[Role, InstalledNetwork]) -> Path | None:
        """The blob folder of these very files and this very OpenVINO: never mixed."""
        key = hashlib.sha256(importlib.metadata.version("openvino").encode())
        for role in ROLES:
            if role in networks:
                key.update(f"\n{role} {networks[role].sha256}".encode())
        cache = self.cache_of(name) / key.hexdigest()[:16]
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return cache if os.access(cache, os.W_OK) else None

    def cache_of(self, name: str) -> Path:
        """Every blob folder of one pack lies here; may be deleted at any time."""
        return self.models / ".cache" / name


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file in hex, read in bounded memory; raises ``OSError``."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def file_problem(path: Path, size: int, sha256: str) -> str:
    """What is wrong with a file, in words; empty when it has that size and digest."""
    try:
        found = path.stat().st_size
        # the size first: it tells a broken download from a changed file, and costs nothing
        digest = file_digest(path) if found == size else ""
    except FileNotFoundError:
        return "missing"
    except OSError as exc:
        return f"cannot be read: {exc.strerror or exc}"
    if found < size:
        return f"truncated: {found:,} of {size:,} bytes"
    if found > size:
        return f"altered: {found:,} bytes instead of {size:,}"
    if digest != sha256:
        return f"altered: its sha256 begins {digest[:12]} instead of {sha256[:12]}"
    return ""


def _network_digest(record: NetworkRecord) -> str:
    if len(record.files) == 1:
        return next(iter(record.files.values())).sha256
    lines = sorted(f"{name} {facts.sha256}\n" for name, facts in record.files.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
