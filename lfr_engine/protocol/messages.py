"""The messages: one frozen record each, told apart by their ``type`` field.

Owns: the envelope, not what travels in it (commands and topics have their own modules). Never:
domain types, behaviour. Strategy: unknown fields are ignored so that a later minor version may add
some; unknown types and wrong kinds are protocol errors.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

VERSIONS: tuple[int, ...] = (1,)
"""Protocol versions this code speaks, newest first."""

LARGEST_ID = 2**53 - 1
"""Every language's numbers hold it exactly."""

Id = Annotated[int, Meta(ge=1, le=LARGEST_ID)]
Cursor = Annotated[int, Meta(ge=0, le=LARGEST_ID)]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
Line = Annotated[str, Meta(max_length=2_000)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What all messages share."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server allows on this connection.

    Args:
        frame_bytes: Largest frame, without its prefix.
        requests_in_flight: Unanswered requests; one more is answered `busy`.
        subscriptions: Live subscriptions; one more is answered `busy`.
        requests_per_second: Sustained rate; faster is slowed down by not reading.
        idle_seconds: Silence after which the server sends a ping, and closes after as much again.
    """

    frame_bytes: int
    requests_in_flight: int
    subscriptions: int
    requests_per_second: int
    idle_seconds: int


class Challenge(_Message, tag="challenge", frozen=True, kw_only=True):
    """Server, first: the versions it speaks and a number used once."""

    versions: Annotated[list[int], Meta(min_length=1, max_length=16)]
    nonce: Annotated[bytes, Meta(min_length=32, max_length=32)]


class Hello(_Message, tag="hello", frozen=True, kw_only=True):
    """Client, second: the version it chose, the role it wants to act in, and proof of its token.

    Without ``role`` the caller acts in the first role it has; ``token`` is the token's name.
    """

    version: int
    client: Word
    role: Word | None = None
    capabilities: Annotated[list[Word], Meta(max_length=16)] = []
    token: Word | None = None
    proof: Annotated[bytes, Meta(min_length=32, max_length=32)] | None = None


class Welcome(_Message, tag="welcome", frozen=True, kw_only=True):
    """Server, third: who the caller is taken for, and what it may use."""

    version: int
    engine: str
    session: str
    caller: str
    role: str
    capabilities: list[str]
    limits: Limits


class Request(_Message, tag="request", frozen=True, kw_only=True):
    """Client: run a command. Ids rise within a connection and are never used twice."""

    id: Id
    command: Word
    args: dict[str, Any] = {}
    deadline_ms: Annotated[int, Meta(ge=1, le=600_000)] | None = None


class Response(_Message, tag="response", frozen=True, kw_only=True):
    """Server: the result of a request."""

    id: Id
    result: Any = None


class Error(_Message, tag="error", frozen=True, kw_only=True):
    """Server: a request or subscription failed; without ``id``, the connection closes."""

    id: Id | None = None
    code: Word
    text: str
    field: str | None = None


class Subscribe(_Message, tag="subscribe", frozen=True, kw_only=True):
    """Client: send me a topic, after ``cursor`` where it is durable, at most ``credit`` events."""

    id: Id
    topic: Word
    args: dict[str, Any] = {}
    cursor: Cursor | None = None
    credit: Annotated[int, Meta(ge=0, le=100_000)]


class Subscribed(_Message, tag="subscribed", frozen=True, kw_only=True):
    """Server: the subscription lives; ``cursor`` is where a durable topic continues from."""

    id: Id
    cursor: Cursor | None = None


class Event(_Message, tag="event", frozen=True, kw_only=True):
    """Server: one event of a subscription; uses one credit."""

    id: Id
    body: Any
    cursor: Cursor | None = None


class Credit(_Message, tag="credit", frozen=True, kw_only=True):
    """Client: send ``n`` more events."""

    id: Id
    n: Annotated[int, Meta(ge=1, le=100_000)]


class Lagged(_Message, tag="lagged", frozen=True, kw_only=True):
    """Server: you were too slow by ``missed`` events; a fresh snapshot or the history follows."""

    id: Id
    missed: Annotated[int, Meta(ge=1)]


class Truncated(_Message, tag="truncated", frozen=True, kw_only=True):
    """Server: events after your cursor were deleted by retention; the next is after ``resumed``."""

    id: Id
    resumed: Cursor


class Ended(_Message, tag="ended", frozen=True, kw_only=True):
    """Server: the subscription is over; nothing more comes for this id."""

    id: Id
    reason: str


class Cancel(_Message, tag="cancel", frozen=True, kw_only=True):
    """Client: stop a request (answered by `error` `cancelled`) or subscription (by `ended`)."""

    id: Id


class Ping(_Message, tag="ping", frozen=True, kw_only=True):
    """Either: are you there?"""

    n: Cursor = 0


class Pong(_Message, tag="pong", frozen=True, kw_only=True):
    """Either: yes, to the ping with the same ``n``."""

    n: Cursor = 0


class Goodbye(_Message, tag="goodbye", frozen=True, kw_only=True):
    """Either: I send nothing more."""

    reason: Line = ""


Message = (
    Challenge
    | Hello
    | Welcome
    | Request
    | Response
    | Error
    | Subscribe
    | Subscribed
    | Event
    | Credit
    | Lagged
    | Truncated
    | Ended
    | Cancel
    | Ping
    | Pong
    | Goodbye
)
"""Anything that travels."""
