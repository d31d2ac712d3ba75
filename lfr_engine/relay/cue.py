"""What an officer is told: the one structure every encoder accepts, and its one line of text.

Owns: the fields that may leave the site (R18) and the words they become. Never: a name, an
offence, a template, a free-text field, a text that is split. Strategy: every field is a code of a
fixed shape or a closed list, checked when the cue is made and again when it is loaded from the
outbox, so nothing else can reach an encoder.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Sequence

import msgspec

from lfr_engine.errors import InputError, RuleError

MOST_CHARACTERS = 79
"""One SDS-TL message of 668 bits, the smallest limit seen on a modem, holds 79 characters."""

OLDEST_TEXT_AGE_S = 99 * 60

_REFERENCE = re.compile(r"[A-Z0-9]{4,8}", re.ASCII)
PLACE_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{0,11}", re.ASCII)
CATEGORY_CODE = re.compile(r"[A-Z][A-Z0-9]{0,3}", re.ASCII)


class Caution(enum.StrEnum):
    """What an approaching officer must know first; a closed list, so that no offence can leave."""

    NONE = ""
    CARE = "CARE"
    ARMED = "ARMED"
    VULNERABLE = "VULN"


class Marking(enum.StrEnum):
    """Whether the cue is real. Everything but LIVE is said first in every text."""

    LIVE = "live"
    TEST = "test"
    EXERCISE = "exercise"


_PREFIX = {Marking.LIVE: "", Marking.TEST: "TEST ", Marking.EXERCISE: "EXERCISE "}


class Cue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One possible match, as far as it may leave the site.

    Args:
        reference: Short public reference of the alert, 4–8 of A–Z and 0–9.
        place: Code of the place or camera van, ≤ 12 of A–Z, 0–9 and "-".
        category: Code of the watchlist category, a letter and ≤ 3 more of A–Z and 0–9.
        captured: When the face was seen; timezone-aware, shown in that zone.
        reviewed: False: sent before a named person looked ("?"); True: after ("!").
        score: Similarity in 0…1 where policy allows it, else None.
        caution: One of a closed list.
        marking: LIVE, TEST or EXERCISE.
        blue_list: The person is consenting staff (R9); never sent to officers.
        withdrawn: The cue takes back an earlier one with the same reference.

    Raises:
        InputError: A field has another shape than the one allowed.
    """

    reference: str
    place: str
    category: str
    captured: dt.datetime
    reviewed: bool
    score: float | None = None
    caution: Caution = Caution.NONE
    marking: Marking = Marking.LIVE
    blue_list: bool = False
    withdrawn: bool = False

    def __post_init__(self) -> None:
        for name, shape in (
            ("reference", _REFERENCE),
            ("place", PLACE_CODE),
            ("category", CATEGORY_CODE),
        ):
            if shape.fullmatch(getattr(self, name)) is None:
                # the value itself is not repeated: it could be what must not leave
                raise InputError(f"cue {name}", f"is not of the form {shape.pattern}")
        if self.captured.tzinfo is None:
            raise InputError("cue captured", "has no timezone")
        if self.score is not None and not 0.0 <= self.score <= 1.0:
            raise InputError("cue score", "is not between 0 and 1")


def cue_text(cue: Cue, now: dt.datetime) -> str:
    """The cue in one line, such as ``LFR? VAN1 C2 #A1B2C3 0.83 14:05 8s``.

    The age is that at ``now`` (aware); it never shows less than 0 nor more than 99 minutes.
    """
    head = f"{_PREFIX[cue.marking]}LFR"
    if cue.withdrawn:
        return fit(f"{head} {cue.place} #{cue.reference} CANCELLED")
    words = [
        head + ("!" if cue.reviewed else "?"),
        cue.place,
        cue.category,
        f"#{cue.reference}",
        "" if cue.score is None else f"{cue.score:.2f}",
        cue.captured.strftime("%H:%M"),
        age_text((now - cue.captured).total_seconds()),
        cue.caution.value,
    ]
    return fit(" ".join(word for word in words if word))


def summary_text(cues: Sequence[Cue]) -> str:
    """One line for several cues to one recipient, such as ``LFR? 3 cues, see handset``.

    The cues share one marking; the line is "?" unless every one of them was reviewed.
    """
    mark = "!" if all(cue.reviewed for cue in cues) else "?"
    return fit(f"{_PREFIX[cues[0].marking]}LFR{mark} {len(cues)} cues, see handset")


def text_of(cues: Sequence[Cue], now: dt.datetime) -> str:
    """The line for what one message carries: one cue, or several coalesced."""
    return cue_text(cues[0], now) if len(cues) == 1 else summary_text(cues)


def age_text(seconds: float) -> str:
    """An age in the fewest characters: ``8s`` below two minutes, then whole minutes (``5m``)."""
    whole = int(min(max(seconds, 0.0), OLDEST_TEXT_AGE_S))
    return f"{whole}s" if whole < 120 else f"{whole // 60}m"


def fit(text: str) -> str:
    """``text`` if it fits one message, never split or shortened.

    Raises:
        RuleError: Longer than 79 characters, or not ISO-8859-1 (R18).
    """
    if len(text) > MOST_CHARACTERS:
        raise RuleError("R18", "cue", f"{len(text)} characters, at most {MOST_CHARACTERS} leave")
    if any(not (" " <= letter <= "~" or "\xa0" <= letter <= "\xff") for letter in text):
        raise RuleError("R18", "cue", "holds a character outside printable ISO-8859-1")
    return text
