"""The TAK bearer against a real TAK server, taky: TCP, and TLS with client certificates."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from lfr_engine.relay.port import Reply
from lfr_engine.relay.settings import RelaySettings, read_settings
from tests.actors.relay_rig import RunningRelay, fresh_cue, running_relay
from tests.simulators.certificates import Certificates, make_certificates

TAKY = shutil.which("taky", path=str(Path(sys.executable).parent)) or shutil.which("taky")

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(TAKY is None, reason="taky, a TAK server, is not installed"),
]


async def free_port() -> int:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        port: int = listener.socket.getsockname()[1]
    return port


@asynccontextmanager
async def tak_server(folder: Path, files: Certificates | None, port: int = 0) -> AsyncIterator[int]:
    port = port or await free_port()
    config = f"""
[taky]
hostname=127.0.0.1
bind_ip=127.0.0.1
root_dir={folder}
[cot_server]
port={port}
[ssl]
enabled={"true" if files else "false"}
"""
    if files is not None:
        config += f"ca={files.authority}\ncert={files.server}\nkey={files.server_key}\n"
        config += "client_cert_required=true\ncert_db=\n"
    path = folder / "taky.conf"
    path.write_text(config)
    with (folder / "taky.log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            [str(TAKY), "-c", str(path), "-l", "debug"], stdout=log, stderr=log
        )
        try:
            yield port
        finally:
            process.kill()
            with trio.move_on_after(5, shield=True):
                await process.wait()


class Phone:
    """An officer's handset as far as a TAK server can tell."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.events: list[str] = []
        self._news = trio.Event()

    async def send(self, kind: str, uid: str, detail: str) -> None:
        time = "2026-01-01T00:00:00.000Z"
        event = (
            f'<event version="2.0" uid="{uid}" type="{kind}" how="h-g-i-g-o" time="{time}"'
            f' start="{time}" stale="2036-01-01T00:00:00.000Z">'
            '<point lat="51.5" lon="-0.1" hae="0" ce="9" le="9"/>'
            f"<detail>{detail}</detail></event>"
        )
        await self.stream.send_all(event.encode())

    async def register(self) -> None:
        await self.send(
            "a-f-G-U-C",
            "ECHO-UID",
            '<takv os="1" version="1" device="x" platform="ATAK"/>'
            '<contact callsign="ECHO21" endpoint="*:-1:stcp"/>'
            '<__group name="Cyan" role="Team Member"/>',
        )

    async def say(self, kind: str, uid: str, text: str) -> None:
        await self.send(
            kind,
            uid,
            f'<__chat parent="RootContactGroup" groupOwner="false" messageId="{uid}"'
            ' chatroom="LFR" id="LFR-ENGINE" senderCallsign="ECHO21">'
            '<chatgrp uid0="ECHO-UID" uid1="LFR-ENGINE" id="LFR-ENGINE"/></__chat>'
            '<link uid="ECHO-UID" type="a-f-G-U-C" relation="p-p"/>'
            '<remarks source="BAO.F.ATAK.ECHO-UID" to="LFR-ENGINE"'
            f' time="2026-01-01T00:00:00.000Z">{text}</remarks>'
            '<marti><dest callsign="LFR"/></marti>',
        )

    async def listen(self) -> None:
        rest = ""
        while data := await self.stream.receive_some():
            *events, rest = (rest + bytes(data).decode()).split("</event>")
            self.events += events
            self._news.set()
            self._news = trio.Event()

    async def wait(self, *words: str) -> str:
        with trio.fail_after(15):
            while True:
                for event in self.events:
                    if all(word in event for word in words):
                        return event
                await self._news.wait()


async def connect(port: int, files: Certificates | None) -> trio.abc.Stream:
    for _ in range(200):
        try:
            plain = await trio.open_tcp_stream("127.0.0.1", port)
            break
        except OSError:
            await trio.sleep(0.05)
    if files is None:
        return plain
    context = ssl.create_default_context(cafile=str(files.authority))
    context.load_cert_chain(files.client, files.client_key)
    stream = trio.SSLStream(plain, context, server_hostname="127.0.0.1", https_compatible=True)
    await stream.do_handshake()
    return stream


