"""Every refused command says what is missing and which rule asks for it, and leaves nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lfr_engine.cli import ending, main
from lfr_engine.cli import watchlist as watchlists
from lfr_engine.deployment.authority import TrustedKey
from lfr_engine.identity.watchlist import REQUIRED
from lfr_engine.journal.signing import load_key
from lfr_engine.journal.verification import verify
from tests.cli.test_watchlist import TODAY, calibrated, person, table
from tests.enrolment.fakes import CONTRACT, FakePack, save

NEW = {
    "--use-case": "Targeted", "--purpose": "Find wanted people", "--place": "High Street",
    "--zone": "gate", "--camera": "cam1", "--start": "2026-07-01T10:00Z", "--hours": "6",
    "--watchlist": "op-1", "--officer-name": "P. Example", "--officer-rank": "Superintendent",
    "--officer-id": "AO-7",
}  # fmt: skip
ADD = {
    "--image": "images/A-0.png", "--id": "A-9", "--label": "Nine", "--category": "wanted",
    "--source": "custody", "--lawful-basis": "warrant 1", "--reason": "sought by the court",
    "--priority": "high", "--expected-action": "arrest", "--last-checked": TODAY,
    "--under-18": "no", "--by": "B",
}  # fmt: skip


def words(command: str, options: dict[str, str], without: str = "", **changes: str) -> list[str]:
    named = options | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    pairs = [word for name, value in named.items() if name != without for word in (name, value)]
    return [*command.split(), *pairs]


AUTHORITY = "authority new x.toml"
LIVE = '[[cameras]]\nname = "a"\nsource = "rtsp://x/1"\n'
DEPLOY = (
    '[deployment]\nauthority = "{}"\nwatchlist_key = "key"\ntrusted_keys = ["trusted.toml"]\n'
    'data = "data"\nzones = ["gate"]\n'
)

REFUSED: dict[str, tuple[list[str], str, str]] = {
    **{
        f"an authority without {name}": (words(AUTHORITY, NEW, without=name), "R3", name)
        for name in NEW
        if name != "--hours"
    },
    "an authority without an end": (words(AUTHORITY, NEW, without="--hours"), "R3", "--end"),
    "two ends": (words(AUTHORITY, NEW, end="2026-07-01T16:00Z"), "R3", "either --end or --hours"),
    "an end before its start": (
        words(AUTHORITY, NEW, without="--hours", end="2026-07-01T09:00Z"), "R3", "after the start",
    ),
    "a ceiling above 1 in 1,000": (words(AUTHORITY, NEW, ceiling="0.5"), "R6", "ceiling"),
    "an authority's id in two words": (words(AUTHORITY, NEW, id="two words"), "R3", "$.id"),
    "signing what is not there": (["authority", "sign", "no.toml", "--key", "k"], "R3", "no auth"),
    "signing without a key": (["authority", "sign", "a.toml"], "R3", "--key: is missing"),
    "signing twice": (["authority", "sign", "a.toml", "--key", "ao.key", "--yes"], "R3", "already"),
    "an authority nobody signed": (
        ["authority", "verify", "unsigned.toml", "--trusted", "trusted.toml"], "R3", "not signed",
    ),
    "no trusted keys": (
        ["authority", "verify", "a.toml", "--trusted", "no.toml"], "R3", "no file of trusted keys",
    ),
    "an authority that expired": (
        ["authority", "verify", "a.toml", "--trusted", "trusted.toml"], "R3", "expired",
    ),
    "another list": (
        ["authority", "verify", "a.toml", "--trusted", "trusted.toml", "--watchlist", "op-2"],
        "R3", "for watchlist op-1, but op-2",
    ),
    "a list without a reason": (["watchlist", "new", "op-2", "--by", "B"], "R15", "--reason"),
    "a list without a builder": (["watchlist", "new", "op-2", "--reason", "x"], "R16", "--by"),
    "a list kept too long": (
        words("watchlist new op-2", {"--reason": "x", "--by": "B"}, expires="2099-01-01T00:00Z"),
        "R4", "would expire",
    ),
    **{
        f"a person without {name}": (words("watchlist add op-1", ADD, without=name), rule, name)
        for name, rule in {name: "R16" if name == "--by" else "R15" for name in ADD}.items()
    },
    "a category that is none": (words("watchlist add op-1", ADD, category="x"), "R15", "category"),
    "a day that is to come": (
        words("watchlist add op-1", ADD, last_checked="2099-01-01"), "R15", "future",
    ),
    "under 18 without a rationale": (
        words("watchlist add op-1", ADD, under_18="yes"), "R14", "under_18_rationale",
    ),
    "a picture without a face": (
        words("watchlist add op-1", ADD, image="images/empty.png"), "R14", "face",
    ),
    "a table without a column": (
        ["watchlist", "import", "op-1", "short.csv", "--images", "images", "--by", "B"],
        "R15", "no column",
    ),
    "sealing an empty list": (["watchlist", "seal", "op-1", "--by", "B"], "R15", "nobody"),
    "checking an empty list": (["watchlist", "check", "op-1", "--by", "B"], "R15", "nobody"),
    "adding to a sealed list": (words("watchlist add op-s", ADD), "R4", "is sealed"),
    "withdrawing without a reason": (
        ["watchlist", "withdraw", "op-s", "A-0", "--by", "B"], "R15", "--reason",
    ),
    "looking without a name": (["watchlist", "list", "op-1"], "R16", "--by"),
    "a list that is not there": (
        ["watchlist", "list", "op-9", "--by", "B"], "R4", "holds no watchlist",
    ),
    "destroying what is not there": (
        ["watchlist", "destroy", "op-9", "--reason", "x", "--by", "B", "--yes"], "R4", "holds no",
    ),
    "destroying without a reason": (
        ["watchlist", "destroy", "op-1", "--by", "B", "--yes"], "R15", "--reason",
    ),
    "a destroyed list": (["watchlist", "list", "op-d", "--by", "B"], "R4", "was erased"),
    "an exercise on live cameras": (["run", "exercise.toml"], "R27", "live source"),
    "a deployment without an authority": (["run", "none.toml"], "R3", "no authority"),
    "a deployment under an expired one": (["run", "expired.toml"], "R3", "expired"),
}  # fmt: skip


def lfr(*command: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(command))
    code = caught.value.code or 0
    assert isinstance(code, int)
    return code


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty list, a sealed one, a destroyed one, an authority of long ago: made once."""
    folder = tmp_path_factory.mktemp("refusals")
    with pytest.MonkeyPatch.context() as patch:
        _prepare(folder, patch)
        for number in range(3):
            save(folder / "images" / f"A-{number}.png", number)
        assert lfr("watchlist", "key", "key") == 0
        for name in ("op-1", "op-s", "op-d"):
            assert lfr("watchlist", "new", name, "--reason", "warrants", "--by", "B") == 0
        rows = table(folder, *(person(number) for number in range(3)))
        images = ("--images", "images", "--by", "B")
        assert lfr("watchlist", "import", "op-s", str(rows), *images) == 0
        assert lfr("watchlist", "seal", "op-s", "--yes", "--by", "B") == 0
        assert lfr("watchlist", "destroy", "op-d", "--reason", "x", "--by", "B", "--yes") == 0
        (folder / "short.csv").write_text(",".join(REQUIRED[:-1]) + "\nA-9\n")
        assert lfr("authority", "key", "new", "ao.key", "--officer", "AO-7") == 0
        trusted = TrustedKey("AO-7", load_key(folder / "ao.key").public_key)
        (folder / "trusted.toml").write_text(
            f'[[trusted]]\nofficer = "{trusted.officer}"\nkey = "{trusted.key}"\n'
        )
        cv2.imwrite(str(folder / "images" / "empty.png"), np.zeros((400, 400, 3), np.uint8))
        assert lfr(*words("authority new unsigned.toml", NEW)) == 0
        (folder / "a.toml").write_bytes((folder / "unsigned.toml").read_bytes())
        assert lfr("authority", "sign", "a.toml", "--key", "ao.key", "--yes") == 0
    (folder / "exercise.toml").write_text(LIVE + '[exercise]\nwatchlist = "images"\n')
    (folder / "none.toml").write_text(LIVE + DEPLOY.format("no.toml"))
    (folder / "expired.toml").write_text(LIVE + DEPLOY.format("a.toml"))
    return folder


