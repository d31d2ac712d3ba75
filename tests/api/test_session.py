"""One connection over a stream in memory, with a clock that jumps: nothing here waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from lfr_engine.api.callers import ApiSettings, Proof
from lfr_engine.api.guard import Bounds, Guard
from lfr_engine.api.requests import Handling
from lfr_engine.api.server import _serve
from lfr_engine.api.session import Server, Session
from lfr_engine.api.tokens import TokenStore
from lfr_engine.clock import ManualClock
from lfr_engine.protocol import messages as m
from lfr_engine.protocol.codec import encode
from lfr_engine.protocol.commands import CallerRole
from lfr_engine.protocol.framing import frame
from lfr_engine.protocol.proof import Token, make_proof
from tests.api.fake_engine import FakeEngine
from tests.api.support import Wire

ORIGIN = "192.0.2.1"
OPERATOR = Proof("alex", (CallerRole.OPERATOR, CallerRole.ENGINEER), "peer")
NOBODY = Proof("", (), "token")


class Lab:
    """One server's shared parts, and as many connections as a test wants."""

    def __init__(self, bounds: Bounds | None = None, token_file: Path | None = None) -> None:
        self.engine = FakeEngine()
        self.clock = ManualClock()
        settings = ApiSettings((), token_file=token_file, bounds=bounds or Bounds())
        self.tokens = None if token_file is None else TokenStore(token_file)
        self.guard = Guard(settings.bounds, self.clock)
        handling = Handling(self.engine, self.engine.record, 30.0)
        self.server = Server(settings, self.guard, self.tokens, handling, self.clock)

    @asynccontextmanager
    async def connect(self, proof: Proof = OPERATOR) -> AsyncIterator[Wire]:
        near, far = trio.testing.memory_stream_pair()

        async def establish() -> Session:
            await trio.lowlevel.checkpoint()
            return Session(self.server, far, ORIGIN, proof)

        async def serve() -> None:
            await _serve(self.server, ORIGIN, establish)
            await far.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield Wire(near)
            nursery.cancel_scope.cancel()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def last_word(wire: Wire) -> m.Error:
    said = await wire.hear()
    assert isinstance(said, m.Error), said
    assert said.id is None
    assert await wire.hear() is None
    return said


def test_a_caller_acts_in_its_first_role_or_the_one_it_asks_for() -> None:
    async def scenario() -> None:
        lab = Lab()
        async with lab.connect() as wire:
            assert (await wire.open()).role == "operator"
        async with lab.connect() as wire:
            welcome = await wire.open("engineer")
            assert (welcome.role, welcome.caller) == ("engineer", "alex")

    run(scenario)


@pytest.mark.parametrize("asked", ["ao", "king", "operator "])
def test_a_role_one_does_not_have_is_refused_and_journalled(asked: str) -> None:
    async def scenario() -> None:
        lab = Lab()
        async with lab.connect() as wire:
            await wire.hear()
            await wire.say(m.Hello(version=1, client="t", role=asked))
            assert (await last_word(wire)).code == "forbidden"
        assert [(r.what, r.outcome, r.name, r.role) for r in lab.engine.records] == [
            ("connect", "refused", "alex", asked)
        ]

    run(scenario)


def test_without_proof_there_is_no_way_in() -> None:
    async def scenario() -> None:
        lab = Lab()
        async with lab.connect(NOBODY) as wire:
            await wire.hear()
            await wire.say(m.Hello(version=1, client="t", role="operator"))
            assert (await last_word(wire)).code == "unauthenticated"

    run(scenario)


def test_an_unknown_version_is_refused() -> None:
    async def scenario() -> None:
        async with Lab().connect() as wire:
            await wire.hear()
            await wire.say(m.Hello(version=99, client="t"))
            assert (await last_word(wire)).code == "version"

    run(scenario)