def tak_settings(port: int, files: Certificates | None, **changes: Any) -> RelaySettings:
    bearer: dict[str, Any] = {
        "kind": "tak",
        "name": "tak",
        "host": "127.0.0.1",
        "port": port,
        "places": {"VAN1": {"latitude": 51.5, "longitude": -0.1}},
    }
    if files is not None:
        bearer["tls"] = {
            "authority": str(files.authority),
            "certificate": str(files.client),
            "key": str(files.client_key),
        }
    return read_settings(
        {
            "bearers": [bearer | changes],
            "recipients": [{"id": "E1", "addresses": {"tak": "ECHO21/ECHO-UID"}}],
            "routes": [{"bearers": ["tak"], "recipients": ["E1"]}],
        }
    )


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_a_cue_reaches_the_handset_and_its_receipt_and_reply_come_back(
    tmp_path: Path, secure: bool
) -> None:
    files = make_certificates(tmp_path) if secure else None
    secret = tmp_path / "pictures.key"
    secret.write_bytes(b"k" * 32)

    async def main() -> None:
        with trio.fail_after(40):
            async with tak_server(tmp_path, files) as port, await connect(port, files) as stream:
                pictures = {
                    "pictures": "https://van:8443/pictures",
                    "pictures_secret_file": str(secret),
                }
                settings = tak_settings(port, files, **pictures)
                phone = Phone(stream)
                async with trio.open_nursery() as nursery, running_relay(settings) as relay:
                    nursery.start_soon(phone.listen)
                    await phone.register()
                    await relay.wait_up("tak")
                    await scenario(phone, relay)
                    nursery.cancel_scope.cancel()

    async def scenario(phone: Phone, relay: RunningRelay) -> None:
        await trio.sleep(0.3)  # the server registers who is who
        await relay.post("a1")
        marker = await phone.wait('type="b-m-p-s-m"', 'uid="LFR.A1B2C3"')
        assert "LFR! VAN1 C2 #A1B2C3" in marker
        assert "https://van:8443/pictures/A1B2C3/" in marker
        chat = await phone.wait('type="b-t-f"', "LFR! VAN1 C2 #A1B2C3")
        message = re.search(r'messageId="(LFR\.A1B2C3\.\d+)"', chat)
        assert message is not None
        await phone.say("b-t-f-d", message[1], "")
        await relay.wait_change("receipt")
        await phone.say("b-t-f-r", message[1], "")
        await relay.wait_change("seen")
        await phone.say("b-t-f", "GeoChat.ECHO-UID.LFR.1", "#A1B2C3 engaged")
        reply = await relay.wait_reply()
        assert (reply.alert, reply.recipient, reply.reply) == ("a1", "E1", Reply.ENGAGED)
        relay.store.ask("cancel", "a1")
        await phone.wait('uid="LFR.A1B2C3"', "CANCELLED")

    trio.run(main)


def test_a_server_that_goes_away_is_found_again(tmp_path: Path) -> None:
    async def main() -> None:
        with trio.fail_after(40):
            port = await free_port()
            async with running_relay(tak_settings(port, None)) as relay:
                async with tak_server(tmp_path, None, port):
                    await relay.wait_up("tak")
                await relay.wait_down("tak")
                await relay.post("a1", fresh_cue())
                assert relay.state_of("a1") == "queued"
                async with tak_server(tmp_path, None, port):
                    await relay.wait_up("tak", number=2)
                    await relay.wait_change("left")

    trio.run(main)


def test_without_our_certificate_the_server_is_not_up(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)

    async def main() -> None:
        with trio.fail_after(30):
            async with tak_server(tmp_path, files) as port:
                await (await connect(port, files)).aclose()
                tls = {"authority": str(files.authority)}
                async with running_relay(tak_settings(port, files, tls=tls)) as relay:
                    await relay.wait_down("tak")

    trio.run(main)


def test_the_server_is_the_registry_one() -> None:
    said = subprocess.run([str(TAKY), "--version"], capture_output=True, text=True, check=False)
    assert "taky" in said.stdout.lower() + said.stderr.lower()
