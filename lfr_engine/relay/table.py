"""The relay's whole table: who is told what, by which bearer next, and what they answered.

Owns: one desk per bearer, the plan of each (alert, recipient), escalation, withdrawal, answers.
Never: an await, a store, a socket. Strategy: every method takes the moment, changes the table and
gathers the changed deliveries; its owner saves them (``drain``) before it hands an order over.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import msgspec

from lfr_engine.errors import RuleError
from lfr_engine.relay.asked import REVIEWED, WITHDRAWN, OfficerReply, Request, alert_of
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.delivery import REACHED, Change, Delivery, Happening, Key, State
from lfr_engine.relay.desk import Desk
from lfr_engine.relay.port import Answer, BearerEvent, Ended, Link, Order, Progress, Receipt
from lfr_engine.relay.routing import Plan, is_test_only, may_carry, plans_for
from lfr_engine.relay.settings import Recipient, RelaySettings


@dataclass(slots=True)
class _Course:
    """Where one (alert, recipient) stands on its plan."""

    plan: Plan
    used: int  # bearers of the plan that have a delivery
    escalate_at: float


class RelayTable:
    """Deliveries of every bearer.

    Args:
        settings: Checked settings.
        now: Seconds since 1970.
        stored: What the outbox holds.
    """

    def __init__(self, settings: RelaySettings, now: float, stored: list[Delivery]) -> None:
        self.settings = settings
        self.desks = {b.name: Desk(b.name, b.desk()) for b in settings.bearers}
        self.unknown_senders = 0
        self.replies: list[OfficerReply] = []
        self._test = {bearer.name: bearer.test for bearer in settings.bearers}
        self._recipients = {recipient.id: recipient for recipient in settings.recipients}
        self._senders = {
            (bearer, address): recipient.id
            for recipient in settings.recipients
            for bearer, address in recipient.addresses.items()
        }
        self._courses: dict[tuple[str, str], _Course] = {}
        self._latest: dict[str, Key] = {}  # recipient → the last delivery that reached them
        self._dirty: dict[Key, None] = {}
        self._changes: list[Change] = []
        self._number = 0
        for delivery in sorted(stored, key=lambda d: d.created):
            self._restore(delivery, now)

    # --- what comes in ---

    def admit(self, request: Request, now: float) -> int:
        """Queue an alert for everybody its routes name; returns to how many.

        A reviewed cue of an alert that went out unreviewed follows it as a message of its own:
        only now may officers act (R2). What of the first was not yet sent is not sent any more.

        Raises:
            RuleError: The policy lets only reviewed cues out and this one is not (R2).
        """
        if request.cue.withdrawn:
            return self.withdraw(request.alert, request.cue, now)
        if self.settings.review == "after" and not request.cue.reviewed:
            raise RuleError("R2", f"alert {request.alert}", "is not reviewed yet, policy waits")
        cue = request.cue
        if not self.settings.show_score:
            cue = msgspec.structs.replace(cue, score=None)
        alert = request.alert
        if cue.reviewed and any(not d.cue.reviewed for _, d in self._about(alert)):
            self._end(alert, "reviewed since", now)
            alert += REVIEWED
        plans = plans_for(self.settings, cue, request.priority, _utc(now))
        for plan in plans:
            if (alert, plan.recipient.id) not in self._courses:
                self._start(alert, cue, request.priority, plan, now)
        return len(plans)

    def test(self, bearer: str, recipient: str, alert: str, cue: Cue, now: float) -> Key:
        """Queue a quiet test for one recipient by one bearer.

        Raises:
            RuleError: The cue is not marked TEST (R18).
        """
        if cue.marking is not Marking.TEST or cue.blue_list:
            raise RuleError("R18", "quiet test", "only a cue marked TEST may be sent")
        return self._queue(alert, cue, 1, self._recipients[recipient], bearer, now)

    def withdraw(self, alert: str, cue: Cue, now: float) -> int:
        """Stop an alert, and tell everyone who may have seen it; returns how many are told."""
        told = 0
        withdrawn = msgspec.structs.replace(cue, withdrawn=True)
        for desk, delivery in self._about(alert):
            self._apply(desk, delivery.key, Happening.DEADLINE, now, "withdrawn")
            if not delivery.attempts or delivery.state is State.FAILED:
                continue
            recipient = self._recipients.get(delivery.key.recipient)
            if recipient is None or Key(alert + WITHDRAWN, *_rest(delivery.key)) in desk:
                continue
            self._queue(alert + WITHDRAWN, withdrawn, 1, recipient, desk.bearer, now)
            told += 1
        self._end(alert, "withdrawn", now)
        return told

    def finish(self, alert: str, reason: str, now: float) -> None:
        """Send nothing more of an alert, and tell nobody: what was to be done is done."""
        self._end(alert, reason, now)

    def finish_all(self, reason: str, now: float) -> None:
        """Send nothing more of anything."""
        for desk in self.desks.values():
            for key in [delivery.key for delivery in desk.all() if not delivery.over]:
                self._apply(desk, key, Happening.DEADLINE, now, reason)
        for course in self._courses.values():
            course.escalate_at = math.inf

    def cancel(self, alert: str, now: float) -> int:
        """An operator takes an alert back; the cue is found in the table."""
        for _, delivery in self._about(alert):
            return self.withdraw(alert, delivery.cue, now)
        return 0

    def resend(self, alert: str, now: float) -> int:
        """An operator asks again; what was delivered or is too late stays as it is."""
        return sum(self.resend_one(d.key, now) for _, d in self._about(alert))

    def resend_one(self, key: Key, now: float, reason: str = "resent by an operator") -> bool:
        """Send one message again; whether it will be."""
        desk = self.desks[key.bearer]
        before = desk.get(key)
        self._apply(desk, key, Happening.RESEND, now, reason)
        after = desk.get(key)
        return after is not None and after is not before and not after.over

    def take_back(self, key: Key, reason: str, now: float) -> bool:
        """Never send one message that was not yet sent; whether it could be."""
        desk = self.desks[key.bearer]
        delivery = desk.get(key)
        if delivery is None or delivery.over or delivery.attempts:
            return False
        self._apply(desk, key, Happening.DEADLINE, now, reason)
        return True

    def event(self, event: BearerEvent, now: float) -> None:
        """A bearer reports."""
        desk = self.desks[event.bearer]
        match event:
            case Link(up=up):
                desk.up = up
                if not up:
                    self._hurry(event.bearer, now)
            case Progress():
                self._note(desk.progress(event, now), now)
            case Receipt():
                changes, _ = desk.receipt(event, now)
                self._note(changes, now)
            case Answer():
                self._answer(event, now)
            case Ended(reason=reason, noted=noted):
                self.lost(event.bearer, now, reason)
                noted()

    def lost(self, bearer: str, now: float, reason: str) -> None:
        """A bearer's actor ended; its orders have an unknown fate."""
        self.desks[bearer].up = False
        self._note(self.desks[bearer].lost(now, reason), now)
        self._hurry(bearer, now)

    def tick(self, now: float) -> None:
        """Expire, repeat, escalate."""
        for desk in self.desks.values():
            self._note(desk.tick(now), now)
        for (alert, recipient), course in list(self._courses.items()):
            if now >= course.escalate_at:
                self._escalate(alert, recipient, course, now)

    # --- what goes out ---

    def take(self, now: float) -> list[Order]:
        """Orders that may go now; save ``drain`` before handing them over."""
        orders: list[Order] = []
        for desk in self.desks.values():
            while True:
                self._number += 1
                taken = desk.take(now, _utc(now), self._number)
                if taken is None:
                    break
                orders.append(taken[0])
                self._note(taken[1], now)
        return orders

    def bearer_of(self, order: Order) -> str:
        """The bearer an order is for."""
        return next(name for name, desk in self.desks.items() if desk.has_order(order.number))

    def drain(self) -> tuple[list[Delivery], list[Change]]:
        """Everything changed since the last call: what must be saved now."""
        deliveries = [
            delivery
            for key in self._dirty
            if (delivery := self.desks[key.bearer].get(key)) is not None
        ]
        changes, self._changes = self._changes, []
        self._dirty.clear()
        return deliveries, changes

    def wake_at(self, now: float) -> float:
        """When ``tick`` must be called next; infinity when nothing is pending."""
        desks = [desk.wake_at(now) for desk in self.desks.values()]
        courses = [course.escalate_at for course in self._courses.values()]
        return min([math.inf, *desks, *courses])

    def forget(self, now: float) -> list[Key]:
        """Drop what was over ``keep_s`` ago."""
        old = [
            key for desk in self.desks.values() for key in desk.forget(now - self.settings.keep_s)
        ]
        for key in old:
            self._courses.pop((key.alert, key.recipient), None)
        return old

    # --- inside ---

    def _about(self, alert: str) -> list[tuple[Desk, Delivery]]:
        """Every message of an alert but those that take it back."""
        return [
            (desk, delivery)
            for desk in self.desks.values()
            for delivery in desk.all()
            if alert_of(delivery.key.alert) == alert and not delivery.cue.withdrawn
        ]

    def _end(self, alert: str, reason: str, now: float) -> None:
        """No further sending, repeating or escalating of an alert's cues."""
        for desk, delivery in self._about(alert):
            self._apply(desk, delivery.key, Happening.DEADLINE, now, reason)
        for (known, _), course in self._courses.items():
            if alert_of(known) == alert:
                course.escalate_at = math.inf

    def _start(self, alert: str, cue: Cue, priority: int, plan: Plan, now: float) -> None:
        course = _Course(plan, 1, now + self.settings.escalate_s)
        self._courses[alert, plan.recipient.id] = course
        self._queue(alert, cue, priority, plan.recipient, plan.bearers[0], now)
        if not self.desks[plan.bearers[0]].up:
            course.escalate_at = now

    def _queue(
        self, alert: str, cue: Cue, priority: int, recipient: Recipient, bearer: str, now: float
    ) -> Key:
        if not may_carry(cue, test_bearer=self._test[bearer]):
            rule = "R9" if cue.blue_list else "R27" if is_test_only(cue) else "R18"
            raise RuleError(rule, f"bearer {bearer}", "may not carry this cue")
        key = Key(alert, recipient.id, bearer)
        desk = self.desks[bearer]
        if key in desk:
            return key
        # the age of a cue counts from its capture, and a withdrawal from now
        born = now if cue.withdrawn else min(cue.captured.timestamp(), now)
        delivery = Delivery(
            key=key,
            cue=cue,
            address=recipient.addresses[bearer],
            group=recipient.group,
            priority=priority,
            created=now,
            deadline=born + self.settings.deadline_s,
        )
        desk.add(delivery)
        change = Change(
            at=now,
            key=key,
            before=State.QUEUED,
            after=State.QUEUED,
            happening="queued",
            reason="",
            reference=0,
            digest="",
        )
        self._note([change], now)
        return key

    def _restore(self, delivery: Delivery, now: float) -> None:
        key = delivery.key
        if key.bearer not in self.desks:
            return  # the bearer left the configuration
        self.desks[key.bearer].add(delivery)
        if delivery.state in REACHED:
            self._latest[key.recipient] = key
        course = self._courses.get((key.alert, key.recipient))
        if course is None:
            plans = plans_for(
                self.settings, delivery.cue, delivery.priority, _utc(delivery.created)
            )
            plan = next((p for p in plans if p.recipient.id == key.recipient), None)
            if plan is None or key.alert.endswith(WITHDRAWN):
                return
            course = _Course(plan, 0, now + self.settings.escalate_s)
            self._courses[key.alert, key.recipient] = course
        if key.bearer in course.plan.bearers:
            course.used = max(course.used, course.plan.bearers.index(key.bearer) + 1)
        if delivery.state in REACHED or now >= delivery.deadline:
            course.escalate_at = math.inf

    def _apply(self, desk: Desk, key: Key, happening: Happening, now: float, reason: str) -> None:
        self._note(desk.apply(key, happening, now, reason), now)

    def _note(self, changes: list[Change], now: float) -> None:
        for change in changes:
            self._dirty[change.key] = None
            self._changes.append(change)
        for change in changes:
            course = self._courses.get((change.key.alert, change.key.recipient))
            if change.after in REACHED and change.before not in REACHED:
                self._latest[change.key.recipient] = change.key
                self._settle(change.key, now)
            elif change.after is State.FAILED and course is not None:
                course.escalate_at = min(course.escalate_at, now)

    def _settle(self, reached: Key, now: float) -> None:
        """One receipt is enough: the other bearers stop."""
        course = self._courses.get((reached.alert, reached.recipient))
        if course is None:
            return
        course.escalate_at = math.inf
        for bearer in course.plan.bearers:
            if bearer != reached.bearer:
                key = Key(reached.alert, reached.recipient, bearer)
                reason = f"reached by {reached.bearer}"
                self._apply(self.desks[bearer], key, Happening.DEADLINE, now, reason)

    def _escalate(self, alert: str, recipient: str, course: _Course, now: float) -> None:
        last = self.desks[course.plan.bearers[course.used - 1]].get(
            Key(alert, recipient, course.plan.bearers[course.used - 1])
        )
        exhausted = course.used >= len(course.plan.bearers)
        if last is None or exhausted or now >= last.deadline:
            course.escalate_at = math.inf
            return
        if last.group and last.state is State.SENT:
            course.escalate_at = math.inf  # a group never reports; being sent is its best
            return
        bearer = course.plan.bearers[course.used]
        course.used += 1
        up = self.desks[bearer].up
        course.escalate_at = now + self.settings.escalate_s if up else now
        self._queue(alert, last.cue, last.priority, course.plan.recipient, bearer, now)

    def _hurry(self, bearer: str, now: float) -> None:
        """A bearer is down: what waits for it is escalated at once."""
        for (alert, recipient), course in self._courses.items():
            if course.escalate_at < math.inf and course.plan.bearers[course.used - 1] == bearer:
                delivery = self.desks[bearer].get(Key(alert, recipient, bearer))
                if delivery is not None and not delivery.over:
                    course.escalate_at = now

    def _answer(self, answer: Answer, now: float) -> None:
        recipient = self._senders.get((answer.bearer, answer.address))
        if recipient is None:
            self.unknown_senders += 1
            return
        key = self._find(recipient, answer.reference) if answer.reference else None
        certain = key is not None
        key = key or self._latest.get(recipient)
        if key is None:
            self.unknown_senders += 1
            return
        alert = alert_of(key.alert)
        self.replies.append(
            OfficerReply(now, alert, recipient, answer.bearer, answer.reply, certain)
        )
        self._apply(self.desks[key.bearer], key, Happening.ANSWER, now, answer.reply.value)

    def _find(self, recipient: str, reference: str) -> Key | None:
        """The newest delivery to a recipient of the cue with this public reference."""
        found = [
            delivery
            for desk in self.desks.values()
            for delivery in desk.all()
            if delivery.key.recipient == recipient
            and delivery.cue.reference == reference
            and delivery.attempts
        ]
        return max(found, key=lambda d: d.created).key if found else None


def _rest(key: Key) -> tuple[str, str]:
    return key.recipient, key.bearer


def _utc(now: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(now, dt.UTC)
