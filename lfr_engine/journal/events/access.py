"""Events of access and relay: sessions, commands, refusals, and what left for officers."""

from __future__ import annotations

from typing import Literal

from lfr_engine.journal.events.fields import (
    Count,
    Event,
    Name,
    Number,
    PersonEvent,
    Ref,
    Role,
    Text,
    TextDigest,
    Time,
    kind,
)


@kind("api.called")
class ApiCalled(PersonEvent, frozen=True, kw_only=True):
    """A command that changes state, or shows something protected, was carried out."""

    command: Ref
    subject: Name | None = None
    details: Text | None = None
    origin: Name | None = None
    session: Ref | None = None
    deployment: Ref | None = None


@kind("api.refused")
class ApiRefused(Event, frozen=True, kw_only=True):
    """A command was refused, or failed after it was allowed: who asked as what, and the code."""

    command: Ref
    code: Ref
    cause: Text
    failed: bool = False
    origin: Name | None = None
    actor: Name | None = None
    role: Role | None = None
    session: Ref | None = None
    deployment: Ref | None = None


@kind("session.opened")
class SessionOpened(PersonEvent, frozen=True, kw_only=True):
    """Somebody connected and proved who they are."""

    session: Ref
    peer: Name
    proof: Literal["peer_credentials", "token", "certificate"]


@kind("session.refused")
class SessionRefused(Event, frozen=True, kw_only=True):
    """A connection could not prove who it is; ``locked_s`` when it was guessing."""

    peer: Name
    cause: Text
    locked_s: Number = 0


@kind("session.closed")
class SessionClosed(Event, frozen=True, kw_only=True):
    """A session ended."""

    session: Ref
    reason: Text


@kind("token.changed")
class TokenChanged(PersonEvent, frozen=True, kw_only=True):
    """An access token was made or revoked; it is named by its id, never by its value."""

    token: Ref
    change: Literal["created", "revoked", "expired"]
    for_role: Role | None = None


@kind("relay.state")
class RelayState(Event, frozen=True, kw_only=True):
    """One message's step towards one recipient on one bearer; a digest instead of the text (R18).

    ``reference`` is the bearer's own message reference where it has one.
    """

    alert: Ref
    recipient: Ref
    bearer: Ref
    state: Literal[
        "queued", "accepted", "sent", "failed", "delivered", "read", "answered", "expired",
        "cancelled",
    ]  # fmt: skip
    before: Ref | None = None
    happening: Name | None = None
    deployment: Ref | None = None
    digest: TextDigest | None = None
    deadline: Time | None = None
    reference: Count | None = None
    cause: Text | None = None
    attempt: Count = 0


@kind("relay.coalesced")
class RelayCoalesced(Event, frozen=True, kw_only=True):
    """Several cues left as one message because the bearer was full."""

    bearer: Ref
    recipient: Ref
    count: Count
    deployment: Ref | None = None


@kind("relay.answered")
class RelayAnswered(PersonEvent, frozen=True, kw_only=True):
    """An officer's answer came back over a bearer.

    ``certain``: it named the alert; otherwise it is taken to be about the last one that reached
    that officer. ``cause``: why it changed nothing about the alert.
    """

    alert: Ref
    bearer: Ref
    answer: Ref
    deployment: Ref | None = None
    certain: bool = True
    cause: Text | None = None


@kind("relay.refused")
class RelayRefused(Event, frozen=True, kw_only=True):
    """An alert that officers should have heard of went to nobody: why."""

    alert: Ref
    cause: Text
    deployment: Ref | None = None


@kind("relay.tested")
class RelayTested(PersonEvent, frozen=True, kw_only=True):
    """A quiet test of a bearer."""

    bearer: Ref
    passed: bool
    cause: Text | None = None


@kind("bearer.changed")
class BearerChanged(Event, frozen=True, kw_only=True):
    """A bearer came up or went down; ``outage_s`` on the way up."""

    bearer: Ref
    up: bool
    cause: Text | None = None
    outage_s: Number = 0
    deployment: Ref | None = None
