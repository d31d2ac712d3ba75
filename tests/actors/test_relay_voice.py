"""The voice bearer: RTP captured on loopback, decoded, and compared with the speech itself."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from scipy.signal import correlate

from lfr_engine.relay import voice
from lfr_engine.relay.g711 import decode
from lfr_engine.relay.rtp import Packet
from lfr_engine.relay.settings import RelaySettings, read_settings
from tests.actors.relay_rig import fresh_cue, running_relay

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed"),
]


def voice_settings(address: str, **changes: Any) -> RelaySettings:
    bearer = {"kind": "voice", "name": "voice", "repeats": 1, "interface": "127.0.0.1"}
    return read_settings(
        {
            "bearers": [bearer | changes],
            "recipients": [{"id": "NET", "addresses": {"voice": address}, "group": True}],
            "routes": [{"bearers": ["voice"], "recipients": ["NET"]}],
        }
    )


def speak(sentence: str) -> voice.Speech:
    command = ["espeak-ng", "-v", "en-gb", "-s", "150", "--stdin", "--stdout"]
    done = subprocess.run(command, input=sentence.encode(), capture_output=True, check=True)
    return voice.read_wave(done.stdout)


def open_ear(group: str | None) -> tuple[trio.socket.SocketType, int]:
    ear = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if group is not None:
        ear.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            struct.pack("4s4s", socket.inet_aton(group), socket.inet_aton("127.0.0.1")),
        )
    return ear, 0


@pytest.mark.parametrize("law", ["mu", "a"])
@pytest.mark.parametrize("group", [None, "239.255.77.1"], ids=["unicast", "multicast"])
def test_what_is_said_arrives(law: Any, group: str | None) -> None:
    packets: list[Packet] = []
    times: list[float] = []

    async def main() -> None:
        ear, _ = open_ear(group)
        with ear, trio.fail_after(40):
            await ear.bind((group or "127.0.0.1", 0))
            address = f"{group or '127.0.0.1'}:{ear.getsockname()[1]}"
            async with running_relay(voice_settings(address, law=law)) as relay:
                await relay.wait_up("voice")

                async def listen() -> None:
                    while True:
                        packets.append(Packet.decode(await ear.recv(2048)))
                        times.append(trio.current_time())

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(listen)
                    await relay.post("a1", fresh_cue(captured=cue.captured))
                    await relay.wait_change("left")
                    await trio.sleep(0.1)
                    nursery.cancel_scope.cancel()

    cue = fresh_cue()
    trio.run(main)
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    assert {packet.payload_type for packet in packets} == {0 if law == "mu" else 8}
    steps = np.diff([packet.sequence for packet in packets]) % 65536
    assert (steps == 1).all(), "nothing lost, nothing out of order"
    took = times[-1] - times[0]
    assert took == pytest.approx(len(packets) * 0.02, abs=0.5), "in real time"
    heard = decode(b"".join(packet.payload for packet in packets), law).astype(float)
    said = speak(voice.sentence(voice.load_phrases("en"), [cue])).astype(float)
    assert np.abs(heard[: int(0.55 * 8000)]).max() < 50, "the lead-in is silent"
    likeness = correlate(heard, said, mode="valid") / (
        np.linalg.norm(said) * np.linalg.norm(heard) + 1e-9
    )
    assert likeness.max() > 0.98
    assert abs(int(likeness.argmax()) - 4800) <= 1, "after the lead-in of 0.6 s"


def test_a_missing_program_is_told_and_stops_the_bearer(tmp_path: Path) -> None:
    async def main() -> None:
        settings = voice_settings("127.0.0.1:5004", command=[str(tmp_path / "nothing")])
        with trio.fail_after(20):
            async with running_relay(settings) as relay:
                assert "cannot run" in await relay.wait_down("voice")

    trio.run(main)


def test_a_program_of_another_kind_may_speak(tmp_path: Path) -> None:
    wav = tmp_path / "fixed.wav"
    command = ["espeak-ng", "-w", str(wav), "radio check"]
    subprocess.run(command, check=True)

    async def main() -> None:
        with trio.fail_after(20):
            settings = voice_settings("127.0.0.1:5004", command=["cat", str(wav)])
            async with running_relay(settings) as relay:
                assert "cat" in await relay.wait_up("voice")

    trio.run(main)
