"""Commands as records: the arguments are the fields, the result is the type in brackets.

Owns: the arguments of every command and topic. Never: roles and flags (``commands.py``), behaviour.
Strategy: ``await client.call(arguments.CamerasDisable(camera="north"))`` is checked by a type
checker from end to end; unknown arguments are refused, and the first line of each docstring is the
help that ``lfr ctl`` and the documents show.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta

from lfr_engine.protocol import shapes as s

R = TypeVar("R")

Name = Annotated[
    str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)")
]
Text = Annotated[str, Meta(max_length=500)]
Reason = Annotated[str, Meta(min_length=1, max_length=500)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=1, le=1_000)]
Sequence = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Picture = Annotated[bytes, Meta(min_length=1, max_length=7 * 1024 * 1024)]
Address = Annotated[str, Meta(min_length=1, max_length=2_000)]


class Command(
    msgspec.Struct,
    Generic[R],
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """A command whose result is an ``R``."""


class StateGet(Command[s.EngineState], frozen=True, kw_only=True):
    """Mode, deployment, versions and hashes."""


class BoardGet(Command[s.Board], frozen=True, kw_only=True):
    """Everything an engineer watches, as one picture."""


class MetricsGet(Command[s.Metrics], frozen=True, kw_only=True):
    """Counters and gauges."""


class CamerasList(Command[s.CameraList], frozen=True, kw_only=True):
    """Every configured camera and its state."""


class CamerasAdd(Command[s.Done], frozen=True, kw_only=True):
    """Add a camera and connect to it."""

    camera: Name
    address: Address
    site: Name | None = None


class CamerasChange(Command[s.Done], frozen=True, kw_only=True):
    """Give a camera another address; its zone and the rest stay."""

    camera: Name
    address: Address


class CamerasEnable(Command[s.Done], frozen=True, kw_only=True):
    """Connect to a disabled or refused camera again."""

    camera: Name


class CamerasDisable(Command[s.Done], frozen=True, kw_only=True):
    """Disconnect a camera and keep its settings."""

    camera: Name


class CamerasRemove(Command[s.Done], frozen=True, kw_only=True):
    """Disconnect a camera and forget it."""

    camera: Name


class PreviewFrame(Command[s.Preview], frozen=True, kw_only=True):
    """One blurred picture from a camera, now."""

    camera: Name
    width: Annotated[int, Meta(ge=64, le=1920)] = 640


class ZoneGet(Command[s.Zone], frozen=True, kw_only=True):
    """A camera's zone of recognition."""

    camera: Name


class ZoneEdit(Command[s.Done], frozen=True, kw_only=True):
    """Replace a camera's zone of recognition; no corners means the whole picture."""

    camera: Name
    corners: Annotated[list[tuple[Fraction, Fraction]], Meta(max_length=64)]
    smallest_face_pixels: Annotated[int, Meta(ge=0, le=1_000)] = 0


class DeploymentsLoad(Command[s.DeploymentState], frozen=True, kw_only=True):
    """Load a signed authority (the file's bytes)."""

    authority: Annotated[bytes, Meta(min_length=1, max_length=1024 * 1024)]


class DeploymentsStart(Command[s.DeploymentState], frozen=True, kw_only=True):
    """Start the loaded deployment."""

    signage_confirmed: bool


class DeploymentsPause(Command[s.DeploymentState], frozen=True, kw_only=True):
    """Pause recognition; cameras stay connected."""

    reason: Reason


class DeploymentsResume(Command[s.DeploymentState], frozen=True, kw_only=True):
    """Resume after a pause or after the red stop."""

    reason: Reason


class DeploymentsStop(Command[s.EngineState], frozen=True, kw_only=True):
    """The big red stop: capture ends within a second and stays ended (R17)."""

    reason: Reason


class DeploymentsEnd(Command[s.DeploymentState], frozen=True, kw_only=True):
    """End the deployment in good order, before its time."""

    reason: Reason


class PresenceHeartbeat(Command[s.Presence], frozen=True, kw_only=True):
    """Say that an operator is present."""


class WatchlistStatus(Command[s.WatchlistStatus], frozen=True, kw_only=True):
    """Sizes, categories and warnings of the loaded list."""


class WatchlistList(Command[s.WatchlistPage], frozen=True, kw_only=True):
    """Entries of the loaded list, without biometrics."""

    after: Name | None = None
    limit: Count = 100


class WatchlistCheck(Command[s.ImageCheck], frozen=True, kw_only=True):
    """Check one picture against the enrolment gate; nothing is kept."""

    picture: Picture


class WatchlistEnrol(Command[s.Enrolled], frozen=True, kw_only=True):
    """Add a person with a picture to the draft list, with their provenance (R15)."""

    entry: Name
    picture: Picture
    label: Annotated[str, Meta(min_length=1, max_length=300)]
    category: Code
    source: Reason
    lawful_basis: Reason
    reason: Reason
    expected_action: Reason
    last_checked: Annotated[str, Meta(min_length=10, max_length=10)]
    priority: Literal["high", "medium", "low"]
    under_18: bool
    under_18_rationale: Reason | None = None
    taken: Annotated[str, Meta(min_length=10, max_length=10)] | None = None


