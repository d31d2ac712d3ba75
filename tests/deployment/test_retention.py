from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.deployment.retention import (
    PROFILES,
    Hold,
    Item,
    What,
    due,
    in_words,
    inventory,
    plan,
)
from lfr_engine.journal.events.alerts import AlertRetained
from lfr_engine.journal.events.deployment import DeploymentEnded
from lfr_engine.journal.events.watchlist import (
    DeletionCertificate,
    EvidenceHeld,
    EvidenceReleased,
    WatchlistSealed,
)
from tests.deployment.diary import records, started
from tests.deployment.papers import END, NOON, START

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
WHO = {"actor": "Sgt A", "role": "officer", "reason": "court"}


def item(what: What = What.ALERT, profile: str = "met", **facts: object) -> Item:
    return Item("E-1", what, profile, NOON, "D-1", ends=END, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("profile", "what", "when", "words"),
    [
        ("met", What.ALERT, NOON + 31 * DAY, "31 days after it was made"),
        ("met", What.DISCOUNTED, NOON + 31 * DAY, "31 days after it was made"),
        ("met", What.FOOTAGE, NOON + 31 * DAY, "31 days after it was made"),
        ("met", What.WATCHLIST, END, "at the end of the deployment"),
        ("swp", What.ALERT, NOON + DAY, "24 hours after it was made"),
        ("swp", What.FOOTAGE, NOON + 31 * DAY, "31 days after it was made"),
        ("swp", What.WATCHLIST, END, "at the end of the deployment"),
        ("strict", What.ALERT, END, "at the end of the deployment"),
        ("strict", What.FOOTAGE, END, "at the end of the deployment"),
    ],
)
def test_the_profiles_say_when(profile: str, what: What, when: dt.datetime, words: str) -> None:
    assert due(item(what, profile)) == when
    assert in_words(profile, what) == words


def test_every_profile_covers_every_class() -> None:
    for terms in PROFILES.values():
        assert set(terms) == set(What)


def test_what_is_due_is_planned_to_the_second() -> None:
    kept = item(profile="swp")
    assert plan([kept], NOON + DAY - dt.timedelta(seconds=1)) == []
    (deletion,) = plan([kept], NOON + DAY)
    assert deletion.item == kept
    assert deletion.reason == "profile swp: 24 hours after it was made"


def test_a_hold_keeps_evidence_but_no_watchlist_beyond_its_hard_stop() -> None:
    hold = Hold("Sgt A", "court")
    assert plan([item(hold=hold)], NOON + 900 * DAY) == []
    held_list = item(What.WATCHLIST, hold=hold)
    assert plan([held_list], END + 23 * HOUR) == []
    assert len(plan([held_list], END + 24 * HOUR)) == 1
    assert len(plan([item(What.WATCHLIST, hold=hold, latest=END + HOUR)], END + HOUR)) == 1


def test_a_list_that_was_never_used_ends_a_day_after_it_was_built() -> None:
    unused = Item("WL-1", What.WATCHLIST, "strict", NOON)
    assert due(unused) == NOON + DAY


@given(
    st.sampled_from(sorted(PROFILES)),
    st.sampled_from(list(What)),
    st.integers(0, 40 * 24),
    st.integers(0, 100),
)
def test_nothing_outlives_its_latest_time(
    profile: str, what: What, hours: int, latest_h: int
) -> None:
    kept = item(what, profile, latest=NOON + latest_h * HOUR)
    now = NOON + hours * HOUR
    assert due(kept) <= NOON + latest_h * HOUR
    assert bool(plan([kept], now)) == (due(kept) <= now)


def retained(
    evidence: str, profile: str = "met", until: dt.datetime = NOON + 31 * DAY
) -> AlertRetained:
    return AlertRetained(
        deployment="D-1", alert=f"al-{evidence}", evidence=evidence, what="alert_evidence",
        until=until, profile=profile,
    )  # fmt: skip


def certificate(*items: str, watchlist: str | None = None) -> DeletionCertificate:
    return DeletionCertificate(
        certificate="c", what="other", method="overwrite", count=len(items), reason="due",
        items=list(items), items_digest="0" * 64, actor="engine", watchlist=watchlist,
    )  # fmt: skip


def test_the_journal_says_what_exists() -> None:
    sealed = WatchlistSealed(
        actor="a", role="operator", watchlist="WL-1", digest="0" * 64, built=START - HOUR,
        people=1, images=1, categories={}, under_18=0, rejected=0, expires=END + DAY,
    )  # fmt: skip
    history = [
        (START - HOUR, sealed),
        (START, started()),
        (NOON, retained("E-1")),
        (NOON, retained("E-2")),
        (NOON, retained("E-3")),
        (NOON, EvidenceHeld(item="E-2", deployment="D-1", **WHO)),  # type: ignore[arg-type]
        (NOON, EvidenceHeld(item="E-3", **WHO)),  # type: ignore[arg-type]
        (NOON, EvidenceReleased(item="E-3", **WHO)),  # type: ignore[arg-type]
        (NOON, certificate("E-1")),
        (END - HOUR, DeploymentEnded(deployment="D-1", reason="operator")),
    ]
    listed, two, three = inventory(records(history))
    assert (listed.id, listed.ends, listed.deployment) == ("WL-1", END - HOUR, "D-1")
    assert due(listed) == END - HOUR
    assert (two.id, two.hold) == ("E-2", Hold("Sgt A", "court"))
    assert (three.id, three.hold, three.alert) == ("E-3", None, "al-E-3")
    gone = [*history, (END, certificate(watchlist="WL-1")), (END, certificate("E-2", "E-3"))]
    assert inventory(records(gone)) == []


def test_a_deployment_that_crashed_ends_at_its_planned_end() -> None:
    history = [(START, started(retention="strict")), (NOON, retained("E-1", "strict"))]
    (kept,) = inventory(records(history))
    assert due(kept) == END
