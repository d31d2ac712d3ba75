from __future__ import annotations

import itertools

import pytest

from lfr_engine.alerts.lifecycle import Alert, AlertState
from lfr_engine.alerts.policy import (
    CHOICES,
    STANDINGS,
    EntryFacts,
    PolicySettings,
    Standing,
    When,
    cooldown_s,
)
from lfr_engine.alerts.table import AlertTable
from lfr_engine.journal.events.alerts import AlertExpired, AlertGenerated, AlertSuppressed
from tests.alerts.support import ANNA, BERT, FINN, OLGA, at, finding, names, offer, table


def only(alerts: AlertTable) -> Alert:
    (alert,) = alerts
    return alert


def discounted(alerts: AlertTable, seconds: float) -> None:
    newest = list(alerts)[-1]
    alerts.displayed(newest.reference, OLGA, at(seconds))
    alerts.decide(newest.reference, OLGA, "discounted", ["different_features"], at(seconds))


def passed(alerts: AlertTable, seconds: float) -> str:
    newest = list(alerts)[-1]
    alerts.displayed(newest.reference, OLGA, at(seconds))
    alerts.decide(newest.reference, OLGA, "passed", ["likeness"], at(seconds))
    return newest.reference


def test_the_tables_are_whole() -> None:
    assert set(STANDINGS) == set(AlertState)
    assert set(CHOICES) == set(itertools.product(Standing, When))


def test_a_walker_is_raised_once_and_then_updated() -> None:
    alerts = table()
    assert names(offer(alerts, 1.0)) == ["AlertGenerated"]
    assert offer(alerts, 1.2) == ()  # nothing new to tell
    assert names(offer(alerts, 1.4, score=0.56)) == ["AlertUpdated"]
    assert names(offer(alerts, 3.0, score=0.4)) == ["AlertUpdated"]
    alert = only(alerts)
    assert (alert.score, alert.updates) == (0.56, 2)


def test_a_second_camera_updates_the_same_alert() -> None:
    alerts = table()
    offer(alerts, 1.0)
    assert names(offer(alerts, 9.0, camera="south", number=4)) == ["AlertUpdated"]
    assert only(alerts).tracks == {("north", "north#1"), ("south", "south#4")}


def test_another_site_and_another_person_are_never_hidden() -> None:
    alerts = table()
    offer(alerts, 1.0)
    discounted(alerts, 2.0)
    assert names(offer(alerts, 2.5, BERT, number=1)) == ["AlertGenerated"]
    assert names(offer(alerts, 2.6, BERT, number=2, site="station")) == ["AlertGenerated"]
    assert names(offer(alerts, 2.7, ANNA, number=2, site="station")) == ["AlertGenerated"]


def test_a_new_pass_replaces_an_alert_that_nobody_decided() -> None:
    alerts = table()
    offer(alerts, 1.0)
    events = offer(alerts, 40.0, number=2)
    assert names(events) == ["AlertExpired", "AlertGenerated"]
    assert isinstance(events[0], AlertExpired)
    assert events[0].reason == "newer_pass"
    assert [alert.state for alert in alerts] == [AlertState.EXPIRED, AlertState.GENERATED]


def test_a_discount_clears_that_track_and_pass_and_says_so_once() -> None:
    alerts = table()
    offer(alerts, 1.0)
    discounted(alerts, 2.0)
    (event,) = offer(alerts, 3.0)
    assert isinstance(event, AlertSuppressed)
    assert event.reason == "cleared"
    assert offer(alerts, 4.0) == ()
    assert names(offer(alerts, 5.0, number=2)) == ["AlertSuppressed"]
    assert offer(alerts, 5.5, score=0.9) == ()  # the cleared track stays cleared


def test_who_resembles_much_better_than_the_discounted_is_alerted() -> None:
    alerts = table()
    offer(alerts, 1.0, score=0.45)
    discounted(alerts, 2.0)
    assert names(offer(alerts, 3.0, number=2, score=0.49)) == ["AlertSuppressed"]
    assert names(offer(alerts, 3.0, number=3, score=0.51)) == ["AlertGenerated"]


