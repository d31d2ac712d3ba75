"""Journal records for tests, without a journal: events at times, numbered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from lfr_engine.journal.events.deployment import DeploymentStarted
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.kinds import checked, item
from lfr_engine.journal.lines import Record
from tests.deployment.papers import END, START


def record(seq: int, utc: dt.datetime, event: Event) -> Record:
    kind, body = item(event)
    return Record(seq, utc, kind, checked(kind, body), "0" * 64, f"{seq:064x}")


def records(entries: Iterable[tuple[dt.datetime, Event]]) -> list[Record]:
    return [record(seq, utc, event) for seq, (utc, event) in enumerate(entries, 1)]


def started(**changes: Any) -> DeploymentStarted:
    facts: dict[str, Any] = {
        "deployment": "D-1", "mode": "deployment", "authority": "A-1",
        "authority_digest": "a" * 64, "authority_key": "ed25519:x", "officer_name": "P. Example",
        "officer_rank": "Superintendent", "officer_id": "AO-7", "use_case": "Targeted operation",
        "purpose": "Find people wanted by the courts", "place": "High Street", "zones": ["gate"],
        "cameras": ["cam1", "cam2"], "planned_start": START, "planned_end": END,
        "signage_confirmed": True, "retention": "met", "false_alert_ceiling": 0.001,
        "software": "lfr-engine 0.1.0", "model": "b" * 64, "calibration": "c" * 64,
        "configuration": "d" * 64, "thresholds": {"all": 0.42}, "stated_fpir": 0.001,
        "stated_list_size": 1000, "watchlist": "WL-1",
        "watchlist_built": START - dt.timedelta(hours=2), "watchlist_people": 900,
        "watchlist_images": 1200, "watchlist_categories": {"wanted": 800, "missing": 100},
        "watchlist_under_18": 2, "watchlist_rejected": 31,
    }  # fmt: skip
    return DeploymentStarted(**{**facts, **changes})
