"""What is due is erased and certified: at the start, now and then, and at the end (R4, R19).

Owns: the order of the sorts of things that end: expired lists, evidence and lists whose profile
says so, pictures a crash left unrecorded, evidence keys that protect nothing any more. Never:
decides what is due (``deployment.retention``). Strategy: synchronous and safe to repeat, so that a
crash anywhere is mended by the next call; every end is journalled.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lfr_engine.clock import Clock
from lfr_engine.deployment.erasure import StoredItems, carry_out, of_vault
from lfr_engine.deployment.retention import READS, Item, What, inventory, plan
from lfr_engine.identity.evidence_store import destroy_key
from lfr_engine.identity.vault import Certificate, erase_expired
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import DeletionCertificate
from lfr_engine.journal.kinds import item as journal_item
from lfr_engine.journal.lines import Record
from lfr_engine.journal.place import key_path
from lfr_engine.journal.signing import load_or_create
from lfr_engine.journal.store import MOST_READ, Journal

ENGINE = "engine"
STARTED, ENDED, RETAINED = "deployment.started", "deployment.ended", "alert.retained"

Write = Callable[[Sequence[Event]], None]
"""Makes events durable before it returns."""


def every(journal: Journal, kinds: Sequence[str]) -> Iterator[Record]:
    """All records of some kinds, in order."""
    after = 0
    while page := journal.read(after, MOST_READ, kinds):
        yield from page
        after = page[-1].seq


def open_journal(data: Path, clock: Clock) -> Journal:
    """The journal of a state folder, made where there is none; the caller closes it.

    Raises:
        InputError: Another process writes it, or it was altered.
    """
    path = data / "journal.jsonl"
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Journal.open(path, load_or_create(key_path(path)), clock)


def writer(journal: Journal) -> Write:
    """Append straight to a journal that nobody else uses."""

    def write(events: Sequence[Event]) -> None:
        for start in range(0, len(events), 500):
            part = events[start : start + 500]
            journal.append_batch([journal_item(event) for event in part])

    return write


def due_records(journal: Journal) -> list[Record]:
    """The records that say what exists and until when."""
    return list(every(journal, sorted(READS)))


def settle(
    records: Iterable[Record], data: Path, clock: Clock, write: Write, running: str = ""
) -> list[Event]:
    """Erase whatever is due under ``data``; returns the events that were written.

    Args:
        records: From ``due_records``.
        data: Holds ``watchlists`` and ``evidence``.
        clock: Says what is due.
        write: Where certificates go.
        running: A deployment under way, whose newest pictures are not recorded yet.
    """
    written: list[Event] = []

    def tell(events: Sequence[Event]) -> None:
        if events:
            write(events)
            written.extend(events)

    def certified(certificate: Certificate) -> None:
        tell([of_vault(certificate)])

    known = list(records)
    erase_expired(data / "watchlists", clock, certified)
    stored = StoredItems(data / "evidence", data / "watchlists", clock, certified, ENGINE)
    items = inventory(known)
    due = plan(items, clock.utc())
    tell(carry_out(due, stored, ENGINE))
    gone = {deletion.item.id for deletion in due}
    over = [name for name in _over(known, clock.utc()) if name != running]
    kept = [str(record.body["evidence"]) for record in known if record.kind == RETAINED]
    for deployment in over:
        tell(sweep(data / "evidence" / deployment, kept, deployment))
    _retire_keys([one for one in items if one.id not in gone], over, data / "evidence", tell)
    return written


def sweep(folder: Path, kept: Iterable[str], deployment: str) -> list[Event]:
    """Erase evidence that a crash left before it was journalled; returns what to journal."""
    if not folder.is_dir():
        return []
    known = {*kept, "key"}
    strays = [path for path in folder.iterdir() if path.name not in known]
    for stray in strays:
        with stray.open("r+b") as file:
            file.write(secrets.token_bytes(stray.stat().st_size))
        stray.unlink()
    if not strays:
        return []
    names = [stray.name for stray in strays]
    return [
        DeletionCertificate(
            certificate=f"DC-{secrets.token_hex(8)}",
            what=What.ALERT.value,
            method="overwrite",
            count=len(names),
            reason="left by a crash before it was recorded as kept",
            items=names,
            items_digest=hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest(),
            actor=ENGINE,
            deployment=deployment,
        )
    ]


def _over(records: Iterable[Record], now: dt.datetime) -> list[str]:
    """Deployments that cannot be resumed: they ended, or their time did while nothing ran."""
    over: dict[str, bool] = {}
    for record in records:
        if record.kind == STARTED:
            end = dt.datetime.fromisoformat(str(record.body["planned_end"]))
            over[str(record.body["deployment"])] = end <= now
        elif record.kind == ENDED:
            over[str(record.body["deployment"])] = True
    return [deployment for deployment, ended in over.items() if ended]


def _retire_keys(items: Iterable[Item], over: Sequence[str], evidence: Path, write: Write) -> None:
    """Destroy the evidence keys of deployments that are over and of which nothing is kept."""
    used = {item.deployment for item in items if item.what is not What.WATCHLIST}
    for folder in sorted(evidence.iterdir()) if evidence.is_dir() else []:
        name = folder.name
        if name not in over or name in used:
            continue
        fingerprint = destroy_key(folder)
        if fingerprint is None:
            continue
        write(
            [
                DeletionCertificate(
                    certificate=f"DC-{secrets.token_hex(8)}",
                    what="deployment_key",
                    method="crypto_erase",
                    count=1,
                    reason="nothing of this deployment's evidence is kept any more",
                    items=[name],
                    items_digest=hashlib.sha256(name.encode()).hexdigest(),
                    actor=ENGINE,
                    deployment=name,
                    key_fingerprint=fingerprint,
                )
            ]
        )
