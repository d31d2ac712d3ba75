"""Who gets a cue, and by which bearers in which order.

Owns: the matching of routes, the duty roster, the rule about what is only for test. Never: a
delivery. Strategy: a pure function of settings, cue and moment, so that a restart finds the same
plan again without storing it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.settings import Recipient, RelaySettings, Route


@dataclass(frozen=True, slots=True)
class Plan:
    """One recipient, and the bearers to use in turn: those that have an address of theirs."""

    recipient: Recipient
    bearers: tuple[str, ...]


def is_test_only(cue: Cue) -> bool:
    """Blue-list and exercise cues leave by bearers marked for test and by no other (R9, R27)."""
    return cue.blue_list or cue.marking is Marking.EXERCISE


def may_carry(cue: Cue, *, test_bearer: bool) -> bool:
    """Whether a bearer may carry a cue; a quiet test may go anywhere, for it holds nobody."""
    if cue.marking is Marking.TEST and not cue.blue_list:
        return True
    return is_test_only(cue) == test_bearer


def plans_for(
    settings: RelaySettings, cue: Cue, priority: int, now: dt.datetime
) -> tuple[Plan, ...]:
    """Every recipient of a cue, once, in the order of the routes that name them.

    A recipient named by two routes gets the bearers of both, in order, each once.
    """
    test = {bearer.name: bearer.test for bearer in settings.bearers}
    recipients = {recipient.id: recipient for recipient in settings.recipients}
    chosen: dict[str, list[str]] = {}
    for route in settings.routes:
        if not _matches(route, cue, priority):
            continue
        for identifier in (*route.recipients, *_on_duty(settings, route, now)):
            addresses = recipients[identifier].addresses
            bearers = chosen.setdefault(identifier, [])
            bearers += [
                name
                for name in route.bearers
                if name in addresses
                and name not in bearers
                and may_carry(cue, test_bearer=test[name])
            ]
    return tuple(
        Plan(recipients[identifier], tuple(bearers))
        for identifier, bearers in chosen.items()
        if bearers
    )


def _matches(route: Route, cue: Cue, priority: int) -> bool:
    return (
        (not route.categories or cue.category in route.categories)
        and (not route.places or cue.place in route.places)
        and priority <= route.lowest_priority
    )


def _on_duty(settings: RelaySettings, route: Route, now: dt.datetime) -> list[str]:
    return [
        recipient
        for duty in settings.duty
        if duty.team in route.teams and duty.start <= now < duty.end
        for recipient in duty.recipients
    ]
