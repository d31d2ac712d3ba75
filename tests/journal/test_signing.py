from __future__ import annotations

from pathlib import Path

import pytest

from lfr_engine.errors import InputError
from lfr_engine.journal.signing import (
    Signer,
    create_key,
    fingerprint,
    load_key,
    load_or_create,
    signature_holds,
)


def test_a_key_file_is_private_and_signs_as_the_key_it_was_made_with(tmp_path: Path) -> None:
    made = create_key(tmp_path / "ao.key")
    assert (tmp_path / "ao.key").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["ao.key"]
    signature = load_key(tmp_path / "ao.key").sign(b"text")
    assert signature_holds(made.public_key, b"text", signature)
    assert not signature_holds(made.public_key, b"texT", signature)
    assert not signature_holds(Signer.generate().public_key, b"text", signature)


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    first = create_key(tmp_path / "k")
    with pytest.raises(InputError, match="exists already"):
        create_key(tmp_path / "k")
    assert load_or_create(tmp_path / "k").public_key == first.public_key
    assert [p.name for p in tmp_path.iterdir()] == ["k"]


def test_a_passphrase_is_asked_for_and_checked(tmp_path: Path) -> None:
    made = create_key(tmp_path / "k", "open sesame")
    assert load_key(tmp_path / "k", "open sesame").public_key == made.public_key
    with pytest.raises(InputError, match="needs a passphrase"):
        load_key(tmp_path / "k")
    with pytest.raises(InputError, match="passphrase is wrong"):
        load_key(tmp_path / "k", "open says me")


def test_unusable_key_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such key file"):
        load_key(tmp_path / "absent")
    create_key(tmp_path / "k").sign(b"")
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(InputError, match="read by others – chmod 600 k"):
        load_key(tmp_path / "k")
    (tmp_path / "noise").write_bytes(b"noise")
    (tmp_path / "noise").chmod(0o600)
    with pytest.raises(InputError, match="not a private key"):
        load_key(tmp_path / "noise")
    create_key(tmp_path / "plain")
    with pytest.raises(InputError, match="has no passphrase"):
        load_key(tmp_path / "plain", "x")


def test_the_private_half_is_never_shown() -> None:
    signer = Signer.generate()
    assert repr(signer) == f"Signer({signer.public_key})"


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:€"])
def test_what_is_not_a_public_key_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="public key"):
        fingerprint(text)


def test_a_fingerprint_is_short_and_of_the_key() -> None:
    one, two = Signer.generate().public_key, Signer.generate().public_key
    assert len(fingerprint(one)) == 16
    assert fingerprint(one) == fingerprint(one) != fingerprint(two)
