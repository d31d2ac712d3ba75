"""One deployment told as events, for tests of the record: known counts in every field."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from lfr_engine.journal.events import access, alerts, deployment, engine, watchlist
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.lines import Record
from tests.deployment.diary import records, started
from tests.deployment.papers import END, NOON, START

D: dict[str, Any] = {"deployment": "D-1"}
OPERATOR: dict[str, Any] = {"actor": "Op One", "role": "operator", **D}
OFFICER: dict[str, Any] = {"actor": "PC Two", "role": "officer", **D}
MINUTE = dt.timedelta(minutes=1)

Entry = tuple[dt.datetime, Event]


def alert(name: str, *, blue: bool = False, camera: str = "cam1", late: bool = False) -> Entry:
    event = alerts.AlertGenerated(
        **D, alert=name, entry=f"entry-of-{name}", category="wanted", site="s1", camera=camera,
        track="t", captured=NOON, age_ms=150.0, late=late, score=0.55, threshold=0.42,
        sightings=3, blue=blue,
    )  # fmt: skip
    return NOON, event


def decided(name: str, decision: Literal["passed", "discounted"], reason: str) -> Entry:
    event = alerts.AlertDecided(
        **OPERATOR, alert=name, decision=decision, reason=reason, reason_group="subject"
    )
    return NOON + MINUTE, event


def outcome(name: str, result: Any) -> Entry:
    return NOON + 2 * MINUTE, alerts.AlertOutcome(**OFFICER, alert=name, outcome=result)


def traffic(camera: str, passes: int, minute: int = 0, up_s: float = 600) -> Entry:
    since = START + minute * MINUTE
    event = deployment.TrafficSummary(
        **D, camera=camera, since=since, until=since + 10 * MINUTE, passes=passes,
        detections=passes * 20, re_entries=1, not_acquired=2, up_s=up_s,
    )  # fmt: skip
    return since + 10 * MINUTE, event


def blue_pass(name: str, camera: str = "cam1", group: str | None = None) -> Entry:
    event = alerts.BluePass(
        **OPERATOR, blue_pass=name, entry="nominal-7", camera=camera, at=NOON, source="button",
        group=group,
    )  # fmt: skip
    return NOON, event


def told() -> list[Record]:
    """5 alerts: 2 true, 1 false after engagement, 1 discounted, 1 expired; 1 blue; 3 of 4 staff."""
    story: list[Entry] = [
        (START - MINUTE, engine.EngineStarted(software="x", mode="deployment", clean=True)),
        (START, started()),
        (START, deployment.SignageConfirmed(**OPERATOR)),
        traffic("cam1", 3000),
        traffic("cam1", 1500, minute=10, up_s=300),
        traffic("cam2", 500),
        (NOON, deployment.DropsSummary(
            **D, camera="cam1", since=START, until=NOON, counts={"slot": 5, "age": 2})),
        (NOON, deployment.DropsSummary(
            **D, camera="cam2", since=START, until=NOON, counts={"slot": 1})),
        (NOON, engine.CameraDown(**D, camera="cam2", cause="cable")),
        (NOON, engine.CameraUp(**D, camera="cam2", outage_s=40)),
        alert("a1"), alert("a2", camera="cam2"), alert("a3", late=True), alert("a4"), alert("a5"),
        alert("b1", blue=True),
        (NOON, alerts.AlertDisplayed(**OPERATOR, alert="a1", after_ms=400)),
        decided("a1", "passed", "likeness"), decided("a2", "passed", "likeness"),
        decided("a3", "passed", "likeness"), decided("a4", "discounted", "different_features"),
        (NOON, alerts.AlertExpired(**D, alert="a5", after_ms=60_000)),
        outcome("a1", "engaged"), outcome("a1", "confirmed_true"),
        outcome("a2", "engaged"), outcome("a2", "confirmed_true"),
        outcome("a3", "engaged"), outcome("a3", "confirmed_false"),
        (NOON, alerts.AlertSuppressed(
            **D, entry="e", site="s1", camera="cam1", reason="cooldown")),
        (NOON, alerts.RecognitionDeclined(**D, camera="cam1", reason="margin", sightings=2)),
        blue_pass("p1"), blue_pass("p2"), blue_pass("p3", "cam2"), blue_pass("p4", "cam2"),
        *((NOON, alerts.BlueHit(**D, blue_pass=name, alert="b1"))
          for name in ("p1", "p2", "p3", "p3")),
        (NOON, deployment.OutcomeEntered(**OFFICER, outcome="arrests", count=2)),
        (NOON, deployment.LatencySummary(
            **D, stage="to_operator", count=5, p50=150, p95=240, p99=300, longest=310)),
        (NOON, deployment.ErasureSummary(
            **D, count=4990, p50=12, p99=55, longest=80, over_target=0)),
        (NOON, access.RelayState(
            alert="a1", recipient="r", bearer="tetra", state="sent")),
        (NOON, access.RelayState(
            alert="a1", recipient="r", bearer="tetra", state="delivered")),
        (NOON, deployment.ComplaintRecorded(**OFFICER, reference="C-9")),
        (NOON, deployment.DeploymentStopped(
            **OPERATOR, reason="crowd <b>surge</b>", capture_ended_ms=210)),
        (NOON, watchlist.EntryWithdrawn(
            actor="Op One", role="operator", watchlist="WL-1", entry="e9", reason="found")),
        (END, deployment.DeploymentEnded(**D, reason="authority_end")),
        (END + MINUTE, watchlist.DeletionCertificate(
            certificate="DC-1", what="watchlist", method="crypto_erase", count=1201,
            reason="at the end", items=["WL-1"], items_digest="0" * 64, actor="engine",
            watchlist="WL-1")),
        # another deployment's, which must not count
        (END + MINUTE, started(deployment="D-2")),
        (END + MINUTE, deployment.OutcomeEntered(
            actor="x", role="officer", deployment="D-2", outcome="arrests", count=50)),
    ]  # fmt: skip
    return records(story)
