from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.api import guard as guards
from lfr_engine.api.guard import Bounds, Bucket, Guard, neighbourhood
from lfr_engine.clock import ManualClock
from lfr_engine.protocol.errors import ErrorCode


def test_connections_are_bounded_in_all_and_by_origin() -> None:
    guard = Guard(Bounds(connections=3, per_origin=2), ManualClock())
    with guard.connection("a") as one, guard.connection("a") as two:
        assert (one, two) == (None, None)
        with guard.connection("a") as third:
            assert third is ErrorCode.BUSY
        with guard.connection("b") as other:
            assert other is None
            with guard.connection("c") as full:
                assert full is ErrorCode.BUSY
    assert (guard.connections, guard.turned_away) == (0, 2)
    assert not guard._origins


def test_strangers_in_their_handshake_are_bounded() -> None:
    guard = Guard(Bounds(handshakes=1), ManualClock())
    with guard.handshake(), guard.connection("a") as refusal:
        assert refusal is ErrorCode.BUSY
    with guard.connection("a") as refusal:
        assert refusal is None


def test_a_guesser_is_locked_out_for_longer_each_time_and_nobody_else() -> None:
    clock = ManualClock()
    guard = Guard(Bounds(guesses=3, lock_seconds=10, lock_cap_seconds=25), clock)
    waits = []
    for _ in range(3):
        assert [guard.guessed_wrong("x") for _ in range(3)] == [False, False, True]
        assert guard.locked("x")
        assert not guard.locked("y")
        waited = 0
        while guard.locked("x"):
            clock.advance(1)
            waited += 1
        waits.append(waited)
    assert waits == [10, 20, 25]
    with guard.connection("x") as refusal:
        assert refusal is None


def test_a_locked_out_origin_is_turned_away() -> None:
    guard = Guard(Bounds(guesses=1), ManualClock())
    assert guard.guessed_wrong("x")
    with guard.connection("x") as refusal:
        assert refusal is ErrorCode.LOCKED_OUT


def test_a_right_token_clears_the_guesses() -> None:
    guard = Guard(Bounds(guesses=2), ManualClock())
    guard.guessed_wrong("x")
    guard.proved("x")
    assert not guard.guessed_wrong("x")


def test_however_many_addresses_guess_memory_is_bounded() -> None:
    guard = Guard(Bounds(), ManualClock())
    for number in range(10_050):
        guard.guessed_wrong(str(number))
    assert len(guard._suspects) == 10_000


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_over_any_time_a_bucket_lets_no_more_through_than_its_rate(gaps: list[float]) -> None:
    """A caller who obeys the waits never exceeds burst + rate × time."""
    clock = ManualClock()
    bucket = Bucket(10, 5, clock)
    for passed, gap in enumerate(gaps, start=1):
        clock.advance(gap + bucket.take())
        assert passed <= 5 + 10 * clock.monotonic_ns() / 1e9 + 1e-6


def test_a_bucket_says_how_long_to_wait() -> None:
    bucket = Bucket(10, 1, ManualClock())
    assert bucket.take() == 0
    assert bucket.take() == pytest.approx(0.1)


def test_an_address_has_its_share_of_knocks_and_leaves_others_theirs() -> None:
    clock = ManualClock()
    guard = Guard(Bounds(tls_per_second=4, tls_in_a_burst=6), clock)
    assert [guard.may_knock("x") for _ in range(5)] == [True] * 3 + [False] * 2
    assert guard.may_knock("y")
    clock.advance(1.0)
    assert [guard.may_knock("x") for _ in range(3)] == [True, True, False]


def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_REMEMBERED", 10)
    guard = Guard(Bounds(), ManualClock())
    for number in range(100):
        guard.may_knock(str(number))
    assert len(guard._knocks._buckets) == 10


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:2", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_a_stranger_is_known_by_what_it_can_call_its_own(address: str, name: str) -> None:
    assert neighbourhood(address) == name
