"""The MQTT bearer: cues published with QoS 1, receipts and replies subscribed to.

Owns: one connection of a paho client, driven from Trio: no thread of paho's, no loop of its own.
Never: a cue that is retained, a message before the broker's welcome. Strategy: connecting blocks,
so it happens in a lane; then the socket is non-blocking and one task each reads, writes, beats.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import trio
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from lfr_engine.actors.relay_tls import client_context
from lfr_engine.errors import ConfigError
from lfr_engine.relay import body
from lfr_engine.relay.bearer_settings import MqttSettings
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import (
    Answer,
    BearerEvent,
    BearerLost,
    Link,
    Moments,
    Order,
    Progress,
    Receipt,
)
from lfr_engine.runtime.lanes import LaneHung, open_lane

CONNECT_LIMIT_S = 8.0
KEEP_ALIVE_S = 20
_HEARD = 256  # receipts and replies between two turns of the owner


async def run_mqtt(
    settings: MqttSettings,
    addresses: Iterable[str],
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Connect, say it is up, carry orders; returns when ``orders`` is closed.

    Arguments are those of every bearer; see ``relay_tetra.run_tetra``.

    Raises:
        BearerLost: The broker cannot be reached, refused us, or went away.
        ConfigError: A file or an address cannot be used.
    """
    known = frozenset(addresses)
    for address in known:
        if not address or set(address) & set("+#\0"):
            raise ConfigError(f"MQTT address {address}", "cannot be the end of a topic")
    connection = _Connection(settings, known, moments)
    await connection.connect()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.read)
            nursery.start_soon(connection.write)
            nursery.start_soon(connection.beat)
            await connection.welcome()
            await reports.send(Link(settings.name, up=True, detail=connection.name))
            task_status.started()
            nursery.start_soon(connection.tell, reports)
            async for order in orders:
                connection.publish(order)
            nursery.cancel_scope.cancel()
    finally:
        with trio.move_on_after(1.0, shield=True):
            await connection.leave()


