"""The voice bearer: a cue spoken over RTP into a radio gateway.

Owns: the speaking program's process, the UDP socket, the pace of the packets. Never: a file of
speech, a sentence that is not in the phrase file. Strategy: speak into memory, see that the
deadline still holds, then send a packet every 20 ms against the clock, not against the last one.
"""

from __future__ import annotations

import ipaddress
import random
import socket
from collections.abc import Iterable

import trio

from lfr_engine.errors import ConfigError, ProtocolError
from lfr_engine.relay import rtp, voice
from lfr_engine.relay.bearer_settings import VoiceSettings
from lfr_engine.relay.delivery import Happening
from lfr_engine.relay.port import BearerEvent, BearerLost, Link, Moments, Order, Progress

SPEAK_LIMIT_S = 10.0
"""Ten seconds of speech take espeak-ng a tenth of a second, and a neural voice two."""

_EXPEDITED = 0xB8  # DSCP EF: voice goes first


async def run_voice(
    settings: VoiceSettings,
    addresses: Iterable[str],
    orders: trio.MemoryReceiveChannel[Order],
    reports: trio.MemorySendChannel[BearerEvent],
    moments: Moments,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Check that the program speaks, say it is up, carry orders until ``orders`` is closed.

    Arguments are those of every bearer; see ``relay_tetra.run_tetra``.

    Raises:
        ConfigError: The phrase file, the program or an address cannot be used.
        BearerLost: The network refuses our packets.
    """
    phrases = voice.load_phrases(settings.language)
    for address in addresses:
        _target(address)
    await _speak(settings, phrases.voice, phrases.test)
    talker = _Talker(settings)
    detail = f"{settings.command[0]}, {phrases.voice}, G.711 {settings.law}-law"
    await reports.send(Link(settings.name, up=True, detail=detail))
    task_status.started()
    async for order in orders:
        try:
            speech = await _speak(settings, phrases.voice, voice.sentence(phrases, order.cues))
        except ProtocolError as error:
            progress = Progress(settings.name, order.number, Happening.TROUBLE, error.cause)
            await reports.send(progress)
            continue
        if moments.now() >= order.deadline:
            progress = Progress(settings.name, order.number, Happening.DEADLINE, "deadline passed")
        else:
            sound = voice.transmission(
                speech, settings.law, lead_in_s=settings.lead_in_s, repeats=settings.repeats
            )
            await talker.talk(sound, order.address)
            progress = Progress(settings.name, order.number, Happening.LEFT)
        await reports.send(progress)


async def _speak(settings: VoiceSettings, name: str, sentence: str) -> voice.Speech:
    """Speech at 8 kHz; the sentence goes by standard input, where no other program sees it."""
    command = [part.replace("{voice}", name) for part in settings.command]
    try:
        with trio.fail_after(SPEAK_LIMIT_S):
            done = await trio.run_process(
                command,
                stdin=sentence.encode(),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
    except OSError as exc:
        raise ConfigError(
            f"bearer {settings.name}", f"cannot run {command[0]}", "install espeak-ng"
        ) from exc
    except trio.TooSlowError as exc:
        raise ProtocolError("speech", f"not ready within {SPEAK_LIMIT_S:g} s") from exc
    if done.returncode != 0:
        raise ProtocolError("speech", f"{command[0]} failed with status {done.returncode}")
    return voice.read_wave(done.stdout)


def _target(address: str) -> tuple[str, int]:
    """``host:port`` with a numeric IPv4 host.

    Raises:
        ConfigError: It is not one.
    """
    host, _, port = address.rpartition(":")
    try:
        ipaddress.IPv4Address(host)
        number = int(port)
    except ValueError as exc:
        raise ConfigError(f"voice address {address}", "is not an IPv4 address and port") from exc
    return host, number


class _Talker:
    """One source of RTP: its sequence goes on from one transmission to the next."""

    def __init__(self, settings: VoiceSettings) -> None:
        self._settings = settings
        self._source = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._timestamp = random.getrandbits(32)

    async def talk(self, sound: bytes, address: str) -> None:
        """Send one transmission in real time."""
        target = _target(address)
        with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
            out.setsockopt(
                socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, self._settings.multicast_hops
            )
            if self._settings.interface:
                out.setsockopt(
                    socket.IPPROTO_IP,
                    socket.IP_MULTICAST_IF,
                    socket.inet_aton(self._settings.interface),
                )
            begin = trio.current_time()
            number = 0
            for packet in rtp.packets(
                sound,
                self._settings.law,
                source=self._source,
                sequence=self._sequence,
                timestamp=self._timestamp,
            ):
                try:
                    await out.sendto(packet.encode(), target)
                except OSError as exc:
                    raise BearerLost(address, f"the network refuses packets: {exc}") from exc
                number += 1
                await trio.sleep_until(begin + number * rtp.PACKET_S)
            self._sequence += number
            self._timestamp += number * rtp.PACKET_SAMPLES
