"""The document: every missing field is named with its rule, and only the table moves a list."""

from __future__ import annotations

import datetime as dt

import pytest

from lfr_engine.errors import RuleError, WatchlistError
from lfr_engine.identity.watchlist import (
    LIST_TABLE,
    REQUIRED,
    Act,
    Category,
    ListState,
    Watchlist,
    decode,
    encode,
    entry_from_fields,
)
from tests.identity.lists import BUILT, TODAY, draft, entry, fields


def test_complete_fields_make_an_entry() -> None:
    made = entry_from_fields(
        fields(category="Missing ", under_18="YES", under_18_rationale="x"), TODAY
    )
    assert (made.category, made.under_18, made.under_18_rationale) == (Category.MISSING, True, "x")


@pytest.mark.parametrize("name", REQUIRED)
def test_each_missing_field_is_named_with_its_rule(name: str) -> None:
    with pytest.raises(RuleError, match=rf"missing {name} \(R15\)"):
        entry_from_fields(fields(**{name: "  "}), TODAY)


def test_all_missing_fields_are_named_at_once() -> None:
    with pytest.raises(RuleError, match=r"A-17: missing source, reason \(R15\)"):
        entry_from_fields(fields(source="", reason=""), TODAY)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"category": "enemy"}, r"category 'enemy' is not known \(R15\) – use one of wanted"),
        ({"priority": "1"}, "priority '1' is not known"),
        ({"under_18": "maybe"}, "under_18 'maybe' is not known"),
        ({"last_checked": "yesterday"}, "last_checked 'yesterday' is not a date"),
        ({"last_checked": "2026-01-02"}, "lies in the future"),
        ({"id": "a b"}, "id is not usable"),
        ({"reason": "x" * 81}, "reason is not plain text"),
        ({"reason": "a b " * 90}, "reason is not plain text"),
        ({"label": "red \x1b[31m"}, "label is not plain text"),
        ({"id": "../x"}, "id is not usable"),
    ],
)
def test_unreadable_fields_are_refused(changed: dict[str, str], words: str) -> None:
    with pytest.raises(RuleError, match=words):
        entry_from_fields(fields(**changed), TODAY)


def test_a_child_needs_a_recorded_rationale() -> None:
    with pytest.raises(RuleError, match=r"under 18 and has no under_18_rationale \(R14\)"):
        entry_from_fields(fields(under_18="yes"), TODAY)


def test_an_entry_without_a_picture_is_refused() -> None:
    with pytest.raises(RuleError, match=r"no usable reference picture \(R14\)"):
        draft(entry("a"))


def test_an_id_is_listed_once() -> None:
    with pytest.raises(WatchlistError, match="a: is already on watchlist op-1"):
        draft(entry("a", "p-1"), entry("a", "p-2"))


@pytest.mark.parametrize("state", list(ListState))
@pytest.mark.parametrize("act", list(Act))
def test_a_list_moves_only_by_its_table(state: ListState, act: Act) -> None:
    listed = draft(entry("a", "p-1"))
    watchlist = Watchlist(listed.id, listed.built, listed.entries, state)
    after = LIST_TABLE.get((state, act))
    if after is None:
        with pytest.raises(RuleError, match=f"is {state.value}: nobody may {act.value} it"):
            watchlist._next(act)
    else:
        assert watchlist._next(act) is after


def test_a_sealed_list_is_immutable_but_people_can_be_withdrawn() -> None:
    sealed = draft(entry("a", "p-1"), entry("b", "p-2")).sealed()
    with pytest.raises(RuleError, match="is sealed: nobody may add to it"):
        sealed.with_entry(entry("c", "p-3"))
    after = sealed.withdrawn("a", "arrested")
    assert after.state is ListState.SEALED
    assert after.entry("a").withdrawn == "arrested"
    assert after.digest() == sealed.digest()
    with pytest.raises(WatchlistError, match="a: is already withdrawn"):
        after.withdrawn("a", "again")


def test_a_withdrawal_needs_a_reason_and_a_listed_person() -> None:
    with pytest.raises(RuleError, match=r"missing reason \(R15\)"):
        draft(entry("a", "p-1")).withdrawn("a", " ")
    with pytest.raises(WatchlistError, match="z: is not on watchlist op-1"):
        draft(entry("a", "p-1")).withdrawn("z", "x")


def test_an_empty_list_cannot_be_sealed() -> None:
    with pytest.raises(RuleError, match="nobody is listed"):
        draft().sealed()
    with pytest.raises(RuleError, match="nobody is listed"):
        draft(entry("a", "p-1")).withdrawn("a", "arrested").sealed()


def test_the_digest_covers_provenance_and_pictures() -> None:
    one = draft(entry("a", "p-1")).digest()
    assert one == draft(entry("a", "p-other-object")).digest()
    assert one != draft(entry("b", "p-1")).digest()
    assert one != draft(entry("a", "p-1"), entry("b", "p-2")).digest()


def test_use_needs_a_seal_and_a_young_list() -> None:
    watchlist = draft(entry("a", "p-1"))
    with pytest.raises(RuleError, match=r"is a draft \(R4\)"):
        watchlist.require_usable(BUILT)
    sealed = watchlist.sealed()
    sealed.require_usable(BUILT + dt.timedelta(hours=24))
    with pytest.raises(RuleError, match=r"more than 24 h before the start \(R4\)"):
        sealed.require_usable(BUILT + dt.timedelta(hours=24, seconds=1))


def test_the_document_survives_its_bytes() -> None:
    watchlist = draft(entry("a", "p-1"), entry("b", "p-2")).sealed().withdrawn("b", "found")
    assert decode(encode(watchlist)) == watchlist


def test_a_damaged_document_is_refused() -> None:
    with pytest.raises(WatchlistError, match="cannot be read"):
        decode(b"{}")
