from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from lfr_engine.api.tokens import TokenStore
from lfr_engine.errors import ConfigError, InputError
from lfr_engine.protocol.commands import CallerRole
from lfr_engine.protocol.proof import make_proof

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NONCE = bytes(32)


def test_a_token_is_accepted_and_its_secret_is_not_in_the_file(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "keys" / "tokens.json")
    token = store.add("console", [CallerRole.OPERATOR, CallerRole.ENGINEER])
    found = store.check("console", NONCE, 1, make_proof(token, NONCE, 1), NOW)
    assert found is not None
    assert found.roles == [CallerRole.OPERATOR, CallerRole.ENGINEER]
    text = (tmp_path / "keys" / "tokens.json").read_text()
    assert token.secret.hex() not in text
    assert token.text().split(".")[2] not in text
    assert (tmp_path / "keys" / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_wrong_unknown_and_expired_are_refused(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "tokens.json")
    token = store.add("console", [CallerRole.AUDITOR], expires=NOW)
    before = NOW - dt.timedelta(seconds=1)
    proof = make_proof(token, NONCE, 1)
    assert store.check("console", NONCE, 1, proof, before) is not None
    assert store.check("console", NONCE, 1, proof, NOW) is None
    assert store.check("console", NONCE, 1, bytes(32), before) is None
    assert store.check("nobody", NONCE, 1, proof, before) is None


def test_a_withdrawn_token_is_refused_at_once_by_another_reader(tmp_path: Path) -> None:
    writer, reader = TokenStore(tmp_path / "tokens.json"), TokenStore(tmp_path / "tokens.json")
    token = writer.add("console", [CallerRole.AUDITOR])
    writer.add("kept", [CallerRole.AUDITOR])
    proof = make_proof(token, NONCE, 1)
    assert reader.check("console", NONCE, 1, proof, NOW) is not None
    writer.withdraw("console")
    assert reader.check("console", NONCE, 1, proof, NOW) is None
    assert reader.holders() == {"kept": "kept"}


def test_somebody_may_have_several_tokens(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    store = TokenStore(path)
    old = store.add("anna", [CallerRole.OPERATOR])
    new = store.add("anna-2", [CallerRole.OPERATOR], person="anna")
    for token in (old, new):
        found = store.check(token.name, NONCE, 1, make_proof(token, NONCE, 1), NOW)
        assert found is not None
        assert (found.name, found.holder) == (token.name, "anna")
    assert TokenStore(path).holders() == {"anna": "anna", "anna-2": "anna"}
    store.withdraw("anna-2")
    assert "person" not in path.read_text(), "an older engine reads a file that names nobody"


@pytest.mark.parametrize("name", ["", "a b", "-a", "a" * 65, "a\n", "é"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    store = TokenStore(tmp_path / "tokens.json")
    with pytest.raises(InputError):
        store.add(name, [CallerRole.AUDITOR])
    with pytest.raises(InputError):
        store.add("console", [CallerRole.AUDITOR], person=name)
    assert store.holders() == {}


def test_mistakes_are_told(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "tokens.json")
    store.add("console", [CallerRole.AUDITOR])
    with pytest.raises(InputError, match="there is a token of that name"):
        store.add("console", [CallerRole.AUDITOR])
    with pytest.raises(InputError, match="at least one role"):
        store.add("other", [])
    with pytest.raises(InputError, match="no token of that name"):
        store.withdraw("other")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not a token file"),
        ('{"tokens": [{"name": "a", "roles": ["king"], "stored_key": ""}]}', "not a token file"),
        ('{"tokens": [{"name": "a", "roles": ["ao"], "stored_key": "00"}]}', "not whole"),
        ('{"tokens": [{"name": "a", "roles": ["ao"], "stored_key": "zz"}]}', "not a token file"),
    ],
)
def test_a_broken_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tokens.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=said):
        TokenStore(path).holders()


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    path.write_text('{"tokens": []}')
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read"):
        TokenStore(path).holders()


def test_no_file_means_no_tokens(tmp_path: Path) -> None:
    assert TokenStore(tmp_path / "absent.json").holders() == {}
