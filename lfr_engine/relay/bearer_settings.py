"""What the operator configures about each kind of bearer, and how many orders it bears at once.

Owns: one struct a kind, told apart by ``kind``. Never: a file, a secret in its text form (those are
named by path), a check across bearers (``relay.settings``).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from lfr_engine.relay.desk import DeskSettings
from lfr_engine.relay.port import Reply


class _Bearer(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What every bearer has.

    Args:
        name: Names it in routes and on the board.
        test: Marked for test: takes exercise and blue-list cues, and never a live one.
        repeat_s: Without a receipt, send again after this long.
    """

    name: str
    test: bool = False
    repeat_s: float = 20.0


class TetraSettings(_Bearer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="tetra"):
    """A TETRA modem on a serial port.

    Args:
        port: Device path, best one of ``/dev/serial/by-id``.
        speeds: Tried in turn, each with hardware flow control off and on, until one answers.
        largest_bits: Largest message; the modem's own limit can only lower it.
        every_s, burst: Token bucket.
        immediate: Ask the radio to show the text at once (PID 0x89) rather than file it (0x82).
        answers: Pre-coded status, four hexadecimal digits → what it means when an officer sends it.
        fallback_status: Status sent when the modem cannot send text; None: the cue fails there.
        hold: Ask the network to hold a cue for a radio that is away, until its deadline at most.
    """

    port: str
    speeds: tuple[int, ...] = (38400, 9600, 115200, 460800)
    largest_bits: int = 668
    every_s: float = 3.0
    burst: int = 4
    immediate: bool = False
    answers: dict[str, Reply] = msgspec.field(
        default_factory=lambda: {
            "8002": Reply.SEEN,
            "8003": Reply.ENGAGED,
            "8004": Reply.LOST,
            "8005": Reply.NO_ACTION,
        }
    )
    fallback_status: str | None = None
    hold: bool = False

    def desk(self) -> DeskSettings:
        """One send at a time, paced."""
        return DeskSettings(
            every_s=self.every_s, burst=self.burst, window=1, repeat_s=self.repeat_s
        )


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Paths of PEM files: the authority we trust, and our own certificate and key."""

    authority: str
    certificate: str | None = None
    key: str | None = None


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """WGS 84 degrees."""

    latitude: float
    longitude: float


class TakSettings(_Bearer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="tak"):
    """A TAK server. Addresses are ``CALLSIGN`` or ``CALLSIGN/device-uid``.

    Args:
        tls: None for plain TCP, which leaves the site's network only over a tunnel.
        places: Place code → where the marker is put; other places get "unknown position".
        pictures: Base URL of the engine's picture links; "" sends none.
        pictures_secret_file: Key of the links' tokens; the picture server has the same.
    """

    host: str
    port: int = 8089
    tls: TlsFiles | None = None
    places: dict[str, Position] = {}
    pictures: str = ""
    pictures_secret_file: str | None = None

    def desk(self) -> DeskSettings:
        """Chat lines bring receipts."""
        return DeskSettings(window=8, repeat_s=self.repeat_s)


class VoiceSettings(_Bearer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="voice"):
    """Spoken cues over RTP. Addresses are ``host:port``, unicast or multicast.

    Args:
        language: A built-in language ("en", "es") or the path of a phrase file.
        law: G.711 variant the gateway wants.
        lead_in_s: Silence that keys the transmitter before the first word.
        repeats: How often the sentence is said in one transmission.
        multicast_hops: Router hops for multicast.
        interface: IPv4 address of the interface multicast leaves by; "" lets the system choose.
        command: Program that reads a sentence on standard input and writes WAV on standard output;
            ``{voice}`` stands for the phrase file's voice.
    """

    language: str = "en"
    law: Literal["mu", "a"] = "mu"
    lead_in_s: float = 0.6
    repeats: int = 2
    multicast_hops: int = 1
    interface: str = ""
    command: tuple[str, ...] = ("espeak-ng", "-v", "{voice}", "-s", "150", "--stdin", "--stdout")

    def desk(self) -> DeskSettings:
        """One voice at a time; nobody confirms."""
        return DeskSettings(every_s=10.0, burst=2, window=1, receipts=False, repeat_s=self.repeat_s)


class MqttSettings(_Bearer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="mqtt"):
    """An MQTT broker. Addresses are topic endings below ``topic``/cue/.

    Args:
        user, password_file: For brokers that ask for them.
    """

    host: str
    port: int = 8883
    tls: TlsFiles | None = None
    topic: str = "lfr"
    client: str = "lfr-engine"
    user: str | None = None
    password_file: str | None = None

    def desk(self) -> DeskSettings:
        """Receipts come as messages below ``topic``/receipt/."""
        return DeskSettings(window=16, repeat_s=self.repeat_s)


class WebhookSettings(
    _Bearer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="webhook"
):
    """An HTTPS endpoint. Addresses are the ``to`` field of the body.

    Args:
        url: ``https`` only, except on loopback.
        secret_file: Key of the HMAC-SHA256 signature.
        authority: PEM file to trust instead of the system's.
    """

    url: str
    secret_file: str
    authority: str | None = None
    timeout_s: float = 5.0

    def desk(self) -> DeskSettings:
        """The answer to the request may say ``delivered``."""
        return DeskSettings(window=8, repeat_s=self.repeat_s)


BearerSettings = TetraSettings | TakSettings | VoiceSettings | MqttSettings | WebhookSettings