def test_the_cooldown_after_discounts_doubles_but_ends() -> None:
    alerts = table(policy=PolicySettings(discount_cooldown_s=60, longest_cooldown_s=200))
    decided = 0.0
    offer(alerts, 0.0)
    for number, quiet in enumerate((60, 120, 200, 200), start=1):
        discounted(alerts, decided)
        assert names(offer(alerts, decided + quiet - 1, number=10 * number)) == ["AlertSuppressed"]
        again = decided + quiet + 31  # that look-alike has gone; this is a later pass
        assert names(offer(alerts, again, number=10 * number + 1)) == ["AlertGenerated"]
        decided = again + 1


def test_urgent_entries_never_wait_longer() -> None:
    alerts = table()
    urgent = EntryFacts("uma", "risk_of_harm", priority=1)
    offer(alerts, 0.0, urgent)
    alert = only(alerts)
    discounted(alerts, 1.0)
    cleared = only(alerts)
    settings = alerts.policy
    assert cooldown_s(alert, 0, settings, urgent=True) == 0
    assert cooldown_s(cleared, 5, settings, urgent=True) == settings.discount_cooldown_s
    assert cooldown_s(cleared, 3, settings, urgent=False) == 4 * settings.discount_cooldown_s
    assert cooldown_s(cleared, 99, settings, urgent=False) == settings.longest_cooldown_s


def test_somebody_lost_is_alerted_again_at_once() -> None:
    alerts = table()
    offer(alerts, 1.0)
    ref = passed(alerts, 2.0)
    assert names(offer(alerts, 4.0)) == ["AlertUpdated"]
    alerts.outcome(ref, FINN, "lost", ["not_found"], at(10))
    assert names(offer(alerts, 11.0)) == ["AlertGenerated"]


def test_who_is_with_officers_is_not_alerted() -> None:
    alerts = table()
    offer(alerts, 1.0)
    alerts.outcome(passed(alerts, 2.0), FINN, "engaged", [], at(20))
    assert names(offer(alerts, 60.0, number=2)) == ["AlertSuppressed"]
    assert names(offer(alerts, 1_000.0, number=3)) == ["AlertGenerated"]


def test_withdrawn_and_silent_entries_do_not_alert() -> None:
    alerts = table(policy=PolicySettings(silent=frozenset({"missing"})))
    withdrawn = EntryFacts("anna", "wanted", withdrawn=True)
    for facts, reason in ((withdrawn, "withdrawn"), (BERT, "policy")):
        (event,) = offer(alerts, 1.0, facts)
        assert isinstance(event, AlertSuppressed)
        assert event.reason == reason


def test_withdrawal_ends_undecided_alerts() -> None:
    alerts = table()
    offer(alerts, 1.0)
    offer(alerts, 1.0, BERT, number=2)
    assert [event.alert for event in alerts.withdraw("anna", at(2))] == [
        next(iter(alerts)).reference
    ]
    assert [alert.state for alert in alerts] == [AlertState.EXPIRED, AlertState.GENERATED]


def test_late_is_marked_late() -> None:
    alerts = table()
    (event,) = offer(alerts, 1.0)
    assert isinstance(event, AlertGenerated)
    assert event.age_ms == pytest.approx(100)
    assert not event.late
    found = finding("bert", seconds=1.0)
    (late,) = alerts.offer(found, BERT, "square", at(3.5), threshold=0.4)
    assert isinstance(late, AlertGenerated)
    assert late.age_ms == pytest.approx(2_500)
    assert late.late


def test_blue_list_hits_are_logged_once_a_pass_and_never_adjudicated() -> None:
    alerts = table()
    staff = EntryFacts("sam", "blue", blue=True)
    (event,) = offer(alerts, 1.0, staff)
    assert isinstance(event, AlertGenerated)
    assert event.blue
    assert offer(alerts, 1.5, staff) == ()
    assert alerts.tick(at(999)) == ()
    assert names(offer(alerts, 40.0, staff, number=2)) == ["AlertGenerated"]
    assert {alert.state for alert in alerts} == {AlertState.BLUE}
