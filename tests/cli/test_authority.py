from __future__ import annotations

import json
from pathlib import Path

import pytest

from lfr_engine.cli.authority import command
from lfr_engine.errors import InputError, RuleError

NEW = [
    "--use-case", "Targeted", "--purpose", "Find wanted people", "--place", "High Street",
    "--zone", "gate", "--camera", "cam1", "--start", "2026-07-01T10:00Z", "--hours", "6",
    "--watchlist", "WL-1", "--officer-name", "P. Example", "--officer-rank", "Superintendent",
    "--officer-id", "AO-7",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LFR_TRUSTED_KEYS", str(tmp_path / "trusted.toml"))


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        command.main(list(map(str, words)), prog_name="authority")
    assert isinstance(caught.value.code, int)
    return caught.value.code


def prepared(capsys: pytest.CaptureFixture[str]) -> None:
    """A key, trusted; an authority, signed."""
    assert run("key", "new", "ao.key", "--officer", "AO-7") == 0
    said = capsys.readouterr().out
    Path("trusted.toml").write_text(said[said.index("[[trusted]]") :])
    assert run("new", "a.toml", *NEW) == 0
    assert run("sign", "a.toml", "--key", "ao.key", "--yes") == 0
    capsys.readouterr()


def test_from_a_key_to_a_valid_authority(capsys: pytest.CaptureFixture[str]) -> None:
    prepared(capsys)
    assert run("verify", "a.toml", "--at", "2026-07-01T12:00Z", "--camera", "cam1") == 0
    assert capsys.readouterr().out == "a.toml: valid until 2026-07-01 16:00 UTC\n"
    assert run("show", "a.toml") == 0
    said = capsys.readouterr().out
    assert "Superintendent P. Example (AO-7)" in said
    assert "2026-07-01 10:00 to 2026-07-01 16:00 UTC (6 h)" in said
    assert "signature  fits, key " in said


def test_every_reason_is_given_with_its_rule(capsys: pytest.CaptureFixture[str]) -> None:
    prepared(capsys)
    late = ["--at", "2026-07-02", "--camera", "cam9", "--built-by", "ao-7", "--watchlist", "WL-2"]
    assert run("verify", "a.toml", *late) == 2
    said = capsys.readouterr().out
    assert said.count("(R3)") == 4
    assert run("verify", "a.toml", *late, "--json") == 2
    result = json.loads(capsys.readouterr().out)
    assert result["valid"] is False
    assert [p["rule"] for p in result["problems"]] == ["R3"] * 4


def test_an_altered_file_does_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    prepared(capsys)
    path = Path("a.toml")
    path.write_text(path.read_text().replace("High Street", "Low Street"))
    assert run("show", "a.toml") == 0
    assert "DOES NOT FIT" in capsys.readouterr().out
    assert run("verify", "a.toml", "--at", "2026-07-01T12:00Z") == 2
    assert "altered after it was signed (R3)" in capsys.readouterr().out


def test_the_officer_sees_what_is_signed_and_may_decline(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(capsys)
    assert run("new", "b.toml", *NEW) == 0
    before = Path("b.toml").read_bytes()
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    assert run("sign", "b.toml", "--key", "ao.key") == 1
    assert "Find wanted people" in capsys.readouterr().out
    assert Path("b.toml").read_bytes() == before
    with pytest.raises(RuleError, match="signed already"):
        run("sign", "a.toml", "--key", "ao.key", "--yes")


def test_an_exercise_needs_no_trusted_key(capsys: pytest.CaptureFixture[str]) -> None:
    run("key", "new", "me.key", "--officer", "me")
    assert run("new", "e.toml", "--exercise", *NEW) == 0
    assert run("sign", "e.toml", "--key", "me.key", "--yes") == 0
    assert run("verify", "e.toml", "--at", "2026-07-01T12:00Z") == 0
    capsys.readouterr()
    assert run("show", "e.toml", "--json") == 0
    assert json.loads(capsys.readouterr().out)["authority"]["mode"] == "exercise"


def test_a_passphrase_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: "open sesame")
    assert run("key", "new", "p.key", "--officer", "AO-7", "--passphrase") == 0
    made = capsys.readouterr().out
    with pytest.raises(InputError, match="needs a passphrase"):
        run("key", "show", "p.key", "--officer", "AO-7")
    assert run("key", "show", "p.key", "--officer", "AO-7", "--passphrase") == 0
    shown = capsys.readouterr().out
    assert shown[shown.index("[[") :] == made[made.index("[[") :]
    assert "sesame" not in made + shown
    monkeypatch.setenv("LFR_KEY_PASSPHRASE", "open sesame")
    assert run("key", "show", "p.key", "--officer", "AO-7") == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*NEW, "--end", "2026-07-01T16:00Z"], "either --end or --hours"),
        ([*NEW, "--ceiling", "0.5"], "false_alert_ceiling"),
        ([*NEW, "--id", "two words"], r"\$\.id"),
    ],
)
def test_what_cannot_be_authorised_is_not_written(words: list[str], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        run("new", "x.toml", *words)
    assert not Path("x.toml").exists()


def test_a_missing_list_of_trusted_keys_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    prepared(capsys)
    Path("trusted.toml").unlink()
    with pytest.raises(RuleError, match="no file of trusted keys"):
        run("verify", "a.toml")
