"""The only text that leaves, and the only structure it is made from."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import InputError, LfrError, RuleError
from lfr_engine.relay.cue import (
    MOST_CHARACTERS,
    Caution,
    Cue,
    Marking,
    age_text,
    cue_text,
    fit,
    summary_text,
)
from tests.relay.samples import START, make_cue

SEEN = START
NOW = SEEN + dt.timedelta(seconds=8)


@pytest.mark.parametrize(
    ("cue", "text"),
    [
        (make_cue(reviewed=False), "LFR? VAN1 C2 #A1B2C3 0.83 14:05 8s"),
        (make_cue(), "LFR! VAN1 C2 #A1B2C3 0.83 14:05 8s"),
        (make_cue(score=None), "LFR! VAN1 C2 #A1B2C3 14:05 8s"),
        (make_cue(caution=Caution.ARMED), "LFR! VAN1 C2 #A1B2C3 0.83 14:05 8s ARMED"),
        (make_cue(marking=Marking.TEST), "TEST LFR! VAN1 C2 #A1B2C3 0.83 14:05 8s"),
        (make_cue(marking=Marking.EXERCISE), "EXERCISE LFR! VAN1 C2 #A1B2C3 0.83 14:05 8s"),
        (make_cue(withdrawn=True), "LFR VAN1 #A1B2C3 CANCELLED"),
    ],
)
def test_golden_texts(cue: Cue, text: str) -> None:
    assert cue_text(cue, NOW) == text


def test_time_is_shown_in_the_zone_of_the_cue() -> None:
    summer = dt.timezone(dt.timedelta(hours=1))
    assert " 15:05 " in cue_text(make_cue(captured=SEEN.astimezone(summer)), NOW)


def test_summary_says_how_many_and_is_reviewed_only_when_all_are() -> None:
    reviewed, raw = make_cue(), make_cue(reviewed=False)
    assert summary_text([reviewed, raw, raw]) == "LFR? 3 cues, see handset"
    assert summary_text([reviewed, reviewed]) == "LFR! 2 cues, see handset"
    assert summary_text([make_cue(marking=Marking.TEST)] * 2) == "TEST LFR! 2 cues, see handset"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-4, "0s"), (8.9, "8s"), (119, "119s"), (120, "2m"), (1e9, "99m")]
)
def test_age(seconds: float, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize("text", ["x" * 80, "Łódź", "two\nlines", "tab\t"])
def test_what_does_not_fit_is_refused_never_split(text: str) -> None:
    with pytest.raises(RuleError, match="R18"):
        fit(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_cue(reference="John Smith"),
        lambda: make_cue(place="wanted for murder"),
        lambda: make_cue(category="ROBBERY"),
        lambda: make_cue(captured=SEEN.replace(tzinfo=None)),
        lambda: make_cue(score=1.2),
        lambda: make_cue(reference="A1B2C3\n"),
    ],
)
def test_a_free_word_makes_no_cue_and_is_not_repeated(make: object) -> None:
    assert callable(make)
    with pytest.raises(InputError) as caught:
        make()
    assert "Smith" not in str(caught.value)
    assert "murder" not in str(caught.value)


def test_a_stored_cue_is_checked_again_when_loaded() -> None:
    plain = msgspec.json.encode(make_cue())
    assert msgspec.json.decode(plain, type=Cue) == make_cue()
    forged = plain.replace(b"VAN1", b"John Smith")
    with pytest.raises((msgspec.ValidationError, InputError)):
        msgspec.json.decode(forged, type=Cue)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(plain[:-1] + b',"name":"John"}', type=Cue)


@given(
    reference=st.from_regex(r"[A-Z0-9]{4,8}", fullmatch=True),
    place=st.from_regex(r"[A-Z0-9][A-Z0-9\-]{0,11}", fullmatch=True),
    category=st.from_regex(r"[A-Z][A-Z0-9]{0,3}", fullmatch=True),
    captured=st.datetimes(timezones=st.just(dt.UTC)),
    score=st.none() | st.floats(0, 1),
    caution=st.sampled_from(Caution),
    marking=st.sampled_from(Marking),
    age=st.floats(-10, 1e5),
)
def test_every_cue_that_can_be_made_fits(
    reference: str,
    place: str,
    category: str,
    captured: dt.datetime,
    score: float | None,
    caution: Caution,
    marking: Marking,
    age: float,
) -> None:
    cue = make_cue(
        reference=reference,
        place=place,
        category=category,
        captured=dt.datetime(2026, 6, 1, captured.hour, captured.minute, tzinfo=dt.UTC),
        score=score,
        caution=caution,
        marking=marking,
    )
    text = cue_text(cue, cue.captured + dt.timedelta(seconds=age))
    assert len(text.encode("latin-1")) <= MOST_CHARACTERS
    assert f"#{reference}" in text


@given(st.text())
def test_fit_returns_its_text_or_refuses(text: str) -> None:
    try:
        assert fit(text) == text
    except LfrError:
        assert len(text) > MOST_CHARACTERS or not text.isprintable() or not text.isascii()
