"""Goes through journal records once and sorts what belongs to one deployment (R7).

Owns: which records are a deployment's, and what each kind adds. Never: reads a file, asks the
engine, corrects what it finds: what does not add up becomes a finding. Strategy: one short handler
for each kind that matters, in a table; ``totals`` does the arithmetic afterwards.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lfr_engine.deployment.record import Certificate, Happening
from lfr_engine.errors import InputError
from lfr_engine.journal.events import access, alerts, deployment, engine, watchlist
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.kinds import KINDS, typed
from lfr_engine.journal.lines import Record

_ACTIONS = frozenset({"engaged", "lost", "no_action"})
_BIN = dt.timedelta(minutes=10)


@dataclass(slots=True)
class AlertTally:
    """One alert as far as it is known."""

    event: alerts.AlertGenerated
    raised: dt.datetime
    displayed_after_ms: float | None = None
    decision: alerts.AlertDecided | None = None
    action: str | None = None
    outcome: str | None = None
    expired: alerts.AlertExpired | None = None


@dataclass(slots=True)
class CameraTally:
    """One camera's sums."""

    passes: int = 0
    detections: int = 0
    re_entries: int = 0
    not_acquired: int = 0
    up_s: float = 0.0
    outages: int = 0
    outage_s: float = 0.0
    drops: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Tally:
    """Everything seen in one pass over the journal."""

    started: deployment.DeploymentStarted
    begun: dt.datetime
    first: Record
    last: Record
    runs: int = 1
    ended: tuple[dt.datetime, deployment.DeploymentEnded] | None = None
    signage: bool = False
    withdrawn: set[str] = field(default_factory=set)
    cameras: defaultdict[str, CameraTally] = field(default_factory=lambda: defaultdict(CameraTally))
    raised: dict[str, AlertTally] = field(default_factory=dict)
    suppressed: Counter[str] = field(default_factory=Counter)
    declined: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    alert_outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    blue_passes: dict[str, alerts.BluePass] = field(default_factory=dict)
    blue_hits: set[str] = field(default_factory=set)
    latencies: dict[tuple[int, str], deployment.LatencySummary] = field(default_factory=dict)
    erasures: dict[int, deployment.ErasureSummary] = field(default_factory=dict)
    relayed: dict[tuple[str, str, str], str] = field(default_factory=dict)
    deletions: list[Certificate] = field(default_factory=list)
    complaints: list[Happening] = field(default_factory=list)
    incidents: list[Happening] = field(default_factory=list)
    stops: list[Happening] = field(default_factory=list)
    bins: Counter[dt.datetime] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def collect(records: Iterable[Record], deployment_id: str) -> Tally:
    """Go through a journal once; what is not the deployment's is passed over.

    Raises:
        InputError: The journal has no start of such a deployment.
    """
    tally: Tally | None = None
    for record in records:
        if record.kind not in KINDS:
            continue
        if tally is None:
            if record.kind == "deployment.started" and _of(record) == deployment_id:
                event = typed(record.kind, record.body)
                assert isinstance(event, deployment.DeploymentStarted)
                tally = Tally(event, record.utc, record, record, signage=event.signage_confirmed)
        elif _belongs(record, tally):
            tally.last = record
            handler = _HANDLERS.get(record.kind)
            if handler is not None:
                handler(tally, record.utc, typed(record.kind, record.body))
    if tally is None:
        raise InputError(f"deployment {deployment_id:.80}", "the journal holds no start of it")
    return tally


def deployments(records: Iterable[Record]) -> list[str]:
    """Every deployment that ever started, in order."""
    found = (_of(record) for record in records if record.kind == "deployment.started")
    return list(dict.fromkeys(name for name in found if name is not None))


def _of(record: Record) -> str | None:
    name = record.body.get("deployment")
    return name if isinstance(name, str) else None


def _belongs(record: Record, tally: Tally) -> bool:
    """Whether a record is the deployment's: it says so, or it concerns its list or its alerts."""
    name = _of(record)
    if name is not None:
        return name == tally.started.deployment
    body = record.body
    if record.kind in ("deletion.certificate", "entry.withdrawn"):
        return body.get("watchlist") == tally.started.watchlist
    if record.kind.startswith("relay."):
        return body.get("alert") in tally.raised
    # the machine's own faults have no deployment's name, but happened while it ran
    return record.kind in _MACHINE and tally.ended is None


