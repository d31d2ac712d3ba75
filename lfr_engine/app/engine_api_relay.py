"""Commands on the relay: how bearers fare, what waits, tests, again, back.

Owns: who asks for what, and the journal's line of a test. Never: a cue made by hand; a test that is
not marked TEST. Strategy: everything that changes a message is done by the relay's owner and is
durable before the answer.
"""

from __future__ import annotations

import secrets
from typing import Any

import trio

from lfr_engine.api.port import Caller, Conflict, NotFound
from lfr_engine.app.relay_words import item, item_key
from lfr_engine.app.relaying import Relaying
from lfr_engine.app.running import Running
from lfr_engine.errors import LfrError
from lfr_engine.journal.events.access import RelayTested
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from lfr_engine.relay.asked import alert_of
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.delivery import OVER, REACHED, Key, State
from lfr_engine.relay.table import RelayTable

ASK_S = 5.0
"""For the outbox to become durable."""
TEST_S = 8.0
"""For a test to leave: a modem that was just used waits 3 s."""
_LEFT = REACHED | {State.ACCEPTED, State.SENT}
MOST_ITEMS = 500


async def relay_status(running: Running, _: a.RelayStatus, __: Caller) -> s.RelayStatus:
    """Every bearer; none where no relay is configured."""
    await trio.lowlevel.checkpoint()
    return s.RelayStatus(bearers=running.bearers())


async def relay_queue(running: Running, command: a.RelayQueue, _: Caller) -> s.RelayQueue:
    """Messages not yet settled; all of one alert where it is named, oldest first."""
    await trio.lowlevel.checkpoint()
    table = None if running.relaying is None else running.relaying.table
    if table is None:
        return s.RelayQueue(items=[])
    found = [
        delivery
        for desk in table.desks.values()
        for delivery in desk.all()
        if (alert_of(delivery.key.alert) == command.alert if command.alert else not delivery.over)
    ]
    found.sort(key=lambda delivery: delivery.created)
    return s.RelayQueue(items=[item(delivery) for delivery in found[:MOST_ITEMS]])


async def relay_test(running: Running, command: a.RelayTest, caller: Caller) -> s.Done:
    """One message marked TEST; done once it left, or the reason why it did not."""
    relaying = _relaying(running)
    recipient = _recipient(relaying, command.bearer, command.recipient)
    reference = secrets.token_hex(3).upper()
    key = Key(f"test-{reference}", recipient, command.bearer)
    cue = Cue(
        reference=reference,
        place="TEST",
        category="T0",
        captured=relaying.moments.utc(),
        reviewed=True,
        marking=Marking.TEST,
    )
    if relaying.stopped:
        raise Conflict("relay test", relaying.stopped)
    await _ask(relaying, lambda t, now: t.test(command.bearer, recipient, key.alert, cue, now))
    state, reason = State.QUEUED, ""
    with trio.move_on_after(TEST_S):
        while state not in _LEFT and state not in OVER:
            await trio.sleep(0.05)
            state, reason = _state(relaying, key)
    passed = state in _LEFT
    cause = reason or (f"not sent within {TEST_S:g} s" if not passed else state.value)
    if not passed:
        await _ask(relaying, lambda table, now: table.take_back(key, "the test is over", now))
    if running.session is not None:
        await running.session.journaler.record(
            [
                RelayTested(
                    actor=caller.name,
                    role=caller.role.value,
                    bearer=command.bearer,
                    passed=passed,
                    cause=cause[:500],
                )
            ]
        )
    if not passed:
        raise Conflict(f"bearer {command.bearer}", cause, "see relay.status")
    return s.Done()


async def relay_resend(running: Running, command: a.RelayResend, caller: Caller) -> s.Done:
    """Send a message, or all of an alert, again within its deadline."""
    relaying = _relaying(running)
    keys = _keys(relaying, command.item)
    if relaying.stopped:
        raise Conflict("relay", relaying.stopped)
    reason = f"resent by {caller.name}"
    again: list[bool] = []
    await _ask(
        relaying,
        lambda table, now: again.extend([table.resend_one(key, now, reason) for key in keys]),
    )
    if not any(again):
        raise Conflict(f"message {command.item:.80}", "was delivered, or its time is over")
    return s.Done()


async def relay_cancel(running: Running, command: a.RelayCancel, caller: Caller) -> s.Done:
    """Take back one message that was not yet sent, or a whole alert from everybody."""
    relaying = _relaying(running)
    keys = _keys(relaying, command.item)
    if item_key(command.item) is None:
        await _ask(relaying, lambda table, now: table.cancel(command.item, now))
        return s.Done()
    reason = f"taken back by {caller.name}"
    done: list[bool] = []
    await _ask(relaying, lambda table, now: done.append(table.take_back(keys[0], reason, now)))
    if not done[0]:
        raise Conflict(
            f"message {command.item:.80}",
            "was sent, or is over",
            "cancel the alert to tell everybody that it no longer holds",
        )
    return s.Done()


def _relaying(running: Running) -> Relaying:
    if running.relaying is None:
        raise Conflict(
            "relay",
            "none is configured",
            "describe bearers and officers in [relay], and start again",
        )
    return running.relaying


async def _ask(relaying: Relaying, act: Any) -> None:
    with trio.move_on_after(ASK_S):
        try:
            await relaying.ask(act)
        except Conflict:
            raise
        except LfrError as error:
            raise Conflict(error.subject, error.cause, error.mend) from error
        return
    raise Conflict("relay", f"its outbox took nothing for {ASK_S:g} s", "look at the disk")


def _state(relaying: Relaying, key: Key) -> tuple[State, str]:
    table: RelayTable | None = relaying.table
    delivery = None if table is None else table.desks[key.bearer].get(key)
    return (State.QUEUED, "") if delivery is None else (delivery.state, delivery.reason)


def _keys(relaying: Relaying, name: str) -> list[Key]:
    """The messages a name means: one, or all of an alert. Raises ``NotFound``."""
    table = relaying.table
    known = [] if table is None else [d.key for desk in table.desks.values() for d in desk.all()]
    wanted = item_key(name)
    found = [key for key in known if (key == wanted if wanted else alert_of(key.alert) == name)]
    if not found:
        raise NotFound(f"message {name:.80}", "there is no such message, nor alert")
    return found


def _recipient(relaying: Relaying, bearer: str, wanted: str | None) -> str:
    """Whom to test: who is named, else the first officer with an address there."""
    settings = relaying.settings
    if all(known.name != bearer for known in settings.bearers):
        names = ", ".join(known.name for known in settings.bearers) or "none"
        raise NotFound(f"bearer {bearer:.40}", "is not configured", f"there are: {names}")
    reachable = [known for known in settings.recipients if bearer in known.addresses]
    if wanted is not None:
        reachable = [known for known in reachable if known.id == wanted]
    if not reachable:
        whom = "nobody" if wanted is None else f"no {wanted:.40}"
        raise NotFound(f"bearer {bearer:.40}", f"{whom} has an address there")
    return min(reachable, key=lambda known: known.group).id


RELAY_HANDLERS: dict[type[a.Command[Any]], Any] = {
    a.RelayStatus: relay_status,
    a.RelayQueue: relay_queue,
    a.RelayTest: relay_test,
    a.RelayResend: relay_resend,
    a.RelayCancel: relay_cancel,
}
