"""What people do with the alerts of a deployment: see, judge, decide, and say what came of it.

Owns: what every such call checks and journals. Never: a step of an alert without a named person
(R2); a picture shown that was not journalled as viewed (R16). Strategy: a step is taken in the
alert table's own task and is durable before it is told. Whoever calls was told apart by ``api``;
what the rules ask of a role is asked again here.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lfr_engine.alerts import adjudication
from lfr_engine.alerts.adjudication import Decision, Opinion, Outcome, Person
from lfr_engine.alerts.lifecycle import Alert, AlertState
from lfr_engine.alerts.table import AlertTable
from lfr_engine.app import deployment_pictures as alert_pictures
from lfr_engine.app.deployment_core import SessionCore
from lfr_engine.app.deployment_figures import TO_OPERATOR
from lfr_engine.app.deployment_pictures import AlertPictures
from lfr_engine.clock import Stamp
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.events.alerts import AlertViewed
from lfr_engine.journal.events.fields import Event, Name, Text
from lfr_engine.journal.events.watchlist import EvidenceHeld

SEE_PICTURES = frozenset({"operator", "officer", "ao"})
LONGEST_NOTE = 250
ARREST = "arrest"


class AlertSession(SessionCore):
    """The half of a session that deals with alerts. Use ``deployment_session.Session``."""

    # what people see -----------------------------------------------------------------------------

    async def alerts(self) -> list[Alert]:
        """Every alert in memory, oldest first."""
        found: list[Alert] = []
        await self._look(found.extend)
        return found

    async def alert(self, reference: str) -> Alert:
        """One alert as it stands."""
        found: list[Alert] = []
        await self._look(lambda table: found.append(table[reference]))
        return found[0]

    async def pictures(self, person: Person, reference: str) -> AlertPictures:
        """An alert's pictures; that they were looked at is journalled first (R16)."""
        if person.role not in SEE_PICTURES:
            raise RuleError(
                "R16", f"alert {reference:.20}", f"as {person.role} nobody may see its pictures"
            )
        await self._keeping.kept(reference)
        alert = await self.alert(reference)
        if not alert.pictures:
            raise InputError(f"alert {reference:.20}", "has no pictures")
        await self._record(
            [
                AlertViewed(
                    actor=named(person.name),
                    role=person.role,
                    deployment=self.deployment,
                    alert=alert.reference,
                )
            ]
        )
        stored = self.opened.stored
        return await self._lane.run(
            alert_pictures.show,
            self.opened.evidence,
            alert.pictures,
            stored,
            stored.watchlist.entry(alert.entry),
        )

    # what people do with alerts ------------------------------------------------------------------

    async def display(self, person: Person, reference: str) -> Alert:
        """The alert is before a person's eyes."""
        named(person.name)

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            first = table[reference].state is AlertState.GENERATED
            event = table.displayed(reference, person, now)
            if first:
                self.telemetry.observe(TO_OPERATOR, event.after_ms / 1e3)
            return (event,)

        return await self._changed(reference, act)

    async def opinion(self, person: Person, reference: str, opinion: Opinion) -> Alert:
        """A first opinion; the score may be shown afterwards (R10)."""
        named(person.name)
        return await self._changed(
            reference, lambda table, now: (table.opinion(reference, person, opinion, now),)
        )

    async def decide(
        self,
        person: Person,
        reference: str,
        decision: Decision,
        reasons: Sequence[str],
        note: str = "",
    ) -> Alert:
        """The named decision (R2)."""
        named(person.name)
        short_note(note)

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events: list[Event] = [table.decide(reference, person, decision, reasons, now, note)]
            pictures = table[reference].pictures
            if decision == "discounted" and pictures:
                events.append(self._keeping.until(table, reference, pictures, now))
            return events

        alert = await self._changed(reference, act)
        await self._judge()
        return alert

    async def outcome(
        self,
        person: Person,
        reference: str,
        outcome: Outcome,
        reasons: Sequence[str] = (),
        note: str = "",
        *,
        arrest: bool = False,
    ) -> Alert:
        """What officers did or found; ``arrest`` is counted in the record (R7)."""
        named(person.name)
        short_note(note)
        if arrest:  # before anything changed: the two events stand or fall together
            adjudication.require_engaged(f"alert {reference:.20}", AlertState(outcome), ARREST)

        def act(table: AlertTable, now: Stamp) -> Sequence[Event]:
            events: list[Event] = [table.outcome(reference, person, outcome, reasons, now, note)]
            if arrest:
                events.append(table.entered(person, ARREST, 1, reference))
            return events

        alert = await self._changed(reference, act)
        await self._judge()
        return alert

    async def enter_outcome(
        self,
        person: Person,
        outcome: str,
        count: int,
        reference: str | None = None,
        note: str = "",
    ) -> None:
        """A count that officers enter: arrests, people safeguarded and others (R7).

        Counts without an alert add up; of one alert the last count of an outcome holds.
        """
        named(person.name)
        short_note(note)
        await self._ask(lambda table, _: (table.entered(person, outcome, count, reference, note),))

    async def hold(self, person: Person, reference: str, reason: str) -> None:
        """Keep an alert's pictures beyond their time (R19)."""
        await self._keeping.kept(reference)
        alert = await self.alert(reference)
        if not alert.pictures:
            raise InputError(f"alert {reference:.20}", "has no pictures to keep")
        await self._record(
            [
                EvidenceHeld(
                    actor=named(person.name),
                    role=person.role,
                    item=alert.pictures,
                    reason=sentence(reason),
                    deployment=self.deployment,
                )
            ]
        )


def named(text: str) -> str:
    """A person's name as the journal takes it. Raises ``InputError``."""
    try:
        return msgspec.convert(text, Name)
    except msgspec.ValidationError as exc:
        raise InputError("name", "is empty or longer than 80 characters") from exc


def sentence(text: str) -> str:
    """A reason in words as the journal takes it. Raises ``InputError``."""
    try:
        return msgspec.convert(text, Text)
    except msgspec.ValidationError as exc:
        raise InputError(
            "reason",
            "is empty, longer than 500 characters or one long word",
            "say it in a sentence",
        ) from exc


def short_note(text: str) -> None:
    """A note is optional, and no essay. Raises ``InputError``."""
    if text and len(sentence(text)) > LONGEST_NOTE:
        raise InputError("note", f"is longer than {LONGEST_NOTE} characters")