def _prepare(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("LFR_DATA", str(folder / "data"))
    patch.setenv(watchlists.KEY_VARIABLE, str(folder / "key"))
    pack = FakePack(contract=replace(CONTRACT, dimension=24))
    patch.setattr(watchlists, "open_models", lambda *_: pack)
    patch.setattr("lfr_engine.identity.calibration.shipped", calibrated)


def left(folder: Path) -> dict[str, bytes]:
    """Every file and folder but the journal's own, which says more with each refusal, and locks."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if not path.name.startswith("journal.") and path.name != "lock"
    }


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_rule_and_leaves_nothing(
    name: str, built: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _prepare(built, monkeypatch)
    monkeypatch.setattr(ending, "leave", sys.exit)  # these tests share a process with the engine
    command, rule, cause = REFUSED[name]
    before = left(built)
    assert lfr(*command) == 2
    told = capfd.readouterr()
    said = told.out + told.err
    assert f"({rule})" in said, said
    assert cause in said, said
    assert left(built) == before
    assert verify(built / "data" / "journal.jsonl").ok


def test_without_a_key_no_list_is_begun(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _prepare(built, monkeypatch)
    monkeypatch.delenv(watchlists.KEY_VARIABLE)
    before = left(built)
    assert lfr("watchlist", "new", "op-2", "--reason", "x", "--by", "B") == 2
    assert "watchlist key: none was named (R4)" in capsys.readouterr().err
    assert left(built) == before