class WatchlistWithdraw(Command[s.Done], frozen=True, kw_only=True):
    """Stop alerting on a person, within a second (R15)."""

    entry: Name
    reason: Reason


class AlertsList(Command[s.AlertPage], frozen=True, kw_only=True):
    """Alerts, newest first."""

    states: Annotated[list[Code], Meta(max_length=32)] = []
    camera: Name | None = None
    older: Sequence | None = None
    limit: Count = 50


class AlertsGet(Command[s.Alert], frozen=True, kw_only=True):
    """One alert with its history."""

    alert: Name


class AlertsPictures(Command[s.AlertPictures], frozen=True, kw_only=True):
    """The pictures of one alert; looking is journalled."""

    alert: Name


class AlertsDisplayed(Command[s.Alert], frozen=True, kw_only=True):
    """Say that an alert is now before a person's eyes."""

    alert: Name


class AlertsOpinion(Command[s.Alert], frozen=True, kw_only=True):
    """Give one's own opinion; the score is shown afterwards, to who gave it (R10)."""

    alert: Name
    opinion: Literal["same", "different", "not_sure"]


class AlertsDecide(Command[s.Alert], frozen=True, kw_only=True):
    """Decide: pass a possible match to officers, or discount it (R2)."""

    alert: Name
    decision: Literal["passed", "discounted"]
    reasons: Annotated[list[Code], Meta(min_length=1, max_length=8)]
    note: Text = ""


class AlertsOutcome(Command[s.Alert], frozen=True, kw_only=True):
    """Record what officers found."""

    alert: Name
    outcome: Literal[
        "engaged",
        "lost",
        "no_action",
        "confirmed_true",
        "confirmed_false",
        "identity_not_established",
    ]
    reasons: Annotated[list[Code], Meta(max_length=8)] = []
    arrest: bool = False
    note: Text = ""


class OutcomesEnter(Command[s.Done], frozen=True, kw_only=True):
    """Enter a count of what came of it: arrests, people safeguarded and others.

    Counts without an alert add up; of one alert the last count of an outcome holds, so that a slip
    can be corrected, also to 0.
    """

    outcome: Annotated[str, Meta(pattern=r"\A[a-z][a-z_]{0,39}\Z")]
    count: Annotated[int, Meta(ge=0, le=1_000)] = 1
    alert: Name | None = None
    note: Text = ""


class AlertsHold(Command[s.Done], frozen=True, kw_only=True):
    """Keep an alert's evidence beyond its retention (R19)."""

    alert: Name
    reason: Reason


class BluePass(Command[s.BlueStatus], frozen=True, kw_only=True):
    """Register that a consenting staff member walked past (R9)."""

    entry: Name
    camera: Name | None = None
    group: Name | None = None
    source: Literal["button", "api"] = "api"


class BlueImport(Command[s.BlueStatus], frozen=True, kw_only=True):
    """Register the passes of a CSV table with the columns entry, camera, at and group.

    ``at`` is ISO 8601, UTC where no zone is said; ``group`` is self-declared and may be empty or
    absent. All rows are registered, or none.
    """

    table: Annotated[bytes, Meta(min_length=1, max_length=256 * 1024)]


class BlueStatus(Command[s.BlueStatus], frozen=True, kw_only=True):
    """Blue-list passes and the live identification rate."""


class JournalQuery(Command[s.JournalPage], frozen=True, kw_only=True):
    """Lines of the journal."""

    after: Sequence = 0
    kinds: Annotated[list[Code], Meta(max_length=32)] = []
    limit: Count = 100


class JournalVerify(Command[s.JournalCheck], frozen=True, kw_only=True):
    """Check the chain of digests and the signed checkpoints."""


class ReportGet(Command[s.Report], frozen=True, kw_only=True):
    """The record of a deployment, from the journal alone."""

    deployment: Name | None = None
    page: Literal["none", "public", "oversight"] = "none"


class LogsLevel(Command[s.LogLevel], frozen=True, kw_only=True):
    """Show or set the log level; a set level falls back after a while."""

    level: Literal["debug", "info", "warning", "error"] | None = None
    minutes: Annotated[int, Meta(ge=1, le=240)] = 15


class RelayStatus(Command[s.RelayStatus], frozen=True, kw_only=True):
    """Every bearer and its counters."""


class RelayQueue(Command[s.RelayQueue], frozen=True, kw_only=True):
    """Messages to officers that are not yet settled, or all of one alert."""

    alert: Name | None = None


class RelayTest(Command[s.Done], frozen=True, kw_only=True):
    """Send a message marked TEST."""

    bearer: Name
    recipient: Annotated[str, Meta(max_length=64)] | None = None


class RelayResend(Command[s.Done], frozen=True, kw_only=True):
    """Send a message, or all of an alert, again, within its deadline."""

    item: Name


class RelayCancel(Command[s.Done], frozen=True, kw_only=True):
    """Take back a message that is not yet sent, or an alert from everybody it may have reached."""

    item: Name


class NoFilter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic without arguments."""


class PreviewFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which camera to preview, how large and how often."""

    camera: Name
    width: Annotated[int, Meta(ge=64, le=1920)] = 640
    per_second: Annotated[float, Meta(gt=0, le=25)] = 5.0


class LogsFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which log lines."""

    level: Literal["debug", "info", "warning", "error"] = "info"
