"""Carries out a retention plan: erase, then certify.

Owns: the order of steps, and the certificates. Never: decides what is due; certifies what it did
not see gone. Strategy: erasing is safe to repeat, and the certificate comes after it; a crash
between the two leaves an item that is erased again, never one that is certified and still there.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from lfr_engine.clock import Clock
from lfr_engine.deployment.retention import Deletion, Item, What
from lfr_engine.errors import EngineError, InputError, LfrError
from lfr_engine.identity.vault import Certificate, RecordErasure, erase_vault
from lfr_engine.journal.events.alerts import AlertDeleted
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import DeletionCertificate, DeletionFailed
from lfr_engine.journal.signing import sync_folder

Method = Literal["crypto_erase", "overwrite", "unlink"]
_MOST_ITEMS = 500  # of one certificate: what fits into one journal record
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_CHUNK = 1 << 20


class Eraser(Protocol):
    """Makes one item unreadable for good; safe to repeat; raises ``LfrError`` where it cannot."""

    def erase(self, item: Item) -> Method | None:
        """Erase and say how; None where whoever keeps the item certified it already."""
        ...


class StoredItems:
    """The engine's own folders: evidence files by deployment, and watchlist vaults.

    Evidence is encrypted where it lies; it is overwritten before its name goes, which on disks
    that remap blocks proves less than destroying a key, and the certificate says which it was.

    Args:
        evidence: Folder with ``DEPLOYMENT/EVIDENCE`` files.
        vaults: Folder with a vault folder for each watchlist.
        clock: For a vault's certificate.
        record: Journals a vault's certificate.
        actor: In whose name.
    """

    def __init__(
        self, evidence: Path, vaults: Path, clock: Clock, record: RecordErasure, actor: str
    ) -> None:
        self._evidence = evidence
        self._vaults = vaults
        self._clock = clock
        self._record = record
        self._actor = actor

    def erase(self, item: Item) -> Method | None:
        """Erase an item of either sort; one that is gone already is fine."""
        if item.what is What.WATCHLIST:
            return self._erase_list(item)
        folder = self._evidence / _safe(item.deployment or "")
        path = folder / _safe(item.id)
        try:
            _overwrite(path)
            path.unlink()
            sync_folder(folder)
        except FileNotFoundError:
            return "unlink"
        except OSError as exc:
            raise EngineError(path, f"cannot be erased: {exc.strerror}") from exc
        return "overwrite"

    def _erase_list(self, item: Item) -> Method | None:
        folder = self._vaults / _safe(item.id)
        if not folder.exists():
            return "unlink"
        erase_vault(folder, self._clock, self._record, reason="retention", actor=self._actor)
        return None


def carry_out(deletions: Iterable[Deletion], eraser: Eraser, actor: str) -> list[Event]:
    """Erase what is due; returns the events to journal: certificates, and what failed."""
    done: list[tuple[Deletion, Method]] = []
    events: list[Event] = []
    for deletion in deletions:
        item = deletion.item
        try:
            method = eraser.erase(item)
            if method is not None:
                done.append((deletion, method))
        except LfrError as error:
            cause = f"{error.cause:.200}"
            events.append(DeletionFailed(item=item.id, cause=cause, deployment=item.deployment))
    return events + certificates(done, actor)


def certificates(done: Sequence[tuple[Deletion, Method]], actor: str) -> list[Event]:
    """Certificates for erased items, grouped by what they have in common, and a line an alert."""

    def common(entry: tuple[Deletion, Method]) -> tuple[str, ...]:
        deletion, method = entry
        item = deletion.item
        return (item.deployment or "", item.what, item.profile, method, deletion.reason)

    events: list[Event] = []
    for _, group in itertools.groupby(sorted(done, key=common), key=common):
        entries = list(group)
        for start in range(0, len(entries), _MOST_ITEMS):
            part = entries[start : start + _MOST_ITEMS]
            events.extend(_certified([d for d, _ in part], part[0][1], actor))
    return events


def of_vault(certificate: Certificate, deployment: str | None = None) -> DeletionCertificate:
    """The journal's form of the certificate that a vault leaves when it is erased."""
    return DeletionCertificate(
        certificate=certificate.certificate,
        what="watchlist",
        method="crypto_erase",
        count=certificate.objects,
        reason=certificate.reason or "not known",
        items=[certificate.vault],
        items_digest=_digest([certificate.vault]),
        actor=certificate.actor or "not known",
        deployment=deployment,
        watchlist=certificate.vault,
        key_fingerprint=certificate.key_fingerprint,
    )


def _certified(part: list[Deletion], method: Method, actor: str) -> list[Event]:
    first = part[0].item
    ids = [deletion.item.id for deletion in part]
    certificate = f"DC-{secrets.token_hex(8)}"
    events: list[Event] = [
        DeletionCertificate(
            certificate=certificate,
            what=first.what.value,
            method=method,
            count=len(ids),
            reason=part[0].reason,
            items=ids,
            items_digest=_digest(ids),
            actor=actor,
            deployment=first.deployment,
            watchlist=first.id if first.what is What.WATCHLIST else None,
            profile=first.profile,
        )
    ]
    for deletion in part:
        item = deletion.item
        if item.alert is not None and item.deployment is not None:
            events.append(
                AlertDeleted(deployment=item.deployment, alert=item.alert, certificate=certificate)
            )
    return events


def _digest(ids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _safe(name: str) -> str:
    if not _SAFE.fullmatch(name):
        raise InputError(f"item {name!r:.80}", "is not the name of a stored item")
    return name


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        left = os.fstat(file.fileno()).st_size
        while left > 0:
            left -= file.write(secrets.token_bytes(min(left, _CHUNK)))
        file.flush()
        os.fsync(file.fileno())
