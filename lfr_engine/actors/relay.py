"""The relay put together: the router and every configured bearer, each kept alive.

Owns: the channels between them and the restarts. Never: a decision; ``relay_router`` and the
bearers have those. Strategy: one supervisor per bearer; when a bearer ends, the router queues its
orders again before the bearer may start afresh, so that no order is carried twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from lfr_engine.actors.relay_mqtt import run_mqtt
from lfr_engine.actors.relay_router import (
    Decide,
    Gate,
    Record,
    Refuse,
    Requests,
    Router,
    run_router,
)
from lfr_engine.actors.relay_tak import run_tak
from lfr_engine.actors.relay_tetra import run_tetra
from lfr_engine.actors.relay_voice import run_voice
from lfr_engine.actors.relay_webhook import run_webhook
from lfr_engine.errors import ConfigError, ProtocolError
from lfr_engine.relay.bearer_settings import (
    BearerSettings,
    MqttSettings,
    TakSettings,
    TetraSettings,
    VoiceSettings,
    WebhookSettings,
)
from lfr_engine.relay.outbox import OutboxStore
from lfr_engine.relay.port import BearerEvent, BearerLost, Ended, Link, Moments, Order
from lfr_engine.relay.settings import RelaySettings
from lfr_engine.runtime.supervise import Action, ActorState, Backoff, describe, supervise

_REPORTS = 64

_POLICY: dict[type[Exception], Action] = {
    BearerLost: Action.RETRY,
    ProtocolError: Action.RETRY,
    ConfigError: Action.STOP,
}

LONGEST_WAIT_S = 5.0
"""A bearer that comes back is used within this: a cue lives for a minute and a half."""

OnBearer = Callable[[str, bool, str], None]
"""Told of every change of a bearer's link: name, up, one line."""


@dataclass(slots=True)
class _Ends:
    """A bearer's channel; both ends stay open here while the bearer comes and goes."""

    send: trio.MemorySendChannel[Order]
    receive: trio.MemoryReceiveChannel[Order]


@dataclass(slots=True)
class Relay:
    """What ``run_relay`` gives its starter: where alerts go in.

    ``requests.post`` returns once the alert is durable in the outbox. ``router`` shows the table.
    """

    router: Router
    requests: Requests
    gate: Gate
    _carrying: dict[str, trio.CancelScope]

    def stop(self, reason: str) -> None:
        """Send nothing from this moment: bearers drop what they hold and start afresh (R17)."""
        self.gate.reason = reason
        for scope in self._carrying.values():
            scope.cancel()

    def go_on(self) -> None:
        """Send again what comes from now on."""
        self.gate.reason = ""


async def run_relay(
    settings: RelaySettings,
    store: OutboxStore,
    moments: Moments,
    *,
    record: Record,
    decide: Decide,
    refuse: Refuse,
    on_bearer: OnBearer,
    stopped: str = "",
    task_status: trio.TaskStatus[Relay] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Relay alerts until cancelled.

    Args:
        settings: Checked settings.
        store: The outbox.
        moments: The relay's seconds.
        record: Journals changes; in order, at least once.
        decide: Told of every officer's answer.
        refuse: Told of a request that reaches nobody, or that a rule forbids to relay.
        on_bearer: The status board; must not block.
        stopped: Why nothing may be sent yet; "" when it may.
        task_status: Started with the Relay once the outbox is loaded; bearers may still be down.

    Raises:
        LfrError: The store failed.
    """
    gate = Gate(stopped)
    carrying: dict[str, trio.CancelScope] = {}
    send_report, reports = trio.open_memory_channel[BearerEvent](_REPORTS)
    ends = {
        bearer.name: _Ends(*trio.open_memory_channel[Order](bearer.desk().window))
        for bearer in settings.bearers
    }
    async with trio.open_nursery() as nursery:
        seen_send, seen = trio.open_memory_channel[BearerEvent](_REPORTS)
        nursery.start_soon(_watch, reports, seen_send, on_bearer)
        router: Router = await nursery.start(
            lambda *, task_status: run_router(
                settings,
                store,
                {name: end.send for name, end in ends.items()},
                seen,
                moments,
                gate,
                record=record,
                decide=decide,
                refuse=refuse,
                task_status=task_status,
            )
        )
        task_status.started(Relay(router, router.requests, gate, carrying))
        with send_report:
            for bearer in settings.bearers:
                nursery.start_soon(
                    _keep,
                    bearer,
                    settings,
                    ends[bearer.name].receive,
                    send_report.clone(),
                    moments,
                    on_bearer,
                    carrying,
                )


async def _watch(
    reports: trio.MemoryReceiveChannel[BearerEvent],
    onward: trio.MemorySendChannel[BearerEvent],
    on_bearer: OnBearer,
) -> None:
    """Show links on the board on their way to the router."""
    with reports, onward:
        async for event in reports:
            if isinstance(event, Link):
                on_bearer(event.bearer, event.up, event.detail)
            await onward.send(event)


async def _keep(
    bearer: BearerSettings,
    settings: RelaySettings,
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
    on_bearer: OnBearer,
    carrying: dict[str, trio.CancelScope],
) -> None:
    """One bearer for the life of the relay."""
    addresses = tuple(
        recipient.addresses[bearer.name]
        for recipient in settings.recipients
        if bearer.name in recipient.addresses
    )

    async def once() -> None:
        try:
            await carry()
        except BaseExceptionGroup as group:
            cancelled, _ = group.split(trio.Cancelled)
            if cancelled is not None:
                raise cancelled from None  # we are leaving; that the line broke too is no news
            await end(group)
            raise
        except Exception as error:
            await end(error)
            raise

    async def carry() -> None:
        with trio.CancelScope() as scope:
            carrying[bearer.name] = scope
            await _run(bearer, addresses, orders, reports, moments)
        if scope.cancelled_caught:
            raise BearerLost(bearer.name, "sending was stopped")

    async def end(error: BaseException) -> None:
        noted = trio.Event()
        await reports.send(Ended(bearer.name, describe(error), noted.set))
        await noted.wait()
        _drop(orders)

    def on_state(state: ActorState, reason: str) -> None:
        if state is not ActorState.RUNNING:
            on_bearer(bearer.name, False, reason or state.value)

    with reports:
        await supervise(
            once, policy=_POLICY, on_state=on_state, backoff=Backoff(cap_s=LONGEST_WAIT_S)
        )


def _drop(orders: trio.MemoryReceiveChannel[Order]) -> None:
    """Forget orders the bearer never took: the router has queued them again."""
    while True:
        try:
            orders.receive_nowait()
        except trio.WouldBlock:
            return


def _run(
    bearer: BearerSettings,
    addresses: tuple[str, ...],
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
) -> Awaitable[None]:
    match bearer:
        case TetraSettings():
            return run_tetra(bearer, addresses, orders, reports, moments)
        case TakSettings():
            return run_tak(bearer, addresses, orders, reports, moments)
        case VoiceSettings():
            return run_voice(bearer, addresses, orders, reports, moments)
        case MqttSettings():
            return run_mqtt(bearer, addresses, orders, reports, moments)
        case WebhookSettings():
            return run_webhook(bearer, addresses, orders, reports, moments)
