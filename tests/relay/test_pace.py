"""Token bucket and reference book."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.relay.pace import ReferenceBook, TokenBucket


def test_four_at_once_then_one_every_three_seconds() -> None:
    bucket = TokenBucket(3.0, 4)
    for _ in range(4):
        assert bucket.whole(100.0)
        bucket.take(100.0)
    assert not bucket.whole(102.9)
    assert bucket.next_at(102.9) == pytest.approx(103.0)
    assert bucket.whole(103.0) == 1
    assert bucket.whole(1e6) == 4


@given(st.lists(st.floats(0, 5), max_size=100))
def test_never_faster_than_agreed(steps: list[float]) -> None:
    bucket, now, sent = TokenBucket(3.0, 4), 0.0, 0
    for step in steps:
        now += step
        if bucket.whole(now):
            bucket.take(now)
            sent += 1
    assert sent <= 4 + now / 3.0 + 1e-6


def test_references_are_reused_only_after_they_expire() -> None:
    book = ReferenceBook()
    first = [book.take("1234567", 0.0, 100.0) for _ in range(255)]
    assert sorted(first) == list(range(1, 256))
    assert book.take("1234567", 99.9, 200.0) == 0
    assert book.take("7654321", 99.9, 200.0) == 1, "another radio has its own"
    assert book.take("1234567", 100.0, 200.0) == first[0], "the longest unused first"


def test_a_loaded_reference_is_not_given_again() -> None:
    book = ReferenceBook()
    book.hold("1", 7, until=50.0)
    assert [book.take("1", 0.0, 9.0) for _ in range(254)].count(7) == 0
