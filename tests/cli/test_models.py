from __future__ import annotations

import json
from pathlib import Path

import pytest

from lfr_engine.cli import main
from tests.inference.packs import flat_mirror, tiny_manifest, tiny_pack


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An operator's manifest with its files beside it, and an empty data folder."""
    monkeypatch.setenv("LFR_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("LFR_MODEL_MIRROR", raising=False)
    folder = flat_mirror(tmp_path / "mine")
    (folder / "mine.toml").write_bytes(tiny_manifest())
    return folder / "mine.toml"


def run(*words: str | Path) -> int:
    """The exit status of ``lfr models …``."""
    with pytest.raises(SystemExit) as caught:
        main(["models", *map(str, words)])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_an_operators_pack_from_manifest_to_removal(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("install", "--manifest", mine) == 0
    assert "tiny: installed" in capsys.readouterr().out
    assert run("install", "tiny") == 0
    assert "tiny: already installed and sound" in capsys.readouterr().out
    assert run("verify") == 0
    assert capsys.readouterr().out == "tiny: sound\n"
    assert run("remove", "tiny", "--yes") == 0
    assert run("remove", "tiny", "--yes") == 0
    assert capsys.readouterr().out == "tiny: removed\ntiny: was not installed\n"


def test_list_tells_state_and_licence(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("install", "--manifest", mine)
    capsys.readouterr()
    assert run("list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["packs"]}
    assert rows["tiny"]["state"] == "installed"
    assert rows["opencv-zoo"]["state"] == "absent"
    assert rows["opencv-zoo"]["default"]
    assert rows["omz"]["licence"] == "Apache-2.0"
    assert run("list") == 0
    assert "installed" in capsys.readouterr().out


def test_damage_is_listed_verified_and_named(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("install", "--manifest", mine)
    bad = tmp_path / "data" / "models" / "tiny" / "find.onnx"
    bad.write_bytes(b"short")
    capsys.readouterr()
    assert run("verify", "tiny") == 2
    told = capsys.readouterr()
    assert told.out == "tiny: 1 problem(s)\n"
    assert told.err.startswith(f"lfr: {bad}: truncated: 5 of ")
    assert told.err.count("\n") == 1
    assert run("verify", "--json") == 2
    assert "truncated" in json.loads(capsys.readouterr().out)["tiny"][0]
    run("list", "--json")
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["packs"]}
    assert rows["tiny"]["state"] == "damaged"


def test_from_takes_files_from_that_folder_and_nowhere_else(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run("install", "--manifest", mine, "--from", empty) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"lfr: find.onnx: could not be fetched: mirror {empty}: does not hold")
    assert "registry" not in told
    assert told.count("\n") == 1
    assert run("install", "tiny", "--from", mine.parent) == 0


def test_the_mirror_variable_is_a_first_origin(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = tmp_path / "alone.toml"
    alone.write_bytes(mine.read_bytes())
    monkeypatch.setenv("LFR_MODEL_MIRROR", str(mine.parent))
    assert run("install", "--manifest", alone) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("install", "nonsense"), "lfr: nonsense: no such model pack – known packs: opencv-zoo"),
        (("remove", "nonsense"), "lfr: nonsense: no such model pack"),
        (("verify", "nonsense"), "lfr: nonsense: no such model pack"),
        (("install", "--from", "nowhere"), "lfr: nowhere: is not a folder"),
        (("install", "--manifest", "nowhere.toml"), "lfr: nowhere.toml: cannot be read"),
        (("verify", "omz"), "lfr: model pack omz: is not installed – run: lfr models install omz"),
    ],
)
def test_errors_are_one_line_and_status_2(
    mine: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert error.startswith(told)
    assert error.count("\n") == 1


def test_verify_with_nothing_installed_says_so(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify") == 0
    assert "no model pack is installed" in capsys.readouterr().out


def test_a_restricted_licence_is_asked_about(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.write_bytes(tiny_manifest(tiny_pack("non-commercial research only")))
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert run("install", "--manifest", mine) == 1
    assert "tiny: non-commercial research only" in capsys.readouterr().out
    assert not (tmp_path / "data" / "models" / "tiny").exists()
    assert run("install", "--manifest", mine, "--yes") == 0


def test_removal_asks_first(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("install", "--manifest", mine)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert run("remove", "tiny") == 1
    assert (tmp_path / "data" / "models" / "tiny").is_dir()
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "y")
    assert run("remove", "tiny") == 0