def test_a_token_opens_and_its_recorded_session_does_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        lab = Lab(token_file=tmp_path / "tokens.json")
        assert lab.tokens is not None
        token = lab.tokens.add("console", [CallerRole.AUDITOR])
        async with lab.connect(NOBODY) as wire:
            challenge = await wire.hear()
            proof = make_proof(token, challenge.nonce, 1)
            await wire.say(m.Hello(version=1, client="t", token="console", proof=proof))
            welcome = await wire.hear()
            assert (welcome.caller, welcome.role) == ("console", "auditor")
            await wire.say(m.Request(id=1, command="state.get"))
            assert (await wire.hear()).id == 1
            recorded = bytes(wire.sent)
        async with lab.connect(NOBODY) as wire:
            await wire.hear()
            await wire.raw(recorded)
            assert (await last_word(wire)).code == "unauthenticated"
        assert [name for name, _, _ in lab.engine.calls] == ["state.get"]

    run(scenario)


def test_whoever_has_two_tokens_is_one_caller(tmp_path: Path) -> None:
    async def scenario() -> None:
        lab = Lab(token_file=tmp_path / "tokens.json")
        assert lab.tokens is not None
        first = lab.tokens.add("anna", [CallerRole.OPERATOR])
        second = lab.tokens.add("anna-2", [CallerRole.OPERATOR], person="anna")
        for token in (first, second):
            async with lab.connect(NOBODY) as wire:
                nonce = (await wire.hear()).nonce
                proof = make_proof(token, nonce, 1)
                await wire.say(m.Hello(version=1, client="t", token=token.name, proof=proof))
                assert (await wire.hear()).caller == "anna"
                await wire.say(m.Request(id=1, command="state.get"))
                assert (await wire.hear()).id == 1
        assert [caller.name for _, _, caller in lab.engine.calls] == ["anna", "anna"]

    run(scenario)


def test_guessing_is_journalled_and_locks_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(guesses=3), tmp_path / "tokens.json")
        assert lab.tokens is not None
        lab.tokens.add("console", [CallerRole.AUDITOR])
        for attempt in range(3):
            assert not lab.guard.locked(ORIGIN)
            async with lab.connect(NOBODY) as wire:
                challenge = await wire.hear()
                guess = Token("console", bytes([attempt]) * 32)
                proof = make_proof(guess, challenge.nonce, 1)
                await wire.say(m.Hello(version=1, client="t", token="console", proof=proof))
                assert (await last_word(wire)).code == "unauthenticated"
        assert lab.guard.locked(ORIGIN)
        assert [r.code for r in lab.engine.records] == [
            "unauthenticated",
            "unauthenticated",
            "locked-out",
        ]

    run(scenario)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "too-large"),
        ((64 * 1024 * 1024).to_bytes(4, "big"), "too-large"),
        (frame(b"\xc1"), "malformed"),
        (frame(encode(m.Request(id=1, command="state.get"))), "out-of-order"),
        (frame(encode(m.Subscribe(id=1, topic="alerts", credit=1))), "out-of-order"),
    ],
)
def test_no_byte_of_a_stranger_reaches_a_handler(data: bytes, code: str) -> None:
    async def scenario() -> None:
        lab = Lab()
        async with lab.connect() as wire:
            await wire.hear()
            await wire.raw(data)
            assert (await last_word(wire)).code == code
        assert lab.engine.calls == []

    run(scenario)


def test_a_silent_stranger_is_closed_after_the_handshake_time() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(handshake_seconds=5))
        began = trio.current_time()
        async with lab.connect() as wire:
            await wire.hear()
            assert await wire.hear() is None
        assert trio.current_time() - began == pytest.approx(5, abs=0.1)
        assert lab.guard.handshakes == 0

    run(scenario)


async def drip(wire: Wire, data: bytes) -> None:
    """One byte a second."""
    for byte in data:
        await wire.raw(bytes([byte]))
        await trio.sleep(1)


def test_a_slow_loris_in_the_handshake_gains_no_time() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(handshake_seconds=5))
        async with lab.connect() as wire:
            await wire.hear()
            hello = frame(encode(m.Hello(version=1, client="t")))
            with pytest.raises(trio.BrokenResourceError):
                await drip(wire, hello)
            assert trio.current_time() < 7

    run(scenario)


