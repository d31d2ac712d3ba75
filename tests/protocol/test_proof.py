from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import InputError
from lfr_engine.protocol.proof import Token, check_proof, client_key, make_proof, stored_key

TOKEN = Token("console", bytes(range(32)))
NONCE = bytes(32)


def test_the_holder_is_believed() -> None:
    proof = make_proof(TOKEN, NONCE, 1)
    assert check_proof(stored_key(TOKEN), "console", NONCE, 1, proof)


@given(st.binary(min_size=32, max_size=32))
def test_a_guess_is_not(guess: bytes) -> None:
    assert not check_proof(stored_key(TOKEN), "console", NONCE, 1, guess)


def test_a_recorded_proof_is_worth_nothing_under_another_nonce_name_or_version() -> None:
    proof = make_proof(TOKEN, NONCE, 1)
    stored = stored_key(TOKEN)
    assert not check_proof(stored, "console", bytes(31) + b"\x01", 1, proof)
    assert not check_proof(stored, "another", NONCE, 1, proof)
    assert not check_proof(stored, "console", NONCE, 2, proof)


def test_the_stored_key_cannot_be_used_as_a_token() -> None:
    thief = Token("console", stored_key(TOKEN))
    assert not check_proof(stored_key(TOKEN), "console", NONCE, 1, make_proof(thief, NONCE, 1))
    assert client_key(TOKEN) != stored_key(TOKEN)


def test_known_values_for_other_languages() -> None:
    assert stored_key(TOKEN).hex() == (
        "30841b15e1fb554a052cd1432ba6c8f0376775a07919d0c1c2b9f7aaa1828d01"
    )
    assert make_proof(TOKEN, NONCE, 1).hex() == (
        "dd1bf00bdc95bef1ace095c518d171ab569202de2a811ba1757b96490debe7c5"
    )


@given(st.binary(min_size=32, max_size=32))
def test_a_token_reads_back(secret: bytes) -> None:
    token = Token("a-name", secret)
    assert Token.parse(f" {token.text()}\n") == token
    assert secret.hex() not in repr(token)


@pytest.mark.parametrize(
    "text",
    ["", "lfr1", "lfr1.a", "lfr1.a.b", "lfr1.a.!!!", "lfr2.a." + "A" * 43, "lfr1.." + "A" * 43],
)
def test_what_is_not_a_token_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Token.parse(text)
    assert "AAA" not in str(caught.value)
