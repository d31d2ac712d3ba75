"""``lfr watchlist`` from nothing to a certificate, with every step in the journal."""

from __future__ import annotations

import csv
import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lfr_engine.cli import main
from lfr_engine.cli import watchlist as cli
from lfr_engine.clock import ManualClock
from lfr_engine.identity.calibration import Calibration
from lfr_engine.identity.template import TemplateContract
from lfr_engine.identity.watchlist import REQUIRED
from lfr_engine.journal.lines import committed
from tests.enrolment.fakes import CONTRACT, FakePack, save
from tests.identity.lists import fields
from tests.identity.test_calibration import fitted

PACK = replace(CONTRACT, dimension=24)
TODAY = dt.datetime.now(dt.UTC).date().isoformat()


def calibrated(contract: TemplateContract) -> Calibration:
    made = fitted()
    return Calibration(
        made.format, contract, made.cohort, made.made, made.engine, made.tail, made.refits
    )


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LFR_DATA", str(tmp_path / "data"))
    monkeypatch.setenv(cli.KEY_VARIABLE, str(tmp_path / "key"))
    monkeypatch.setattr(cli, "open_models", lambda pack, precision: FakePack(contract=PACK))
    monkeypatch.setattr("lfr_engine.identity.calibration.shipped", calibrated)
    return tmp_path


def run(*words: str | Path) -> int:
    """The exit status of ``lfr watchlist …``."""
    with pytest.raises(SystemExit) as caught:
        main(["watchlist", *map(str, words)])
    code = caught.value.code or 0
    assert isinstance(code, int)
    return code


def begun(place: Path) -> None:
    assert run("key", place / "key") == 0
    assert run("new", "op-1", "--reason", "a warrant operation", "--by", "B. Builder") == 0


def person(number: int) -> dict[str, str]:
    return fields(id=f"A-{number}", label=f"Person {number}", last_checked=TODAY)


def table(place: Path, *rows: dict[str, str]) -> Path:
    path = place / "list.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, REQUIRED)
        writer.writeheader()
        writer.writerows(rows)
    return path


def imported(place: Path, people: int = 3) -> None:
    for number in range(people):
        save(place / "images" / f"A-{number}.png", number)
    rows = table(place, *(person(number) for number in range(people)))
    assert run("import", "op-1", rows, "--images", place / "images", "--by", "B. Builder") == 0


def journalled(place: Path) -> list[tuple[str, dict[str, Any]]]:
    path = place / "data" / "journal.jsonl"
    with path.open("rb") as file:
        return [(one.record.kind, dict(one.record.body)) for one in committed(file, path)]


def kinds(place: Path) -> list[str]:
    return [kind for kind, _ in journalled(place)]


