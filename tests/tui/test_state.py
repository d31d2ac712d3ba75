"""The reducer: bounded, indifferent to order, never forgetful of what a person saw."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.protocol import shapes as s
from tests.tui import samples
from tui import messages as m
from tui import state as module
from tui.figures import NS
from tui.state import State, reduce

STATES = [state.value for state in AlertState]
PASSED = ("displayed", "passed", "engaged", "confirmed_true")


def story(*states: str, alert: str = "A1") -> list[s.Transition]:
    steps, before = [], "generated"
    for number, went_to in enumerate(states):
        steps.append(
            s.Transition(
                alert=alert,
                came_from=before,
                went_to=went_to,
                at=samples.at(number + 1),
                actor="anna",
                role="operator",
            )
        )
        before = went_to
    return steps


def known(*alerts: s.Alert) -> State:
    state = State()
    for alert in alerts:
        state = reduce(state, m.AlertCame(1, alert))
    return state


boards = st.builds(
    samples.board,
    st.floats(0, 1_000),
    st.integers(0, 6),
)
alerts = st.builds(
    lambda number, state, updates: msgspec.structs.replace(
        samples.alert(number, float(number), state), updates=updates
    ),
    st.integers(1, 40),
    st.sampled_from(STATES),
    st.integers(0, 3),
)
times = st.integers(1, 10**12)
anything = st.one_of(
    st.builds(m.LinkChanged, times, st.sampled_from(["open", "lost", "connecting"]), st.just("")),
    st.builds(m.RoleChanged, st.sampled_from(["operator", "engineer"]), st.just("open")),
    st.builds(m.BoardCame, times, boards),
    st.builds(m.AlertCame, times, alerts),
    st.builds(lambda at, many: m.AlertsListed(at, tuple(many)), times, st.lists(alerts)),
    st.builds(m.AlertAnswered, times, alerts),
    st.builds(m.DecisionCame, times, st.sampled_from(story(*PASSED))),
    st.builds(m.LogCame, st.sampled_from(samples.logs())),
    st.builds(m.EventsMissed, st.just("logs"), st.integers(0, 9)),
    st.just(m.OtherJournal()),
    st.builds(m.StopWanted, st.booleans()),
    st.builds(m.Noticed, times, st.text(max_size=9)),
)


@given(st.lists(anything, max_size=60))
def test_any_messages_in_any_order_keep_the_state_sound(messages: list[m.Message]) -> None:
    state = State()
    for message in messages:
        state = reduce(state, message)
    assert len(state.alerts) <= module.KEPT_ALERTS
    assert len(state.logs) <= module.KEPT_LOGS
    assert len(state.notices) <= module.KEPT_NOTICES
    assert all(len(trend) <= module.KEPT_TREND for trend in state.trends.values())
    assert all(name == alert.alert for name, alert in state.alerts.items())
    newest = state.newest_first()
    assert [one.raised for one in newest] == sorted((one.raised for one in newest), reverse=True)
    assert state.waiting() <= len(state.alerts)


def test_reduce_leaves_the_old_state_as_it_was() -> None:
    before = known(samples.alert(1))
    after = reduce(before, m.DecisionCame(2, story("displayed")[0]))
    assert before.alerts["A1"].state == "generated"
    assert after.alerts["A1"].state == "displayed"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_decisions_may_arrive_in_any_order_and_twice(order: tuple[int, ...]) -> None:
    steps = story(*PASSED)
    state = known(samples.alert(1))
    for number in (*order, order[0]):
        state = reduce(state, m.DecisionCame(2, steps[number]))
    alert = state.alerts["A1"]
    assert alert.state == "confirmed_true"
    assert [step.went_to for step in alert.history] == list(PASSED)


@given(st.permutations(range(5)))
def test_the_list_the_feed_and_answers_agree_in_any_order(order: list[int]) -> None:
    steps = story("displayed", "passed")
    base = samples.alert(1)
    told: list[m.Message] = [
        m.AlertCame(1, base),
        m.AlertsListed(1, (msgspec.structs.replace(base, state="displayed", history=steps[:1]),)),
        m.AlertAnswered(
            1,
            msgspec.structs.replace(
                base, state="passed", history=steps, score=0.6, margin=0.1, threshold=0.5
            ),
        ),
        m.DecisionCame(1, steps[1]),
        m.AlertCame(1, msgspec.structs.replace(base, updates=1)),
    ]
    state = known(base)
    for number in order:
        state = reduce(state, told[number])
    alert = state.alerts["A1"]
    assert alert.state == "passed"
    assert [step.went_to for step in alert.history] == ["displayed", "passed"]
    assert alert.score == 0.6


def test_a_correction_by_officers_counts() -> None:
    state = known(samples.alert(1))
    for step in story(*PASSED, "confirmed_false"):
        state = reduce(state, m.DecisionCame(2, step))
    assert state.alerts["A1"].state == "confirmed_false"


def test_waiting_alerts_are_kept_before_decided_ones() -> None:
    waiting = [samples.alert(number, -number * 10.0) for number in range(1, 11)]
    decided = [samples.alert(number, float(number), "discounted") for number in range(100, 800)]
    state = reduce(State(), m.AlertsListed(1, (*waiting, *decided)))
    assert len(state.alerts) == module.KEPT_ALERTS
    assert {alert.alert for alert in waiting} <= set(state.alerts)


def test_only_a_new_waiting_alert_rings() -> None:
    state = reduce(State(), m.AlertsListed(5, (samples.alert(1),)))
    assert state.raised_ns == 0  # what was there before us does not ring
    state = reduce(state, m.AlertCame(6, msgspec.structs.replace(samples.alert(1), updates=1)))
    assert state.raised_ns == 0
    state = reduce(state, m.AlertCame(7, samples.alert(2, state="passed")))
    assert state.raised_ns == 0
    state = reduce(state, m.AlertCame(8, samples.alert(3)))
    assert state.raised_ns == 8


def test_ages_follow_the_engines_clock_whatever_ours_says() -> None:
    # the engine's noon reached us at local second 1,000, and once more quickly
    state = reduce(State(), m.BoardCame(1_000 * NS, samples.board(0.0)))
    state = reduce(state, m.BoardCame(1_000 * NS + NS // 2, samples.board(1.0)))
    alert = samples.alert(1, seconds=-4.0)
    assert state.age_s(alert, 1_000 * NS + NS // 2) == pytest.approx(5.0, abs=0.01)
    assert state.age_s(alert, 1_010 * NS) == pytest.approx(14.5, abs=0.01)


def test_age_without_a_board_is_what_the_engine_said() -> None:
    assert State().age_s(samples.alert(1), 10**15) == pytest.approx(0.4)


def test_a_clock_that_was_set_is_followed() -> None:
    state = reduce(State(), m.BoardCame(1_000 * NS, samples.board(500.0)))
    state = reduce(state, m.BoardCame(1_001 * NS, samples.board(0.0)))
    assert state.age_s(samples.alert(1, seconds=0.0), 1_001 * NS) == pytest.approx(0.0, abs=0.01)


def test_an_old_board_is_stale() -> None:
    state = reduce(State(), m.BoardCame(NS, samples.board()))
    assert state.stale_s(3 * NS) is None
    assert state.stale_s(13 * NS) == pytest.approx(12.0)


def test_trends_hold_a_sample_a_second() -> None:
    state = State()
    for quarter in range(40):
        at = 1_000 * NS + quarter * NS // 4
        state = reduce(state, m.BoardCame(at, samples.board(quarter / 4)))
    assert len(state.trends["north"]) == 10


def test_another_journal_takes_the_old_alerts_away() -> None:
    state = reduce(known(samples.alert(1)), m.OtherJournal())
    assert not state.alerts


def test_a_message_it_does_not_know_is_a_defect() -> None:
    with pytest.raises(TypeError, match="not a message"):
        reduce(State(), "hello")  # type: ignore[arg-type]


def test_a_cut_is_as_old_as_its_first_moment_however_often_it_was_tried_to_mend() -> None:
    state = reduce(State(), m.LinkChanged(5, "open"))
    for at, word in ((10, "lost"), (20, "connecting"), (30, "lost"), (40, "connecting")):
        state = reduce(state, m.LinkChanged(at, word))
        assert (state.link, state.link_ns) == (word, 10)
    assert reduce(state, m.LinkChanged(50, "open")).link_ns == 50
    assert reduce(state, m.LinkChanged(60, "refused")).link_ns == 60
