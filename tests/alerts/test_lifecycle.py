from __future__ import annotations

import pytest

from lfr_engine.alerts.lifecycle import (
    OUTCOMES,
    PENDING,
    ROLES,
    TRANSITIONS,
    Alert,
    AlertState,
    Step,
    applied,
    generated,
    stepped,
)
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.alerts import AlertDeleted, AlertGenerated, AlertRetained
from lfr_engine.journal.events.engine import EngineStopped
from tests.alerts.support import at, offer, table


def fresh() -> Alert:
    (event,) = offer(table(), 1.0)
    assert isinstance(event, AlertGenerated)
    return generated(event, at(1.1))


def test_engaged_is_reached_only_through_a_persons_pass() -> None:
    without_pass = {pair: to for pair, to in TRANSITIONS.items() if pair[1] is not Step.PASS}
    reached, border = {AlertState.GENERATED}, [AlertState.GENERATED]
    while border:
        state = border.pop()
        for (came_from, _), went_to in without_pass.items():
            if came_from is state and went_to not in reached:
                reached.add(went_to)
                border.append(went_to)
    assert reached == {
        AlertState.GENERATED,
        AlertState.DISPLAYED,
        AlertState.DISCOUNTED,
        AlertState.EXPIRED,
    }


def test_the_engine_may_only_let_an_alert_expire() -> None:
    assert [step for step, roles in ROLES.items() if "engine" in roles] == [Step.EXPIRE]
    assert set(ROLES) == set(Step)


def test_expiry_comes_only_before_a_decision() -> None:
    assert {state for state, step in TRANSITIONS if step is Step.EXPIRE} == {
        AlertState.GENERATED,
        AlertState.DISPLAYED,
    }


def test_blue_hits_and_final_states_take_no_step() -> None:
    with_steps = {state for state, _ in TRANSITIONS}
    final = {AlertState.BLUE, AlertState.DISCOUNTED, AlertState.EXPIRED}
    assert with_steps == set(AlertState) - final
    assert AlertState.BLUE not in PENDING


@pytest.mark.parametrize("state", AlertState)
@pytest.mark.parametrize("step", Step)
def test_every_step_leads_to_the_state_of_its_name_or_is_refused(
    state: AlertState, step: Step
) -> None:
    from dataclasses import replace

    alert = replace(fresh(), state=state)
    if (state, step) in TRANSITIONS:
        assert stepped(alert, step).value == step.value
    else:
        with pytest.raises(RuleError, match="R2"):
            stepped(alert, step)


def test_outcomes_may_be_corrected_and_the_last_counts() -> None:
    for came_from in (Step.CONFIRM, Step.REFUTE, Step.NOT_ESTABLISH):
        for went_to in (Step.CONFIRM, Step.REFUTE, Step.NOT_ESTABLISH):
            assert TRANSITIONS[AlertState(came_from.value), went_to].value == went_to.value
    assert set(OUTCOMES) <= set(Step)


def test_pictures_are_kept_and_deleted_in_any_state() -> None:
    alert = fresh()
    kept = applied(
        alert,
        AlertRetained(
            deployment="dep-1", alert=alert.reference, evidence="ev1", what="alert_evidence",
            until=at(9).utc, profile="met",
        ),
        at(2),
    )  # fmt: skip
    assert kept.pictures == "ev1"
    gone = applied(
        kept, AlertDeleted(deployment="dep-1", alert=alert.reference, certificate="c1"), at(3)
    )
    assert gone.pictures == ""
    assert gone.state is AlertState.GENERATED


def test_an_event_that_is_no_step_is_a_defect() -> None:
    with pytest.raises(TypeError, match="no step"):
        applied(fresh(), EngineStopped(reason="test"), at(1))
