"""Bytes in files: a change of the wire shows in the diff."""

from __future__ import annotations

from pathlib import Path

import msgpack  # type: ignore[import-untyped]
import pytest

from lfr_engine.protocol import messages as m
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.machine import Role
from lfr_engine.protocol.proof import Token, make_proof
from tests.protocol.support import NONCE, WELCOME, Pair, drain

C, S = Role.CLIENT, Role.SERVER
FOLDER = Path(__file__).parent / "golden"
GREETING: list[tuple[Role, m.Message]] = [
    (S, m.Challenge(versions=[1], nonce=NONCE)),
    (
        C,
        m.Hello(
            version=1,
            client="golden",
            role="operator",
            capabilities=["credit"],
            token="console",
            proof=make_proof(Token("console", bytes(range(32))), NONCE, 1),
        ),
    ),
    (S, WELCOME),
]
TRACES: dict[str, list[tuple[Role, m.Message]]] = {
    "calls": [
        *GREETING,
        (C, m.Request(id=1, command="state.get")),
        (C, m.Request(id=2, command="cameras.disable", args={"camera": "north"}, deadline_ms=500)),
        (S, m.Error(id=2, code="not-found", text="north: no such camera")),
        (S, m.Response(id=1, result={"mode": "commissioning"})),
        (C, m.Request(id=3, command="zone.edit", args={"camera": "a", "corners": [[0.25, 1]]})),
        (S, m.Error(id=3, code="bad-argument", text="too few", field="corners")),
        (C, m.Request(id=4, command="journal.verify")),
        (C, m.Cancel(id=4)),
        (S, m.Error(id=4, code="cancelled", text="cancelled")),
        (C, m.Goodbye(reason="done")),
        (S, m.Goodbye()),
    ],
    "subscription": [
        *GREETING,
        (C, m.Subscribe(id=1, topic="alerts", cursor=1024, credit=2)),
        (S, m.Subscribed(id=1, cursor=1024)),
        (S, m.Truncated(id=1, resumed=2000)),
        (S, m.Event(id=1, body={"alert": "A1", "late": True, "age_ms": 12.5}, cursor=2001)),
        (C, m.Credit(id=1, n=1)),
        (S, m.Lagged(id=1, missed=300)),
        (C, m.Subscribe(id=2, topic="preview", args={"camera": "north"}, credit=1)),
        (S, m.Subscribed(id=2)),
        (S, m.Event(id=2, body={"camera": "north", "jpeg": b"\xff\xd8\xff\xd9"})),
        (S, m.Ping(n=7)),
        (C, m.Pong(n=7)),
        (C, m.Cancel(id=1)),
        (S, m.Ended(id=1, reason="cancelled")),
        (S, m.Goodbye(reason="the engine is shutting down")),
    ],
    "refused": [
        *GREETING[:2],
        (S, m.Error(code="unauthenticated", text="unknown, wrong or expired token")),
    ],
}


def trace(conversation: list[tuple[Role, m.Message]]) -> str:
    ends = {C: Connection(C), S: Connection(S)}
    lines = []
    for role, message in conversation:
        data = ends[role].send(message)
        ends[role.other].receive_data(data)
        assert drain(ends[role.other]) == [message]
        lines.append(f"{role.value} {data.hex()}\n")
    return "".join(lines)


@pytest.mark.parametrize("name", TRACES)
def test_the_bytes_are_those_in_the_file(name: str) -> None:
    assert (FOLDER / f"{name}.txt").read_text() == trace(TRACES[name])


@pytest.mark.parametrize("name", TRACES)
def test_the_bytes_in_the_file_are_read_byte_by_byte(name: str) -> None:
    pair = Pair()
    heard: list[m.Message] = []
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        role, data = line.split()
        sender, receiver = (
            (pair.client, pair.server) if role == "client" else (pair.server, pair.client)
        )
        for byte in bytes.fromhex(data):
            receiver.receive_data(bytes([byte]))
            heard += drain(receiver)
        sender.send(heard[-1])
    assert heard == [message for _, message in TRACES[name]]


@pytest.mark.parametrize("name", TRACES)
def test_another_library_reads_the_same_maps(name: str) -> None:
    for line, (_, message) in zip(
        (FOLDER / f"{name}.txt").read_text().splitlines(), TRACES[name], strict=True
    ):
        data = bytes.fromhex(line.split()[1])
        assert int.from_bytes(data[:4], "big") == len(data) - 4
        read = msgpack.unpackb(data[4:])
        assert read["type"] == type(message).__name__.lower()
