"""Spoken cues: companding, packets, phrases, and the WAV a speaking program writes."""

from __future__ import annotations

import contextlib
import io
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import ConfigError, ProtocolError
from lfr_engine.relay import g711, rtp, voice
from lfr_engine.relay.cue import Caution, Marking
from lfr_engine.relay.g711 import Law
from lfr_engine.relay.voice import Phrases
from tests.relay.samples import make_cue

LAWS: list[Law] = ["mu", "a"]


@pytest.mark.parametrize(
    ("law", "sample", "code"),
    [
        ("mu", 0, 0xFF),
        ("mu", -1, 0x7E),
        ("mu", 32767, 0x80),
        ("mu", -32768, 0x00),
        ("mu", 1000, 0xCE),
        ("a", 0, 0xD5),
        ("a", -1, 0x55),
        ("a", 32767, 0xAA),
        ("a", -32768, 0x2A),
        ("a", 1000, 0xFA),
    ],
)
def test_known_codes(law: Law, sample: int, code: int) -> None:
    assert g711.encode(np.array([sample], np.int16), law) == bytes([code])


@pytest.mark.parametrize("law", LAWS)
def test_every_code_survives_the_round_trip(law: Law) -> None:
    codes = bytes(range(256))
    back = g711.encode(g711.decode(codes, law), law)
    different = {code for code, again in zip(codes, back, strict=True) if code != again}
    assert different <= {0x7F}, "µ-law has two zeros"


@pytest.mark.parametrize("law", LAWS)
def test_the_error_stays_within_half_a_step(law: Law) -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    heard = g711.decode(g711.encode(samples, law), law).astype(np.int64)
    error = np.abs(heard - samples)
    assert (error <= np.maximum(16, np.abs(samples.astype(np.int64)) / 16 + 8)).all()


@given(st.binary(min_size=1, max_size=1000), st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1))
def test_packets_round_trip(speech: bytes, sequence: int, timestamp: int) -> None:
    sent = list(rtp.packets(speech, "mu", source=7, sequence=sequence, timestamp=timestamp))
    assert [packet.marker for packet in sent] == [True] + [False] * (len(sent) - 1)
    assert b"".join(packet.payload for packet in sent)[: len(speech)] == speech
    for number, packet in enumerate(sent):
        assert rtp.Packet.decode(packet.encode()) == packet
        assert packet.sequence == (sequence + number) % 65536
        assert packet.timestamp == (timestamp + 160 * number) % 2**32


def test_a_packet_to_the_byte() -> None:
    packet = rtp.Packet(8, 0x1234, 0x01020304, 0xA1B2C3D4, marker=True, payload=b"\xd5\xd5")
    assert packet.encode().hex() == "80881234" + "01020304" + "a1b2c3d4" + "d5d5"


@given(st.binary(max_size=40))
def test_any_datagram_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        rtp.Packet.decode(data)


def test_golden_sentences() -> None:
    english = voice.load_phrases("en")
    assert voice.sentence(english, [make_cue()]) == (
        "Possible match. Checked by an operator. Place Victor Alfa November 1."
        " Category Charlie 2. Seen at 14:05. Reference Alfa 1 Bravo 2 Charlie 3."
    )
    armed = make_cue(caution=Caution.ARMED, marking=Marking.TEST, reviewed=False)
    said = voice.sentence(english, [armed])
    assert said.startswith("Test, test. Possible match. Not yet checked. May be armed. Place")
    assert voice.sentence(english, [make_cue(), make_cue()]) == (
        "2 possible matches. Checked by an operator. See handset."
    )
    assert voice.sentence(english, [make_cue(withdrawn=True)]).startswith("Cancel. Place")
    spanish = voice.load_phrases("es")
    assert voice.sentence(spanish, [make_cue()]).startswith("Posible coincidencia. Comprobada")


def test_the_score_is_never_spoken() -> None:
    assert "83" not in voice.sentence(voice.load_phrases("en"), [make_cue(score=0.83)])


@pytest.mark.parametrize(
    "pattern", ["{name}", "{place.__class__}", "{place!r}", "{place:>99}", "{0}", "{", "{}"]
)
def test_a_language_file_cannot_say_anything_else(tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "phrases.toml"
    texts = dict.fromkeys(Phrases.__struct_fields__[:8], "x") | {"cue": pattern}
    path.write_text("".join(f'{name} = "{text}"\n' for name, text in texts.items()))
    with pytest.raises(ConfigError):
        voice.load_phrases(str(path))


def test_a_missing_language_is_a_plain_error() -> None:
    with pytest.raises(ConfigError, match="phrases xx"):
        voice.load_phrases("xx")


def make_wave(samples: np.ndarray, rate: int = 22050, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as target:
        target.setnchannels(channels)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def test_speech_is_brought_to_eight_kilohertz_and_to_level() -> None:
    time = np.arange(22050) / 22050
    heard = voice.read_wave(make_wave(1000 * np.sin(2 * np.pi * 440 * time)))
    assert len(heard) == 8000
    assert abs(int(np.abs(heard).max()) - round(0.7 * 32767)) <= 1
    assert int(np.argmax(np.abs(np.fft.rfft(heard)))) == 440


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", make_wave(np.zeros(0)), make_wave(np.zeros(22050 * 31))]
)
def test_what_is_no_usable_speech_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        voice.read_wave(data)


def test_a_transmission_leads_in_with_silence_and_repeats_after_a_pause() -> None:
    speech = np.full(800, 8000, np.int16)
    sent = g711.decode(voice.transmission(speech, "a", lead_in_s=0.6, repeats=2), "a")
    loud = np.flatnonzero(np.abs(sent) > 1000)
    assert loud[0] == 4800
    assert len(sent) == 4800 + 800 + 4000 + 800
