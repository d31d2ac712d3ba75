"""Entries and lists for tests."""

from __future__ import annotations

import datetime as dt

from lfr_engine.identity.watchlist import Entry, Reference, Watchlist, entry_from_fields

TODAY = dt.date(2026, 1, 1)
BUILT = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
FIELDS = {
    "id": "A-17",
    "label": "Alex Example",
    "category": "wanted",
    "source": "custody image 2025-11",
    "lawful_basis": "warrant 4411",
    "reason": "failed to appear",
    "priority": "high",
    "expected_action": "stop and verify identity",
    "last_checked": "2026-01-01",
    "under_18": "no",
}


def fields(**changed: str) -> dict[str, str]:
    """Complete fields of one entry, some of them changed."""
    return FIELDS | changed


def entry(entry_id: str, *objects: str) -> Entry:
    """A complete entry with a reference picture an object."""
    made = entry_from_fields(fields(id=entry_id), TODAY)
    references = tuple(Reference(one, "0" * 64, 0.8) for one in objects)
    return Entry(
        **{name: getattr(made, name) for name in made.__slots__} | {"references": references}
    )


def draft(*entries: Entry) -> Watchlist:
    """A draft with these people."""
    watchlist = Watchlist("op-1", BUILT)
    for one in entries:
        watchlist = watchlist.with_entry(one)
    return watchlist
