from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import lfr_engine
from lfr_engine.errors import ConfigError, ModelError
from lfr_engine.inference.manifest import (
    Catalogue,
    PackSpec,
    catalogue,
    models_folder,
    preprocessing_digest,
    read_manifest,
)
from tests.inference.packs import as_toml, tiny_manifest, tiny_pack

SHARED_OMZ = Path(__file__).parents[3] / "shared" / "models" / "omz"
OWN = models_folder() / "manifest.toml"


def test_the_projects_own_packs_are_described_in_full() -> None:
    packs = Catalogue([OWN])
    assert packs.default == "opencv-zoo"
    zoo, omz = packs.pack("opencv-zoo"), packs.pack("omz")
    assert (zoo.detector.decoder, zoo.aligner, zoo.embedder.dimension) == ("yunet", None, 128)
    assert (omz.detector.decoder, omz.embedder.dimension) == ("ssd", 256)
    assert omz.aligner is not None
    assert zoo.embedder.preprocessing.colours == "RGB"
    assert all(file.wheel is not None for file in zoo.files())
    assert all(file.sha384 is not None and file.urls for file in omz.files())
    for pack in (zoo, omz):
        assert pack.accuracy
        for network in pack.networks().values():
            card = (models_folder() / "cards" / network.card).read_text(encoding="utf-8")
            assert network.licence in card
            assert "Known limits" in card


@pytest.mark.shared
@pytest.mark.skipif(not SHARED_OMZ.is_dir(), reason="../shared/models/omz is not here")
def test_omz_digests_are_those_of_the_official_descriptions() -> None:
    for network in Catalogue([OWN]).pack("omz").networks().values():
        for file in network.files:
            official = (SHARED_OMZ / file.mirror).parents[1] / "model.yml"
            text = official.read_text(encoding="utf-8")
            block = text.split(f"name: FP16/{file.name}\n", 1)[1].split("- name", 1)[0]
            assert f"size: {file.size}\n" in block
            assert f"checksum: {file.sha384}\n" in block
            assert f"source: {file.urls[0]}\n" in block


def edited(change: Callable[[dict[str, Any]], None]) -> bytes:
    plain = msgspec.toml.decode(tiny_manifest())
    change(plain)
    return as_toml(plain)


def in_pack(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain["packs"]["tiny"].update(changes)


def in_file(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain["packs"]["tiny"]["detector"]["files"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (in_pack(thershold=0.3), "unknown field `thershold`"),
        (in_file(sha265="0"), "unknown field `sha265`"),
        (in_file(sha256="ABC"), "sha256"),
        (in_file(size=0), "size"),
        (in_file(name="../x.onnx"), "name"),
        (in_file(mirror="../elsewhere/x.onnx"), "inside the mirror folder"),
        (in_file(urls=["file:///etc/passwd"]), "not an http(s) address"),
        (in_file(name="weights.pt"), "exactly one .onnx or .xml"),
        (in_file(name="x.xml"), "needs its weights x.bin"),
        (lambda p: p.update(default="other"), "default 'other'"),
        (lambda p: p.update(schema=2), "schema"),
        (lambda p: p["packs"].update({"../evil": p["packs"]["tiny"]}), "packs"),
        (lambda p: p["packs"]["tiny"]["detector"].update(decoder="ssd"), "an aligner is needed"),
        (lambda p: p["packs"]["tiny"]["embedder"].update(decoder="ssd"), "does not fit"),
        (lambda p: p["packs"]["tiny"]["embedder"]["reference_points"].pop(), "reference_points"),
        (lambda p: p["packs"]["tiny"]["embedder"].pop("licence"), "`licence`"),
        (lambda p: p["packs"]["tiny"]["embedder"].update(centre=[0.1, 0.2]), "centre has 2 of 4"),
        (lambda p: p["packs"]["tiny"]["embedder"].update(centre=[1.0, 0, 0, 0]), "no mean of unit"),
    ],
)
def test_a_wrong_manifest_names_file_and_key(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(edited(change))
    with pytest.raises(ConfigError) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(str(path))
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"schema = ", b"\xff\xfe", b"schema = 1"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="not a valid model manifest"):
        read_manifest(path)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read: No such file"):
        read_manifest(tmp_path / "absent.toml")


def test_operator_packs_join_the_catalogue_but_never_replace(tmp_path: Path) -> None:
    folder = tmp_path / "packs.d"
    folder.mkdir()
    (folder / "mine.toml").write_bytes(tiny_manifest())
    packs = catalogue(tmp_path)
    assert packs.default == "opencv-zoo"
    assert packs.origins["tiny"] == folder / "mine.toml"
    (folder / "other.toml").write_bytes(tiny_manifest())
    with pytest.raises(ConfigError, match=r"other\.toml: pack 'tiny' is already described by"):
        catalogue(tmp_path)


def test_an_unknown_pack_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match="no such model pack – known packs: opencv-zoo, omz"):
        Catalogue([OWN]).pack("arcface")


def test_the_manifest_in_the_documentation_is_valid(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    example = text.split("```toml\n", 1)[1].split("```", 1)[0]
    assert example.count('"…"') == 1
    path = tmp_path / "mine.toml"
    path.write_text(example.replace("…", "0" * 64), encoding="utf-8")
    pack = read_manifest(path).packs["arcface"]
    assert pack.restriction
    assert pack.embedder.dimension == 512


def test_the_manifest_is_found_in_an_installed_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lfr_engine" / "_models").mkdir(parents=True)
    monkeypatch.setattr(lfr_engine, "__file__", str(tmp_path / "lfr_engine" / "__init__.py"))
    assert models_folder() == tmp_path / "lfr_engine" / "_models"


def changed(section: str, **changes: Any) -> PackSpec:
    def apply(plain: dict[str, Any]) -> None:
        target = plain["packs"]["tiny"]
        for part in section.split("."):
            target = target[part]
        target.update(changes)

    decoded = msgspec.toml.decode(edited(apply))
    return msgspec.convert(decoded["packs"]["tiny"], PackSpec)


@pytest.mark.parametrize(
    "other",
    [
        changed("embedder.preprocessing", colours="BGR"),
        changed("embedder.preprocessing", layout="NHWC"),
        changed("embedder.preprocessing", width=9),
        changed("embedder.preprocessing", mean=[0.0, 0.0, 1.0]),
        changed("embedder.preprocessing", scale=[1.0, 0.5, 1.0]),
        changed("embedder", reference_points=[[3, 3], [5, 3], [4, 4], [3, 5], [5, 5.0001]]),
        changed("embedder", centre=[0.1, 0.0, 0.0, -0.1]),
    ],
)
def test_the_preprocessing_digest_tells_every_change(other: PackSpec) -> None:
    assert preprocessing_digest(other) != preprocessing_digest(tiny_pack())


@pytest.mark.parametrize(
    "other",
    [
        changed("detector.preprocessing", width=96),
        changed("embedder", model="renamed", card="x.md"),
        changed("embedder.preprocessing", mean=[0, 0, 0]),
    ],
)
def test_the_preprocessing_digest_ignores_the_rest(other: PackSpec) -> None:
    assert preprocessing_digest(other) == preprocessing_digest(tiny_pack())


def test_the_preprocessing_digests_of_our_packs_are_fixed() -> None:
    # stored templates and calibrations carry these: a change here makes them unusable
    packs = Catalogue([OWN])
    assert {name: preprocessing_digest(pack)[:16] for name, pack in packs.packs.items()} == {
        "opencv-zoo": "e369143974d88936",
        "omz": "acc99b8f387c8239",
    }