_MACHINE = frozenset({"journal.repaired", "clock.refused", "engine.fault"})


# what each event adds --------------------------------------------------------------------------

Handler = Callable[[Tally, dt.datetime, Any], None]


def _restarted(tally: Tally, utc: dt.datetime, event: deployment.DeploymentStarted) -> None:
    tally.runs += 1
    tally.ended = None
    tally.signage = tally.signage or event.signage_confirmed
    tally.incidents.append(
        Happening(utc=utc, kind="engine restarted", text="The deployment was resumed.")
    )


def _ended(tally: Tally, utc: dt.datetime, event: deployment.DeploymentEnded) -> None:
    tally.ended = (utc, event)


def _signage(tally: Tally, _: dt.datetime, __: Event) -> None:
    tally.signage = True


def _traffic(tally: Tally, _: dt.datetime, event: deployment.TrafficSummary) -> None:
    camera = tally.cameras[event.camera]
    camera.passes += event.passes
    camera.detections += event.detections
    camera.re_entries += event.re_entries
    camera.not_acquired += event.not_acquired
    camera.up_s += event.up_s
    since = event.since.astimezone(dt.UTC)
    tally.bins[since - (since - dt.datetime.min.replace(tzinfo=dt.UTC)) % _BIN] += event.passes


def _drops(tally: Tally, _: dt.datetime, event: deployment.DropsSummary) -> None:
    tally.cameras[event.camera].drops.update(event.counts)


def _camera_down(tally: Tally, _: dt.datetime, event: engine.CameraDown) -> None:
    tally.cameras[event.camera].outages += 1


def _camera_up(tally: Tally, _: dt.datetime, event: engine.CameraUp) -> None:
    tally.cameras[event.camera].outage_s += event.outage_s


def _latency(tally: Tally, _: dt.datetime, event: deployment.LatencySummary) -> None:
    tally.latencies[tally.runs, event.stage] = event


def _erasure(tally: Tally, _: dt.datetime, event: deployment.ErasureSummary) -> None:
    tally.erasures[tally.runs] = event


def _generated(tally: Tally, utc: dt.datetime, event: alerts.AlertGenerated) -> None:
    if event.alert in tally.raised:
        tally.findings.append(f"alert {event.alert} was raised twice under one name")
    tally.raised[event.alert] = AlertTally(event, utc)


def _alert(tally: Tally, event: Any) -> AlertTally | None:
    found = tally.raised.get(event.alert)
    if found is None:
        tally.findings.append(f"alert {event.alert} was handled but never raised")
    return found


def _displayed(tally: Tally, _: dt.datetime, event: alerts.AlertDisplayed) -> None:
    alert = _alert(tally, event)
    if alert is not None and alert.displayed_after_ms is None:
        alert.displayed_after_ms = event.after_ms


def _decided(tally: Tally, _: dt.datetime, event: alerts.AlertDecided) -> None:
    alert = _alert(tally, event)
    if alert is not None:
        alert.decision = event


def _outcome(tally: Tally, _: dt.datetime, event: alerts.AlertOutcome) -> None:
    alert = _alert(tally, event)
    if alert is None:
        return
    if alert.decision is None or alert.decision.decision != "passed":
        tally.findings.append(f"alert {event.alert}: {event.outcome} without a decision (R2)")
    if event.outcome in _ACTIONS:
        alert.action = event.outcome
    else:
        alert.outcome = event.outcome


def _expired(tally: Tally, _: dt.datetime, event: alerts.AlertExpired) -> None:
    alert = _alert(tally, event)
    if alert is not None:
        alert.expired = event


def _suppressed(tally: Tally, _: dt.datetime, event: alerts.AlertSuppressed) -> None:
    tally.suppressed[event.reason] += 1


def _declined(tally: Tally, _: dt.datetime, event: alerts.RecognitionDeclined) -> None:
    tally.declined[event.reason] += 1


def _entered(tally: Tally, _: dt.datetime, event: deployment.OutcomeEntered) -> None:
    if event.alert is None:
        tally.outcomes[event.outcome] += event.count
        return
    alert = _alert(tally, event)
    if alert is None:
        return
    if alert.event.blue:
        tally.findings.append(f"an outcome was entered for blue-list alert {event.alert} (R9)")
        return
    # of one alert the last entry counts, so that a slip can be corrected and a repeat adds nothing
    tally.alert_outcomes[event.alert, event.outcome] = event.count