def test_a_slow_loris_inside_a_frame_is_closed() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(frame_seconds=10, idle_seconds=5))
        async with lab.connect() as wire:
            await wire.open()
            began = trio.current_time()
            await wire.raw((1_000).to_bytes(4, "big"))
            for _ in range(20):
                await trio.sleep(1)
                try:
                    await wire.raw(b"x")
                except trio.BrokenResourceError:
                    break
            assert (await last_word(wire)).code == "timeout"
            assert trio.current_time() - began == pytest.approx(10, abs=1.5)

    run(scenario)


def test_silence_is_asked_about_then_ended() -> None:
    async def scenario() -> None:
        async with Lab(Bounds(idle_seconds=30)).connect() as wire:
            await wire.open()
            assert await wire.hear() == m.Ping(n=1)
            await wire.say(m.Pong(n=1))
            assert await wire.hear() == m.Ping(n=1)
            assert (await last_word(wire)).code == "timeout"
            assert trio.current_time() == pytest.approx(90, abs=1)

    run(scenario)


def test_requests_are_answered_as_they_finish_and_can_be_cancelled() -> None:
    async def scenario() -> None:
        lab = Lab()
        proof = Proof("sam", (CallerRole.AUDITOR,), "peer")
        async with lab.connect(proof) as wire:
            await wire.open()
            await wire.say(m.Request(id=1, command="journal.verify"))
            await wire.say(m.Request(id=2, command="state.get"))
            assert (await wire.hear()).id == 2
            await wire.say(m.Cancel(id=1))
            said = await wire.hear()
            assert (said.id, said.code) == (1, "cancelled")
            assert lab.engine.cancelled == 1

    run(scenario)


def test_too_many_unanswered_requests_are_refused_one_by_one() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(requests_in_flight=2))
        proof = Proof("sam", (CallerRole.AUDITOR,), "peer")
        async with lab.connect(proof) as wire:
            await wire.open()
            for number in (1, 2, 3):
                await wire.say(m.Request(id=number, command="journal.verify"))
            said = await wire.hear()
            assert (said.id, said.code) == (3, "busy")
            lab.engine.hang.set()
            assert {(await wire.hear()).id, (await wire.hear()).id} == {1, 2}

    run(scenario)


def test_too_many_subscriptions_are_refused() -> None:
    async def scenario() -> None:
        async with Lab(Bounds(subscriptions=1)).connect() as wire:
            await wire.open()
            await wire.say(m.Subscribe(id=1, topic="alerts", credit=1))
            assert isinstance(await wire.hear(), m.Subscribed)
            await wire.say(m.Subscribe(id=2, topic="alerts", credit=1))
            assert (await wire.hear()).code == "busy"
            await wire.say(m.Cancel(id=1))
            assert await wire.hear() == m.Ended(id=1, reason="cancelled")
            await wire.say(m.Subscribe(id=3, topic="alerts", credit=1))
            assert isinstance(await wire.hear(), m.Subscribed)

    run(scenario)


@pytest.mark.parametrize(
    ("topic", "args", "cursor", "code"),
    [
        ("nothing", {}, None, "unknown-topic"),
        ("logs", {}, None, "forbidden"),
        ("preview", {}, None, "bad-argument"),
        ("alerts", {"x": 1}, None, "bad-argument"),
        ("alerts", {}, 5, "not-found"),
        ("board", {}, 5, "bad-argument"),
    ],
)
def test_subscriptions_that_cannot_be_are_refused(
    topic: str, args: dict[str, object], cursor: int | None, code: str
) -> None:
    async def scenario() -> None:
        lab = Lab()
        async with lab.connect() as wire:
            await wire.open()
            await wire.say(m.Subscribe(id=1, topic=topic, args=args, cursor=cursor, credit=1))
            said = await wire.hear()
            assert (said.id, said.code) == (1, code)
            journalled = [(r.what, r.code) for r in lab.engine.records]
            assert journalled == (
                [(f"subscribe {topic}", code)] if code in {"unknown-topic", "forbidden"} else []
            )

    run(scenario)


