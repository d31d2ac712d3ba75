"""What is kept for how long, and what is therefore due to be erased (R19, R4).

Owns: the three profiles, the reading of the journal for what still exists, the plan. Never: erases
(``erasure`` does), reads a clock, extends anything by itself. Strategy: an item is kept while the
journal says so and neither its profile's time nor a person's hold has ended.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lfr_engine.journal.events.alerts import AlertRetained
from lfr_engine.journal.events.deployment import DeploymentEnded, DeploymentStarted
from lfr_engine.journal.events.watchlist import (
    DeletionCertificate,
    EvidenceHeld,
    EvidenceReleased,
    WatchlistSealed,
)
from lfr_engine.journal.kinds import KINDS, typed
from lfr_engine.journal.lines import Record

HARD_STOP = dt.timedelta(hours=24)  # R4: a list ends at latest so long after its deployment's end


class What(enum.StrEnum):
    """Classes of things that have a time to live."""

    ALERT = "alert_evidence"
    DISCOUNTED = "discounted_evidence"
    FOOTAGE = "footage"  # the engine keeps none; the profile binds whoever records the cameras
    WATCHLIST = "watchlist"


class Since(enum.StrEnum):
    """From when a time to live counts."""

    MADE = "made"
    END = "end of the deployment"


@dataclass(frozen=True, slots=True)
class Term:
    """How long after ``since`` something is erased; zero means then."""

    after: dt.timedelta
    since: Since


_AT_END = Term(dt.timedelta(), Since.END)
_MONTH = Term(dt.timedelta(days=31), Since.MADE)
_DAY = Term(dt.timedelta(hours=24), Since.MADE)

PROFILES: Mapping[str, Mapping[What, Term]] = {
    "met": {
        What.ALERT: _MONTH,
        What.DISCOUNTED: _MONTH,
        What.FOOTAGE: _MONTH,
        What.WATCHLIST: _AT_END,
    },
    "swp": {
        What.ALERT: _DAY,
        What.DISCOUNTED: _DAY,
        What.FOOTAGE: _MONTH,
        What.WATCHLIST: _AT_END,
    },
    "strict": {
        What.ALERT: _AT_END,
        What.DISCOUNTED: _AT_END,
        What.FOOTAGE: _AT_END,
        What.WATCHLIST: _AT_END,
    },
}
"""Profile → class → term (R19)."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person keeps an item for a reason."""

    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that exists and must end.

    ends: when its deployment ends or ended; None where it never began. latest: a time that no
    profile may pass, such as a vault's expiry. alert: the alert that evidence belongs to.
    """

    id: str
    what: What
    profile: str
    made: dt.datetime
    deployment: str | None = None
    ends: dt.datetime | None = None
    latest: dt.datetime | None = None
    hold: Hold | None = None
    alert: str | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """An item that is due, since when, and why."""

    item: Item
    due: dt.datetime
    reason: str


def due(item: Item) -> dt.datetime:
    """When an item must be erased, holds aside."""
    term = PROFILES[item.profile][item.what]
    if term.since is Since.MADE:
        end = item.made + term.after
    elif item.ends is not None:
        end = item.ends + term.after
    else:
        end = item.made + HARD_STOP  # built for a deployment that never was
    return min(end, item.latest) if item.latest is not None else end


def plan(items: Iterable[Item], now: dt.datetime) -> list[Deletion]:
    """Everything that is due, the oldest first.

    A hold keeps evidence; it never keeps a watchlist beyond its hard stop (R4).
    """
    deletions = []
    for item in items:
        when = due(item)
        if item.what is What.WATCHLIST and item.hold is not None and item.ends is not None:
            when = max(when, min(item.ends + HARD_STOP, item.latest or item.ends + HARD_STOP))
        elif item.hold is not None:
            continue
        if when <= now:
            term = PROFILES[item.profile][item.what]
            reason = f"profile {item.profile}: {_words(term)}"
            deletions.append(Deletion(item, when, reason))
    return sorted(deletions, key=lambda deletion: (deletion.due, deletion.item.id))


def inventory(records: Iterable[Record]) -> list[Item]:
    """What still exists according to the journal, in the order it was made.

    Args:
        records: All records, in order; those of other kinds and of later engines are passed over.
    """
    items: dict[str, Item] = {}
    ends: dict[str, dt.datetime] = {}
    uses: dict[str, tuple[str, str]] = {}  # watchlist → (deployment, profile) that used it last
    holds: dict[str, Hold] = {}
    for record in records:
        if record.kind not in READS:
            continue
        match typed(record.kind, record.body):
            case DeploymentStarted() as event:
                ends[event.deployment] = event.planned_end
                uses[event.watchlist] = (event.deployment, event.retention)
            case DeploymentEnded() as event:
                planned = ends.get(event.deployment, record.utc)
                ends[event.deployment] = min(planned, record.utc)
            case AlertRetained() as event:
                items[event.evidence] = Item(
                    event.evidence,
                    What(event.what),
                    event.profile,
                    record.utc,
                    event.deployment,
                    latest=event.until,
                    alert=event.alert,
                )
            case WatchlistSealed() as event:
                items[event.watchlist] = Item(
                    event.watchlist, What.WATCHLIST, "strict", event.built, latest=event.expires
                )
            case EvidenceHeld() as event:
                holds[event.item] = Hold(event.actor, event.reason)
            case EvidenceReleased() as event:
                holds.pop(event.item, None)
            case DeletionCertificate() as event:
                for gone in (*event.items, event.watchlist):
                    items.pop(gone or "", None)
    return [_completed(item, ends, uses, holds) for item in items.values()]


READS = frozenset(
    name
    for name, event in KINDS.items()
    if event
    in (
        DeploymentStarted,
        DeploymentEnded,
        AlertRetained,
        WatchlistSealed,
        EvidenceHeld,
        EvidenceReleased,
        DeletionCertificate,
    )
)
"""The kinds that ``inventory`` looks at: a reader may leave out all others."""


def _completed(
    item: Item,
    ends: Mapping[str, dt.datetime],
    uses: Mapping[str, tuple[str, str]],
    holds: Mapping[str, Hold],
) -> Item:
    deployment, profile = item.deployment, item.profile
    if item.what is What.WATCHLIST:
        deployment, profile = uses.get(item.id, (None, profile))
    return replace(
        item,
        deployment=deployment,
        profile=profile,
        ends=ends.get(deployment or ""),
        hold=holds.get(item.id),
    )


def _words(term: Term) -> str:
    if not term.after:
        return f"at the {term.since}" if term.since is Since.END else "at once"
    hours = term.after / dt.timedelta(hours=1)
    span = f"{hours / 24:.0f} days" if hours > 48 else f"{hours:.0f} hours"
    return f"{span} after it was made" if term.since is Since.MADE else f"{span} after the end"


def in_words(profile: str, what: What) -> str:
    """A profile's term as a sentence part: "31 days after it was made"."""
    return _words(PROFILES[profile][what])
