"""Two ends joined by hand, and hypothesis strategies for messages."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lfr_engine.protocol import messages as m
from lfr_engine.protocol.connection import Connection
from lfr_engine.protocol.machine import Role

NONCE = bytes(range(32))
LIMITS = m.Limits(
    frame_bytes=8 * 1024 * 1024,
    requests_in_flight=64,
    subscriptions=16,
    requests_per_second=10_000,
    idle_seconds=30,
)
WELCOME = m.Welcome(
    version=1,
    engine="0",
    session="s-1",
    caller="alex",
    role="operator",
    capabilities=["durable-cursors"],
    limits=LIMITS,
)


class Pair:
    """A client and a server whose bytes are carried at once."""

    def __init__(self) -> None:
        self.client = Connection(Role.CLIENT)
        self.server = Connection(Role.SERVER)

    def say(self, role: Role, message: m.Message) -> m.Message:
        sender, receiver = (
            (self.client, self.server) if role is Role.CLIENT else (self.server, self.client)
        )
        receiver.receive_data(sender.send(message))
        heard = receiver.next_message()
        assert heard is not None
        assert receiver.next_message() is None
        return heard

    def open(self) -> Pair:
        self.say(Role.SERVER, m.Challenge(versions=[1], nonce=NONCE))
        self.say(Role.CLIENT, m.Hello(version=1, client="test"))
        self.say(Role.SERVER, WELCOME)
        return self


def drain(connection: Connection) -> list[m.Message]:
    """Every message that is whole."""
    out: list[m.Message] = []
    while (message := connection.next_message()) is not None:
        out.append(message)
    return out


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
args: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.text(max_size=8), plain, max_size=4)
word = st.text(min_size=1, max_size=64)
cursor = st.integers(0, m.LARGEST_ID)
