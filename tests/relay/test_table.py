"""The whole table: pace, coalescing, receipts, escalation, withdrawal, restart. No time passes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import RuleError
from lfr_engine.relay.asked import Request
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.delivery import REACHED, Change, Delivery, Happening, Key, State
from lfr_engine.relay.outbox import MemoryOutbox
from lfr_engine.relay.port import Answer, Link, Order, Progress, Receipt, Reply
from lfr_engine.relay.table import RelayTable
from tests.relay.samples import START, T0, make_cue, make_settings

ONLY_E2 = [{"bearers": ["radio"], "recipients": ["E2"]}]
ONLY_NET = [{"bearers": ["radio", "voice"], "recipients": ["NET"]}]


class Rig:
    """A table with its outbox and every bearer up."""

    def __init__(self, stored: MemoryOutbox | None = None, **changes: Any) -> None:
        self.outbox = stored or MemoryOutbox()
        self.table = RelayTable(make_settings(**changes), T0, self.outbox.load())
        self.changes: list[Change] = []
        for bearer in self.table.desks:
            self.table.event(Link(bearer, up=True, detail=""), T0)

    def admit(self, alert: str = "a1", now: float = T0, priority: int = 5, **cue: Any) -> None:
        self.table.admit(Request(alert=alert, cue=make_cue(**cue), priority=priority), now)

    def orders(self, now: float = T0) -> list[tuple[str, Order]]:
        """Tick, take, persist: what the shell does."""
        self.table.tick(now)
        orders = [(self.table.bearer_of(order), order) for order in self.table.take(now)]
        self.save()
        return orders

    def save(self) -> None:
        deliveries, changes = self.table.drain()
        self.outbox.save(deliveries, changes)
        self.changes += changes

    def send(self, now: float = T0) -> list[tuple[str, Order]]:
        """Take everything that may go and report it sent."""
        sent = []
        while orders := self.orders(now):
            for bearer, order in orders:
                self.table.event(Progress(bearer, order.number, Happening.LEFT), now)
                sent.append((bearer, order))
        self.save()
        return sent

    def state(self, recipient: str = "E1", bearer: str = "radio", alert: str = "a1") -> State:
        delivery = self.delivery(recipient, bearer, alert)
        assert delivery is not None
        return delivery.state

    def delivery(
        self, recipient: str = "E1", bearer: str = "radio", alert: str = "a1"
    ) -> Delivery | None:
        return self.table.desks[bearer].get(Key(alert, recipient, bearer))


def test_an_alert_goes_to_each_officer_on_duty_and_is_persisted_first() -> None:
    rig = Rig()
    rig.admit()
    sent = rig.send()
    assert [(bearer, order.address, order.text) for bearer, order in sent] == [
        ("radio", "1234567", "LFR! VAN1 C2 #A1B2C3 14:05 0s"),
        ("radio", "1234568", "LFR! VAN1 C2 #A1B2C3 14:05 0s"),
    ]
    assert {delivery.state for delivery in rig.outbox.load()} == {State.SENT}


def test_the_score_leaves_only_when_policy_says_so() -> None:
    rig = Rig(show_score=True, routes=ONLY_E2)
    rig.admit()
    assert "0.83" in rig.send()[0][1].text


def test_policy_after_review_holds_what_is_not_reviewed() -> None:
    rig = Rig()
    with pytest.raises(RuleError, match="R2"):
        rig.admit(reviewed=False)
    before = Rig(review="before", routes=ONLY_E2)
    before.admit(reviewed=False)
    assert before.send()[0][1].text.startswith("LFR? ")


def test_the_same_alert_twice_is_told_once() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit()
    rig.admit()
    assert len(rig.send()) == 1


def test_a_receipt_is_found_by_address_and_reference() -> None:
    rig = Rig()
    rig.admit()
    (_, first), (_, second) = rig.send()
    rig.table.event(Receipt("radio", first.address, first.reference, Happening.RECEIPT), T0 + 1)
    assert rig.state("E1") is State.DELIVERED
    assert rig.state("E2") is State.SENT
    stranger = Receipt("radio", "7777777", second.reference, Happening.RECEIPT)
    rig.table.event(stranger, T0 + 1)
    assert rig.state("E2") is State.SENT


def test_no_receipt_sends_again_with_the_same_reference_until_the_deadline() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit()
    sent = [order for second in range(200) for _, order in rig.send(T0 + second)]
    assert len(sent) == 5  # at 0, 20, 40, 60, 80 s
    assert len({order.reference for order in sent}) == 1
    assert rig.state("E2") is State.EXPIRED
    rig.table.event(Receipt("radio", "1234568", sent[0].reference, Happening.RECEIPT), T0 + 150)
    assert rig.state("E2") is State.DELIVERED, "a late report is the truth"


def test_nothing_old_is_sent_at_all() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit(captured=START - dt.timedelta(seconds=91))
    assert rig.send() == []
    assert rig.state("E2") is State.EXPIRED


def test_trouble_backs_off_and_a_refusal_escalates_at_once() -> None:
    rig = Rig(routes=[{"bearers": ["radio", "tak"], "recipients": ["E1"]}])
    rig.admit()
    ((bearer, order),) = rig.orders()
    rig.table.event(Progress(bearer, order.number, Happening.TROUBLE, "CME 2 busy"), T0)
    assert rig.orders(T0 + 0.5) == []
    ((bearer, order),) = rig.orders(T0 + 1.0)
    rig.table.event(Progress(bearer, order.number, Happening.REFUSED, "CME 35 syntax"), T0 + 1)
    assert [name for name, _ in rig.orders(T0 + 1.1)] == ["tak"]
    assert rig.state(bearer="radio") is State.FAILED


def test_no_receipt_in_time_uses_the_next_bearer_and_one_receipt_settles_all() -> None:
    rig = Rig()
    rig.admit()
    rig.send()
    assert rig.send(T0 + 14.9) == []
    assert [name for name, _ in rig.send(T0 + 15)] == ["tak"], "E2 has no other bearer"
    tak = rig.delivery(bearer="tak")
    assert tak is not None
    rig.table.event(Receipt("tak", tak.address, tak.reference, Happening.RECEIPT), T0 + 16)
    assert rig.state(bearer="tak") is State.DELIVERED
    assert rig.state(bearer="radio") is State.EXPIRED
    assert not [name for name, order in rig.send(T0 + 40) if order.recipient == "E1"]


def test_a_bearer_that_is_down_is_passed_over_at_once() -> None:
    rig = Rig(routes=[{"bearers": ["radio", "tak"], "recipients": ["E1"]}])
    rig.table.event(Link("radio", up=False, detail="unplugged"), T0)
    rig.admit()
    assert [name for name, _ in rig.send()] == ["tak"]
    rig.table.event(Link("radio", up=True, detail=""), T0 + 5)
    assert [name for name, _ in rig.send(T0 + 5)] == ["radio"], "nobody confirmed yet"


def test_a_bearer_lost_inside_an_order_gets_it_again_with_the_same_reference() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit()
    ((_, order),) = rig.orders()
    rig.table.lost("radio", T0 + 1, "the line went away")
    assert rig.orders(T0 + 5) == []
    rig.table.event(Link("radio", up=True, detail=""), T0 + 6)
    ((_, again),) = rig.orders(T0 + 6)
    assert again.reference == order.reference


def test_a_group_is_sent_twice_with_one_reference_and_never_escalates_once_sent() -> None:
    rig = Rig(routes=ONLY_NET)
    rig.admit()
    sent = [order for second in range(120) for _, order in rig.send(T0 + second)]
    assert [order.group for order in sent] == [True, True]
    assert sent[0].reference == sent[1].reference


def test_two_hundred_alerts_in_a_minute_are_coalesced_and_none_is_lost() -> None:
    rig = Rig(routes=ONLY_E2)
    sent: list[Order] = []
    for tenth in range(1500):
        now = T0 + tenth / 10
        if tenth < 600 and tenth % 3 == 0:
            rig.admit(f"a{tenth}", now, captured=START + dt.timedelta(seconds=tenth / 10))
        for _, order in rig.send(now):
            sent.append(order)
            receipt = Receipt("radio", order.address, order.reference, Happening.RECEIPT)
            rig.table.event(receipt, now)
    rig.save()
    assert len(sent) <= 4 + 150 / 3
    assert any(order.text.endswith("cues, see handset") for order in sent)
    told = [alert for order in sent for alert in order.alerts]
    assert sorted(told) == sorted(f"a{tenth}" for tenth in range(0, 600, 3))
    queued = {change.key.alert for change in rig.changes if change.happening == "queued"}
    reached = {change.key.alert for change in rig.changes if change.after is State.DELIVERED}
    assert queued == reached == set(told)


def test_a_coalesced_message_is_repeated_as_it_was() -> None:
    rig = Rig(routes=ONLY_E2)
    for number in range(6):
        rig.admit(f"a{number}", captured=START + dt.timedelta(seconds=number / 10))
    sent = rig.send()
    assert [len(order.alerts) for _, order in sent] == [6]
    again = [order for second in range(1, 30) for _, order in rig.send(T0 + second)]
    assert [(order.reference, len(order.alerts)) for order in again] == [(sent[0][1].reference, 6)]


def test_urgent_cues_go_first() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit("late", priority=9)
    rig.admit("soon", priority=1)
    assert [order.alerts for _, order in rig.send()] == [("soon",), ("late",)]


def test_withdrawing_stops_what_waits_and_tells_whom_it_may_have_reached() -> None:
    rig = Rig()
    rig.admit()
    rig.send()
    assert rig.table.cancel("a1", T0 + 5) == 2
    sent = rig.send(T0 + 5)
    assert {order.text for _, order in sent} == {"LFR VAN1 #A1B2C3 CANCELLED"}
    assert rig.table.cancel("a1", T0 + 6) == 0, "told once"
    waiting = Rig()
    waiting.admit()
    assert waiting.table.cancel("a1", T0) == 0
    assert waiting.send() == []


def test_an_operator_may_resend_but_not_what_arrived() -> None:
    rig = Rig()
    rig.admit()
    (_, first), _ = rig.send()
    rig.table.event(Receipt("radio", first.address, first.reference, Happening.RECEIPT), T0 + 1)
    assert rig.table.resend("a1", T0 + 2) == 1
    assert [order.recipient for _, order in rig.send(T0 + 4)] == ["E2"]
    assert rig.table.resend("a1", T0 + 95) == 0 or rig.send(T0 + 95) == []


def test_an_answer_becomes_a_decision_with_the_officers_identity() -> None:
    rig = Rig()
    rig.admit()
    rig.send()
    rig.table.event(Answer("radio", "1234567", Reply.ENGAGED, "A1B2C3"), T0 + 9)
    (reply,) = rig.table.replies
    assert (reply.alert, reply.recipient, reply.reply, reply.certain) == (
        "a1",
        "E1",
        Reply.ENGAGED,
        True,
    )
    assert rig.state("E1") is State.ANSWERED


def test_an_answer_without_a_reference_is_about_the_last_one_delivered() -> None:
    rig = Rig()
    rig.table.event(Answer("radio", "1234567", Reply.LOST), T0)
    rig.table.event(Answer("radio", "999", Reply.LOST), T0)
    assert rig.table.replies == []
    assert rig.table.unknown_senders == 2
    rig.admit()
    (_, order), _ = rig.send()
    rig.table.event(Receipt("radio", order.address, order.reference, Happening.RECEIPT), T0)
    rig.table.event(Answer("radio", "1234567", Reply.LOST), T0)
    assert [(reply.alert, reply.certain) for reply in rig.table.replies] == [("a1", False)]


def test_a_quiet_test_is_marked_and_goes_to_one_recipient_only() -> None:
    rig = Rig()
    rig.table.test("radio", "E2", "test-1", make_cue(marking=Marking.TEST), T0)
    ((bearer, order),) = rig.send()
    assert (bearer, order.address) == ("radio", "1234568")
    assert order.text.startswith("TEST LFR")
    with pytest.raises(RuleError, match="R18"):
        rig.table.test("radio", "E2", "test-2", make_cue(), T0)


@pytest.mark.parametrize(
    "cue", [make_cue(blue_list=True), make_cue(marking=Marking.EXERCISE)], ids=["blue", "exercise"]
)
def test_what_is_only_for_test_never_meets_a_live_bearer(cue: Cue) -> None:
    rig = Rig()
    rig.table.admit(Request(alert="a1", cue=cue), T0)
    sent = [bearer for second in range(0, 100, 5) for bearer, _ in rig.send(T0 + second)]
    assert set(sent) == {"rehearsal"}
    with pytest.raises(RuleError):
        rig.table._queue("a2", cue, 1, rig.table._recipients["E1"], "radio", T0)


def test_after_a_restart_the_unconfirmed_goes_again_and_the_delivered_does_not() -> None:
    rig = Rig()
    rig.admit()
    (_, first), (_, second) = rig.send()
    rig.table.event(Receipt("radio", first.address, first.reference, Happening.RECEIPT), T0 + 1)
    rig.save()
    restarted = Rig(stored=rig.outbox)
    assert restarted.send(T0 + 2) == [], "its receipt may still come"
    ((_, again),) = restarted.send(T0 + 20)
    assert (again.recipient, again.reference) == ("E2", second.reference)
    assert restarted.state("E1") is State.DELIVERED


def test_a_reference_in_use_before_a_restart_is_not_given_to_another_cue() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit("a1")
    ((_, order),) = rig.send()
    restarted = Rig(stored=rig.outbox, routes=ONLY_E2)
    restarted.admit("a2", captured=START + dt.timedelta(seconds=1))
    assert [o.reference for _, o in restarted.send(T0 + 1)] == [order.reference + 1]


def test_an_order_under_way_when_the_engine_died_goes_again_at_once_with_its_reference() -> None:
    rig = Rig(routes=ONLY_E2)
    rig.admit("a1")
    ((_, order),) = rig.orders()
    assert [o.reference for _, o in Rig(stored=rig.outbox).orders(T0 + 1)] == [order.reference]


def test_what_is_over_is_forgotten_after_its_keep_time() -> None:
    rig = Rig(routes=ONLY_E2, keep_s=100.0)
    rig.admit()
    rig.send()
    rig.send(T0 + 91)
    assert rig.table.forget(T0 + 100) == []
    assert rig.table.forget(T0 + 191) == [Key("a1", "E2", "radio")]


steps = st.sampled_from(
    ["admit", "take", "left", "trouble", "receipt", "wait", "down", "up", "kill"]
)


@given(st.lists(st.tuples(steps, st.integers(0, 30)), max_size=60))
def test_no_order_after_its_deadline_and_no_order_for_what_was_delivered(
    script: list[tuple[str, int]],
) -> None:
    rig, now, number = Rig(routes=ONLY_E2), T0, 0
    under_way: list[Order] = []
    sent: list[Order] = []
    delivered: set[str] = set()
    for step, amount in script:
        if step == "admit":
            number += 1
            captured = dt.datetime.fromtimestamp(now, dt.UTC)
            rig.admit(f"a{number}", now, captured=captured)
        elif step == "take":
            for _, order in rig.orders(now):
                assert now < order.deadline
                assert not delivered & set(order.alerts)
                under_way.append(order)
        elif step in {"left", "trouble"} and under_way:
            happening = Happening.LEFT if step == "left" else Happening.TROUBLE
            order = under_way.pop()
            rig.table.event(Progress("radio", order.number, happening), now)
            sent.append(order)
        elif step == "receipt" and sent:
            order = sent[amount % len(sent)]
            event = Receipt("radio", order.address, order.reference, Happening.RECEIPT)
            rig.table.event(event, now)
        elif step == "wait":
            now += amount
        elif step == "down":
            rig.table.lost("radio", now, "gone")
            under_way.clear()
        elif step == "up":
            rig.table.event(Link("radio", up=True, detail=""), now)
        elif step == "kill":
            rig = Rig(stored=rig.outbox, routes=ONLY_E2)
            under_way.clear()
        rig.save()
        delivered = {d.key.alert for d in rig.outbox.load() if d.state in REACHED}
        wake = rig.table.wake_at(now)
        rig.table.tick(now)
        if not rig.table.take(now):
            assert rig.table.wake_at(now) > now or wake <= now, "no busy waiting"
        else:
            rig.table.lost("radio", now, "test took it")
            rig.table.event(Link("radio", up=True, detail=""), now)
