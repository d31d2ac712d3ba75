from __future__ import annotations

import os
import pwd

import pytest

from lfr_engine.api.callers import (
    ALL_ROLES,
    ApiSettings,
    Proof,
    certificate_proof,
    choose_role,
    peer_proof,
)
from lfr_engine.protocol.commands import CallerRole

ME = pwd.getpwuid(os.geteuid()).pw_name


def test_the_engines_own_account_has_every_role_unless_it_is_told_otherwise() -> None:
    assert peer_proof(ApiSettings(()), os.geteuid()) == Proof(ME, ALL_ROLES, "peer")
    settings = ApiSettings((), users={ME: [CallerRole.AUDITOR]})
    assert peer_proof(settings, os.geteuid()).roles == (CallerRole.AUDITOR,)


def test_other_accounts_have_the_roles_they_are_given_and_no_others() -> None:
    settings = ApiSettings((), users={"uid-54321": [CallerRole.OFFICER]})
    assert peer_proof(settings, 54_321) == Proof("uid-54321", (CallerRole.OFFICER,), "peer")
    assert peer_proof(settings, 54_322).roles == ()


@pytest.mark.parametrize(
    ("certificate", "name", "roles"),
    [
        (None, "", ()),
        ({}, "", ()),
        ({"subject": ((("commonName", "desk"),),)}, "desk", (CallerRole.OPERATOR,)),
        ({"subject": ((("organizationName", "desk"),),)}, "", ()),
        ({"subject": ((("commonName", "desk"),), (("commonName", "x"),))}, "", ()),
        ({"subject": ((("commonName", "other"),),)}, "other", ()),
    ],
)
def test_a_certificate_is_its_one_common_name(
    certificate: dict[str, object] | None, name: str, roles: tuple[CallerRole, ...]
) -> None:
    settings = ApiSettings((), certificates={"desk": [CallerRole.OPERATOR]})
    assert certificate_proof(settings, certificate) == Proof(name, roles, "certificate")


@pytest.mark.parametrize("asked", [None, *CallerRole, "king"])
def test_a_role_is_never_more_than_the_proof_gives(asked: str | None) -> None:
    proof = Proof("x", (CallerRole.OFFICER, CallerRole.AUDITOR), "peer")
    chosen = choose_role(proof, asked)
    assert chosen == {
        None: CallerRole.OFFICER,
        "officer": CallerRole.OFFICER,
        "auditor": CallerRole.AUDITOR,
    }.get(asked)
    assert choose_role(Proof("x", (), "peer"), asked) is None
