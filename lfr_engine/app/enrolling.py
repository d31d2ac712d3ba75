"""People put on a stored draft list, with the journal's lines: one way for every front end.

Owns: which events an enrolment becomes, and that its author is remembered as a builder of the list.
Never: a rule or a gate of its own (``enrolment``, ``identity.watchlist``), a picture of somebody
who was refused. Strategy: synchronous; the caller opened journal and vault.
"""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Callable, Sequence

from lfr_engine.enrolment.folder import Progress
from lfr_engine.enrolment.image import Pack
from lfr_engine.enrolment.register import Registered, Row, register
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.watchlist import Act, Entry
from lfr_engine.journal.events import watchlist as events
from lfr_engine.journal.events.fields import Event, Role


def enrol(
    stored: StoredWatchlist,
    rows: Sequence[Row],
    pack: Callable[[], Pack],
    today: dt.date,
    by: str,
    role: Role,
    source: str,
    record: Callable[[Event], None],
    progress: Progress | None = None,
) -> Registered:
    """Judge the rows, add who passed, and journal both; if nobody passed the list stays as it is.

    Args:
        stored: The list in its open vault.
        rows: Who is to be added.
        pack: Opens the networks, once the list was found to be a draft.
        today: For ages and dates.
        by: Who does this (R16); may not authorise the list's use (R3).
        role: In which role.
        source: What the journal calls the rows' origin.
        record: Journals an event.
        progress: Told (done, in all).

    Raises:
        RuleError: The list is sealed (R4).
        InputError: Its templates are of another pack (R5).
    """
    stored.watchlist.require_allowed(Act.ADD)
    opened = pack()
    with stored.vault.writing():
        done = register(stored, rows, opened, today, progress)
        if done.added:  # else it stays as it was; the journal counts who was refused
            stored.commit(stored.watchlist.by(by).with_rejected(len(done.rejects)))
    for entry in done.added:
        record(_added(stored.watchlist.id, entry, by, role))
    refused = collections.Counter(one.reason.value for one in done.rejects)
    record(
        events.WatchlistImported(
            actor=by,
            role=role,
            watchlist=stored.watchlist.id,
            accepted=len(done.added),
            refused=dict(refused),
            source=f"{source:.80}",
        )
    )
    return done


def _added(watchlist: str, entry: Entry, by: str, role: Role) -> events.EntryAdded:
    return events.EntryAdded(
        actor=by,
        role=role,
        watchlist=watchlist,
        entry=entry.id,
        category=entry.category.value,
        lawful_basis=entry.lawful_basis,
        reason=entry.reason,
        images=len(entry.references),
        under_18_rationale=entry.under_18_rationale or None,
    )
