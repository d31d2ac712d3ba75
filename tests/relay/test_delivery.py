"""The delivery table: total, and nothing that reached an officer ever goes again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.relay.delivery import (
    OVER,
    REACHED,
    TABLE,
    Delivery,
    Happening,
    Key,
    State,
    digest_of,
    step,
)
from tests.relay.samples import T0, make_cue


def make_delivery(state: State = State.QUEUED) -> Delivery:
    return Delivery(
        key=Key("a1", "E1", "radio"),
        cue=make_cue(),
        address="1234567",
        group=False,
        priority=5,
        created=T0,
        deadline=T0 + 90,
        state=state,
    )


def test_the_table_is_total() -> None:
    assert {state: set(row) for state, row in TABLE.items()} == {
        state: set(Happening) for state in State
    }


def test_the_way_of_a_cue_that_is_answered() -> None:
    delivery = make_delivery()
    path = []
    for happening in (
        Happening.TAKEN,
        Happening.LEFT,
        Happening.RECEIPT,
        Happening.SEEN,
        Happening.ANSWER,
    ):
        delivery, change = step(delivery, happening, T0)
        assert change is not None
        path.append(change.after)
    assert path == [State.ACCEPTED, State.SENT, State.DELIVERED, State.READ, State.ANSWERED]


def test_accepted_and_sent_are_not_delivered() -> None:
    assert not {State.ACCEPTED, State.SENT} & REACHED


def test_after_the_deadline_only_the_target_can_change_the_state() -> None:
    alive = {
        happening for happening, after in TABLE[State.EXPIRED].items() if after is not State.EXPIRED
    }
    assert alive == {Happening.RECEIPT, Happening.SEEN, Happening.ANSWER}


@pytest.mark.parametrize("state", sorted(OVER))
def test_repeated_news_is_not_recorded_twice(state: State) -> None:
    delivery = make_delivery(state)
    for happening in Happening:
        after, change = step(delivery, happening, T0, "again")
        assert (change is None) == (after.state is state)


@given(st.lists(st.sampled_from(Happening), max_size=40))
def test_what_reached_an_officer_stays_reached(happenings: list[Happening]) -> None:
    delivery, order = make_delivery(), [State.DELIVERED, State.READ, State.ANSWERED]
    rank = -1
    for happening in happenings:
        delivery, _ = step(delivery, happening, T0)
        now = order.index(delivery.state) if delivery.state in REACHED else -1
        assert now >= rank or rank == -1
        rank = max(rank, now)


def test_the_digest_proves_a_text_without_holding_it() -> None:
    text = "LFR! VAN1 C2 #A1B2C3 0.83 14:05 8s"
    assert digest_of(text) == digest_of(text)
    assert digest_of(text) != digest_of(text + " ")
    assert len(digest_of(text)) == 32
