from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path

import msgspec
import pytest

from lfr_engine.errors import ModelError
from lfr_engine.inference import store as store_module
from lfr_engine.inference.fetch import Fetcher
from lfr_engine.inference.install import install
from lfr_engine.inference.manifest import PackSpec
from lfr_engine.inference.store import RECORD, ModelStore, data_folder, file_problem
from tests.inference.packs import DETECTOR, flat_mirror, tiny_pack, tiny_store

MEND = "run: lfr models install tiny"


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """A store with the tiny pack installed."""
    ready = tiny_store(tmp_path)
    install(ready, "tiny", Fetcher((flat_mirror(tmp_path / "mirror"),), offline=True))
    return ready


def test_a_sound_pack_opens_with_paths_specs_and_digests(store: ModelStore) -> None:
    pack = store.open("tiny")
    assert pack.spec == tiny_pack()
    assert pack.aligner is None
    assert pack.detector.path.read_bytes() == DETECTOR
    assert pack.detector.sha256 == hashlib.sha256(DETECTOR).hexdigest()
    assert pack.embedder.path.suffix == ".xml"
    lines = "".join(
        f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in (pack.embedder.path.with_suffix(".bin"), pack.embedder.path)
    )
    assert pack.embedder.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    assert pack.embedder_spec.dimension == 4


@pytest.mark.parametrize("name", ["find.onnx", "embed.xml", "embed.bin"])
@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (Path.unlink, "missing"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "truncated: "),
        (lambda p: p.write_bytes(b""), "truncated: 0 of "),
        (lambda p: p.write_bytes(p.read_bytes() + b"x"), "altered: "),
        (
            lambda p: p.write_bytes(bytes([~p.read_bytes()[0] & 255]) + p.read_bytes()[1:]),
            "altered: its sha256 begins ",
        ),
        (lambda p: (p.unlink(), p.mkdir()), ""),
    ],
)
def test_a_damaged_file_is_named_with_cause_and_mend(
    store: ModelStore, name: str, damage: object, cause: str
) -> None:
    path = store.folder("tiny") / name
    assert callable(damage)
    damage(path)
    with pytest.raises(ModelError) as caught:
        store.open("tiny")
    assert str(caught.value).startswith(f"{path}: {cause}")
    assert str(caught.value).endswith(MEND)
    assert caught.value.exit_status == 2


def test_every_damaged_file_is_told(store: ModelStore) -> None:
    (store.folder("tiny") / "find.onnx").unlink()
    (store.folder("tiny") / "embed.bin").write_bytes(b"")
    assert [problem.cause.split(":")[0] for problem in store.problems("tiny")] == [
        "missing",
        "truncated",
    ]


def test_a_network_loaded_as_fetched_answers_to_the_manifest_not_to_the_record(
    store: ModelStore,
) -> None:
    # an altered file with a record to match must not pass
    other = b"X" + DETECTOR[1:]
    (store.folder("tiny") / "find.onnx").write_bytes(other)
    record = store.folder("tiny") / RECORD
    true, false = (hashlib.sha256(content).hexdigest() for content in (DETECTOR, other))
    plain = msgspec.json.decode(record.read_bytes())
    assert plain["networks"]["detector"]["files"]["find.onnx"]["sha256"] == true
    plain["networks"]["detector"]["files"]["find.onnx"]["sha256"] = false
    record.write_bytes(msgspec.json.encode(plain))
    with pytest.raises(ModelError, match=r"find\.onnx: altered"):
        store.open("tiny")


def test_a_record_cannot_point_outside_its_files(store: ModelStore) -> None:
    record = store.folder("tiny") / RECORD
    plain = msgspec.json.decode(record.read_bytes())
    plain["networks"]["embedder"]["loads"] = "../../elsewhere.xml"
    record.write_bytes(msgspec.json.encode(plain))
    with pytest.raises(ModelError, match=r"installed\.json: altered"):
        store.open("tiny")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"schema": 1}'])
def test_an_unreadable_record_is_named(store: ModelStore, content: bytes) -> None:
    (store.folder("tiny") / RECORD).write_bytes(content)
    with pytest.raises(ModelError, match=r"installed\.json: cannot be read: .* – run: lfr models"):
        store.open("tiny")


def test_a_folder_without_its_record_is_not_installed(store: ModelStore) -> None:
    (store.folder("tiny") / RECORD).unlink()
    with pytest.raises(ModelError, match=r"model pack tiny: has no installed\.json"):
        store.open("tiny")


def test_a_pack_that_was_never_installed_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"^model pack tiny: is not installed – {MEND}$"):
        tiny_store(tmp_path).open("tiny")


def test_a_record_of_another_pack_is_refused(store: ModelStore) -> None:
    path = store.folder("tiny") / RECORD
    path.write_bytes(path.read_bytes().replace(b'"tiny"', b'"vast"'))
    with pytest.raises(ModelError, match="belongs to another pack"):
        store.open("tiny")


def test_files_of_another_manifest_are_refused(store: ModelStore) -> None:
    path = store.folder("tiny") / RECORD
    told = tiny_pack().embedder.graph.sha256.encode()
    path.write_bytes(path.read_bytes().replace(told, b"0" * 64))
    with pytest.raises(ModelError, match="pack tiny, embedder: installed from another version"):
        store.open("tiny")


def test_a_network_that_the_manifest_now_converts_must_be_installed_anew(
    store: ModelStore, tmp_path: Path
) -> None:
    plain = msgspec.to_builtins(tiny_pack())
    plain["detector"]["conversion"] = "fp16-ir"
    changed = tiny_store(tmp_path, msgspec.convert(plain, PackSpec))
    with pytest.raises(ModelError, match="pack tiny, detector: installed from another version"):
        changed.open("tiny")
    plain = msgspec.to_builtins(tiny_pack())
    plain["embedder"]["conversion"] = "as-is"
    changed = tiny_store(tmp_path, msgspec.convert(plain, PackSpec))
    with pytest.raises(ModelError, match="pack tiny, embedder: installed from another version"):
        changed.open("tiny")


def test_compiled_blobs_are_kept_by_files_and_openvino_version(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = store.open("tiny").cache
    assert one is not None
    assert one.is_dir()
    assert store.open("tiny").cache == one
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"{name} 9999.0")
    assert store.open("tiny").cache not in (None, one)


def test_without_a_writable_cache_a_pack_still_opens(store: ModelStore) -> None:
    assert store.open("tiny").cache is not None
    cache = store.cache_of("tiny")
    for folder in cache.iterdir():
        folder.rmdir()
    cache.rmdir()
    cache.write_bytes(b"a file in the way")
    assert store.open("tiny").cache is None


def test_the_data_folder_is_the_variables_or_the_platforms(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LFR_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.delenv("LFR_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    assert data_folder().name == "lfr-engine"


def test_large_files_are_hashed_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CHUNK", 7)
    path = tmp_path / "weights"
    path.write_bytes(DETECTOR)
    assert not file_problem(path, len(DETECTOR), hashlib.sha256(DETECTOR).hexdigest())
