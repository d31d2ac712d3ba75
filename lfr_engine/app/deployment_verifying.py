"""Whether a deployment may begin: everything that is asked before anything of it is done.

Owns: the order of the questions. Never: a frame, a template on disk, a refusal that is not
journalled, a change to what it looked at. Strategy: synchronous, in a lane, and the same for who
starts the engine under an authority and for who loads one into a running engine, so that neither
way is the easier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lfr_engine.app.deployment_refusal import (
    calibration_refused,
    clock_is_good,
    clock_or_refusal,
    journalled,
    list_refused,
    refused,
)
from lfr_engine.app.deployment_settings import DeploymentSettings, Models
from lfr_engine.app.deployment_settling import ENDED, STARTED, due_records, every, settle, writer
from lfr_engine.clock import Clock
from lfr_engine.deployment.authority import Document
from lfr_engine.deployment.clockguard import synchronised
from lfr_engine.deployment.erasure import of_vault
from lfr_engine.deployment.permission import LiveAuthority, Requirements, check
from lfr_engine.errors import ConfigError, RuleError
from lfr_engine.identity import calibration as calibrations
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import open_vault
from lfr_engine.identity.watchlist import Category
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.events.watchlist import VaultOpened
from lfr_engine.journal.store import Journal


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """What was found good. by_category: thresholds that are stricter than the list's."""

    live: LiveAuthority
    models: Models
    stored: StoredWatchlist
    gallery: Gallery
    threshold: float
    by_category: Mapping[str, float]

    def close(self) -> None:
        """Forget the list: its templates in memory and its key."""
        self.gallery.erase()
        self.stored.vault.close()


def verify(
    settings: DeploymentSettings,
    read: Callable[[], Document],
    load_models: Callable[[], Models],
    clock: Clock,
    journal: Journal,
) -> Verified:
    """Ask everything, after what is due was erased. The caller closes the result.

    Args:
        settings: What is to run.
        read: The authority; whatever it raises is journalled as a refusal.
        load_models: The networks, once the authority was found good.
        clock: Where time comes from.
        journal: Takes every refusal; held by the caller alone.

    Raises:
        RuleError: What is missing and which rule asks for it; journalled.
        LfrError: A key, list, model or file cannot be used; journalled.
    """
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
        document = read()
        if document.authority.mode == "deployment" and settings.presence_s is None:
            raise RuleError(
                "R17", "presence", "a deployment has an operator", "set the seconds of presence"
            )
        check(document, clock.utc(), facts)
        require_not_over(journal, document)
    stored = _open_list(settings, document, clock, write)
    gallery: Gallery | None = None
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
        models = load_models()
        with journalled(write, calibration_refused):
            models.calibration.require(models.contract)
        with journalled(write, lambda problem: list_refused(problem, listed.id)):
            gallery = stored.gallery(models.contract)
        with journalled(write, calibration_refused):
            threshold, by_category = _thresholds(settings, models.calibration, gallery)
    except BaseException:
        if gallery is not None:
            gallery.erase()
        stored.vault.close()
        raise
    return Verified(live, models, stored, gallery, threshold, by_category)


def require_not_over(journal: Journal, document: Document) -> None:
    """Raises ``RuleError`` (R3) where the deployment under this very authority has ended."""
    mine = {
        record.body["deployment"]
        for record in every(journal, [STARTED])
        if record.body["authority_digest"] == document.digest
    }
    if any(record.body["deployment"] in mine for record in every(journal, [ENDED])):
        raise RuleError("R3", document.name, "its deployment has ended", "ask for a new authority")


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
