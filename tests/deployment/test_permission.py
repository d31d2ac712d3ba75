from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from pathlib import Path

import pytest

from lfr_engine.clock import ManualClock, Stamp, stamp
from lfr_engine.deployment.authority import Document, Officer, TrustedKey, parse, self_signed, sign
from lfr_engine.deployment.clockguard import ClockGuard, synchronised
from lfr_engine.deployment.permission import (
    AuthoritySettings,
    Requirements,
    check,
    problems,
    refusal,
)
from lfr_engine.errors import RuleError
from lfr_engine.journal.kinds import checked, item
from lfr_engine.journal.signing import Signer
from tests.deployment.papers import END, FACTS, NOON, OFFICER, START, authority, signed, unsigned
from tests.journal.building import opened

HOUR = dt.timedelta(hours=1)


def facts(**changes: object) -> Requirements:
    return dataclasses.replace(FACTS, **changes)  # type: ignore[arg-type] # names are the table's


def altered() -> Document:
    data = sign(unsigned(), OFFICER).replace(b"north gate", b"south gate")
    return parse(data, "authority.toml")


def test_a_good_authority_permits_its_hours() -> None:
    live = check(signed(), NOON, FACTS)
    assert live.authority.id == "A-1"
    assert live.digest == signed().digest
    assert not live.exercise
    assert live.remaining(NOON) == 4 * HOUR
    assert live.remaining(END + HOUR) == dt.timedelta()
    check(signed(), START, FACTS)


OTHER = Signer.generate()
TWO_HOURS = AuthoritySettings(FACTS.settings.trusted, 2 * HOUR)
REFUSALS: list[tuple[str, Document | None, dt.datetime, Requirements, str, str]] = [
    ("missing", None, NOON, FACTS, "R3", "there is none"),
    ("unsigned", unsigned(), NOON, FACTS, "R3", "not signed"),
    ("unknown key", signed(OTHER), NOON, FACTS, "R3", "not trusted here"),
    ("altered", altered(), NOON, FACTS, "R3", "altered after it was signed"),
    ("not yet started", signed(), START - HOUR, FACTS, "R3", "begins at 2026-07-01 10:00"),
    ("expired", signed(), END, FACTS, "R3", "expired at 2026-07-01 16:00"),
    ("too long", signed(), NOON, facts(settings=TWO_HOURS), "R3", "for 6 h, longer than the 2 h"),
    ("backwards", signed(end=START), START, FACTS, "R3", "ends before it begins"),
    ("wrong list", signed(), NOON, facts(watchlist="WL-2"), "R3", "for watchlist WL-1, but WL-2"),
    (
        "changed list",
        signed(watchlist_digest="a" * 64),
        NOON,
        facts(watchlist_digest="b" * 64),
        "R3",
        "not the one that was signed for",
    ),
    ("wrong camera", signed(), NOON, facts(cameras=frozenset({"cam9"})), "R3", "camera cam9"),
    ("wrong zone", signed(), NOON, facts(zones=frozenset({"park"})), "R3", "zone park"),
    ("unsynchronised", signed(), NOON, facts(clock_synchronised=False), "R3", "not synchronised"),
    ("rewound", signed(), NOON, facts(last_recorded=NOON + HOUR), "R3", "journal already recorded"),
    ("builder signs", signed(), NOON, facts(builders=frozenset({"ao-7"})), "R3", "built the watch"),
    (
        "another's key",
        signed(officer=Officer("Q", "Inspector", "AO-8")),
        NOON,
        FACTS,
        "R3",
        "names AO-8, but the key belongs to AO-7",
    ),
    (
        "builder signs under another name",
        signed(officer=Officer("Q", "Inspector", "AO-8")),
        NOON,
        facts(
            builders=frozenset({"AO-7"}),
            settings=AuthoritySettings(
                (
                    TrustedKey("AO-7", OFFICER.public_key),
                    TrustedKey("AO-8", OFFICER.public_key),
                )
            ),
        ),
        "R3",
        "built the watch",
    ),
    (
        "old list",
        signed(),
        NOON,
        facts(watchlist_built=START - 25 * HOUR),
        "R4",
        "more than 24 h before",
    ),
    ("list of later", signed(), NOON, facts(watchlist_built=END + HOUR), "R4", "after the auth"),
    ("live exercise", signed(mode="exercise"), NOON, FACTS, "R27", "live cameras"),
]


