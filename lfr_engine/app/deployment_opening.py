"""Everything that must hold before the first frame, in the order in which it is asked.

Owns: the way from settings to a deployment that may run. Never: a frame; a template on disk; a
question of its own (``deployment_verifying`` asks them all). Strategy: synchronous, in a lane. The
journal opens first, because what cannot be recorded is not done; then everything is verified; last
the journal says what had happened before, where a deployment is resumed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lfr_engine import __version__
from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.alerts.table import stamp_of
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.deployment_settling import (
    STARTED,
    every,
    open_journal,
    sweep,
    writer,
)
from lfr_engine.app.deployment_verifying import Verified, verify
from lfr_engine.app.relay_store import open_outbox, settle_others
from lfr_engine.clock import Clock, Stamp, stamp
from lfr_engine.deployment import start
from lfr_engine.deployment.authority import load
from lfr_engine.deployment.permission import (
    LiveAuthority,
)
from lfr_engine.deployment.record import ListFacts
from lfr_engine.identity import calibration as calibrations
from lfr_engine.identity.evidence_store import EvidenceStore, open_evidence
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.watchlist import Category, EntryState, Priority, Watchlist
from lfr_engine.journal.events.deployment import DeploymentStarted
from lfr_engine.journal.events.engine import EngineStarted
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import (
    EntryWithdrawn,
    WatchlistLoaded,
)
from lfr_engine.journal.kinds import typed
from lfr_engine.journal.store import Journal

URGENCY: Mapping[Priority, int] = {Priority.HIGH: 1, Priority.MEDIUM: 2, Priority.LOW: 3}
RESTORED = (
    "alert.generated",
    "alert.updated",
    "alert.suppressed",
    "alert.displayed",
    "alert.opinion",
    "alert.decided",
    "alert.outcome",
    "alert.expired",
    "alert.retained",
    "alert.deleted",
    "blue.pass",
    "blue.hit",
    "deployment.paused",
    "deployment.resumed",
    "deployment.stopped",
    "entry.withdrawn",
    "presence.changed",
    "traffic.summary",
)
"""What a resumed deployment needs of its own past."""

Past = Sequence[tuple[Event, dt.datetime]]
"""Events with the time they were journalled at, in order."""


@dataclass(slots=True)
class Opened:
    """A deployment that may run.

    thresholds: of entries that have one of their own. past: what a resumed deployment did before;
    empty at a first start. outbox: of messages to officers; None without a relay.
    """

    settings: DeploymentSettings
    journal: Journal
    live: LiveAuthority
    deployment: str
    models: Models
    stored: StoredWatchlist
    gallery: Gallery
    facts: dict[str, EntryFacts]
    threshold: float
    thresholds: dict[str, float]
    started: DeploymentStarted
    past: Past
    evidence: EvidenceStore
    outbox: SqliteOutbox | None


def open_all(
    settings: DeploymentSettings, load_models: Callable[[], Models], clock: Clock
) -> Opened:
    """Open a deployment, new or resumed, and journal that it started.

    Raises:
        RuleError: What is missing and which rule asks for it; journalled.
        LfrError: A key, list, model or file cannot be used; journalled once the journal is open.
    """
    journal = open_journal(settings.data, clock)
    try:
        found = verify(settings, lambda: load(settings.authority), load_models, clock, journal)
        try:
            found.stored.vault.expire_at(found.live.authority.end)
            return _begin(settings, journal, clock, found)
        except BaseException:
            found.close()
            raise
    except BaseException:
        journal.close()
        raise


def _begin(
    settings: DeploymentSettings,
    journal: Journal,
    clock: Clock,
    found: Verified,
) -> Opened:
    """Nothing stands in the way: read what was before, and say that it starts."""
    live, models, stored, gallery = found.live, found.models, found.stored, found.gallery
    threshold, by_category = found.threshold, found.by_category
    deployment = _resumed(journal, live) or deployment_id(live)
    past, resumed = _past(journal, deployment)
    withdrawn = {
        event.entry
        for event, _ in past
        if isinstance(event, EntryWithdrawn) and event.watchlist == stored.watchlist.id
    }
    again = withdrawn & set(gallery.entries)
    gallery = gallery.without(sorted(again)) if again else gallery
    evidence = open_evidence(
        settings.evidence / deployment,
        deployment,
        settings.watchlist_key,
        clock,
        live.authority.end,
    )
    kept = [str(record.body["evidence"]) for record in every(journal, ["alert.retained"])]
    began = start.started(
        deployment,
        live,
        start.RunFacts(
            software=f"lfr-engine {__version__}",
            model=models.contract.model_sha256,
            calibration=hashlib.sha256(calibrations.encode(models.calibration)).hexdigest(),
            configuration=settings.configuration,
            thresholds={"all": threshold, **by_category},
            stated_fpir=min(1.0, models.calibration.fpir_at(threshold, len(gallery.owners)).value),
            stated_list_size=len(gallery.owners),
            watchlist=_list_facts(stored.watchlist, withdrawn),
            cameras=tuple(plan.settings.camera for plan in settings.cameras),
            zones=settings.zones,
            signage_confirmed=settings.signage_confirmed,
            resumed=resumed,
        ),
    )
    entries = _entry_facts(stored.watchlist, withdrawn)
    settle_others(settings.data, deployment, writer(journal))
    writer(journal)(
        [
            *sweep(evidence.folder, kept, deployment),
            EngineStarted(
                software=f"lfr-engine {__version__}",
                mode=live.authority.mode,
                clean=ended_in_order(journal),
                configuration=settings.configuration,
            ),
            WatchlistLoaded(
                watchlist=stored.watchlist.id,
                digest=stored.watchlist.digest(),
                people=len(gallery),
                templates=len(gallery.owners),
                deployment=deployment,
            ),
            began,
        ]
    )
    return Opened(
        settings=settings,
        journal=journal,
        live=live,
        deployment=deployment,
        models=models,
        stored=stored,
        gallery=gallery,
        facts=entries,
        threshold=threshold,
        thresholds={
            entry: by_category[facts.category]
            for entry, facts in entries.items()
            if facts.category in by_category
        },
        started=began,
        past=past,
        evidence=evidence,
        outbox=open_outbox(settings.data, deployment) if settings.relay is not None else None,
    )


def deployment_id(live: LiveAuthority) -> str:
    """One run under one authority: its start, and the beginning of the signed bytes' digest."""
    return f"D-{live.authority.start:%Y%m%d-%H%M}-{live.digest[:8]}"


