"""A cue as a spoken sentence, and speech as what a radio gateway takes.

Owns: the phrase file (one per language), its checks, the change of rate and level. Never: the
program that speaks, a socket. Strategy: a phrase may hold only the placeholders named here, so a
language file cannot make anything else leave the site.
"""

from __future__ import annotations

import io
import string
import tomllib
import wave
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from lfr_engine.errors import ConfigError, ProtocolError
from lfr_engine.relay.cue import Caution, Cue, Marking
from lfr_engine.relay.g711 import Law, encode
from lfr_engine.relay.rtp import RATE_HZ

Speech = NDArray[np.int16]
"""Samples at 8 kHz, shape (n,), 16-bit."""

PLACEHOLDERS = frozenset({"place", "category", "reference", "time", "caution", "review", "count"})

LONGEST_SPEECH_S = 30.0
"""A longer sentence would hold a channel that officers need; ours take six to ten seconds."""

_PEAK = 0.7  # of full scale: loud, without clipping in the gateway
_PAUSE_S = 0.5  # between two repetitions


class Phrases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One language.

    Args:
        voice: Name of the voice for the speaking program.
        cue, withdrawn, summary: Sentences with placeholders.
        reviewed, unreviewed: Said for ``{review}``.
        test, exercise: Said first when the cue is marked so.
        cautions: Caution code → what is said.
        letters: How letters and digits are spelled; others are said as they are.
    """

    voice: str
    cue: str
    withdrawn: str
    summary: str
    reviewed: str
    unreviewed: str
    test: str
    exercise: str
    cautions: dict[str, str] = {}
    letters: dict[str, str] = {}


def load_phrases(language: str) -> Phrases:
    """A built-in language by its code, or a phrase file by its path.

    Raises:
        ConfigError: Not found, not of the shape, or with a placeholder that may not leave.
    """
    try:
        if language.isalpha() and len(language) <= 3:
            text = (resources.files("lfr_engine.relay") / f"phrases/{language}.toml").read_text(
                encoding="utf-8"
            )
        else:
            text = Path(language).read_text(encoding="utf-8")
        phrases = msgspec.convert(tomllib.loads(text), Phrases)
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"phrases {language}", "cannot be read") from exc
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as exc:
        raise ConfigError(f"phrases {language}", str(exc)) from exc
    for sentence in (phrases.cue, phrases.withdrawn, phrases.summary):
        _check(language, sentence)
    return phrases


def _check(language: str, sentence: str) -> None:
    try:
        parts = list(string.Formatter().parse(sentence))
    except ValueError as exc:
        raise ConfigError(f"phrases {language}", str(exc)) from exc
    for _, name, spec, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or spec or conversion):
            raise ConfigError(f"phrases {language}", f"{{{name}}} is not a placeholder")


def sentence(phrases: Phrases, cues: Sequence[Cue]) -> str:
    """What is said for one cue or for several."""
    first = cues[0]
    reviewed = all(cue.reviewed for cue in cues)
    words = {
        "place": _spell(phrases, first.place),
        "category": _spell(phrases, first.category),
        "reference": _spell(phrases, first.reference),
        "time": first.captured.strftime("%H:%M"),
        "caution": phrases.cautions.get(first.caution.value, ""),
        "review": phrases.reviewed if reviewed else phrases.unreviewed,
        "count": str(len(cues)),
    }
    if first.caution is not Caution.NONE and not words["caution"]:
        words["caution"] = first.caution.value
    pattern = phrases.cue if len(cues) == 1 else phrases.summary
    if first.withdrawn:
        pattern = phrases.withdrawn
    head = {Marking.TEST: phrases.test, Marking.EXERCISE: phrases.exercise}.get(first.marking, "")
    return " ".join(f"{head} {pattern.format_map(words)}".split())


def _spell(phrases: Phrases, code: str) -> str:
    return " ".join(phrases.letters.get(letter, letter) for letter in code)


def read_wave(data: bytes) -> NDArray[np.int16]:
    """Speech from a WAV file as written by a speaking program, at 8 kHz, shape (n,).

    The length field may be missing, as in a stream. Stereo is mixed.

    Raises:
        ProtocolError: Not 16-bit PCM, empty, or longer than 30 s.
    """
    try:
        with wave.open(io.BytesIO(data)) as source:
            rate, channels, width = (
                source.getframerate(),
                source.getnchannels(),
                source.getsampwidth(),
            )
            raw = source.readframes(source.getnframes())
    except (wave.Error, EOFError) as exc:
        raise ProtocolError("speech", "the program wrote no WAV") from exc
    if width != 2 or not raw:
        raise ProtocolError("speech", "is not 16-bit PCM, or is empty")
    usable = len(raw) // (2 * channels) * 2 * channels
    samples = np.frombuffer(raw[:usable], "<i2").reshape(-1, channels).mean(axis=1)
    if len(samples) > LONGEST_SPEECH_S * rate:
        raise ProtocolError("speech", f"is longer than {LONGEST_SPEECH_S:g} s")
    common = int(np.gcd(rate, RATE_HZ))
    slow = resample_poly(samples, RATE_HZ // common, rate // common)
    peak = float(np.abs(slow).max())
    level = _PEAK * 32767 / peak if peak > 0 else 1.0
    return np.clip(np.rint(slow * level), -32768, 32767).astype(np.int16)


def transmission(speech: NDArray[np.int16], law: Law, *, lead_in_s: float, repeats: int) -> bytes:
    """G.711 of one transmission: lead-in silence, the speech, and its repetitions after a pause."""
    pause = np.zeros(round(_PAUSE_S * RATE_HZ), np.int16)
    parts = [np.zeros(round(lead_in_s * RATE_HZ), np.int16), speech]
    for _ in range(repeats - 1):
        parts += [pause, speech]
    return encode(np.concatenate(parts), law)
