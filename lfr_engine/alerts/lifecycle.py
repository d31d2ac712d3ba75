"""The life of one alert: its states, the steps between them, and who may take which.

Owns: the table of ``domain.md`` and the one function that changes an alert, ``applied``. Never: a
score shown, a clock read, a step that is not in the table. Strategy: an alert changes only by
journal events, so the journal restores every alert exactly; there is one error path, ``refused``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from lfr_engine.clock import Stamp
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertDeleted,
    AlertDisplayed,
    AlertExpired,
    AlertGenerated,
    AlertOpinion,
    AlertOutcome,
    AlertRetained,
    AlertUpdated,
)
from lfr_engine.journal.events.fields import Event, Role


class AlertState(enum.Enum):
    """Where an alert is in its life."""

    GENERATED = "generated"  # a possible match, not yet seen by a person
    DISPLAYED = "displayed"  # before a person's eyes
    DISCOUNTED = "discounted"  # a person says: not them
    PASSED = "passed"  # a person passed it to officers
    ENGAGED = "engaged"
    LOST = "lost"
    NO_ACTION = "no_action"
    CONFIRMED_TRUE = "confirmed_true"
    CONFIRMED_FALSE = "confirmed_false"
    IDENTITY_NOT_ESTABLISHED = "identity_not_established"
    EXPIRED = "expired"  # nobody decided in time
    BLUE = "blue"  # consenting staff recognised (R9): logged, never adjudicated


class Step(enum.Enum):
    """What may happen to an alert, named by the state it leads to."""

    DISPLAY = "displayed"
    PASS = "passed"  # noqa: S105 – a step, not a password
    DISCOUNT = "discounted"
    ENGAGE = "engaged"
    LOSE = "lost"
    LEAVE = "no_action"
    CONFIRM = "confirmed_true"
    REFUTE = "confirmed_false"
    NOT_ESTABLISH = "identity_not_established"
    EXPIRE = "expired"


OPEN = frozenset({AlertState.GENERATED, AlertState.DISPLAYED})
"""Nobody has decided yet."""
PENDING = OPEN | {AlertState.PASSED}
"""Somebody still has to decide or to act; at most one of an entry on a site."""

ENGAGED = (
    AlertState.ENGAGED,
    AlertState.CONFIRMED_TRUE,
    AlertState.CONFIRMED_FALSE,
    AlertState.IDENTITY_NOT_ESTABLISHED,
)
"""An officer spoke to somebody because of it."""

_FINDINGS = (Step.CONFIRM, Step.REFUTE, Step.NOT_ESTABLISH)
TRANSITIONS: dict[tuple[AlertState, Step], AlertState] = {
    (AlertState.GENERATED, Step.DISPLAY): AlertState.DISPLAYED,
    (AlertState.GENERATED, Step.EXPIRE): AlertState.EXPIRED,
    (AlertState.DISPLAYED, Step.DISPLAY): AlertState.DISPLAYED,  # on a second screen
    (AlertState.DISPLAYED, Step.PASS): AlertState.PASSED,
    (AlertState.DISPLAYED, Step.DISCOUNT): AlertState.DISCOUNTED,
    (AlertState.DISPLAYED, Step.EXPIRE): AlertState.EXPIRED,
    (AlertState.PASSED, Step.ENGAGE): AlertState.ENGAGED,
    (AlertState.PASSED, Step.LOSE): AlertState.LOST,
    (AlertState.PASSED, Step.LEAVE): AlertState.NO_ACTION,
    (AlertState.LOST, Step.ENGAGE): AlertState.ENGAGED,  # found again
    (AlertState.LOST, Step.LEAVE): AlertState.NO_ACTION,
    (AlertState.NO_ACTION, Step.LOSE): AlertState.LOST,  # a correction
    (AlertState.NO_ACTION, Step.ENGAGE): AlertState.ENGAGED,
    # What officers established may be corrected by them; the last one counts.
    **{(came_from, step): AlertState(step.value) for came_from in ENGAGED for step in _FINDINGS},
}

OUTCOMES = (Step.ENGAGE, Step.LOSE, Step.LEAVE, *_FINDINGS)
ROLES: dict[Step, frozenset[Role]] = {
    Step.DISPLAY: frozenset({"operator"}),
    Step.PASS: frozenset({"operator"}),
    Step.DISCOUNT: frozenset({"operator"}),
    Step.EXPIRE: frozenset({"engine"}),
    **dict.fromkeys(OUTCOMES, frozenset[Role]({"operator", "officer"})),
}
"""Who may take a step. The engine decides nothing: it may only let an alert expire (R2)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it stands. All but ``state`` and what follows is what raised or updated it.

    Scores are cosines. captured_ns, seen_ns: monotonic stamps of the view that raised it and of the
    newest one. changed: when its state last changed; touched: when it was last raised or updated.
    tracks: (camera, track) pairs that belong to it. opinions: the latest of each person.
    decided_by: who decided, empty until then. pictures: name of the evidence kept in the vault.
    """

    reference: str
    entry: str
    site: str
    camera: str
    category: str
    priority: int
    raised: Stamp
    changed: Stamp
    touched: Stamp
    captured_ns: int
    seen_ns: int
    score: float
    margin: float | None
    threshold: float
    late: bool
    sightings: int
    state: AlertState = AlertState.GENERATED
    updates: int = 0
    tracks: frozenset[tuple[str, str]] = frozenset()
    opinions: dict[str, str] = field(default_factory=dict)
    decided_by: tuple[str, ...] = ()
    pictures: str = ""


def stepped(alert: Alert, step: Step) -> AlertState:
    """The state after ``step``; the one error path of the machine.

    Raises:
        RuleError: R2, the table has no such step from where the alert is.
    """
    went_to = TRANSITIONS.get((alert.state, step))
    if went_to is None:
        raise RuleError(
            "R2",
            f"alert {alert.reference}",
            f"is {alert.state.value.replace('_', ' ')} and cannot become "
            f"{step.value.replace('_', ' ')}",
        )
    return went_to


def require_role(alert: Alert, step: Step, actor: str, role: Role) -> None:
    """Raise ``RuleError`` (R2) unless a named person in ``role`` may take ``step``."""
    if not actor.strip():
        raise RuleError("R2", f"alert {alert.reference}", "a decision needs a name")
    if role not in ROLES[step]:
        raise RuleError("R2", f"alert {alert.reference}", f"as {role} nobody may say {step.value}")


def generated(event: AlertGenerated, at: Stamp) -> Alert:
    """The alert that ``alert.generated`` begins, written at ``at``."""
    captured_ns = _on_the_clock(event.captured.timestamp(), at)
    return Alert(
        event.alert,
        event.entry,
        event.site,
        event.camera,
        event.category,
        event.priority or 0,
        at,
        at,
        at,
        captured_ns,
        captured_ns,
        event.score,
        event.margin,
        event.threshold,
        event.late,
        event.sightings,
        AlertState.BLUE if event.blue else AlertState.GENERATED,
        tracks=frozenset({(event.camera, event.track)}),
    )


def applied(alert: Alert, event: Event, at: Stamp) -> Alert:
    """The alert after one of its own journal events, written at ``at``.

    Raises:
        RuleError: R2, as ``stepped``; a sound journal never holds such an event.
    """
    if isinstance(event, AlertUpdated):
        seen_ns = _on_the_clock(event.captured.timestamp(), at)
        return replace(
            alert,
            touched=at,
            seen_ns=max(alert.seen_ns, seen_ns),
            score=max(alert.score, event.score),
            sightings=max(alert.sightings, event.sightings),
            updates=alert.updates + 1,
            tracks=alert.tracks | {(event.camera, event.track)},
        )
    if isinstance(event, AlertOpinion):
        return replace(alert, opinions={**alert.opinions, event.actor: event.opinion})
    if isinstance(event, AlertRetained):
        return replace(alert, pictures=event.evidence)
    if isinstance(event, AlertDeleted):
        return replace(alert, pictures="")
    step, decided_by = _step_of(event)
    return replace(
        alert,
        state=stepped(alert, step),
        changed=at,
        decided_by=decided_by or alert.decided_by,
    )


def _step_of(event: Event) -> tuple[Step, tuple[str, ...]]:
    match event:
        case AlertDisplayed():
            return Step.DISPLAY, ()
        case AlertDecided():
            both = (event.actor, event.second_actor)
            return Step(event.decision), tuple(name for name in both if name)
        case AlertOutcome():
            return Step(event.outcome), ()
        case AlertExpired():
            return Step.EXPIRE, ()
    raise TypeError(f"{type(event).__name__} is no step of an alert")


def _on_the_clock(utc_s: float, at: Stamp) -> int:
    """A UTC instant on the monotonic axis of ``at``."""
    return at.monotonic_ns - round((at.utc.timestamp() - utc_s) * 1e9)
