"""Everything that must hold before the first frame, in the order in which it is asked.

Owns: the way from settings to a deployment that may run. Never: a frame; a template on disk; a
refusal that is not journalled. Strategy: synchronous, in a lane. The journal opens first, because
what cannot be recorded is not done; then what is due is erased; then the authority is asked, the
list is opened and the authority asked again with the list's facts; then the calibration; last the
journal says what had happened before, where a deployment is resumed.
"""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lfr_engine import __version__
from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.alerts.table import stamp_of
from lfr_engine.app.deployment_refusal import (
    calibration_refused,
    clock_is_good,
    clock_or_refusal,
    journalled,
    list_refused,
    refused,
)
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.deployment_settling import (
    ENDED,
    STARTED,
    due_records,
    every,
    settle,
    sweep,
    writer,
)
from lfr_engine.app.relay_store import open_outbox, settle_others
from lfr_engine.clock import Clock, Stamp, stamp
from lfr_engine.deployment import start
from lfr_engine.deployment.authority import Document, load
from lfr_engine.deployment.clockguard import synchronised
from lfr_engine.deployment.erasure import of_vault
from lfr_engine.deployment.permission import (
    LiveAuthority,
    Requirements,
    check,
)
from lfr_engine.deployment.record import ListFacts
from lfr_engine.errors import ConfigError, RuleError
from lfr_engine.identity import calibration as calibrations
from lfr_engine.identity.evidence_store import EvidenceStore, open_evidence
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import open_vault
from lfr_engine.identity.watchlist import Category, EntryState, Priority, Watchlist
from lfr_engine.journal.events.deployment import DeploymentStarted
from lfr_engine.journal.events.engine import EngineStarted
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import (
    EntryWithdrawn,
    VaultOpened,
    WatchlistLoaded,
)
from lfr_engine.journal.kinds import typed
from lfr_engine.journal.place import key_path
from lfr_engine.journal.signing import load_or_create
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
    path = settings.data / "journal.jsonl"
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal.open(path, load_or_create(key_path(path)), clock)
    try:
        return _open(settings, load_models, clock, journal)
    except BaseException:
        journal.close()
        raise


def _open(
    settings: DeploymentSettings,
    load_models: Callable[[], Models],
    clock: Clock,
    journal: Journal,
) -> Opened:
    write = writer(journal)
    document: Document | None = None
    floor, synchronous = journal.trusted_floor(), synchronised() is not False
    facts = Requirements(
        settings=settings.authorities,
        cameras=frozenset(plan.settings.camera for plan in settings.cameras),
        zones=frozenset(settings.zones),
        live_sources=any(plan.settings.address.live for plan in settings.cameras),
        clock_synchronised=synchronous,
        last_recorded=floor,
    )
    if clock_is_good(facts, clock):  # a bad one would erase what is not due
        settle(due_records(journal), settings.data, clock, write)
    with journalled(write, lambda problem: clock_or_refusal(problem, document, facts, clock)):
        document = load(settings.authority)
        if document.authority.mode == "deployment" and settings.presence_s is None:
            raise RuleError(
                "R17", "presence", "a deployment has an operator", "set the seconds of presence"
            )
        check(document, clock.utc(), facts)
        _require_not_over(journal, document)
    stored = _open_list(settings, document, clock, write)
    try:
        listed = stored.watchlist
        with journalled(write, lambda problem: refused(problem, document)):
            live = check(
                document,
                clock.utc(),
                replace(
                    facts,
                    watchlist=listed.id,
                    watchlist_digest=listed.digest(),
                    watchlist_built=listed.built,
                    builders=frozenset(listed.builders),
                ),
            )
        with journalled(write, lambda problem: list_refused(problem, listed.id)):
            listed.require_usable(live.authority.start)
        stored.vault.expire_at(live.authority.end)
        models = load_models()
        with journalled(write, calibration_refused):
            models.calibration.require(models.contract)
        with journalled(write, lambda problem: list_refused(problem, listed.id)):
            gallery = stored.gallery(models.contract)
        with journalled(write, calibration_refused):
            threshold, by_category = _thresholds(settings, models.calibration, gallery)
        return _begin(
            settings, journal, clock, live, models, stored, gallery, threshold, by_category
        )
    except BaseException:
        stored.vault.close()
        raise


def _begin(
    settings: DeploymentSettings,
    journal: Journal,
    clock: Clock,
    live: LiveAuthority,
    models: Models,
    stored: StoredWatchlist,
    gallery: Gallery,
    threshold: float,
    by_category: Mapping[str, float],
) -> Opened:
    """Nothing stands in the way: read what was before, and say that it starts."""
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
                clean=_ended_in_order(journal),
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


# asking --------------------------------------------------------------------------------------


def _open_list(
    settings: DeploymentSettings,
    document: Document,
    clock: Clock,
    write: Callable[[Sequence[Event]], None],
) -> StoredWatchlist:
    name = document.authority.watchlist
    with journalled(write, lambda problem: list_refused(problem, name)):
        if "/" in name or name.startswith("."):
            raise ConfigError(f"watchlist {name:.80}", "is not a usable id")
        vault = open_vault(
            settings.watchlists / name,
            settings.watchlist_key,
            clock,
            lambda certificate: write([of_vault(certificate)]),
        )
        write([VaultOpened(vault=name, purpose="deployment")])
        return StoredWatchlist.load(vault)


def _thresholds(
    settings: DeploymentSettings, fitted: calibrations.Calibration, gallery: Gallery
) -> tuple[float, dict[str, float]]:
    """The list's threshold and those of categories, none laxer than the calibration allows (R5)."""
    size = len(gallery.owners)
    threshold = settings.threshold
    if threshold is None:
        threshold = fitted.threshold_for(settings.fpir, size).value
    fitted.require_stricter(threshold, settings.fpir, size)
    known = {category.value for category in Category}
    for category, own in settings.stricter.items():
        if category not in known:
            raise ConfigError(
                f"threshold of {category}", "there is no such category", ", ".join(sorted(known))
            )
        if own < threshold:
            raise RuleError(
                "R5",
                f"threshold of {category}",
                f"{own:.3f} is below the list's {threshold:.3f}",
                "a category may only be stricter",
            )
    return threshold, dict(settings.stricter)


def _require_not_over(journal: Journal, document: Document) -> None:
    mine = {
        record.body["deployment"]
        for record in every(journal, [STARTED])
        if record.body["authority_digest"] == document.digest
    }
    if any(record.body["deployment"] in mine for record in every(journal, [ENDED])):
        raise RuleError("R3", document.name, "its deployment has ended", "ask for a new authority")


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


def _ended_in_order(journal: Journal) -> bool:
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
        images=sum(len(one.references) for one in listed.entries),
        categories=dict(collections.Counter(one.category.value for one in listed.entries)),
        under_18=sum(one.under_18 for one in listed.entries),
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