class _Connection:
    """One life of a paho client. Its callbacks run inside ``read``, in the Trio thread."""

    def __init__(self, settings: MqttSettings, known: frozenset[str], moments: Moments) -> None:
        self.name = f"{settings.host}:{settings.port}"
        self._settings = settings
        self._known = known
        self._moments = moments
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=settings.client)
        self._client.connect_timeout = CONNECT_LIMIT_S / 2
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message
        self._welcome = trio.Event()
        self._refused = ""
        self._to_write = trio.Event()
        self._under_way: dict[int, int] = {}
        self._tell, self._told = trio.open_memory_channel[BearerEvent](_HEARD)
        if settings.tls is not None:
            self._client.tls_set_context(client_context(settings.tls))
        if settings.user is not None:
            self._client.username_pw_set(settings.user, _password(settings))
        self._client.will_set(f"{settings.topic}/health", _health(up=False), qos=1, retain=True)

    async def connect(self) -> None:
        """Open the socket and shake hands, in a lane."""
        try:
            async with open_lane("mqtt", width=1, deadline_s=CONNECT_LIMIT_S) as lane:
                await lane.run(self._connect)
        except LaneHung as exc:
            raise BearerLost(self.name, "no connection in time") from exc
        except (OSError, ssl.SSLError, ValueError) as exc:
            raise BearerLost(self.name, f"cannot be reached: {exc}") from exc

    def _connect(self) -> None:
        self._client.connect(self._settings.host, self._settings.port, KEEP_ALIVE_S)

    async def welcome(self) -> None:
        """Wait until the broker took us and our subscriptions."""
        with trio.move_on_after(CONNECT_LIMIT_S):
            await self._welcome.wait()
        if self._refused or not self._welcome.is_set():
            raise BearerLost(self.name, self._refused or "did not welcome us in time")
        topic = f"{self._settings.topic}/health"
        self._client.publish(topic, _health(up=True), qos=1, retain=True)
        self._to_write.set()

    def publish(self, order: Order) -> None:
        """Hand one order to the client; its progress comes with the broker's acknowledgement."""
        if self._moments.now() >= order.deadline:
            late = Progress(
                self._settings.name, order.number, Happening.DEADLINE, "deadline passed"
            )
            self._tell.send_nowait(late)
            return
        topic = f"{self._settings.topic}/cue/{order.address}"
        info = self._client.publish(topic, body.order_body(order), qos=1)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BearerLost(self.name, mqtt.error_string(info.rc))
        self._under_way[info.mid] = order.number
        self._to_write.set()

    async def tell(self, reports: trio.MemorySendChannel[BearerEvent]) -> None:
        """Pass on what the callbacks heard."""
        async for event in self._told:
            await reports.send(event)

    async def read(self) -> None:
        """Read whenever the socket has something."""
        while True:
            plug = self._socket()
            await self._wait(trio.lowlevel.wait_readable, plug)
            self._check(self._client.loop_read())
            # what TLS has already decrypted does not make the socket readable again
            while isinstance(plug, ssl.SSLSocket) and plug.pending():
                self._check(self._client.loop_read())
            self._to_write.set()

    async def write(self) -> None:
        """Write whenever the client has something."""
        while True:
            while self._client.want_write():
                await self._wait(trio.lowlevel.wait_writable, self._socket())
                self._check(self._client.loop_write())
            await self._to_write.wait()
            self._to_write = trio.Event()

    async def beat(self) -> None:
        """Keep the connection alive, and notice when it is not."""
        while True:
            await trio.sleep(1.0)
            self._check(self._client.loop_misc())
            self._to_write.set()

    async def leave(self) -> None:
        """Say that we are down, as far as that is still possible."""
        if self._client.is_connected():
            topic = f"{self._settings.topic}/health"
            self._client.publish(topic, _health(up=False), qos=1, retain=True)
            self._client.disconnect()
            for _ in range(20):
                if not self._client.want_write():
                    break
                self._client.loop_write()
                await trio.sleep(0.01)
        plug = self._client.socket()
        if plug is not None:
            plug.close()

    def _socket(self) -> Any:
        plug = self._client.socket()
        if plug is None:
            raise BearerLost(self.name, self._refused or "the connection ended")
        return plug

    async def _wait(self, wait: Callable[[Any], Any], plug: Any) -> None:
        try:
            await wait(plug)
        except (OSError, trio.ClosedResourceError, ValueError) as exc:
            raise BearerLost(self.name, "the connection broke") from exc

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BearerLost(self.name, self._refused or mqtt.error_string(code))

    # --- paho's callbacks; the names of their arguments are paho's ---

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,  # noqa: ARG002 - paho's signature
        flags: mqtt.ConnectFlags,  # noqa: ARG002 - paho's signature
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002 - paho's signature
    ) -> None:
        if reason.is_failure:
            self._refused = f"refused us: {reason}"
            self._welcome.set()
            return
        topic = self._settings.topic
        client.subscribe([(f"{topic}/receipt/#", 1), (f"{topic}/reply/#", 1)])

    def _on_subscribe(self, *_: object) -> None:
        self._welcome.set()

    def _on_publish(
        self,
        client: mqtt.Client,  # noqa: ARG002 - paho's signature
        userdata: object,  # noqa: ARG002 - paho's signature
        mid: int,
        *_: object,
    ) -> None:
        number = self._under_way.pop(mid, None)
        if number is not None:
            self._hear(Progress(self._settings.name, number, Happening.LEFT))

    def _on_message(
        self,
        client: mqtt.Client,  # noqa: ARG002 - paho's signature
        userdata: object,  # noqa: ARG002 - paho's signature
        message: mqtt.MQTTMessage,
    ) -> None:
        kind, _, address = message.topic.removeprefix(f"{self._settings.topic}/").partition("/")
        if address not in self._known or message.retain:
            return  # a retained receipt is about an earlier run
        for event in body.read_back(self._settings.name, address, bytes(message.payload)):
            if isinstance(event, Receipt if kind == "receipt" else Answer):
                self._hear(event)

    def _hear(self, event: BearerEvent) -> None:
        try:
            self._tell.send_nowait(event)
        except trio.WouldBlock as exc:
            raise BearerLost(self.name, "sends faster than we can read") from exc


def _health(*, up: bool) -> bytes:
    return json.dumps({"up": up}).encode()


def _password(settings: MqttSettings) -> str | None:
    if settings.password_file is None:
        return None
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(settings.password_file, "cannot be read") from exc
