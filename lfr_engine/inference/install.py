"""Install and remove packs so that a pack is either whole and proven, or not there at all.

Owns: the staging folder, the lock, the conversion step and the rename that makes a pack appear.
Never: a pack folder written to in place. Strategy: everything happens in a staging folder beside
the target, under a lock per pack which the kernel drops with the process; what a killed install
left behind is swept by the next one.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lfr_engine import __version__
from lfr_engine.errors import ConfigError, ModelError
from lfr_engine.inference.convert import convert_to_ir
from lfr_engine.inference.fetch import Fetcher, Stage, Watch, unwatched
from lfr_engine.inference.manifest import (
    Catalogue,
    NetworkSpec,
    PackSpec,
    models_folder,
    read_manifest,
)
from lfr_engine.inference.store import (
    RECORD,
    FileRecord,
    InstalledPack,
    ModelStore,
    NetworkRecord,
    PackRecord,
    file_digest,
)


def install(
    store: ModelStore, name: str, fetcher: Fetcher, watch: Watch = unwatched
) -> tuple[InstalledPack, bool]:
    """Make the pack called ``name`` present and sound; returns it and whether work was done.

    A sound pack is left alone; a damaged one is replaced. Raises ``ModelError`` and leaves no trace
    when a file cannot be fetched, is not what the manifest names, or cannot be converted. Waits
    while another process installs the same pack.
    """
    spec = store.packs.pack(name)
    try:
        store.models.mkdir(parents=True, exist_ok=True)
        with _locked(store, name):
            _sweep(store, name)
            if not any(store.problems(name)):
                return store.open(name), False
            with _staging(store, name) as staging:
                fetcher.fetch(name, spec, staging, watch)
                shutil.rmtree(staging / ".wheels", ignore_errors=True)
                record = _make_ready(name, spec, staging, watch)
                (staging / RECORD).write_bytes(msgspec.json.format(msgspec.json.encode(record)))
                _flush(staging)
                _put_in_place(store, name, staging)
                return store.open(name), True
    except OSError as exc:
        raise ModelError(
            exc.filename or store.models,
            f"cannot be written: {exc.strerror or exc}",
            "free space or mend the rights, then run it again",
        ) from exc


def remove(store: ModelStore, name: str) -> bool:
    """Delete a pack and its compiled blobs; returns whether there was one."""
    store.packs.pack(name)
    if not store.models.is_dir():
        return False
    try:
        with _locked(store, name):
            _sweep(store, name)
            if not store.installed(name):
                return False
            # first out of the way in one step, so that a kill leaves no half of a pack
            grave = Path(tempfile.mkdtemp(prefix=_prefix(name), dir=store.models))
            store.folder(name).rename(grave / name)
            _sweep(store, name)
            shutil.rmtree(store.cache_of(name), ignore_errors=True)
            return True
    except OSError as exc:
        raise ModelError(store.folder(name), f"cannot be removed: {exc.strerror or exc}") from exc


def adopt_manifest(root: Path, path: Path) -> list[str]:
    """Make an operator's manifest known to the data folder ``root``; returns its packs' names.

    The file is read strictly, checked against the packs already known, and copied into
    ``root/packs.d``; a file of the same name there is replaced. Raises ``ConfigError``.
    """
    names = list(read_manifest(path).packs)
    folder = root / "packs.d"
    target = folder / f"{path.stem}.toml"
    others = [p for p in sorted(folder.glob("*.toml")) if p != target]
    Catalogue([models_folder() / "manifest.toml", *others, path])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{path.stem}.partial"
        partial.write_bytes(path.read_bytes())
        _sync(partial)
        partial.replace(target)
        _sync(folder)
    except OSError as exc:
        raise ConfigError(target, f"cannot be written: {exc.strerror or exc}") from exc
    return names


def _make_ready(name: str, pack: PackSpec, staging: Path, watch: Watch) -> PackRecord:
    """Convert what needs it, drop what is not loaded, and describe what remains."""
    networks = {}
    for role, spec in pack.networks().items():
        loads = _convert(spec, staging, watch)
        networks[role] = NetworkRecord(
            loads=loads[0].name,
            files={path.name: FileRecord(path.stat().st_size, file_digest(path)) for path in loads},
            sources={f.name: f.sha256 for f in spec.files},
        )
    return PackRecord(
        schema=1,
        pack=name,
        lfr=__version__,
        openvino=importlib.metadata.version("openvino"),
        networks=networks,
    )


def _convert(spec: NetworkSpec, staging: Path, watch: Watch) -> list[Path]:
    """The ready-to-load files of one network, the one OpenVINO reads first."""
    graph = staging / spec.graph.name
    if spec.conversion == "as-is":
        rest = [staging / f.name for f in spec.files if f.name != spec.graph.name]
        return [graph, *rest]
    watch(Stage.CONVERT, spec.graph.name, 0, 0)
    xml, weights = convert_to_ir(graph, spec)
    for source in spec.files:
        (staging / source.name).unlink()
    watch(Stage.CONVERT, spec.graph.name, 1, 1)
    return [xml, weights]


def _prefix(name: str) -> str:
    return f".{name}.staging-"


@contextlib.contextmanager
def _staging(store: ModelStore, name: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=_prefix(name), dir=store.models))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(store: ModelStore, name: str) -> None:
    """Delete what earlier, killed installs left; call it under the lock only."""
    for leftover in store.models.glob(_prefix(name) + "*"):
        shutil.rmtree(leftover, ignore_errors=True)


@contextlib.contextmanager
def _locked(store: ModelStore, name: str) -> Iterator[None]:
    """One install or removal of a pack at a time on this machine; waits for its turn."""
    with (store.models / f".{name}.lock").open("ab") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _put_in_place(store: ModelStore, name: str, staging: Path) -> None:
    """Rename the finished folder into place; a damaged predecessor goes with the sweep."""
    staging.chmod(0o755)  # mkdtemp's 0700 would hide the pack from a service's own user
    target = store.folder(name)
    if store.installed(name):
        grave = Path(tempfile.mkdtemp(prefix=_prefix(name), dir=store.models))
        target.rename(grave / name)
    staging.rename(target)
    _sync(store.models)
    _sweep(store, name)
    shutil.rmtree(store.cache_of(name), ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.iterdir():
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
