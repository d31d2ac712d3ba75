"""The alert table against a simple oracle, across crashes, and in replayed scenes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from lfr_engine.alerts.adjudication import (
    AdjudicationSettings,
    Decision,
    Opinion,
    Outcome,
    Person,
    score_shown,
)
from lfr_engine.alerts.evidence import Finding, Track, Verdict
from lfr_engine.alerts.lifecycle import PENDING, AlertState
from lfr_engine.alerts.policy import EntryFacts, PolicySettings
from lfr_engine.alerts.table import AlertTable, declined, stamp_of
from lfr_engine.clock import Stamp
from lfr_engine.errors import InputError, LfrError
from lfr_engine.journal.events.alerts import AlertDecided, AlertGenerated
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.kinds import checked, item, typed
from tests.alerts.support import ANNA, BERT, FINN, OLGA, OTTO, at, finding, names, offer, table


def restored(journal: list[tuple[Stamp, Event]], alerts: AlertTable, now: Stamp) -> AlertTable:
    """A new table from what a journal would give back: plain values and the time of writing."""
    again = AlertTable(alerts.adjudication, alerts.policy)
    for written, event in journal:
        kind, body = item(event)
        again.apply(typed(kind, checked(kind, body)), stamp_of(written.utc, now))
    return again


def test_every_event_fits_the_journal_and_restores_the_table() -> None:
    alerts, journal = table(), list[tuple[Stamp, Event]]()

    def note(seconds: float, *events: Event) -> None:
        journal.extend((at(seconds), event) for event in events)

    note(1.1, *offer(alerts, 1.0))
    note(2.1, *offer(alerts, 2.0, BERT, number=2))
    anna, bert = (alert.reference for alert in alerts)
    note(3, alerts.displayed(anna, OLGA, at(3)), alerts.opinion(anna, OLGA, "not_sure", at(3)))
    note(4, alerts.decide(anna, OLGA, "passed", ["likeness", "cannot_exclude"], at(4), "by scar"))
    note(5.1, *offer(alerts, 5.0, score=0.7))
    note(6, alerts.outcome(anna, FINN, "engaged", [], at(6)))
    note(70, *alerts.tick(at(70)))
    note(71.1, *offer(alerts, 71, ANNA, number=9))
    again = restored(journal, alerts, at(71.1))
    assert {a.reference: a.state for a in again} == {
        anna: AlertState.ENGAGED,
        bert: AlertState.EXPIRED,
    }
    assert list(again) == list(alerts)
    assert names(offer(again, 72, BERT, number=10)) == ["AlertGenerated"]
    assert len({alert.reference for alert in again}) == 3


def test_references_are_six_digits_and_do_not_repeat() -> None:
    alerts = table(policy=PolicySettings(pass_window_s=1))
    references = set()
    for i in range(500):
        for event in offer(alerts, 10.0 * i, number=i):
            if isinstance(event, AlertGenerated):
                references.add(event.alert)
                assert len(event.alert) == 6
    assert len(references) == 500


def test_memory_is_bounded_and_whoever_is_pending_stays() -> None:
    alerts = AlertTable(
        AdjudicationSettings("dep-1"), PolicySettings(pass_window_s=1), most_alerts=10
    )
    offer(alerts, 0.0, BERT)
    for i in range(50):
        offer(alerts, 10.0 * i, number=i + 2)
    assert len(alerts) == 10
    assert any(alert.entry == "bert" for alert in alerts)


def test_counts_leave_the_blue_list_out_and_outlive_memory() -> None:
    alerts = AlertTable(AdjudicationSettings("dep-1"), PolicySettings(), most_alerts=3)
    offer(alerts, 0.0, EntryFacts("sam", "blue", blue=True))
    for i, decision in enumerate(("discounted", "passed", "discounted", "passed")):
        facts = EntryFacts(f"entry-{i}", "wanted")
        (event,) = offer(alerts, float(i), facts, number=i + 5)
        assert isinstance(event, AlertGenerated)
        alerts.displayed(event.alert, OLGA, at(i))
        why = "likeness" if decision == "passed" else "close_kin"
        made: Decision = "passed" if decision == "passed" else "discounted"
        alerts.decide(event.alert, OLGA, made, [why], at(i))
        if made == "passed":
            alerts.outcome(event.alert, FINN, "engaged", [], at(i))
            alerts.outcome(event.alert, FINN, "confirmed_false", [], at(i))
    offer(alerts, 9.0)
    assert len(alerts) == 3
    counts = alerts.counts
    assert (counts.alerts, counts.undecided, counts.false_alerts) == (5, 1, 4)
    assert (counts.engaged, counts.confirmed_true) == (2, 0)


def test_an_unknown_alert_is_the_callers_mistake() -> None:
    with pytest.raises(InputError, match="no such alert"):
        table().displayed("FFFFFF", OLGA, at(1))


def test_only_a_match_is_offered() -> None:
    found = finding()
    weak = Finding(found.track, Verdict.LOW_MARGIN, None, 0.5, None, 0.01, 2, 3, 0.8, 0, 0)
    with pytest.raises(ValueError, match="only a match"):
        table().offer(weak, ANNA, "square", at(1), threshold=0.4)


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        (Verdict.MATCH, None),
        (Verdict.NOBODY_NEAR, None),
        (Verdict.LOW_MARGIN, "low_margin"),
        (Verdict.TOO_FEW, "too_few_sightings"),
        (Verdict.DISAGREEMENT, "views_disagree"),
        (Verdict.BELOW_THRESHOLD, "below_threshold"),
    ],
)
def test_why_nobody_was_recognised_is_journalled_without_a_name(
    verdict: Verdict, reason: str | None
) -> None:
    found = Finding(Track("north", 3), verdict, None, 0.5, None, 0.01, 2, 3, 0.8, 0, 0)
    event = declined(found, "dep-1")
    if reason is None:
        assert event is None
        return
    assert event is not None
    kind, body = item(event)
    assert checked(kind, body)["reason"] == reason
    assert "anna" not in str(body)


ENTRIES = (ANNA, BERT, EntryFacts("uma", "risk_of_harm", priority=1))
people = st.sampled_from([OLGA, OTTO, FINN])


class AlertMachine(RuleBasedStateMachine):
    """Sightings, people and crashes in any order, against an oracle of sets."""

    alerts = Bundle("alerts")

    @initialize(two_person=st.booleans())
    def begin(self, two_person: bool) -> None:
        self.now = 0.0
        self.table = table(two_person=two_person)
        self.journal = list[tuple[Stamp, Event]]()
        self.raised = dict[str, str]()  # reference: entry
        self.passed_by = dict[str, set[str]]()

    def keep(self, *events: Event) -> None:
        self.journal.extend((at(self.now), event) for event in events)

    @rule(
        target=alerts,
        facts=st.sampled_from(ENTRIES),
        number=st.integers(1, 4),
        camera=st.sampled_from(["north", "south"]),
        site=st.sampled_from(["square", "station"]),
        score=st.sampled_from([0.42, 0.5, 0.6]),
        gap=st.sampled_from([0.2, 5.0, 45.0, 100.0]),
    )
    def see(
        self, facts: EntryFacts, number: int, camera: str, site: str, score: float, gap: float
    ) -> object:
        self.now += gap
        events = offer(
            self.table, self.now, facts, camera=camera, number=number, site=site, score=score
        )
        self.now += 0.1  # the support function offers a finding so long after its capture
        self.keep(*events)
        new = [event.alert for event in events if isinstance(event, AlertGenerated)]
        assert len(new) <= 1
        for reference in new:
            assert reference not in self.raised
            self.raised[reference] = facts.entry
        return multiple(*new)

    @rule(reference=alerts, person=people)
    def look(self, reference: str, person: Person) -> None:
        try:
            self.keep(self.table.displayed(reference, person, at(self.now)))
        except LfrError:
            return
        assert person is not FINN

    @rule(
        reference=alerts,
        person=people,
        opinion=st.sampled_from(["same", "different", "not_sure"]),
    )
    def think(self, reference: str, person: Person, opinion: Opinion) -> None:
        others = {OLGA, OTTO, FINN} - {person}
        before = {one: self.sees(reference, one) for one in others}
        try:
            self.keep(self.table.opinion(reference, person, opinion, at(self.now)))
        except LfrError:
            return
        assert self.sees(reference, person)
        assert {one: self.sees(reference, one) for one in others} == before

    def sees(self, reference: str, person: Person) -> bool:
        return score_shown(self.table[reference], self.table.adjudication, person.name)

    @rule(reference=alerts, person=people, to_pass=st.booleans())
    def decide(self, reference: str, person: Person, to_pass: bool) -> None:
        opinions = dict(self.table[reference].opinions)
        decision: Decision = "passed" if to_pass else "discounted"
        why = "likeness" if to_pass else "close_kin"
        try:
            event = self.table.decide(reference, person, decision, [why], at(self.now))
        except LfrError:
            return
        self.keep(event)
        assert person is not FINN
        if to_pass:
            self.passed_by[reference] = {n for n in (event.actor, event.second_actor) if n}
            if self.table.adjudication.two_person:
                assert len(self.passed_by[reference]) == 2
                assert all(opinions[name] == "same" for name in self.passed_by[reference])

    @rule(
        reference=alerts,
        person=people,
        outcome=st.sampled_from(
            ["engaged", "lost", "no_action", "confirmed_true", "confirmed_false"]
        ),
    )
    def act(self, reference: str, person: Person, outcome: Outcome) -> None:
        try:
            self.keep(self.table.outcome(reference, person, outcome, [], at(self.now)))
        except LfrError:
            return
        assert reference in self.passed_by

    @rule(seconds=st.sampled_from([1.0, 30.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.keep(*self.table.tick(at(self.now)))

    @rule(facts=st.sampled_from(ENTRIES))
    def withdraw(self, facts: EntryFacts) -> None:
        events = self.table.withdraw(facts.entry, at(self.now))
        assert all(event.reason == "withdrawn" for event in events)
        self.keep(*events)

    @rule()
    def crash(self) -> None:
        before = list(self.table)
        self.table = restored(self.journal, self.table, at(self.now))
        assert list(self.table) == before

    @invariant()
    def nobody_is_engaged_without_a_named_decision(self) -> None:
        for alert in getattr(self, "table", ()):
            undecided = {AlertState.GENERATED, AlertState.DISPLAYED, AlertState.EXPIRED}
            if alert.state not in undecided | {AlertState.DISCOUNTED}:
                assert alert.reference in self.passed_by
                assert set(alert.decided_by) == self.passed_by[alert.reference]

    @invariant()
    def at_most_one_alert_of_an_entry_on_a_site_is_pending(self) -> None:
        keys = [(a.entry, a.site) for a in getattr(self, "table", ()) if a.state in PENDING]
        assert len(keys) == len(set(keys))

    @invariant()
    def no_alert_is_lost(self) -> None:
        if hasattr(self, "table"):
            assert {a.reference: a.entry for a in self.table} == self.raised


AlertMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAlertMachine = AlertMachine.TestCase


def replayed(
    scene: list[tuple[float, EntryFacts, str, int]], policy: PolicySettings | None = None
) -> Counter[str]:
    alerts = table(policy=policy)
    raised: Counter[str] = Counter()
    for seconds, facts, camera, number in sorted(scene, key=lambda seen: seen[0]):
        for event in offer(alerts, seconds, facts, camera=camera, number=number):
            if isinstance(event, AlertGenerated):
                raised[event.entry] += 1
        alerts.tick(at(seconds))
    return raised


def walk(
    facts: EntryFacts, camera: str, number: int, begin: float, end: float
) -> list[tuple[float, EntryFacts, str, int]]:
    steps = round((end - begin) / 0.2)
    return [(begin + 0.2 * i, facts, camera, number) for i in range(steps + 1)]


def test_an_occlusion_that_broke_the_track_gives_no_second_alert() -> None:
    scene = walk(ANNA, "north", 1, 0, 3) + walk(ANNA, "north", 2, 5, 8)
    assert replayed(scene) == {"anna": 1}


def test_crossing_people_give_one_alert_each() -> None:
    scene = walk(ANNA, "north", 1, 0, 4) + walk(BERT, "north", 2, 1, 5)
    # Their tracks swap where they cross: each track now also sees the other one.
    scene += walk(BERT, "north", 1, 4.2, 6) + walk(ANNA, "north", 2, 5.2, 6)
    assert replayed(scene) == {"anna": 1, "bert": 1}


def test_two_cameras_and_a_re_entry_are_one_alert_for_each_pass() -> None:
    scene = walk(ANNA, "north", 1, 0, 5) + walk(ANNA, "south", 8, 2, 9)
    scene += walk(ANNA, "south", 30, 100, 106) + walk(ANNA, "north", 33, 104, 111)
    assert replayed(scene) == {"anna": 2}


def test_who_stands_in_view_for_minutes_is_one_pass() -> None:
    assert replayed(walk(ANNA, "north", 1, 0, 300)) == {"anna": 1}


def test_what_is_undecided_at_the_end_expires_with_the_ends_reason() -> None:
    alerts = table()
    (event,) = offer(alerts, 1.0)
    offer(alerts, 1.0, BERT, number=2)
    assert isinstance(event, AlertGenerated)
    alerts.displayed(event.alert, OLGA, at(2))
    alerts.decide(event.alert, OLGA, "passed", ["likeness"], at(3))
    (closed,) = alerts.close("authority_end", at(9))
    assert (closed.reason, alerts[closed.alert].entry) == ("authority_end", "bert")
    assert alerts[event.alert].state is AlertState.PASSED


def test_a_decision_is_an_event_with_a_name() -> None:
    assert {"actor", "role"} <= set(AlertDecided.__struct_fields__)
