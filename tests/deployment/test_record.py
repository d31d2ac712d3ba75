from __future__ import annotations

import datetime as dt
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfr_engine.deployment.measures import interval_in_words, measure, rate_in_words
from lfr_engine.deployment.record import as_json, as_values, without_open_scores
from lfr_engine.deployment.tally import deployments
from lfr_engine.deployment.totals import build
from lfr_engine.errors import InputError
from lfr_engine.journal.events import alerts, deployment
from lfr_engine.journal.lines import Record
from tests.deployment.diary import records, started
from tests.deployment.papers import END, NOON, START
from tests.deployment.story import (
    D,
    Entry,
    alert,
    blue_pass,
    decided,
    outcome,
    told,
    traffic,
)


def test_every_total_of_a_known_story() -> None:
    record = build(told(), "D-1")
    assert (record.passes, record.detections, record.re_entries) == (5000, 100_000, 3)
    totals = record.alerts
    assert (totals.raised, totals.late, totals.displayed) == (5, 1, 1)
    assert (totals.passed, totals.discounted, totals.expired, totals.open) == (3, 1, 1, 0)
    assert (totals.engaged, totals.confirmed_true, totals.confirmed_false) == (3, 2, 1)
    assert totals.false == 2
    assert totals.by_reason == {"likeness": 3, "different_features": 1}
    assert record.outcomes == {"arrests": 2}
    assert (record.blue_passes, record.blue_hits) == (4, 3)
    assert [(m.numerator, m.denominator) for m in record.measures] == [
        (2, 5000), (2, 5), (2, 3), (3, 4),
    ]  # fmt: skip
    assert record.drops == {"slot": 6, "age": 2}
    one, two = record.cameras
    assert (one.id, one.passes, one.up_s, one.outages) == ("cam1", 4500, 900, 0)
    assert one.uptime == pytest.approx(900 / 21_600)
    assert (two.outages, two.outage_s, two.alerts) == (1, 40, 1)
    assert (two.blue.numerator, two.blue.denominator) == (1, 2)
    assert record.relayed == {"tetra": {"delivered": 1}}
    assert [c.certificate for c in record.deletions] == ["DC-1"]
    assert record.watchlist.withdrawn == 1
    assert [stop.text for stop in record.stops] == [
        "crowd <b>surge</b> (capture ended after 210 ms)"
    ]
    assert record.ended == END
    assert record.duration_s == 21_600
    assert record.findings == []
    assert record.evidence.first_seq == 2
    assert record.passes_over_time == [(START, 3500), (START + dt.timedelta(minutes=10), 1500)]


def test_json_holds_every_field_and_no_nominal() -> None:
    record = build(told(), "D-1")
    text = as_json(record).decode()
    assert json.loads(text) == json.loads(json.dumps(as_values(record)))
    assert "entry-of-" not in text
    assert "nominal-7" not in text


def test_another_deployment_and_an_unknown_one() -> None:
    assert deployments(told()) == ["D-1", "D-2"]
    assert build(told(), "D-2").outcomes == {"arrests": 50}
    with pytest.raises(InputError, match="no start of it"):
        build(told(), "D-3")


def entries(*more: Entry) -> list[Record]:
    return records([(START, started()), traffic("cam1", 100), *more])


def finding(*more: Entry) -> str:
    return "; ".join(build(entries(*more), "D-1").findings)


def test_what_does_not_add_up_is_said() -> None:
    assert "the end was not recorded" in finding()
    assert "engaged without a decision (R2)" in finding(alert("a"), outcome("a", "engaged"))
    assert "engaged without a decision (R2)" in finding(
        alert("a"), decided("a", "discounted", "blur"), outcome("a", "engaged")
    )
    assert "handled but never raised" in finding(decided("x", "passed", "likeness"))
    assert "raised twice" in finding(alert("a"), alert("a"))
    assert "1 blue hits belong to no registered pass" in finding(
        (NOON, alerts.BlueHit(**D, blue_pass="nowhere", alert="b"))
    )
    late = (END + dt.timedelta(hours=1), deployment.DeploymentEnded(**D, reason="operator"))
    assert "after the authority's end (R3)" in finding(late)
    assert "1 alerts were neither decided nor expired" in finding(alert("a"), late)
    arrest = deployment.OutcomeEntered(
        actor="x", role="officer", **D, outcome="arrests", count=1, alert="b"
    )
    assert "(R9)" in finding(alert("b", blue=True), (NOON, arrest))
    unsigned = records([(START, started(signage_confirmed=False))])
    assert "nobody confirmed the signs" in build(unsigned, "D-1").findings


def test_a_resumed_deployment_keeps_its_totals_and_its_runs_apart() -> None:
    def latency(p50: float) -> Entry:
        event = deployment.LatencySummary(
            **D, stage="to_operator", count=1, p50=p50, p95=1, p99=1, longest=1
        )
        return NOON, event

    record = build(
        entries(
            latency(10), latency(20), (NOON, started(resumed=True)), traffic("cam1", 7), latency(30)
        ),
        "D-1",
    )
    assert record.passes == 107
    assert record.started == START
    assert [(row.run, row.p50) for row in record.latencies] == [(1, 20), (2, 30)]
    assert [i.kind for i in record.incidents] == ["engine restarted"]


def test_of_one_alert_the_last_count_holds_and_counts_without_an_alert_add_up() -> None:
    def arrests(count: int, alert: str | None = None, what: str = "arrest") -> Entry:
        event = deployment.OutcomeEntered(
            actor="x", role="officer", **D, outcome=what, count=count, alert=alert
        )
        return NOON, event

    engaged = [alert("a"), decided("a", "passed", "likeness"), outcome("a", "engaged")]
    counts = [arrests(1, "a"), arrests(1, "a"), arrests(2), arrests(1), arrests(1, "a", "caution")]
    assert build(entries(*engaged, *counts), "D-1").outcomes == {"arrest": 4, "caution": 1}
    mended = build(entries(*engaged, *counts, arrests(0, "a")), "D-1")
    assert mended.outcomes["arrest"] == 3


