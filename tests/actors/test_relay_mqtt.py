"""The MQTT bearer against a real broker, mosquitto: TLS with client certificates, QoS 1, will."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import trio
from paho.mqtt.enums import CallbackAPIVersion

from lfr_engine.relay.port import Reply
from lfr_engine.relay.settings import RelaySettings, read_settings
from tests.actors.relay_rig import RunningRelay, fresh_cue, running_relay
from tests.actors.test_relay_tak import free_port
from tests.simulators.certificates import Certificates, make_certificates

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto, an MQTT broker, is not installed"),
]


@asynccontextmanager
async def broker(folder: Path, files: Certificates | None, port: int = 0) -> AsyncIterator[int]:
    port = port or await free_port()
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "user root"]
    if files is not None:
        lines += [
            f"cafile {files.authority}",
            f"certfile {files.server}",
            f"keyfile {files.server_key}",
            "require_certificate true",
        ]
    path = folder / "mosquitto.conf"
    path.write_text("\n".join(lines) + "\n")
    with (folder / "mosquitto.log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            [str(MOSQUITTO), "-c", str(path)], stdout=log, stderr=log
        )
        try:
            for _ in range(200):
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    await trio.sleep(0.02)
            yield port
        finally:
            process.kill()
            with trio.move_on_after(5, shield=True):
                await process.wait()


class Watcher:
    """Another MQTT program, with a thread of its own: what a control room would see."""

    def __init__(self, port: int, files: Certificates | None) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if files is not None:
            self.client.tls_set(str(files.authority), str(files.client), str(files.client_key))
        self.client.on_message = lambda _c, _u, m: self.heard.append(
            (m.topic, bytes(m.payload), m.retain)
        )
        self.client.on_connect = lambda c, *_: c.subscribe("lfr/#", 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    async def wait(self, topic: str, number: int = 1) -> Any:
        with trio.fail_after(10):
            while True:
                bodies = [payload for name, payload, _ in self.heard if name == topic]
                if len(bodies) >= number:
                    return json.loads(bodies[number - 1])
                await trio.sleep(0.02)


def mqtt_settings(port: int, files: Certificates | None) -> RelaySettings:
    bearer: dict[str, Any] = {"kind": "mqtt", "name": "mqtt", "host": "127.0.0.1", "port": port}
    if files is not None:
        bearer["tls"] = {
            "authority": str(files.authority),
            "certificate": str(files.client),
            "key": str(files.client_key),
        }
    return read_settings(
        {
            "bearers": [bearer],
            "recipients": [{"id": "E1", "addresses": {"mqtt": "echo1"}}],
            "routes": [{"bearers": ["mqtt"], "recipients": ["E1"]}],
        }
    )


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_a_cue_is_published_acknowledged_received_and_answered(
    tmp_path: Path, secure: bool
) -> None:
    files = make_certificates(tmp_path) if secure else None

    async def main() -> None:
        with trio.fail_after(40):
            async with broker(tmp_path, files) as port:
                watcher = Watcher(port, files)
                try:
                    async with running_relay(mqtt_settings(port, files)) as relay:
                        await relay.wait_up("mqtt")
                        await scenario(watcher, relay)
                    assert await watcher.wait("lfr/health", 2) == {"up": False}
                finally:
                    watcher.close()

    async def scenario(watcher: Watcher, relay: RunningRelay) -> None:
        assert await watcher.wait("lfr/health") == {"up": True}
        await relay.post("a1")
        cue = await watcher.wait("lfr/cue/echo1")
        assert cue["text"].startswith("LFR! VAN1 C2 #A1B2C3")
        assert set(cue) == {"version", "message", "to", "text", "expires", "cues"}
        await relay.wait_change("left")
        receipt = json.dumps({"message": cue["message"], "status": "received"})
        watcher.client.publish("lfr/receipt/stranger", receipt, 1)
        watcher.client.publish("lfr/receipt/echo1", receipt, 1)
        await relay.wait_change("receipt")
        answer = json.dumps({"reference": "A1B2C3", "reply": "engaged"})
        watcher.client.publish("lfr/reply/echo1", answer, 1)
        reply = await relay.wait_reply()
        assert (reply.recipient, reply.reply, reply.certain) == ("E1", Reply.ENGAGED, True)
        assert not [topic for topic, _, kept in watcher.heard if "/cue/" in topic and kept]

    trio.run(main)


def test_a_broker_that_dies_is_found_again_and_the_cue_still_goes(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(60):
            port = await free_port()
            async with running_relay(mqtt_settings(port, None)) as relay:
                async with broker(tmp_path, None, port):
                    await relay.wait_up("mqtt")
                await relay.wait_down("mqtt")
                await relay.post("a1", fresh_cue())
                async with broker(tmp_path, None, port):
                    await relay.wait_up("mqtt", number=2)
                    await relay.wait_change("left")

    trio.run(main)


def test_a_broker_that_refuses_us_says_why(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)

    async def main() -> None:
        with trio.fail_after(30):
            async with broker(tmp_path, files) as port:
                settings = mqtt_settings(port, None)
                async with running_relay(settings) as relay:
                    assert "127.0.0.1" in await relay.wait_down("mqtt")

    trio.run(main)
