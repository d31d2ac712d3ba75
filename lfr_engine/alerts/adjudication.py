"""What people do with an alert: look, give an opinion, decide, and say what came of it.

Owns: the checks of R2 and R10 on every step a person takes. Never: a decision of its own; a default
answer; a score before one's own opinion. Strategy: pure functions from the alert as it stands to
the journal event that records the step, or a refusal; ``lifecycle.applied`` then changes the alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lfr_engine.alerts.lifecycle import (
    ENGAGED,
    OPEN,
    ROLES,
    Alert,
    AlertState,
    Step,
    require_role,
    stepped,
)
from lfr_engine.alerts.reasons import require_reasons
from lfr_engine.clock import Stamp
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.events.alerts import (
    AlertDecided,
    AlertDisplayed,
    AlertExpired,
    AlertOpinion,
    AlertOutcome,
    ExpiryReason,
)
from lfr_engine.journal.events.deployment import OutcomeEntered
from lfr_engine.journal.events.fields import Role

Opinion = Literal["same", "different", "not_sure"]
Decision = Literal["passed", "discounted"]
Outcome = Literal[
    "engaged",
    "lost",
    "no_action",
    "confirmed_true",
    "confirmed_false",
    "identity_not_established",
]


@dataclass(frozen=True, slots=True)
class AdjudicationSettings:
    """How alerts are decided.

    deployment: its id, for the journal. blind: hide the score from each person until their own
    opinion. two_person:
    passing an alert takes two people who both say "same"; either may discount. decide_within_s: an
    alert nobody decided expires; in a minute a person has walked 84 m.
    """

    deployment: str
    blind: bool = True
    two_person: bool = False
    decide_within_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: a name and the role in which they act."""

    name: str
    role: Role


def score_shown(alert: Alert, settings: AdjudicationSettings, viewer: str) -> bool:
    """Whether ``viewer`` may see the score and margin (R10).

    Opinions are independent: a score is shown to whoever has given their own opinion, and to the
    others once the alert is decided. What somebody else thinks opens nothing.
    """
    return not settings.blind or viewer in alert.opinions or alert.state not in OPEN


def display(
    alert: Alert, person: Person, settings: AdjudicationSettings, now: Stamp
) -> AlertDisplayed:
    """The alert is before a person's eyes."""
    require_role(alert, Step.DISPLAY, person.name, person.role)
    stepped(alert, Step.DISPLAY)
    return AlertDisplayed(
        actor=person.name,
        role=person.role,
        deployment=settings.deployment,
        alert=alert.reference,
        after_ms=(now.monotonic_ns - alert.captured_ns) / 1e6,
    )


def give_opinion(
    alert: Alert, person: Person, opinion: Opinion, settings: AdjudicationSettings
) -> AlertOpinion:
    """A first or changed opinion, before any decision. "Not sure" is an answer.

    Raises:
        RuleError: R10, the alert is not on display; R2, the role may not judge.
    """
    require_role(alert, Step.PASS, person.name, person.role)
    if alert.state is not AlertState.DISPLAYED:
        raise RuleError(
            "R10", f"alert {alert.reference}", f"is {alert.state.value}: no opinion is asked"
        )
    return AlertOpinion(
        actor=person.name,
        role=person.role,
        deployment=settings.deployment,
        alert=alert.reference,
        opinion=opinion,
    )


def decide(
    alert: Alert,
    person: Person,
    decision: Decision,
    reasons: Sequence[str],
    settings: AdjudicationSettings,
    note: str = "",
) -> AlertDecided:
    """The named human decision without which nothing reaches an officer (R2).

    Raises:
        RuleError: R2 or R10, the alert, the role, or the second person does not allow it.
        InputError: No reason, or one that does not fit.
    """
    step = Step(decision)
    require_role(alert, step, person.name, person.role)
    stepped(alert, step)
    subject = f"alert {alert.reference}"
    if not reasons:
        raise InputError(subject, "a decision needs a reason")
    first = require_reasons(subject, dict.fromkeys(reasons), decision)[0]
    second = _second_person(alert, person) if settings.two_person and step is Step.PASS else None
    return AlertDecided(
        actor=person.name,
        role=person.role,
        deployment=settings.deployment,
        alert=alert.reference,
        decision=decision,
        reason=first.code,
        reason_group=first.group,
        reasons=list(dict.fromkeys(reasons)),
        note=note or None,
        second_actor=second,
        second_role="operator" if second else None,
    )