def test_from_nothing_to_a_certificate(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun(place)
    imported(place)
    assert run("seal", "op-1", "--by", "S. Sealer", "--yes") == 0
    assert "op-1: sealed, 3 people, digest " in capsys.readouterr().out
    assert run("withdraw", "op-1", "A-1", "--reason", "arrested", "--by", "B. Builder") == 0
    assert run("list", "op-1", "--by", "B. Builder", "--json") == 0
    told = capsys.readouterr().out
    listed = json.loads(told[told.index("{") :])
    assert [one["state"] for one in listed["entries"]] == ["listed", "withdrawn", "listed"]
    assert listed["state"] == "sealed"
    assert listed["builders"] == ["B. Builder", "S. Sealer"]
    assert run("destroy", "op-1", "--reason", "operation over", "--by", "B. Builder", "--yes") == 0
    assert "op-1: destroyed, certificate " in capsys.readouterr().out
    assert run("list", "op-1", "--by", "B. Builder") == 2
    assert "op-1: was erased" in capsys.readouterr().err
    found = kinds(place)
    for kind in (
        "watchlist.created",
        "entry.added",
        "watchlist.imported",
        "watchlist.sealed",
        "watchlist.members",
        "entry.withdrawn",
        "vault.opened",
        "deletion.certificate",
    ):
        assert kind in found
    sealed = next(body for kind, body in journalled(place) if kind == "watchlist.sealed")
    assert (sealed["people"], sealed["images"], sealed["categories"]) == (3, 3, {"wanted": 3})
    assert sealed["digest"] == listed["digest"]


def test_an_import_says_what_it_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun(place)
    save(place / "images" / "A-1.png", 1)
    rows = table(place, person(1), person(2), person(3) | {"source": ""})
    status = run("import", "op-1", rows, "--images", place / "images", "--by", "B", "--json")
    assert status == 1
    told = capsys.readouterr().out
    report = json.loads(told[told.index("{") :])
    assert [one["id"] for one in report["added"]] == ["A-1"]
    assert [one["reason"] for one in report["refused"]] == ["unreadable", "missing_field"]
    body = next(body for kind, body in journalled(place) if kind == "watchlist.imported")
    assert (body["accepted"], body["refused"]) == (1, {"unreadable": 1, "missing_field": 1})


def test_nobody_taken_is_exit_2(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun(place)
    rows = table(place, person(1))
    (place / "images").mkdir()
    assert run("import", "op-1", rows, "--images", place / "images", "--by", "B") == 2
    assert "refused: list.csv line 2 (A-1): has no pictures" in capsys.readouterr().err


def test_adding_one_person_asks_for_every_field(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(place)
    image = save(place / "a.png", 1)
    words = ["add", "op-1", "--image", str(image), "--by", "B"]
    for name, value in (person(7) | {"reason": ""}).items():
        words += [f"--{name.replace('_', '-')}", value]
    assert run(*words) == 2
    assert "missing reason (R15)" in capsys.readouterr().err
    words[words.index("--reason") + 1] = "failed to appear"
    assert run(*words) == 0
    assert "A-7: added with 1 pictures" in capsys.readouterr().out


def test_a_check_finds_one_person_listed_twice(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(place)
    imported(place)
    save(place / "more" / "A-9.bmp", 1)  # the same photograph as A-1, in another file
    rows = table(place, person(9))
    assert run("import", "op-1", rows, "--images", place / "more", "--by", "B") == 0
    capsys.readouterr()
    assert run("check", "op-1", "--by", "B", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert ("A-1", "A-9") in {(one["first"], one["second"]) for one in found["one_person"]}
    assert run("check", "op-1", "--by", "B") == 1
    assert "perhaps one person: A-1 and A-9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "op-2", "--reason", "x", "--by", "B", "--expires", "2020-01-01"], "(R4)"),
        (["new", "../up", "--reason", "x", "--by", "B"], "is not a usable id"),
        (["new", "op-1", "--reason", "x", "--by", "B"], "is not empty"),
        (["seal", "op-1", "--by", "B"], "nobody is listed (R15)"),
        (["check", "op-1", "--by", "B"], "nobody is listed (R15)"),
        (["withdraw", "op-1", "Z", "--reason", "x", "--by", "B"], "is not on watchlist op-1"),
        (["list", "op-9", "--by", "B"], "holds no watchlist vault"),
        (["list", "op-1"], "--by: is missing (R16) – say who looks"),
        (["destroy", "op-9", "--reason", "x", "--by", "B", "--yes"], "holds no watchlist vault"),
    ],
)
def test_a_refusal_is_one_line_and_exit_2(
    place: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    begun(place)
    capsys.readouterr()
    assert run(*words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_without_a_key_nothing_is_opened(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(cli.KEY_VARIABLE)
    assert run("new", "op-1", "--reason", "x", "--by", "B") == 2
    assert "watchlist key: none was named" in capsys.readouterr().err
    assert not (place / "data" / "watchlists").exists()


def test_destroying_asks_for_the_id(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(place)
    monkeypatch.setattr("click.prompt", lambda *_, **__: "something else")
    assert run("destroy", "op-1", "--reason", "x", "--by", "B") == 2
    assert "op-1: was not destroyed" in capsys.readouterr().err
    monkeypatch.setattr("click.prompt", lambda *_, **__: "op-1")
    assert run("destroy", "op-1", "--reason", "x", "--by", "B") == 0


def test_listing_the_lists_erases_the_expired(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(place)
    assert run("list") == 0
    assert "id op-1  built" in capsys.readouterr().out

    later = ManualClock(started=dt.datetime.now(dt.UTC) + dt.timedelta(hours=49))
    monkeypatch.setattr(cli, "SystemClock", lambda: later)
    assert run("list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(one["id"], one["reason"]) for one in rows] == [("op-1", "expired")]
    assert kinds(place).count("deletion.certificate") == 1


def test_a_change_of_pack_needs_and_gets_a_new_encoding(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun(place)
    imported(place)
    other = replace(PACK, precision="bf16")
    monkeypatch.setattr(cli, "open_models", lambda pack, precision: FakePack(contract=other))
    save(place / "more" / "A-9.png", 9)
    rows = table(place, person(9))
    assert run("import", "op-1", rows, "--images", place / "more", "--by", "B") == 2
    assert "made with precision f32, but bf16 is loaded" in capsys.readouterr().err
    assert run("re-encode", "op-1", "--by", "B") == 0
    assert run("import", "op-1", rows, "--images", place / "more", "--by", "B") == 0
