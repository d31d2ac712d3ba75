"""From proof to caller: peer credentials, tokens and certificates to a name and one role.

Owns: the rules that say which roles a proof gives. Never: sockets, text from a stranger in errors.
Strategy: a proof gives a list of roles; a connection acts in exactly one of them, the first unless
the hello asks for another, so a journal line always names one role.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lfr_engine.api.guard import Bounds
from lfr_engine.protocol.address import Address
from lfr_engine.protocol.commands import CallerRole

ALL_ROLES: tuple[CallerRole, ...] = tuple(CallerRole)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """The engine's certificate, and whom it trusts.

    Args:
        certificate: PEM chain of the engine.
        key: PEM key of the engine.
        client_authority: PEM certificates that sign client certificates; ``None`` asks for none.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where the API listens, whom it knows, and its bounds.

    Args:
        listen: Addresses; a TCP one needs ``tls``.
        tls: See ``TlsSettings``.
        token_file: Where tokens are stored; ``None`` means that none are accepted.
        users: Unix account name → roles, for callers on a Unix socket. The engine's own account
            and root have every role: they could change the engine itself.
        certificates: Common name of a client certificate → roles.
        socket_mode: Mode of the Unix socket; 0o660 lets its group connect, whose members still
            need a line in ``users`` or a token.
        bounds: See ``Bounds``.
    """

    listen: tuple[Address, ...]
    tls: TlsSettings | None = None
    token_file: Path | None = None
    users: Mapping[str, Sequence[CallerRole]] = field(default_factory=dict)
    certificates: Mapping[str, Sequence[CallerRole]] = field(default_factory=dict)
    socket_mode: int = 0o600
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(frozen=True, slots=True)
class Proof:
    """Who the caller is before it chose a role; no roles means that a token is needed."""

    name: str
    roles: tuple[CallerRole, ...]
    proven_by: str


def peer_proof(settings: ApiSettings, user_id: int) -> Proof:
    """What the operating system's word about a Unix peer is worth."""
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = f"uid-{user_id}"
    if user_id in {0, os.geteuid()}:
        return Proof(name, tuple(settings.users.get(name, ALL_ROLES)), "peer")
    return Proof(name, tuple(settings.users.get(name, ())), "peer")


def certificate_proof(settings: ApiSettings, certificate: Mapping[str, Any] | None) -> Proof:
    """What a client certificate, already verified by TLS, is worth."""
    names = [
        value
        for part in (certificate or {}).get("subject", ())
        for key, value in part
        if key == "commonName"
    ]
    if len(names) != 1:
        return Proof("", (), "certificate")
    return Proof(names[0], tuple(settings.certificates.get(names[0], ())), "certificate")


def choose_role(proof: Proof, asked: str | None) -> CallerRole | None:
    """The role to act in: the one asked for if the proof gives it, the first if none is asked."""
    if asked is None:
        return proof.roles[0] if proof.roles else None
    return next((role for role in proof.roles if role.value == asked), None)
