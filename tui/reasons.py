"""Why an alert is passed or discounted, and what officers found: words and keys (R10).

Owns: the codes this screen offers, grouped by subject, system and environment, each with one key.
Never: a default. Strategy: the codes are the engine's (a test compares them with its table); the
keys leave out those that give an opinion, so that a key that bounces never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["subject", "system", "environment"]
LETTERS = "abcefghijklmpr"
"""Without s, d, n and o, which give opinions and ask for outcomes, and without q."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer: its key, code, group and words; ``arrest`` belongs to outcomes."""

    key: str
    code: str
    group: Group | Literal[""]
    text: str
    arrest: bool = False


def _keyed(*rows: tuple[str, Group, str]) -> tuple[Choice, ...]:
    return tuple(
        Choice(key, code, group, text)
        for key, (code, group, text) in zip(LETTERS, rows, strict=False)
    )


PASSED = _keyed(
    ("likeness", "subject", "features agree"),
    ("distinctive_feature", "subject", "distinctive feature"),
    ("cannot_exclude", "subject", "cannot be excluded"),
)
DISCOUNTED = _keyed(
    ("different_features", "subject", "features differ"),
    ("different_age", "subject", "age differs"),
    ("close_kin", "subject", "look-alike or kin"),
    ("already_checked", "subject", "already spoken to"),
    ("face_covered", "subject", "face covered"),
    ("poor_reference", "system", "reference is poor"),
    ("poor_probe", "system", "probe is poor"),
    ("wrong_entry", "system", "list entry is wrong"),
    ("not_a_face", "system", "not a live face"),
    ("duplicate", "system", "person listed twice"),
    ("lighting", "environment", "lighting"),
    ("angle", "environment", "angle of view"),
    ("blur", "environment", "movement or focus"),
    ("obstructed", "environment", "something in the way"),
)

_FINDINGS = ("confirmed_true", "confirmed_false", "identity_not_established")
OUTCOMES: dict[str, tuple[str, ...]] = {
    "passed": ("engaged", "lost", "no_action"),
    "lost": ("engaged", "no_action"),
    "no_action": ("engaged", "lost"),
    **dict.fromkeys(("engaged", *_FINDINGS), _FINDINGS),
}
"""State → what officers may report next, as the engine's table of the life cycle has it."""


def outcomes(state: str) -> tuple[Choice, ...]:
    """What may be reported of an alert in ``state``; an arrest is an answer of its own."""
    named: list[tuple[str, str, bool]] = []
    for code in OUTCOMES.get(state, ()):
        named.append((code, code.replace("_", " "), False))
        if code == "confirmed_true":
            named.append((code, "confirmed true, arrest", True))
    return tuple(
        Choice(key, code, "", text, arrest)
        for key, (code, text, arrest) in zip(LETTERS, named, strict=False)
    )
