"""Where watchlists lie, and what the journal is told of them.

Owns: the folders of lists, and the journal's words for one that was sealed, loaded or erased.
Never: an option, a question, or an entry's biometrics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lfr_engine.clock import SystemClock
from lfr_engine.deployment.erasure import of_vault
from lfr_engine.errors import InputError, RuleError
from lfr_engine.identity import calibration, likeness
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.template import TemplateContract
from lfr_engine.identity.vault import Certificate
from lfr_engine.inference.store import data_folder
from lfr_engine.journal.events import watchlist as events
from lfr_engine.journal.events.fields import Event, Role
from lfr_engine.journal.kinds import item
from lfr_engine.journal.place import journal_path, key_path
from lfr_engine.journal.signing import load_or_create
from lfr_engine.journal.store import Journal

ROLE: Role = "engineer"
"""The journal's role of whoever builds lists; it may never be that of the authorising officer."""
_MEMBERS = 500  # of one journal record

Record = Callable[[Event], None]


@contextmanager
def journal() -> Iterator[Record]:
    """The journal, open while the block lasts: call what it gives with each event."""
    path = journal_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Journal.open(path, load_or_create(key_path(path)), SystemClock()) as opened:

        def record(event: Event) -> None:
            opened.append(*item(event))

        yield record


def folders() -> Path:
    """Where every list has its folder."""
    return data_folder() / "watchlists"


def folder(watchlist: str) -> Path:
    """The folder of one list, which need not be there.

    Raises:
        InputError: The id could name a place elsewhere.
    """
    if not watchlist.replace("-", "").replace("_", "").isalnum() or len(watchlist) > 64:
        raise InputError(
            f"watchlist {watchlist!r:.70}", "is not a usable id", "use letters, digits, - and _"
        )
    return folders() / watchlist


def certifier(record: Record) -> Callable[[Certificate], None]:
    """Journals the certificate of an erasure."""
    return lambda certificate: record(of_vault(certificate))


def sealed(record: Record, stored: StoredWatchlist, by: str) -> None:
    """Journal that a list is final: its digest, what it holds in numbers, and the ids on it."""
    watchlist, facts = stored.watchlist, stored.vault.facts
    record(
        events.WatchlistSealed(
            actor=by,
            role=ROLE,
            watchlist=watchlist.id,
            digest=watchlist.digest(),
            built=watchlist.built,
            people=len(watchlist.entries),
            images=watchlist.images,
            categories=watchlist.categories,
            under_18=watchlist.under_18,
            rejected=watchlist.rejected,
            expires=facts.expires,
        )
    )
    ids = [one.id for one in watchlist.entries]
    parts = [ids[at : at + _MEMBERS] for at in range(0, len(ids), _MEMBERS)]
    for number, part in enumerate(parts, 1):
        record(
            events.WatchlistMembers(
                watchlist=watchlist.id, part=number, parts=len(parts), entries=part
            )
        )


def loaded(stored: StoredWatchlist, contract: TemplateContract) -> events.WatchlistLoaded:
    """The event that a list was made ready for matching."""
    gallery = stored.gallery(contract)
    return events.WatchlistLoaded(
        watchlist=stored.watchlist.id,
        digest=stored.watchlist.digest(),
        people=len(gallery),
        templates=len(gallery.owners),
    )


def likeness_of(stored: StoredWatchlist) -> likeness.Likeness:
    """Who on the list resembles whom too much.

    Raises:
        RuleError: Nobody is on it (R15).
    """
    templates = stored.templates()
    if templates is None:
        raise RuleError("R15", stored.watchlist.id, "nobody is listed", "add or import entries")
    gallery = stored.gallery(templates.contract)
    return likeness.check(gallery, calibration.shipped(templates.contract))
