"""The adjudicator's desk: which alert lies on it, what was said of it, which question is open.

Owns: the order look, opinion, reason (R2, R10) as a pure state machine from keys to commands.
Never: sending, drawing, a default answer. Strategy: nothing can be said of an alert whose pictures
are not before the person's eyes; the score is shown after the person's own opinion or a decision;
an opinion opens its list of reasons, and a reason decides: two keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from tui.reasons import DISCOUNTED, PASSED, Choice, outcomes
from tui.state import KEPT_ALERTS, OPEN_STATES

Opinion = Literal["same", "different", "not_sure"]
Question = Literal["", "passed", "discounted", "outcome"]

_ASKS: dict[Opinion, Question] = {"same": "passed", "different": "discounted", "not_sure": ""}


@dataclass(frozen=True, slots=True)
class Desk:
    """See the module.

    Args:
        alert: The alert that lies here.
        looked: Its two pictures are on the screen.
        question: The list of answers that is open.
        opinions: Alert → our own opinion.
    """

    alert: str | None = None
    looked: bool = False
    question: Question = ""
    opinions: Mapping[str, Opinion] = field(default_factory=dict)

    @property
    def opinion(self) -> Opinion | None:
        """Our opinion of the alert that lies here."""
        return self.opinions.get(self.alert or "")


Step = tuple[Desk, a.Command[Any] | None]
"""The desk after a key, and what to tell the engine."""


def put(desk: Desk, alert: str | None) -> Desk:
    """Lay another alert on the desk; the same one stays as it lies."""
    if alert == desk.alert:
        return desk
    return replace(desk, alert=alert, looked=False, question="")


def looked(desk: Desk, alert: s.Alert) -> Step:
    """Both pictures of ``alert`` are on the screen now."""
    if desk.alert != alert.alert or desk.looked:
        return desk, None
    seen = replace(desk, looked=True)
    return seen, a.AlertsDisplayed(alert=alert.alert) if alert.state == "generated" else None


def say(desk: Desk, alert: s.Alert, opinion: Opinion) -> Step:
    """Give an opinion, the first or another; an open question is closed by it."""
    if not desk.looked or desk.alert != alert.alert or alert.state not in OPEN_STATES:
        return desk, None
    opinions = {**desk.opinions, alert.alert: opinion}
    kept = dict(list(opinions.items())[-KEPT_ALERTS:])
    said = replace(desk, opinions=kept, question=_ASKS[opinion])
    if desk.opinion == opinion:
        return said, None
    return said, a.AlertsOpinion(alert=alert.alert, opinion=opinion)


def ask_outcome(desk: Desk, alert: s.Alert) -> Desk:
    """Open the list of what officers may report."""
    if desk.alert != alert.alert or not outcomes(alert.state):
        return desk
    return replace(desk, question="outcome")


def close(desk: Desk) -> Desk:
    """Close the open question; the opinion stays."""
    return replace(desk, question="")


def choices(desk: Desk, alert: s.Alert) -> tuple[Choice, ...]:
    """The answers to the open question."""
    if desk.alert != alert.alert:
        return ()
    if desk.question == "outcome":
        return outcomes(alert.state)
    if alert.state not in OPEN_STATES:
        return ()
    return {"passed": PASSED, "discounted": DISCOUNTED}.get(desk.question, ())


def choose(desk: Desk, alert: s.Alert, key: str) -> Step:
    """Answer the open question with a key; other keys do nothing."""
    choice = next((one for one in choices(desk, alert) if one.key == key), None)
    if choice is None:
        return desk, None
    done = replace(desk, question="")
    if desk.question == "outcome":
        outcome: Any = choice.code
        return done, a.AlertsOutcome(alert=alert.alert, outcome=outcome, arrest=choice.arrest)
    decision: Any = desk.question
    return done, a.AlertsDecide(alert=alert.alert, decision=decision, reasons=[choice.code])


def score_shown(desk: Desk, alert: s.Alert) -> bool:
    """Whether score and margin may be shown (R10): after our opinion, or when all is decided."""
    return alert.alert in desk.opinions or alert.state not in OPEN_STATES
