"""Who gets what, and the rule about what is only for test."""

from __future__ import annotations

import datetime as dt

import pytest

from lfr_engine.errors import ConfigError
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.routing import may_carry, plans_for
from tests.relay.samples import START, make_cue, make_settings, make_table


def names(cue: Cue, priority: int = 5, now: dt.datetime = START, **changes: object) -> list[str]:
    plans = plans_for(make_settings(**changes), cue, priority, now)
    return [f"{plan.recipient.id}:{'>'.join(plan.bearers)}" for plan in plans]


def test_the_team_on_duty_by_the_bearers_they_have() -> None:
    assert names(make_cue()) == ["E1:radio>tak", "E2:radio"]


def test_nobody_is_told_outside_their_duty() -> None:
    assert names(make_cue(), now=START + dt.timedelta(hours=5)) == []
    assert names(make_cue(), now=START - dt.timedelta(hours=2)) == []


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ({"categories": ["C2"]}, True),
        ({"categories": ["C1"]}, False),
        ({"places": ["VAN1"]}, True),
        ({"places": ["VAN2"]}, False),
        ({"lowest_priority": 5}, True),
        ({"lowest_priority": 4}, False),
    ],
)
def test_routes_by_category_place_and_priority(route: dict[str, object], told: bool) -> None:
    table = {"bearers": ["radio"], "recipients": ["E2"], **route}
    assert names(make_cue(), routes=[table]) == (["E2:radio"] if told else [])


def test_two_routes_join_their_bearers_for_one_recipient() -> None:
    routes = [
        {"bearers": ["tak"], "recipients": ["E1"]},
        {"bearers": ["radio", "tak"], "recipients": ["E1", "NET"]},
    ]
    assert names(make_cue(), routes=routes) == ["E1:tak>radio", "NET:radio"]


@pytest.mark.parametrize(
    ("cue", "live", "test"),
    [
        (make_cue(), True, False),
        (make_cue(marking=Marking.TEST), True, True),
        (make_cue(marking=Marking.EXERCISE), False, True),
        (make_cue(blue_list=True), False, True),
        (make_cue(blue_list=True, marking=Marking.TEST), False, True),
    ],
)
def test_blue_list_and_exercise_leave_by_test_bearers_only(
    cue: Cue, live: bool, test: bool
) -> None:
    assert may_carry(cue, test_bearer=False) is live
    assert may_carry(cue, test_bearer=True) is test


def test_an_exercise_goes_where_the_route_has_a_test_bearer() -> None:
    assert names(make_cue(marking=Marking.EXERCISE)) == ["E1:rehearsal"]
    assert names(make_cue(blue_list=True)) == ["E1:rehearsal"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"routes": [{"bearers": ["fax"]}]}, "no bearer fax"),
        ({"routes": [{"bearers": []}]}, "names no bearer"),
        ({"routes": [{"bearers": ["radio"], "recipients": ["E9"]}]}, "no recipient E9"),
        ({"routes": [{"bearers": ["radio"], "teams": ["south"]}]}, "south"),
        ({"deadline_s": 3600}, "deadline_s"),
        ({"recipients": [{"id": "E1", "addresses": {"fax": "1"}}]}, "no bearer fax"),
        ({"reciepients": []}, "reciepients"),
        ({"bearers": [{"kind": "pigeon", "name": "p"}]}, "pigeon"),
        (
            {"duty": [{"team": "n", "recipients": [], "start": START, "end": START}]},
            "ends before",
        ),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        make_settings(**{**make_table(), **changes})