@pytest.mark.parametrize(
    ("document", "now", "facts", "rule", "words"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_each_refusal_says_what_is_missing_and_which_rule_asks(
    document: Document | None, now: dt.datetime, facts: Requirements, rule: str, words: str
) -> None:
    with pytest.raises(RuleError, match=words) as caught:
        check(document, now, facts)
    assert caught.value.rule == rule
    assert f"({rule})" in str(caught.value)
    assert len(list(problems(document, now, facts))) == 1


def test_a_list_may_be_bound_by_its_content() -> None:
    same = facts(watchlist_digest="a" * 64)
    check(signed(watchlist_digest="a" * 64), NOON, same)
    check(signed(), NOON, same)


def test_a_refusal_can_be_journalled() -> None:
    for document in (None, altered()):
        (problem,) = problems(document, NOON, FACTS)
        kind, body = item(refusal(problem, document))
        assert (kind, body["rule"]) == ("authority.refused", "R3")
        assert checked(kind, body)


def test_a_clock_set_back_or_forward_a_day_is_refused_or_ended_and_journalled(
    tmp_path: Path,
) -> None:
    clock = ManualClock(started=NOON)
    with opened(tmp_path / "j", clock) as journal:
        guard = ClockGuard(stamp(clock))
        for days, cause in ((-1, "rewound"), (1, "jumped")):
            clock.started = NOON + dt.timedelta(days)
            fault = guard.check(stamp(clock), "D-1")
            assert fault is not None
            assert journal.append(*item(fault)).body["cause"] == cause
        # a new start: ahead the authority is over, back again the journal knows better
        with pytest.raises(RuleError, match="expired"):
            check(signed(), clock.utc(), facts(last_recorded=journal.trusted_floor()))
        clock.started = NOON
        with pytest.raises(RuleError, match="journal already recorded"):
            check(signed(), clock.utc(), facts(last_recorded=journal.trusted_floor()))
        vouched = {"actor": "J. Doe", "role": "engineer", "reason": "wrong time server"}
        journal.append("clock.corrected", vouched)
        check(signed(), clock.utc(), facts(last_recorded=journal.trusted_floor()))


def test_all_problems_are_listed_for_those_who_prepare() -> None:
    found = problems(
        signed(OTHER), END + HOUR, facts(cameras=frozenset({"x", "y"}), watchlist="WL-9")
    )
    assert len(list(found)) == 5


def test_the_clock_may_be_unknown_where_the_configuration_says_so() -> None:
    lenient = AuthoritySettings(FACTS.settings.trusted, require_synchronised_clock=False)
    check(signed(), NOON, facts(settings=lenient, clock_synchronised=False))


def test_a_small_step_back_is_not_a_rewound_clock() -> None:
    check(signed(), NOON, facts(last_recorded=NOON + dt.timedelta(seconds=4)))


def test_an_exercise_runs_on_recordings_with_any_key_and_an_old_list() -> None:
    recorded = facts(live_sources=False, watchlist_built=START - 90 * HOUR)
    live = check(self_signed(authority(mode="exercise")), NOON, recorded)
    assert live.exercise


def test_a_deployment_on_recordings_still_needs_a_trusted_key() -> None:
    with pytest.raises(RuleError, match="not trusted"):
        check(signed(OTHER), NOON, facts(live_sources=False))


@pytest.mark.parametrize(
    ("moved", "cause"),
    [(0, None), (20, None), (-20, None), (86_400, "jumped"), (-86_400, "rewound"), (31, "jumped")],
)
def test_a_clock_turned_during_the_run_is_noticed(moved: float, cause: str | None) -> None:
    guard = ClockGuard(Stamp(5_000_000_000, NOON))
    later = Stamp(65_000_000_000, NOON + dt.timedelta(seconds=60 + moved))
    fault = guard.check(later, "D-1")
    assert (fault.cause if fault else None) == cause
    if fault:
        assert (fault.expected, fault.deployment) == (NOON + dt.timedelta(seconds=60), "D-1")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the Linux kernel")
def test_the_kernel_can_be_asked() -> None:
    assert synchronised() in (True, False, None)
