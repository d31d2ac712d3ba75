from __future__ import annotations

from typing import get_args

import pytest

from lfr_engine.alerts.adjudication import AdjudicationSettings, Person, score_shown
from lfr_engine.alerts.lifecycle import AlertState
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.alerts.reasons import REASONS, Group
from lfr_engine.alerts.table import AlertTable
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.events.alerts import AlertGenerated
from tests.alerts.support import FINN, OLGA, OTTO, at, offer, table


def shown(*, two_person: bool = False) -> tuple[AlertTable, str]:
    alerts = table(two_person=two_person)
    (event,) = offer(alerts, 1.0)
    assert isinstance(event, AlertGenerated)
    alerts.displayed(event.alert, OLGA, at(2))
    return alerts, event.alert


def test_the_path_to_an_arrest_names_everybody() -> None:
    alerts, ref = shown()
    assert alerts.opinion(ref, OLGA, "same", at(3)).actor == "Olga"
    decided = alerts.decide(ref, OLGA, "passed", ["likeness"], at(4), "scar agrees")
    assert (decided.actor, decided.role, decided.reason) == ("Olga", "operator", "likeness")
    assert decided.reason_group == "subject"
    assert decided.note == "scar agrees"
    engaged = alerts.outcome(ref, FINN, "engaged", [], at(60))
    assert (engaged.actor, engaged.role) == ("Finn", "officer")
    alerts.outcome(ref, FINN, "confirmed_true", ["document_checked"], at(300))
    assert alerts[ref].state is AlertState.CONFIRMED_TRUE
    assert alerts[ref].decided_by == ("Olga",)
    alerts.outcome(ref, FINN, "confirmed_false", ["biometrics_checked"], at(900))
    assert alerts[ref].state is AlertState.CONFIRMED_FALSE


def test_display_says_how_long_after_the_capture() -> None:
    alerts = table()
    (event,) = offer(alerts, 1.0)
    assert isinstance(event, AlertGenerated)
    assert alerts.displayed(event.alert, OLGA, at(1.8)).after_ms == pytest.approx(800)


@pytest.mark.parametrize("two_person", [False, True])
def test_the_score_is_hidden_from_everybody_until_their_own_opinion(two_person: bool) -> None:
    alerts, ref = shown(two_person=two_person)

    def told() -> list[str]:
        people = ("Olga", "Otto", "integrator")
        return [name for name in people if score_shown(alerts[ref], alerts.adjudication, name)]

    assert told() == []
    alerts.opinion(ref, OLGA, "not_sure", at(3))
    assert told() == ["Olga"]
    alerts.opinion(ref, OTTO, "different", at(4))
    assert told() == ["Olga", "Otto"]


def test_an_engine_that_is_set_to_show_scores_shows_them() -> None:
    alerts, ref = shown()
    assert score_shown(alerts[ref], AdjudicationSettings("dep-1", blind=False), "Otto")


def test_the_score_is_shown_once_decided_without_an_opinion() -> None:
    alerts, ref = shown()
    alerts.decide(ref, OLGA, "discounted", ["different_features"], at(3))
    assert score_shown(alerts[ref], alerts.adjudication, "Otto")


@pytest.mark.parametrize(
    ("person", "match"),
    [(FINN, "as officer"), (Person("", "operator"), "a name"), (Person("x", "engine"), "engine")],
)
def test_only_a_named_operator_decides(person: Person, match: str) -> None:
    alerts, ref = shown()
    with pytest.raises(RuleError, match=match):
        alerts.decide(ref, person, "passed", ["likeness"], at(3))
    assert alerts[ref].state is AlertState.DISPLAYED


def test_nobody_decides_what_nobody_saw() -> None:
    alerts = table()
    (event,) = offer(alerts, 1.0)
    assert isinstance(event, AlertGenerated)
    with pytest.raises(RuleError, match="cannot become passed"):
        alerts.decide(event.alert, OLGA, "passed", ["likeness"], at(3))
    with pytest.raises(RuleError, match="no opinion"):
        alerts.opinion(event.alert, OLGA, "same", at(3))


