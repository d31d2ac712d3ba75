"""One alert per person per pass: what a possible match becomes, given what was raised before.

Owns: the choice between raise, update and suppress, as one table over where the newest alert of the
same entry on the same site stands. Never: another entry's alert; the key is (entry, site), so a
second wanted person is never hidden by the first one's cooldown (R12). Strategy: a pure function;
what was raised before is read from the alerts themselves, so nothing else has to be restored.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lfr_engine.alerts.evidence import Finding
from lfr_engine.alerts.lifecycle import Alert, AlertState

SECOND = 1_000_000_000


class Answer(enum.Enum):
    """What a possible match becomes."""

    RAISE = "raise"
    REPLACE = "replace"  # expire the undecided alert of an earlier pass, and raise
    UPDATE = "update"
    KEEP = "keep"  # the alert stands, and there is nothing new to tell
    SUPPRESS = "suppress"


SuppressReason = Literal["cooldown", "cleared", "withdrawn", "policy"]


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """What policy must know of an entry. priority: 1 is the most urgent; 0 means none was given."""

    entry: str
    category: str
    priority: int = 0
    blue: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """When the same person may be alerted again.

    pass_window_s: sightings of an entry on a site no further apart than this are one pass, also
    across cameras. late_s: older than this when raised is marked late (R13). discount_cooldown_s:
    quiet after a discount; doubles with each further one of that entry on that site up to
    ``longest_cooldown_s``, but never for entries of priority ``urgent``. engaged_s: quiet after
    officers engaged. break_through: in spite of a discount, another walker who scores better by
    this is alerted. update_gain, update_every_s: an update is worth telling when the score rose by
    so much, or after so long. silent: categories that are not alerted on this deployment.
    """

    pass_window_s: float = 30.0
    late_s: float = 2.0
    discount_cooldown_s: float = 60.0
    longest_cooldown_s: float = 900.0
    engaged_s: float = 900.0
    break_through: float = 0.05
    update_gain: float = 0.02
    update_every_s: float = 1.0
    urgent: int = 1
    silent: frozenset[str] = frozenset()


class Standing(enum.Enum):
    """Where the newest alert of the same (entry, site) stands, as policy sees it."""

    UNDECIDED = "undecided"
    WITH_OFFICERS = "with officers"  # passed, not yet answered
    ENGAGED = "engaged"
    LOST = "lost"
    LET_GO = "let go"
    DISCOUNTED = "discounted"
    EXPIRED = "expired"
    BLUE = "blue"


STANDINGS: Mapping[AlertState, Standing] = {
    AlertState.GENERATED: Standing.UNDECIDED,
    AlertState.DISPLAYED: Standing.UNDECIDED,
    AlertState.PASSED: Standing.WITH_OFFICERS,
    AlertState.ENGAGED: Standing.ENGAGED,
    AlertState.CONFIRMED_TRUE: Standing.ENGAGED,
    AlertState.IDENTITY_NOT_ESTABLISHED: Standing.ENGAGED,
    AlertState.CONFIRMED_FALSE: Standing.DISCOUNTED,
    AlertState.DISCOUNTED: Standing.DISCOUNTED,
    AlertState.LOST: Standing.LOST,
    AlertState.NO_ACTION: Standing.LET_GO,
    AlertState.EXPIRED: Standing.EXPIRED,
    AlertState.BLUE: Standing.BLUE,
}


class When(enum.Enum):
    """How a finding relates to the newest alert of the same (entry, site)."""

    SAME_TRACK = "same track"
    SAME_PASS = "same pass"  # noqa: S105 – a walk past the camera, not a password
    QUIET = "quiet"  # a later pass, within the cooldown
    LATER = "later"


Case = tuple[Answer, SuppressReason | None]
_RAISE: Case = (Answer.RAISE, None)
_REPLACE: Case = (Answer.REPLACE, None)
_UPDATE: Case = (Answer.UPDATE, None)
_CLEARED: Case = (Answer.SUPPRESS, "cleared")
_COOLDOWN: Case = (Answer.SUPPRESS, "cooldown")

_IN_TIME = (When.SAME_TRACK, When.SAME_PASS, When.QUIET, When.LATER)
_ROWS: Mapping[Standing, tuple[Case, Case, Case, Case]] = {
    #                       same track  same pass   quiet      later
    Standing.UNDECIDED:     (_UPDATE,   _UPDATE,    _REPLACE,  _REPLACE),
    Standing.WITH_OFFICERS: (_UPDATE,   _UPDATE,    _UPDATE,   _UPDATE),
    Standing.ENGAGED:       (_COOLDOWN, _COOLDOWN,  _COOLDOWN, _RAISE),
    Standing.LOST:          (_RAISE,    _RAISE,     _RAISE,    _RAISE),
    Standing.LET_GO:        (_COOLDOWN, _COOLDOWN,  _RAISE,    _RAISE),
    Standing.DISCOUNTED:    (_CLEARED,  _CLEARED,   _COOLDOWN, _RAISE),
    Standing.EXPIRED:       (_RAISE,    _RAISE,     _RAISE,    _RAISE),
    Standing.BLUE:          (_UPDATE,   _UPDATE,    _RAISE,    _RAISE),
}  # fmt: skip
CHOICES: Mapping[tuple[Standing, When], Case] = {
    (standing, when): case
    for standing, row in _ROWS.items()
    for when, case in zip(_IN_TIME, row, strict=True)
}
"""Every case; "cleared" is what a discount means for that track and pass (R22)."""


@dataclass(frozen=True, slots=True)
class Before:
    """What was raised before for the same (entry, site).

    newest: the newest alert, None for a first. seen_ns: capture stamp of the newest sighting,
    alerted or not. discounts: alerts discounted in a row.
    """

    newest: Alert | None = None
    seen_ns: int = 0
    discounts: int = 0


def choose(
    finding: Finding, facts: EntryFacts, before: Before, settings: PolicySettings, now_ns: int
) -> Case:
    """What a finding whose verdict is ``MATCH`` becomes, and why not where it is suppressed."""
    if facts.withdrawn:
        return Answer.SUPPRESS, "withdrawn"
    if facts.category in settings.silent:
        return Answer.SUPPRESS, "policy"
    alert = before.newest
    if alert is None:
        return _RAISE
    standing, when = STANDINGS[alert.state], _when(finding, facts, alert, before, settings, now_ns)
    answer, reason = CHOICES[standing, when]
    better = finding.score >= alert.score + settings.break_through
    if standing is Standing.DISCOUNTED and when is not When.SAME_TRACK and better:
        return _RAISE  # whoever resembles the entry much better is not the person discounted
    if answer is Answer.UPDATE and not _worth_telling(finding, alert, settings, now_ns):
        return Answer.KEEP, None
    return answer, reason


def cooldown_s(alert: Alert, discounts: int, settings: PolicySettings, *, urgent: bool) -> float:
    """Seconds of quiet after the alert's last step. ``discounts`` in a row, at least this one."""
    standing = STANDINGS[alert.state]
    if standing is Standing.ENGAGED:
        return settings.engaged_s
    if alert.state is AlertState.CONFIRMED_FALSE:
        return settings.longest_cooldown_s
    if standing is not Standing.DISCOUNTED:
        return 0.0
    doubled = 1 if urgent else 2 ** min(max(0, discounts - 1), 16)
    return min(settings.longest_cooldown_s, settings.discount_cooldown_s * doubled)


def _when(
    finding: Finding,
    facts: EntryFacts,
    alert: Alert,
    before: Before,
    settings: PolicySettings,
    now_ns: int,
) -> When:
    if finding.captured_ns - before.seen_ns <= settings.pass_window_s * SECOND:
        same = (finding.track.camera, str(finding.track)) in alert.tracks
        return When.SAME_TRACK if same else When.SAME_PASS
    urgent = 0 < facts.priority <= settings.urgent
    quiet_ns = cooldown_s(alert, before.discounts, settings, urgent=urgent) * SECOND
    return When.QUIET if now_ns - alert.changed.monotonic_ns < quiet_ns else When.LATER


def _worth_telling(finding: Finding, alert: Alert, settings: PolicySettings, now_ns: int) -> bool:
    return (
        (finding.track.camera, str(finding.track)) not in alert.tracks
        or finding.score >= alert.score + settings.update_gain
        or now_ns - alert.touched.monotonic_ns >= settings.update_every_s * SECOND
    )
