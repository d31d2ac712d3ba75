"""What a deployment is told before it begins: settings, and the networks it will run.

Owns: the two values that are given to ``open_deployment``. Never: a file, a decision. Strategy:
plain data with the defaults of ``docs/deployment.md``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lfr_engine.actors.journaler import JournalerSettings
from lfr_engine.alerts.policy import PolicySettings
from lfr_engine.app.plan import CameraPlan, Networks
from lfr_engine.deployment.permission import AuthoritySettings
from lfr_engine.identity.calibration import DEFAULT_FPIR, Calibration
from lfr_engine.identity.keys import KeySource
from lfr_engine.identity.template import TemplateContract
from lfr_engine.relay.settings import RelaySettings


@dataclass(frozen=True, slots=True)
class DeploymentSettings:
    """One deployment.

    data: folder of the journal, ``watchlists`` and ``evidence``. authority: the signed file.
    watchlist_key: opens the list, and the alert pictures. cameras, zones: what is configured; the
    authority must cover all of it. site: alerts of one person on one site are one (R12).
    configuration: SHA-256 of the configuration, for the record. fpir: stated rate of the
    calibrated threshold (R5). threshold: instead of it, where stricter. stricter: thresholds of
    categories, where stricter still. agree, margin, alone: as in ``EvidenceSettings``. blind,
    two_person, decide_within_s: as in ``AdjudicationSettings``. presence_s: an operator silent for
    longer pauses capture; None only for an exercise (R17). pause_on_red: pause when the
    false-alert ceiling is broken (R6). signage_confirmed: somebody saw the signs before the start.
    relay: how officers are told; None: they are not.
    summary_every: how often traffic, drops and latency are journalled.
    """

    data: Path
    authority: Path
    watchlist_key: KeySource
    cameras: tuple[CameraPlan, ...]
    zones: tuple[str, ...]
    site: str
    configuration: str
    authorities: AuthoritySettings = field(default_factory=AuthoritySettings)
    fpir: float = DEFAULT_FPIR
    threshold: float | None = None
    stricter: Mapping[str, float] = field(default_factory=dict)
    agree: int = 2
    margin: float = 0.04
    alone: float | None = None
    blind: bool = True
    two_person: bool = False
    decide_within_s: float = 60.0
    policy: PolicySettings = field(default_factory=PolicySettings)
    presence_s: float | None = 15.0
    pause_on_red: bool = False
    signage_confirmed: bool = False
    relay: RelaySettings | None = None
    summary_every: dt.timedelta = dt.timedelta(seconds=60)
    journal: JournalerSettings = field(default_factory=JournalerSettings)

    @property
    def watchlists(self) -> Path:
        """Folder with a vault for each list."""
        return self.data / "watchlists"

    @property
    def evidence(self) -> Path:
        """Folder with a folder of alert pictures for each deployment."""
        return self.data / "evidence"


@dataclass(frozen=True, slots=True)
class Models:
    """The networks of a run and what is known of them.

    contract: what the embedder's templates are bound to. calibration: what their scores mean.
    """

    networks: Networks
    contract: TemplateContract
    calibration: Calibration
