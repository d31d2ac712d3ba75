"""Commands on alerts: look, give an opinion, decide, say what came of it.

Owns: who acts as whom. Never: a step without a named person (R2), a score too early (the ledger
keeps it back, R10). Strategy: the desk of the mode decides; where there is none, the reason and the
rule are said.
"""

from __future__ import annotations

from typing import Any

import trio

from lfr_engine.alerts.adjudication import Person
from lfr_engine.alerts.lifecycle import Alert
from lfr_engine.api.port import Caller, Conflict
from lfr_engine.app.running import AlertDesk, Running
from lfr_engine.errors import RuleError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s

FOLLOW_S = 2.0
"""For a journalled step to come back to who took it."""


def person(caller: Caller) -> Person:
    """Who acts, for the record."""
    return Person(caller.name, caller.role.value)


async def alerts_list(running: Running, command: a.AlertsList, caller: Caller) -> s.AlertPage:
    """Alerts, newest first."""
    await trio.lowlevel.checkpoint()
    return running.ledger.page(command.states, command.camera, command.older, command.limit, caller)


async def alerts_get(running: Running, command: a.AlertsGet, caller: Caller) -> s.Alert:
    """One alert."""
    await trio.lowlevel.checkpoint()
    return running.ledger.get(command.alert, caller)


async def alerts_pictures(
    running: Running, command: a.AlertsPictures, caller: Caller
) -> s.AlertPictures:
    """The pictures of one alert."""
    desk = _desk(running)
    running.ledger.get(command.alert, caller)
    return await desk.show(person(caller), command.alert)


async def alerts_displayed(running: Running, command: a.AlertsDisplayed, caller: Caller) -> s.Alert:
    """It is before a person's eyes."""
    desk = _desk(running)
    running.ledger.get(command.alert, caller)
    alert = await desk.display(person(caller), command.alert)
    return await _after(running, alert, caller)


async def alerts_opinion(running: Running, command: a.AlertsOpinion, caller: Caller) -> s.Alert:
    """A first opinion."""
    desk = _desk(running)
    running.ledger.get(command.alert, caller)
    alert = await desk.opinion(person(caller), command.alert, command.opinion)
    return await _after(running, alert, caller)


async def alerts_decide(running: Running, command: a.AlertsDecide, caller: Caller) -> s.Alert:
    """The named decision (R2)."""
    desk = _desk(running)
    running.ledger.get(command.alert, caller)
    alert = await desk.decide(
        person(caller), command.alert, command.decision, command.reasons, command.note
    )
    return await _after(running, alert, caller)


async def alerts_outcome(running: Running, command: a.AlertsOutcome, caller: Caller) -> s.Alert:
    """What officers found."""
    desk = _desk(running)
    running.ledger.get(command.alert, caller)
    alert = await desk.outcome(
        person(caller),
        command.alert,
        command.outcome,
        command.reasons,
        command.note,
        arrest=command.arrest,
    )
    return await _after(running, alert, caller)


async def outcomes_enter(running: Running, command: a.OutcomesEnter, caller: Caller) -> s.Done:
    """Arrests and other counts (R7)."""
    _desk(running)
    if running.session is None:
        raise Conflict("exercise", "keeps no record that outcomes could be entered in")
    if command.alert is not None:
        running.ledger.get(command.alert, caller)
    await running.session.enter_outcome(
        person(caller), command.outcome, command.count, command.alert, command.note
    )
    return s.Done()


async def alerts_hold(running: Running, command: a.AlertsHold, caller: Caller) -> s.Done:
    """Keep the pictures beyond their time (R19)."""
    _desk(running)
    running.ledger.get(command.alert, caller)
    if running.session is None:
        raise Conflict("exercise", "keeps no evidence that could be held")
    await running.session.hold(person(caller), command.alert, command.reason)
    return s.Done()


async def _after(running: Running, alert: Alert, caller: Caller) -> s.Alert:
    """The alert as subscribers see it, once what was just done has come to the ledger."""
    with trio.move_on_after(FOLLOW_S):
        await running.ledger.reached(alert)
    return running.ledger.get(alert.reference, caller)


def _desk(running: Running) -> AlertDesk:
    if running.desk is None:
        raise RuleError(
            "R3",
            "alerts",
            "there are none in commissioning: nobody is matched without an authority",
            "run a deployment or an exercise",
        )
    return running.desk


ALERT_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.AlertsList: alerts_list,
    a.AlertsGet: alerts_get,
    a.AlertsPictures: alerts_pictures,
    a.AlertsDisplayed: alerts_displayed,
    a.AlertsOpinion: alerts_opinion,
    a.AlertsDecide: alerts_decide,
    a.AlertsOutcome: alerts_outcome,
    a.OutcomesEnter: outcomes_enter,
    a.AlertsHold: alerts_hold,
}