@pytest.mark.parametrize("topic", ["alerts", "board"])
def test_a_topic_that_ends_is_said(topic: str) -> None:
    async def scenario() -> None:
        lab = Lab()
        async with lab.connect() as wire:
            await wire.open()
            await wire.say(m.Subscribe(id=1, topic=topic, credit=9))
            assert isinstance(await wire.hear(), m.Subscribed)
            lab.engine.broadcasts[topic].close()
            said = await wire.hear()
            while isinstance(said, m.Event):
                said = await wire.hear()
            assert said == m.Ended(id=1, reason="the topic ended")

    run(scenario)


def test_a_defect_in_a_feed_ends_that_feed_only() -> None:
    async def scenario() -> None:
        lab = Lab()
        del lab.engine.stored["alerts"]
        async with lab.connect() as wire:
            await wire.open()
            await wire.say(m.Subscribe(id=1, topic="alerts", credit=9))
            said = await wire.hear()
            assert (said.id, said.code) == (1, "internal")
            await wire.say(m.Request(id=2, command="state.get"))
            assert (await wire.hear()).id == 2

    run(scenario)


def test_an_answer_over_the_limit_is_an_error_not_a_cut() -> None:
    async def scenario() -> None:
        async with Lab().connect() as wire:
            await wire.open()
            await wire.say(m.Request(id=1, command="report.get", args={"page": "oversight"}))
            said = await wire.hear()
            assert (said.id, said.code) == (1, "too-large")
            await wire.say(m.Request(id=2, command="state.get"))
            assert (await wire.hear()).id == 2

    run(scenario)


def test_who_keeps_asking_for_the_forbidden_is_cut_off() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(refusals=5))
        async with lab.connect() as wire:
            await wire.open()
            for number in range(1, 10):
                await wire.say(m.Request(id=number, command="watchlist.enrol"))
                said = await wire.hear()
                if said.id is None:
                    break
            assert said.code == "busy"
        assert len(lab.engine.records) <= 7

    run(scenario)


def test_who_was_cut_off_is_not_greeted_until_a_while_has_passed() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(refusals=3))
        for _ in range(6):  # each asks for a role it does not have
            async with lab.connect() as wire:
                await wire.hear()
                await wire.say(m.Hello(version=1, client="x", role="ao"))
                said = await wire.hear()
        assert (said.code, len(lab.engine.records)) == ("busy", 3)
        lab.clock.advance(1.5)
        async with lab.connect() as wire:
            await wire.open()

    run(scenario)


def test_a_fast_caller_is_slowed_down_not_refused() -> None:
    async def scenario() -> None:
        lab = Lab(Bounds(requests_per_second=10))
        async with lab.connect() as wire:
            await wire.open()
            for number in range(1, 12):
                await wire.say(m.Request(id=number, command="state.get"))
            for number in range(1, 12):
                assert (await wire.hear()).id == number
        assert trio.current_time() >= 1

    run(scenario)


def test_goodbye_is_answered() -> None:
    async def scenario() -> None:
        async with Lab().connect() as wire:
            await wire.open()
            await wire.say(m.Goodbye())
            assert isinstance(await wire.hear(), m.Goodbye)
            assert await wire.hear() is None

    run(scenario)


def test_a_client_that_does_not_read_is_closed_and_held_memory_is_bounded() -> None:
    """A stream whose far end never takes a byte: the writer gives up after its time."""

    async def scenario() -> None:
        lab = Lab(Bounds(write_seconds=10))
        near, far = trio.testing.lockstep_stream_pair()
        session = Session(lab.server, far, ORIGIN, OPERATOR)
        wire = Wire(near)
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                caller = await session.greet()
                assert caller is not None
                await session.converse(caller)
                nursery.cancel_scope.cancel()

            nursery.start_soon(serve)
            await wire.open()
            await wire.say(m.Subscribe(id=1, topic="board", credit=100_000))
            for _ in range(10_000):
                lab.engine.publish_board()
                await trio.sleep(0.01)
        assert trio.current_time() == pytest.approx(10, abs=2)
        assert session._out.peak < 300_000

    run(scenario)
