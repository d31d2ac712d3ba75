"""Events of lists, keys, retention and deletion: who was on a list when, and what is gone."""

from __future__ import annotations

from typing import Literal

from lfr_engine.journal.events.fields import (
    Count,
    Counts,
    Digest,
    Event,
    Name,
    PersonEvent,
    Ref,
    Refs,
    Text,
    Time,
    kind,
)


@kind("watchlist.created")
class WatchlistCreated(PersonEvent, frozen=True, kw_only=True):
    """A new, empty list."""

    watchlist: Ref
    reason: Text


@kind("watchlist.imported")
class WatchlistImported(PersonEvent, frozen=True, kw_only=True):
    """Rows were read: how many were taken, and how many refused for which reason (R14, R15)."""

    watchlist: Ref
    accepted: Count
    refused: Counts
    source: Text


@kind("entry.added")
class EntryAdded(PersonEvent, frozen=True, kw_only=True):
    """One person entered a list, with the basis for it (R15)."""

    watchlist: Ref
    entry: Ref
    category: Ref
    lawful_basis: Text
    reason: Text
    images: Count
    under_18_rationale: Text | None = None


@kind("entry.refused")
class EntryRefused(PersonEvent, frozen=True, kw_only=True):
    """One row or picture was refused: which component failed."""

    watchlist: Ref
    entry: Ref
    cause: Text


@kind("entry.changed")
class EntryChanged(PersonEvent, frozen=True, kw_only=True):
    """An entry was edited before the list was sealed (R16: every edit)."""

    watchlist: Ref
    entry: Ref
    field: Ref
    reason: Text


@kind("entry.viewed")
class EntryViewed(PersonEvent, frozen=True, kw_only=True):
    """Somebody looked at an entry (R16: every view)."""

    watchlist: Ref
    entry: Ref


@kind("entry.withdrawn")
class EntryWithdrawn(PersonEvent, frozen=True, kw_only=True):
    """An entry no longer alerts; ``effective_ms`` from the order to the matcher's swap (R15)."""

    watchlist: Ref
    entry: Ref
    reason: Text
    deployment: Ref | None = None
    effective_ms: Count | None = None


@kind("watchlist.sealed")
class WatchlistSealed(PersonEvent, frozen=True, kw_only=True):
    """The list is immutable from here on; its digest binds the authority to it."""

    watchlist: Ref
    digest: Digest
    built: Time
    people: Count
    images: Count
    categories: Counts
    under_18: Count
    rejected: Count
    expires: Time


@kind("watchlist.members")
class WatchlistMembers(Event, frozen=True, kw_only=True):
    """Which nominal ids were on the sealed list (R25), in ``parts`` records of at most 500."""

    watchlist: Ref
    part: Count
    parts: Count
    entries: Refs


@kind("watchlist.loaded")
class WatchlistLoaded(Event, frozen=True, kw_only=True):
    """The matcher holds this list: the reference list checked (R16)."""

    watchlist: Ref
    digest: Digest
    people: Count
    templates: Count
    deployment: Ref | None = None


@kind("watchlist.refused")
class WatchlistRefused(Event, frozen=True, kw_only=True):
    """A list was not used: too old, expired, altered, of another model (R4, R5)."""

    watchlist: Ref
    rule: Ref
    cause: Text


@kind("vault.opened")
class VaultOpened(Event, frozen=True, kw_only=True):
    """A key was used to read a list or evidence."""

    vault: Ref
    purpose: Text
    actor: Name | None = None


@kind("deletion.certificate")
class DeletionCertificate(Event, frozen=True, kw_only=True):
    """What was erased, how, why and by whom (R4, R19).

    ``items`` names what was erased; one certificate is for at most 500, and for an erased key it
    names the vault or list, with the number of its objects as ``count``. ``items_digest`` is the
    SHA-256 of the sorted ids joined by line feeds.
    """

    certificate: Ref
    what: Literal[
        "watchlist", "alert_evidence", "discounted_evidence", "footage", "deployment_key", "other"
    ]
    method: Literal["crypto_erase", "overwrite", "unlink"]
    count: Count
    reason: Text
    items: Refs
    items_digest: Digest
    actor: Name
    deployment: Ref | None = None
    watchlist: Ref | None = None
    profile: Ref | None = None
    key_fingerprint: Ref | None = None


@kind("deletion.failed")
class DeletionFailed(Event, frozen=True, kw_only=True):
    """Something due could not be erased; it is tried again."""

    item: Ref
    cause: Text
    deployment: Ref | None = None


@kind("evidence.held")
class EvidenceHeld(PersonEvent, frozen=True, kw_only=True):
    """A person keeps an item beyond its time, for a reason (R19)."""

    item: Ref
    reason: Text
    deployment: Ref | None = None


@kind("evidence.released")
class EvidenceReleased(PersonEvent, frozen=True, kw_only=True):
    """The hold on an item ended; its profile applies again."""

    item: Ref
    reason: Text
    deployment: Ref | None = None


@kind("subject.answered")
class SubjectAnswered(PersonEvent, frozen=True, kw_only=True):
    """A person asked what is held about them and was answered (R25)."""

    request: Ref
    found: Count
