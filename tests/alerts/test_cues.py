"""What officers are told of an alert, from its events; and that nothing else can be in a cue."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.alerts.cues import TABLE, CueBook, Finish, Stand, Turn, cue_of
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertExpired,
    AlertGenerated,
    AlertOutcome,
)
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import EntryWithdrawn
from lfr_engine.relay.asked import Request
from lfr_engine.relay.cue import Caution, Marking
from lfr_engine.relay.settings import RelaySettings, read_settings

AT = dt.datetime(2026, 11, 22, 14, 5, tzinfo=dt.UTC)
AFTER, BEFORE = read_settings({}), read_settings({"review": "before", "deadline_s": 90})


def generated(alert: str = "A1B2C3", **changes: Any) -> AlertGenerated:
    fields: dict[str, Any] = {
        "deployment": "D", "alert": alert, "entry": "W-7", "category": "wanted", "site": "square",
        "camera": "door", "track": "door-1", "captured": AT, "age_ms": 120.0, "late": False,
        "score": 0.83, "threshold": 0.5, "sightings": 2, "priority": 1,
    }  # fmt: skip
    return AlertGenerated(**{**fields, **changes})


def decided(decision: Any) -> AlertDecided:
    return AlertDecided(
        actor="Olga", role="operator", deployment="D", alert="A1B2C3", decision=decision,
        reason="likeness", reason_group="subject",
    )  # fmt: skip


EXPIRED = AlertExpired(deployment="D", alert="A1B2C3", after_ms=1.0)
ENGAGED = AlertOutcome(
    actor="E1", role="officer", deployment="D", alert="A1B2C3", outcome="engaged"
)
WITHDRAWN = EntryWithdrawn(
    actor="Olga", role="operator", watchlist="WL", entry="W-7", reason="found"
)


def told(settings: RelaySettings, *events: Event) -> list[str]:
    """What each event brings, in a word."""
    book, words = CueBook(settings), []
    for event in events:
        book.take(event)
        for news in book.news():
            if isinstance(news, Finish):
                words.append(f"over: {news.reason}")
            elif news.cue.withdrawn:
                words.append("back")
            else:
                words.append("!" if news.cue.reviewed else "?")
    return words


@pytest.mark.parametrize(
    ("settings", "events", "words"),
    [
        (AFTER, [generated()], []),
        (AFTER, [generated(), decided("passed")], ["!"]),
        (AFTER, [generated(), decided("discounted")], []),
        (AFTER, [generated(), EXPIRED], []),
        (AFTER, [generated(), decided("passed"), ENGAGED], ["!", "over: engaged"]),
        (AFTER, [generated(), decided("passed"), WITHDRAWN], ["!", "back"]),
        (AFTER, [generated(), WITHDRAWN, EXPIRED], []),
        (BEFORE, [generated()], ["?"]),
        (BEFORE, [generated(), decided("passed")], ["?", "!"]),
        (BEFORE, [generated(), decided("discounted")], ["?", "back"]),
        (BEFORE, [generated(), EXPIRED], ["?", "back"]),
        (BEFORE, [generated(), WITHDRAWN, EXPIRED], ["?", "back"]),
        (BEFORE, [generated(), generated()], ["?"]),
        (AFTER, [decided("passed"), EXPIRED, ENGAGED], []),
    ],
)
def test_each_event_says_what_officers_must_hear(
    settings: RelaySettings, events: list[Event], words: list[str]
) -> None:
    assert told(settings, *events) == words


def test_only_the_newest_news_of_an_alert_is_given() -> None:
    book = CueBook(BEFORE)
    for event in (generated(), decided("passed"), ENGAGED):
        book.take(event)
    assert book.news() == [Finish("A1B2C3", "engaged")]
    assert book.news() == []


def test_what_stands_is_told_again_until_its_deadline() -> None:
    book = CueBook(BEFORE)
    for event in (generated(), generated("B2B2B2"), generated("C3C3C3"), decided("passed")):
        book.take(event)
    (first, *others) = book.standing(AT + dt.timedelta(seconds=89))
    assert isinstance(first, Request)
    assert (first.alert, first.cue.reviewed) == ("A1B2C3", True)
    assert len(others) == 2
    assert book.standing(AT + dt.timedelta(seconds=90)) == []
    assert book.shows("B2B2B2")
    book.take(WITHDRAWN)
    assert not book.shows("B2B2B2")
    assert not book.shows("unknown")


def test_a_cue_holds_codes_and_no_more() -> None:
    settings = read_settings(
        {"cameras": {"door": "VAN1"}, "categories": {"wanted": "C9"}, "show_score": True}
    )
    cue = cue_of(generated(score=1.01, exercise=True), settings)
    assert (cue.place, cue.category, cue.score, cue.reference) == ("VAN1", "C9", 1.0, "A1B2C3")
    assert cue.marking is Marking.EXERCISE
    plain = cue_of(generated(category="vulnerable", camera="gate.2_north-side", blue=True), AFTER)
    assert (plain.place, plain.category, plain.score) == ("GATE-2-NORTH", "C5", None)
    assert (plain.caution, plain.blue_list) == (Caution.VULNERABLE, True)
    text = msgspec.json.encode(cue).decode()
    assert all(word not in text for word in ("W-7", "square", "door", "wanted"))


def test_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lfr_engine.alerts.cues.MOST_ALERTS", 3)
    book = CueBook(BEFORE)
    for number in range(5):
        book.take(generated(f"AAAA{number}"))
    assert [news.alert for news in book.news()] == ["AAAA2", "AAAA3", "AAAA4"]


@given(st.lists(st.sampled_from([decided("passed"), decided("discounted"), EXPIRED, ENGAGED])))
def test_whatever_happens_what_was_taken_back_never_goes_out_again(events: list[Event]) -> None:
    words = told(BEFORE, generated(), *events)
    assert words[0] == "?"
    for end in ("back", "over: engaged"):
        if end in words:
            assert words.index(end) == len(words) - 1 or "!" not in words[words.index(end) :]


def test_the_table_never_leads_back() -> None:
    order = list(Stand)
    for (was, turn), becomes in TABLE.items():
        assert isinstance(turn, Turn)
        assert order.index(becomes) > order.index(was)