def record_outcome(
    alert: Alert,
    person: Person,
    outcome: Outcome,
    reasons: Sequence[str],
    settings: AdjudicationSettings,
    note: str = "",
) -> AlertOutcome:
    """What officers did or found; may come much later, and may be corrected.

    Raises:
        RuleError: R2, nobody passed the alert, or the role may not say.
        InputError: A reason does not fit.
    """
    step = Step(outcome)
    require_role(alert, step, person.name, person.role)
    stepped(alert, step)
    require_reasons(f"alert {alert.reference}", reasons, "outcome")
    return AlertOutcome(
        actor=person.name,
        role=person.role,
        deployment=settings.deployment,
        alert=alert.reference,
        outcome=outcome,
        reason=reasons[0] if reasons else None,
        reasons=list(dict.fromkeys(reasons)) or None,
        note=note or None,
    )


def require_engaged(subject: str, state: AlertState, outcome: str) -> None:
    """Raise ``RuleError`` (R2) unless an officer spoke to somebody: else nothing came of it."""
    if state not in ENGAGED:
        raise RuleError(
            "R2", subject, f"nobody was engaged upon it, so there is no {outcome}", "say so first"
        )


def enter(
    alert: Alert | None,
    person: Person,
    outcome: str,
    count: int,
    settings: AdjudicationSettings,
    note: str = "",
) -> OutcomeEntered:
    """A count of what came of it, such as arrests; of one alert, or of none in particular.

    Raises:
        RuleError: R2, nobody was engaged upon the alert, or the role may not say; R9, staff.
    """
    subject = f"outcome {outcome}" if alert is None else f"alert {alert.reference}"
    if person.role not in ROLES[Step.ENGAGE] or not person.name.strip():
        raise RuleError("R2", subject, f"as {person.role} nobody may enter an outcome")
    if alert is not None and alert.state is AlertState.BLUE:
        raise RuleError("R9", subject, "is of consenting staff: they are in no count of outcomes")
    if alert is not None:
        require_engaged(subject, alert.state, outcome)
    return OutcomeEntered(
        actor=person.name,
        role=person.role,
        deployment=settings.deployment,
        outcome=outcome,
        count=count,
        alert=None if alert is None else alert.reference,
        note=note or None,
    )


def overdue(alert: Alert, settings: AdjudicationSettings, now: Stamp) -> AlertExpired | None:
    """The event that lets an undecided alert expire, once its time is up.

    The time runs from the newest sighting told: while the person is in view, the alert is fresh.
    """
    waited_ns = now.monotonic_ns - alert.touched.monotonic_ns
    if alert.state not in OPEN or waited_ns < settings.decide_within_s * 1e9:
        return None
    return expire(alert, "timeout", settings, now)


def expire(
    alert: Alert, reason: ExpiryReason, settings: AdjudicationSettings, now: Stamp
) -> AlertExpired:
    """Let an undecided alert expire at once, because its use has ended."""
    stepped(alert, Step.EXPIRE)
    return AlertExpired(
        deployment=settings.deployment,
        alert=alert.reference,
        after_ms=(now.monotonic_ns - alert.raised.monotonic_ns) / 1e6,
        reason=reason,
    )


def _second_person(alert: Alert, person: Person) -> str:
    """The other person who says "same"; the decider must say so too."""
    agreeing = [name for name, opinion in alert.opinions.items() if opinion == "same"]
    others = [name for name in agreeing if name != person.name]
    if person.name not in agreeing or not others:
        raise RuleError(
            "R10",
            f"alert {alert.reference}",
            "two people must each have said 'same' before it is passed",
            "ask a second operator for their opinion",
        )
    return others[0]
