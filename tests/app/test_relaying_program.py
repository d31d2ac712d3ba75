"""``lfr run`` with a radio and a broker: recorded video, a signed deployment, what really leaves.

Everything is a program of its own: the engine, the modem, mosquitto. What they were sent is
captured whole and held against the fields that may leave (R18).
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from lfr_engine.client.errors import CallRefused
from lfr_engine.client.trio_client import Client, open_client
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol.address import UnixAddress
from lfr_engine.protocol.commands import CallerRole
from tests.actors.relay_rig import SimulatedModem, simulated_modem
from tests.actors.test_relay_mqtt import MOSQUITTO, Watcher, broker
from tests.app.deployment_rig import until
from tests.app.test_deployment_killed import wait_until_gone
from tests.app.test_relaying import text_hex
from tests.tui.real import Place, deployment_in, exercise_in

RELAY = """
[relay]
deadline_s = 300
[relay.cameras]
door = "VAN1"
[[relay.bearers]]
kind = "tetra"
name = "radio"
port = "{port}"
speeds = [38400]
every_s = 0.2
repeat_s = 3
[[relay.bearers]]
kind = "mqtt"
name = "room"
host = "127.0.0.1"
port = {broker}
[[relay.recipients]]
id = "E21"
addresses = {{ radio = "1234567" }}
[[relay.recipients]]
id = "ROOM"
addresses = {{ room = "desk1" }}
[[relay.routes]]
bearers = ["radio", "room"]
recipients = ["E21", "ROOM"]
"""

TEXT = re.compile(r"LFR! VAN1 C1 #[0-9A-F]{6} \d\d:\d\d \d{1,2}[sm]")
COMMANDS = re.compile(
    r"AT|ATE0|AT\+CSCS=8859-1|AT\+CTSP=[\d,]+|AT\+CTSDS=[\d,]+|AT\+CMGS=\?"
    r"|AT\+CMGS=1234567,\d+|AT\+CNUMF\?|AT\+CSQ|AT\+CTOM\?"
)
BODY = {"version", "message", "to", "text", "expires", "cues"}
CUE = {"reference", "place", "category", "captured", "reviewed", "marking", "withdrawn"}

pytestmark = [
    pytest.mark.server,
    pytest.mark.shared,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto, an MQTT broker, is not installed"),
]


@dataclass
class Street:
    """A deployment, the radio and the broker; the engine comes and goes."""

    place: Place
    modem: SimulatedModem
    watcher: Watcher
    engines: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Client]:
        with self.place.running() as process:
            self.engines.append(process)
            address = UnixAddress(self.place.socket)
            async with open_client(address, role=CallerRole.OPERATOR.value) as client:
                yield client

    def relayed(self, **facts: Any) -> list[dict[str, Any]]:
        found = [dict(record.body) for record in self.place.journal("relay.state")]
        return [body for body in found if facts.items() <= body.items()]


@asynccontextmanager
async def street(
    folder: Path, prepare: Callable[[Path], Place] = deployment_in
) -> AsyncIterator[Street]:
    place = prepare(folder)
    with trio.fail_after(280):
        async with simulated_modem(folder) as modem, broker(folder, None) as port:
            await modem.do("radio", issi="1234567")
            relay = RELAY.format(port=modem.port, broker=port)
            place.file.write_text(place.file.read_text() + relay)
            watcher = Watcher(port, None)
            try:
                yield Street(place, modem, watcher)
            finally:
                watcher.close()


async def raised(client: Client, *but: str) -> str:
    """An alert that nobody decided yet, and that is none of these."""
    with trio.fail_after(120):
        while True:
            page = await client.call(a.AlertsList(states=["generated"]))
            for alert in page.alerts:
                if alert.alert not in but:
                    return alert.alert
            await trio.sleep(0.1)


async def pass_on(client: Client, alert: str) -> None:
    await client.call(a.AlertsDisplayed(alert=alert))
    await client.call(a.AlertsOpinion(alert=alert, opinion="same"))
    await client.call(a.AlertsDecide(alert=alert, decision="passed", reasons=["likeness"]))


def texts(modem: SimulatedModem) -> list[str]:
    """What was written on the serial line, after its SDS-TL header (PID, kind, reference, ISO)."""
    found = []
    for written in modem.all("written"):
        data = bytes.fromhex(written["hex"])
        if data[1] >> 4 == 0:  # a message; not an acknowledgement of a radio's
            assert data[:2] == b"\x82\x0e"
            assert 1 <= data[2] <= 255
            at = 4 if not data[3] & 0x80 else 7
            found.append(data[at:].decode("latin-1"))
    return found


def test_an_alert_of_real_video_is_on_the_radio_and_nothing_else_leaves(tmp_path: Path) -> None:
    async def main() -> None:
        async with street(tmp_path) as made, made.engine() as client:
            first = await raised(client)
            assert not made.modem.all("written")
            await pass_on(client, first)
            shown = await made.modem.wait("shown")
            assert f"#{first} " in shown["text"]
            cue = await made.watcher.wait("lfr/cue/desk1")
            await until(lambda: made.relayed(alert=first, state="delivered"), 20)
            board = await client.call(a.BoardGet())
            radio, room = board.bearers
            assert (radio.bearer, radio.state, radio.delivered) == ("radio", "ready", 1)
            assert (room.bearer, room.sent) == ("room", 1)
            await client.call(a.RelayTest(bearer="radio"))
            await made.modem.do("text", issi="1234567", hex=text_hex(f"#{first} stopped"))
            await until(lambda: made.place.journal("alert.outcome"), 20)

            # the journal: the decision before the first step of a message, digests and no text
            (decided,) = made.place.journal("alert.decided")
            assert decided.seq < made.place.journal("relay.state")[0].seq
            (outcome,) = made.place.journal("alert.outcome")
            assert (outcome.body["actor"], outcome.body["outcome"]) == ("E21", "engaged")
            assert (tmp_path / "data" / "journal.jsonl").read_bytes().find(b"LFR!") == -1

            # golden: all that left
            sent = texts(made.modem)
            assert TEXT.fullmatch(sent[0]), sent
            assert re.fullmatch(r"TEST LFR! TEST T0 #[0-9A-F]{6} \d\d:\d\d \d{1,2}s", sent[1]), sent
            assert len(sent) == 2
            for command in made.modem.all("command"):
                assert COMMANDS.fullmatch(command["line"]), command
            assert set(cue) == BODY
            assert [set(one) for one in cue["cues"]] == [CUE]
            assert TEXT.fullmatch(cue["text"])
            topics = {topic for topic, _, _ in made.watcher.heard}
            assert topics == {"lfr/health", "lfr/cue/desk1"}
            everything = json.dumps(
                [made.modem.told, [b.decode() for _, b, _ in made.watcher.heard]]
            )
            for secret in (
                "W-1",
                "W-2",
                "Person",
                "miranda",
                "lacamoire",
                "warrant",
                "High Street",
            ):
                assert secret not in everything

    trio.run(main)


def test_an_exercise_is_marked_and_leaves_by_the_test_bearer_only(tmp_path: Path) -> None:
    async def main() -> None:
        async with street(tmp_path, exercise_in) as made:
            text = made.place.file.read_text()
            text = text.replace('name = "radio"', 'name = "radio"\ntest = true')
            made.place.file.write_text(text.replace("[relay]", '[relay]\nreview = "before"'))
            async with made.engine() as client:
                first = await made.modem.wait("shown", limit=120)
                assert re.fullmatch(
                    r"EXERCISE LFR\? VAN1 C1 #[0-9A-F]{6} \d\d:\d\d \d{1,2}[sm]", first["text"]
                )
                board = await client.call(a.BoardGet())
                assert board.bearers[0].detail.startswith("TEST ")
                with pytest.raises(CallRefused, match="fax"):
                    await client.call(a.RelayTest(bearer="fax"))
            assert {topic for topic, _, _ in made.watcher.heard} <= {"lfr/health"}

    trio.run(main)


def test_killed_between_write_and_receipt_nothing_delivered_is_doubled(tmp_path: Path) -> None:
    async def main() -> None:
        async with street(tmp_path) as made:
            text = made.place.file.read_text().replace('"E21", "ROOM"', '"E21", "E22"')
            second = '[[relay.recipients]]\nid = "E22"\naddresses = { radio = "1234568" }\n'
            made.place.file.write_text(text + second)
            await made.modem.do("radio", issi="1234568", report_delay_s=600.0)
            async with made.engine() as client:
                alert = await raised(client)
                await pass_on(client, alert)
                await until(lambda: made.relayed(recipient="E21", state="delivered"), 30)
                await made.modem.wait("shown", issi="1234568")
                os.kill(made.engines[0].pid, signal.SIGKILL)
            assert not made.relayed(recipient="E22", state="delivered")
            wait_until_gone(tmp_path)
            await made.modem.do("radio", issi="1234568", report_delay_s=0.05)
            async with made.engine():
                await made.modem.wait("repeated", issi="1234568", limit=60)
                await until(lambda: made.relayed(recipient="E22", state="delivered"), 30)
                await trio.sleep(4)  # longer than repeat_s: what was delivered is not sent again
            # one cue each on the officers' screens, and one message to who had reported it
            assert [told["issi"] for told in made.modem.all("shown")] == ["1234567", "1234568"]
            assert len(made.modem.all("written", called="1234567")) == 1
            assert (
                len({told["hex"][:6] for told in made.modem.all("written", called="1234568")}) == 1
            )
            states = [body["state"] for body in made.relayed(recipient="E21")]
            assert states[-1] == "delivered"

    trio.run(main)
