from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.deployment import authority as papers
from lfr_engine.deployment.authority import Officer, TrustedKey, load_trusted, parse, render, sign
from lfr_engine.deployment.permission import check
from lfr_engine.errors import InputError, LfrError, RuleError
from lfr_engine.journal.signing import Signer
from tests.deployment.papers import FACTS, GOOD, NOON, OFFICER, authority, signed, unsigned


def test_a_document_reads_as_it_was_rendered_and_signed() -> None:
    document = signed()
    assert document.authority == GOOD
    assert document.body == render(GOOD)
    assert document.key == OFFICER.public_key
    assert document.intact
    assert not unsigned().intact


words = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(['"', "\\", "\x7f", "#"]),
    min_size=1,
    max_size=80,
)


@given(words, words)
def test_any_words_survive_the_file(purpose: str, name: str) -> None:
    paper = authority(purpose=purpose, officer=Officer(name, "rank", "id"))
    assert signed(purpose=purpose, officer=Officer(name, "rank", "id")).authority == paper


def test_any_flipped_byte_is_refused() -> None:
    whole = sign(unsigned(), OFFICER)
    for place, byte in enumerate(whole):
        data = whole[:place] + bytes([byte ^ 1]) + whole[place + 1 :]
        with pytest.raises(LfrError):
            check(parse(data, "authority.toml"), NOON, FACTS)


@pytest.mark.parametrize("more", [b"\n", b"# reviewed\n", b"note = 1\n", b"[signature]\n"])
def test_nothing_can_be_added(more: bytes) -> None:
    whole = sign(unsigned(), OFFICER)
    with pytest.raises(LfrError):
        check(parse(whole + more, "authority.toml"), NOON, FACTS)
    with pytest.raises(LfrError):
        check(parse(more + whole, "authority.toml"), NOON, FACTS)


def test_a_signed_document_is_not_signed_over() -> None:
    with pytest.raises(RuleError, match=r"signed already \(R3\)"):
        sign(signed(), Signer.generate())


def test_only_an_exercise_signs_itself() -> None:
    document = papers.self_signed(authority(mode="exercise"))
    assert document.intact
    assert b"EXERCISE" in document.body
    with pytest.raises(RuleError, match="R27"):
        papers.self_signed(GOOD)


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (b'use_case = "Targeted operation"\n', b"", "use_case"),
        (b'retention = "met"', b'retention = "for ever"', "retention"),
        (b"false_alert_ceiling = 0.001", b"false_alert_ceiling = 0.01", "false_alert_ceiling"),
        (b"start = 2026-07-01T10:00:00Z", b"start = 2026-07-01T10:00:00", "start"),
        (b'cameras = ["cam1", "cam2"]', b"cameras = []", "cameras"),
        (b"format = 1", b"format = 2", "format"),
        (b"format = 1", b"formt = 1", "formt"),
        (b"format = 1", b"format = = 1", "not a readable authority"),
        (b"format = 1", b"format = \xff", "not a readable authority"),
    ],
)
def test_a_wrong_field_is_named(before: bytes, after: bytes, named: str) -> None:
    body = render(GOOD)
    assert before in body
    with pytest.raises(InputError, match=named):
        parse(body.replace(before, after), "authority.toml")


@pytest.mark.parametrize(
    "section", [b"[signature]\n", b"[signature]\nkey = 1\nvalue = 2\n", b"[signature]\nvalue=''\n"]
)
def test_half_a_signature_is_none(section: bytes) -> None:
    with pytest.raises(InputError, match="signature"):
        parse(render(GOOD) + section, "authority.toml")


def test_files_are_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    with pytest.raises(RuleError, match=r"there is no authority here \(R3\)"):
        papers.load(path)
    papers.save(path, render(GOOD), replace=False)
    with pytest.raises(InputError, match="exists already"):
        papers.save(path, b"", replace=False)
    assert papers.load(path).authority == GOOD
    papers.save(path, sign(papers.load(path), OFFICER), replace=True)
    assert papers.load(path).intact
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(InputError, match="too large"):
        papers.load(path)
    with pytest.raises(InputError, match="cannot read"):
        papers.load(tmp_path)
    with pytest.raises(InputError, match="cannot write"):
        papers.save(tmp_path / "no" / "a", b"", replace=True)


def test_trusted_keys_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "trusted.toml"
    path.write_text(f'[[trusted]]\nofficer = "AO-7"\nkey = "{OFFICER.public_key}"\n')
    assert load_trusted(path) == (TrustedKey("AO-7", OFFICER.public_key),)
    path.write_text('[[trusted]]\nofficer = "AO-7"\nkey = "ed25519:nonsense"\n')
    with pytest.raises(InputError, match="public key"):
        load_trusted(path)
    path.write_text('[[trusted]]\nofficer = "AO-7"\n')
    with pytest.raises(InputError, match="key"):
        load_trusted(path)
    with pytest.raises(RuleError, match=r"no file of trusted keys \(R3\)"):
        load_trusted(tmp_path / "absent")
