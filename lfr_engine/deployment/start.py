"""The first event of a deployment, made from what was checked and loaded (R7).

Owns: the mapping. Never: a fact that its caller did not give. Strategy: only a ``LiveAuthority``
can begin a deployment, so nothing begins without the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lfr_engine.deployment.permission import LiveAuthority
from lfr_engine.deployment.record import ListFacts
from lfr_engine.journal.events.deployment import DeploymentStarted


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is loaded for this run.

    model, calibration, configuration: SHA-256 in hexadecimal. thresholds: cosine by category.
    stated_fpir at stated_list_size: what the calibration promises (R5). resumed: the engine was
    restarted within a deployment that had begun.
    """

    software: str
    model: str
    calibration: str
    configuration: str
    thresholds: Mapping[str, float]
    stated_fpir: float
    stated_list_size: int
    watchlist: ListFacts
    cameras: tuple[str, ...]
    zones: tuple[str, ...]
    signage_confirmed: bool = False
    resumed: bool = False


def started(deployment: str, live: LiveAuthority, run: RunFacts) -> DeploymentStarted:
    """The event that begins ``deployment`` under ``live``."""
    authority, listed = live.authority, run.watchlist
    return DeploymentStarted(
        deployment=deployment,
        mode=authority.mode,
        authority=authority.id,
        authority_digest=live.digest,
        authority_key=live.key,
        officer_name=authority.officer.name,
        officer_rank=authority.officer.rank,
        officer_id=authority.officer.id,
        use_case=authority.use_case,
        purpose=authority.purpose,
        place=authority.place,
        zones=list(run.zones),
        cameras=list(run.cameras),
        planned_start=authority.start,
        planned_end=authority.end,
        signage_confirmed=run.signage_confirmed,
        retention=authority.retention,
        false_alert_ceiling=authority.false_alert_ceiling,
        software=run.software,
        model=run.model,
        calibration=run.calibration,
        configuration=run.configuration,
        thresholds=dict(run.thresholds),
        stated_fpir=run.stated_fpir,
        stated_list_size=run.stated_list_size,
        watchlist=listed.id,
        watchlist_built=listed.built,
        watchlist_people=listed.people,
        watchlist_images=listed.images,
        watchlist_categories=listed.categories,
        watchlist_under_18=listed.under_18,
        watchlist_rejected=listed.rejected,
        resumed=run.resumed,
    )
