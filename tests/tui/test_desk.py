"""The adjudicator's desk, walked by random keys against the rules it must keep."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.lifecycle import OPEN, TRANSITIONS, AlertState, Step
from lfr_engine.alerts.reasons import REASONS
from lfr_engine.protocol import arguments as a
from tests.tui import samples
from tui import desk as d
from tui import reasons as r
from tui.state import OPEN_STATES

KEYS = "abcdefghijklmnopqrstuvwxyz"
actions = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(["A1", "A2"])),
    st.tuples(st.just("looked"), st.just("")),
    st.tuples(st.just("say"), st.sampled_from(["same", "different", "not_sure"])),
    st.tuples(st.just("choose"), st.sampled_from(KEYS)),
    st.tuples(st.just("close"), st.just("")),
    st.tuples(st.just("outcome"), st.just("")),
    st.tuples(st.just("other decides"), st.sampled_from(["passed", "discounted", "expired"])),
)


@given(st.lists(actions, max_size=40))
def test_no_decision_without_looking_and_an_opinion(steps: list[tuple[str, str]]) -> None:
    desk = d.Desk()
    known = {"A1": samples.alert(1), "A2": samples.alert(2)}
    seen: set[str] = set()
    said: set[str] = set()
    for what, which in steps:
        alert = known[desk.alert or "A1"]
        command: object = None
        if what == "put":
            desk = d.put(desk, which)
        elif what == "looked":
            if desk.alert == alert.alert:
                seen.add(alert.alert)
            desk, command = d.looked(desk, alert)
            if isinstance(command, a.AlertsDisplayed):
                known[alert.alert] = msgspec.structs.replace(alert, state="displayed")
        elif what == "say":
            desk, command = d.say(desk, alert, which)  # type: ignore[arg-type]
            if isinstance(command, a.AlertsOpinion):
                assert command.alert in seen
                said.add(command.alert)
        elif what == "choose":
            before = desk
            desk, command = d.choose(desk, alert, which)
            if isinstance(command, a.AlertsDecide):
                assert command.alert in seen
                assert command.alert in said
                assert alert.state in OPEN_STATES
                assert before.question == command.decision
                code = REASONS[command.reasons[0]]
                assert command.decision in code.used_for
                known[alert.alert] = msgspec.structs.replace(alert, state=command.decision)
            if isinstance(command, a.AlertsOutcome):
                came, step = AlertState(alert.state), Step(command.outcome)
                known[alert.alert] = msgspec.structs.replace(
                    alert, state=TRANSITIONS[came, step].value
                )
        elif what == "close":
            desk = d.close(desk)
        elif what == "outcome":
            desk = d.ask_outcome(desk, alert)
        else:
            known[alert.alert] = msgspec.structs.replace(alert, state=which)
        for one in known.values():
            if d.score_shown(desk, one):
                assert one.alert in said or one.state not in OPEN_STATES


@pytest.mark.parametrize(
    ("opinion", "key", "decision", "reason"),
    [
        ("same", "a", "passed", "likeness"),
        ("different", "b", "discounted", "different_age"),
        ("different", "r", "discounted", "obstructed"),
    ],
)
def test_two_keys_decide(opinion: d.Opinion, key: str, decision: str, reason: str) -> None:
    alert = samples.alert(1)
    desk, command = d.looked(d.put(d.Desk(), "A1"), alert)
    assert command == a.AlertsDisplayed(alert="A1")
    desk, command = d.say(desk, alert, opinion)
    assert command == a.AlertsOpinion(alert="A1", opinion=opinion)
    desk, command = d.choose(desk, alert, key)
    assert isinstance(command, a.AlertsDecide)
    assert (command.decision, command.reasons) == (decision, [reason])
    assert desk.question == ""


@pytest.mark.parametrize("opinion", ["same", "different", "not_sure"])
def test_a_key_that_bounces_never_decides(opinion: d.Opinion) -> None:
    alert = samples.alert(1)
    desk, _ = d.looked(d.put(d.Desk(), "A1"), alert)
    desk, _ = d.say(desk, alert, opinion)
    for key in "sdno":
        assert d.choose(desk, alert, key) == (desk, None)


def test_not_sure_opens_no_question_and_may_change_later() -> None:
    alert = samples.alert(1)
    desk, _ = d.looked(d.put(d.Desk(), "A1"), alert)
    desk, _ = d.say(desk, alert, "not_sure")
    assert d.choices(desk, alert) == ()
    desk, command = d.say(desk, alert, "same")
    assert command == a.AlertsOpinion(alert="A1", opinion="same")
    assert d.choices(desk, alert) == r.PASSED


def test_the_same_opinion_again_is_not_sent_again() -> None:
    alert = samples.alert(1)
    desk, _ = d.looked(d.put(d.Desk(), "A1"), alert)
    desk, _ = d.say(desk, alert, "same")
    desk, command = d.say(d.close(desk), alert, "same")
    assert command is None
    assert d.choices(desk, alert) == r.PASSED


def test_an_opinion_is_remembered_when_the_alert_comes_back() -> None:
    alert = samples.alert(1)
    desk, _ = d.looked(d.put(d.Desk(), "A1"), alert)
    desk, _ = d.say(desk, alert, "different")
    desk = d.put(d.put(desk, "A2"), "A1")
    assert desk.opinion == "different"
    assert not desk.looked
    assert d.score_shown(desk, alert)


def test_the_codes_are_the_engines() -> None:
    for choices, used_for in ((r.PASSED, "passed"), (r.DISCOUNTED, "discounted")):
        offered = {choice.code: choice.group for choice in choices}
        engine = {one.code: one.group for one in REASONS.values() if used_for in one.used_for}
        assert offered == engine
        assert len({choice.key for choice in choices}) == len(choices)


def test_the_groups_are_those_of_the_rule_in_its_order() -> None:
    groups = list(dict.fromkeys(choice.group for choice in r.DISCOUNTED))
    assert groups == ["subject", "system", "environment"]


def test_outcomes_are_those_of_the_life_cycle() -> None:
    from_engine: dict[str, set[str]] = {}
    for came, step in TRANSITIONS:
        if came not in OPEN:
            from_engine.setdefault(came.value, set()).add(step.value)
    assert {state: set(codes) for state, codes in r.OUTCOMES.items()} == from_engine
    assert [one.text for one in r.outcomes("engaged")][:2] == [
        "confirmed true",
        "confirmed true, arrest",
    ]
    assert r.outcomes("discounted") == ()


def test_open_states_are_the_engines() -> None:
    assert frozenset(state.value for state in OPEN) == OPEN_STATES