def _blue_pass(tally: Tally, _: dt.datetime, event: alerts.BluePass) -> None:
    tally.blue_passes[event.blue_pass] = event


def _blue_hit(tally: Tally, _: dt.datetime, event: alerts.BlueHit) -> None:
    tally.blue_hits.add(event.blue_pass)


def _withdrawn(tally: Tally, _: dt.datetime, event: watchlist.EntryWithdrawn) -> None:
    tally.withdrawn.add(event.entry)


def _relayed(tally: Tally, _: dt.datetime, event: access.RelayState) -> None:
    tally.relayed[event.alert, event.recipient, event.bearer] = event.state


def _certified(tally: Tally, utc: dt.datetime, event: watchlist.DeletionCertificate) -> None:
    if any(event.certificate == known.certificate for known in tally.deletions):
        return  # after a crash a certificate may be written again
    tally.deletions.append(
        Certificate(
            certificate=event.certificate,
            utc=utc,
            what=event.what,
            method=event.method,
            count=event.count,
            reason=event.reason,
        )
    )


def _complaint(tally: Tally, utc: dt.datetime, event: deployment.ComplaintRecorded) -> None:
    tally.complaints.append(
        Happening(utc=utc, kind="complaint", text=event.reference, actor=event.actor)
    )


def _stopped(tally: Tally, utc: dt.datetime, event: deployment.DeploymentStopped) -> None:
    after = event.capture_ended_ms
    took = f" (capture ended after {after:.0f} ms)" if after is not None else ""
    text = f"{event.reason}{took}"
    tally.stops.append(Happening(utc=utc, kind="stop", text=text, actor=event.actor))


def _incident(kind: str, words: Callable[[Any], str]) -> Handler:
    """A handler that lists an event among the incidents."""

    def handle(tally: Tally, utc: dt.datetime, event: Any) -> None:
        actor = getattr(event, "actor", None)
        tally.incidents.append(Happening(utc=utc, kind=kind, text=words(event), actor=actor))

    return handle


_HANDLERS: Mapping[str, Handler] = {
    "deployment.started": _restarted,
    "deployment.ended": _ended,
    "signage.confirmed": _signage,
    "traffic.summary": _traffic,
    "drops.summary": _drops,
    "camera.down": _camera_down,
    "camera.up": _camera_up,
    "latency.summary": _latency,
    "erasure.summary": _erasure,
    "alert.generated": _generated,
    "alert.displayed": _displayed,
    "alert.decided": _decided,
    "alert.outcome": _outcome,
    "alert.expired": _expired,
    "alert.suppressed": _suppressed,
    "recognition.declined": _declined,
    "outcome.entered": _entered,
    "blue.pass": _blue_pass,
    "blue.hit": _blue_hit,
    "entry.withdrawn": _withdrawn,
    "relay.state": _relayed,
    "deletion.certificate": _certified,
    "complaint.recorded": _complaint,
    "deployment.stopped": _stopped,
    "deployment.paused": _incident("pause", lambda e: e.note or e.reason),
    "deployment.resumed": _incident("resumed", lambda e: e.note or "Capture went on."),
    "incident.recorded": _incident("incident", lambda e: e.text),
    "presence.changed": _incident(
        "presence",
        lambda e: "The operator is back." if e.present else f"No operator for {e.silent_s:.0f} s.",
    ),
    "ceiling.crossed": _incident(
        "ceiling", lambda e: f"{e.level}: {e.false_alerts} false alerts in {e.passes} passes"
    ),
    "setting.changed": _incident("setting", lambda e: f"{e.setting}: {e.before} → {e.after}"),
    "engine.fault": _incident("fault", lambda e: f"{e.part}: {e.cause}"),
    "clock.refused": _incident("clock", lambda e: f"The clock was {e.cause}."),
    "journal.repaired": _incident(
        "journal", lambda e: f"{e.bytes_removed} bytes of an unfinished write were removed."
    ),
    "deletion.failed": _incident("deletion", lambda e: f"{e.item}: {e.cause}"),
}
"""Kind → what it adds to the record."""