@pytest.mark.parametrize(
    ("reasons", "match"),
    [([], "needs a reason"), (["lighting"], "no reason for passed"), (["nonsense"], "nonsense")],
)
def test_a_decision_needs_reasons_that_fit(reasons: list[str], match: str) -> None:
    alerts, ref = shown()
    with pytest.raises(InputError, match=match):
        alerts.decide(ref, OLGA, "passed", reasons, at(3))


def test_every_reason_is_kept_by_its_code_once() -> None:
    alerts, ref = shown()
    codes = ["angle", "blur", "angle", "lighting"]
    event = alerts.decide(ref, OLGA, "discounted", codes, at(3), "crowd")
    assert (event.reason, event.reason_group) == ("angle", "environment")
    assert event.reasons == ["angle", "blur", "lighting"]
    assert event.note == "crowd"


def test_every_reason_of_an_outcome_is_kept() -> None:
    alerts, ref = shown()
    assert alerts.decide(ref, OLGA, "passed", ["likeness"], at(3)).note is None
    event = alerts.outcome(ref, FINN, "lost", ["not_found", "too_late"], at(9))
    assert event.reasons == ["not_found", "too_late"]
    assert alerts.outcome(ref, FINN, "no_action", [], at(9)).reasons is None


def test_an_arrest_is_entered_only_where_somebody_was_engaged() -> None:
    alerts, ref = shown()
    alerts.decide(ref, OLGA, "passed", ["likeness"], at(3))
    with pytest.raises(RuleError, match="nobody was engaged"):
        alerts.entered(FINN, "arrest", 1, ref)
    alerts.outcome(ref, FINN, "engaged", [], at(9))
    assert alerts.entered(FINN, "arrest", 1, ref).alert == ref
    assert alerts.entered(FINN, "safeguarding", 2, None).count == 2
    with pytest.raises(RuleError, match="as auditor"):
        alerts.entered(Person("Ada", "auditor"), "arrest", 1, None)
    (blue,) = offer(alerts, 20, EntryFacts("sam", "blue", blue=True))
    assert isinstance(blue, AlertGenerated)
    with pytest.raises(RuleError, match="R9"):
        alerts.entered(FINN, "arrest", 1, blue.alert)


def test_no_outcome_without_a_decision() -> None:
    alerts, ref = shown()
    with pytest.raises(RuleError, match="R2"):
        alerts.outcome(ref, FINN, "engaged", [], at(3))


def test_with_two_persons_one_alone_cannot_pass() -> None:
    alerts, ref = shown(two_person=True)
    with pytest.raises(RuleError, match="two people"):
        alerts.decide(ref, OLGA, "passed", ["likeness"], at(3))
    alerts.opinion(ref, OLGA, "same", at(3))
    with pytest.raises(RuleError, match="two people"):
        alerts.decide(ref, OLGA, "passed", ["likeness"], at(4))
    alerts.opinion(ref, OTTO, "different", at(5))
    with pytest.raises(RuleError, match="two people"):
        alerts.decide(ref, OLGA, "passed", ["likeness"], at(6))
    alerts.opinion(ref, OTTO, "same", at(7))
    event = alerts.decide(ref, OLGA, "passed", ["likeness"], at(8))
    assert (event.actor, event.second_actor) == ("Olga", "Otto")
    assert alerts[ref].decided_by == ("Olga", "Otto")


def test_with_two_persons_either_may_discount() -> None:
    alerts, ref = shown(two_person=True)
    alerts.opinion(ref, OLGA, "same", at(3))
    alerts.decide(ref, OTTO, "discounted", ["close_kin"], at(4))
    assert alerts[ref].state is AlertState.DISCOUNTED


def test_an_undecided_alert_expires_and_then_takes_no_decision() -> None:
    alerts, ref = shown()
    assert alerts.tick(at(60)) == ()
    (event,) = alerts.tick(at(61.2))
    assert event.after_ms == pytest.approx(60_100)
    assert event.reason == "timeout"
    assert alerts.tick(at(99)) == ()
    with pytest.raises(RuleError, match="expired"):
        alerts.decide(ref, OLGA, "passed", ["likeness"], at(100))


def test_every_decision_has_reasons_in_every_group_where_it_may_need_one() -> None:
    discounts = {r.group for r in REASONS.values() if "discounted" in r.used_for}
    assert discounts == set(get_args(Group))
    assert all(r.used_for <= {"passed", "discounted", "outcome"} for r in REASONS.values())