def stamped(past: Past, clock: Clock) -> list[tuple[Event, Stamp]]:
    """``past`` on the monotonic clock of this process."""
    now = stamp(clock)
    return [(event, stamp_of(written, now)) for event, written in past]


# the past -----------------------------------------------------------------------------------------


def _resumed(journal: Journal, live: LiveAuthority) -> str | None:
    for record in every(journal, [STARTED]):
        if record.body["authority_digest"] == live.digest:
            return str(record.body["deployment"])
    return None


def _past(journal: Journal, deployment: str) -> tuple[Past, bool]:
    events = [
        (typed(record.kind, record.body), record.utc)
        for record in every(journal, RESTORED)
        if record.body.get("deployment") == deployment
    ]
    began = any(r.body["deployment"] == deployment for r in every(journal, [STARTED]))
    return events, began


def ended_in_order(journal: Journal) -> bool:
    """Whether the newest run in the journal said that it ended; True before the first."""
    newest = None
    for record in every(journal, ["engine.started", "engine.stopped"]):
        newest = record.kind
    return newest != "engine.started"


def _list_facts(listed: Watchlist, withdrawn: set[str]) -> ListFacts:
    gone = {one.id for one in listed.entries if one.state is EntryState.WITHDRAWN} | withdrawn
    return ListFacts(
        id=listed.id,
        built=listed.built,
        people=len(listed.entries),
        images=listed.images,
        categories=listed.categories,
        under_18=listed.under_18,
        rejected=listed.rejected,
        withdrawn=len(gone),
    )


def _entry_facts(listed: Watchlist, withdrawn: set[str]) -> dict[str, EntryFacts]:
    return {
        one.id: EntryFacts(
            one.id,
            one.category.value,
            URGENCY[one.priority],
            blue=one.category is Category.BLUE,
            withdrawn=one.state is EntryState.WITHDRAWN or one.id in withdrawn,
        )
        for one in listed.entries
    }