def test_every_reason_counts_and_why_alerts_expired() -> None:
    both = alerts.AlertDecided(
        actor="o", role="operator", **D, alert="a", decision="discounted", reason="blur",
        reason_group="environment", reasons=["blur", "angle"],
    )  # fmt: skip
    gone = alerts.AlertExpired(**D, alert="b", after_ms=1, reason="withdrawn")
    old = alerts.AlertExpired(**D, alert="c", after_ms=1)
    story = [
        alert("a"),
        alert("b"),
        alert("c"),
        alert("d"),
        (NOON, both),
        (NOON, gone),
        (NOON, old),
    ]
    record = build(entries(*story), "D-1")
    assert record.alerts.by_reason == {"angle": 1, "blur": 1}
    assert record.alerts.by_expiry == {"unknown": 1, "withdrawn": 1}
    assert [one.reasons for one in record.alert_list] == [["blur", "angle"], [], [], []]
    assert [one.expired for one in record.alert_list] == [None, "withdrawn", "unknown", None]
    hidden = without_open_scores(record)
    assert [one.score is None for one in hidden.alert_list] == [False, False, False, True]


def test_small_groups_are_not_shown() -> None:
    walked = [blue_pass(f"p{n}", group="A") for n in range(10)]
    few = [blue_pass(f"q{n}", group="B") for n in range(9)]
    record = build(entries(*walked, *few), "D-1")
    assert [(g.name, g.denominator) for g in record.groups] == [("A", 10)]
    assert record.small_groups == 1


Step = tuple[str, bool, str, str]
steps = st.lists(
    st.tuples(
        st.sampled_from(["cam1", "cam2"]),
        st.booleans(),
        st.sampled_from(["open", "expired", "discounted", "passed"]),
        st.sampled_from(["none", "lost", "no_action", "confirmed_true", "confirmed_false"]),
    ),
    max_size=30,
)


@settings(max_examples=40)
@given(steps, st.lists(st.integers(0, 500), max_size=6), st.lists(st.booleans(), max_size=20))
def test_totals_counted_another_way_are_equal(
    life: list[Step], traffics: list[int], staff: list[bool]
) -> None:
    story: list[Entry] = [(START, started())]
    story += [traffic("cam1" if n % 2 else "cam2", count) for n, count in enumerate(traffics)]
    for number, (camera, blue, decision, result) in enumerate(life):
        name = f"a{number}"
        story.append(alert(name, blue=blue, camera=camera))
        if decision == "expired":
            story.append((NOON, alerts.AlertExpired(**D, alert=name, after_ms=1)))
        elif decision == "discounted":
            story.append(decided(name, "discounted", "blur"))
        elif decision == "passed":
            story.append(decided(name, "passed", "likeness"))
            if result.startswith("confirmed"):
                story += [outcome(name, "engaged"), outcome(name, result)]
            elif result != "none":
                story.append(outcome(name, result))
    for number, hit in enumerate(staff):
        story.append(blue_pass(f"p{number}"))
        if hit:
            story.append((NOON, alerts.BlueHit(**D, blue_pass=f"p{number}", alert="a0")))
    journal = records(story)
    record = build(journal, "D-1")

    # the recount knows nothing of the builder: it reads the plain bodies
    raised = [r.body for r in journal if r.kind == "alert.generated" and not r.body.get("blue")]
    names = {body["alert"] for body in raised}

    def of(kind: str, field: str, value: str) -> int:
        return len(
            {
                r.body["alert"]
                for r in journal
                if r.kind == kind and r.body[field] == value and r.body["alert"] in names
            }
        )

    totals = record.alerts
    assert totals.raised == len(raised)
    assert Counter(b["camera"] for b in raised) == Counter(
        {c.id: c.alerts for c in record.cameras if c.alerts}
    )
    assert totals.passed == of("alert.decided", "decision", "passed")
    assert totals.discounted == of("alert.decided", "decision", "discounted")
    assert totals.engaged == of("alert.outcome", "outcome", "engaged")
    assert totals.confirmed_true == of("alert.outcome", "outcome", "confirmed_true")
    assert totals.false == totals.discounted + of("alert.outcome", "outcome", "confirmed_false")
    assert totals.raised == totals.passed + totals.discounted + totals.expired + totals.open
    assert record.passes == sum(traffics)
    assert (record.blue_hits, record.blue_passes) == (sum(staff), len(staff))
    assert sum(c.blue.denominator for c in record.cameras) == len(staff)
    for shown in record.measures:
        assert 0 <= shown.low <= (shown.share or 0) <= shown.high or shown.share is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"), (1, "100 %"), (0.19, "19 %"), (0.0999, "10.0 %"), (0.023, "2.3 %"),
        (10 / 3_147_436, "1 in 315,000"), (0.001, "1 in 1,000"), (1 / 171_234, "1 in 171,000"),
    ],
)  # fmt: skip
def test_shares_in_words(value: float, words: str) -> None:
    assert rate_in_words(value) == words


def test_the_published_intervals_in_words() -> None:
    assert interval_in_words(measure("", "", 10, 3_147_436)) == "1 in 656,000 to 1 in 171,000"
    assert interval_in_words(measure("", "", 8, 42)) == "8.6 % to 34 %"
    assert interval_in_words(measure("", "", 0, 0)) == "nothing counted"
    assert measure("", "", 0, 0).share is None
    assert measure("", "", 9, 3).share == 1
