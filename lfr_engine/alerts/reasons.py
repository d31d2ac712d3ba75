"""Reason codes of decisions and outcomes, grouped as R10 asks: subject, system, environment.

Owns: the one table that screens, the API and the record read. Never: a code without a group.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from lfr_engine.errors import InputError

Group = Literal["subject", "system", "environment"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason code. used_for: ``passed``, ``discounted``, or ``outcome``."""

    code: str
    group: Group
    text: str
    used_for: frozenset[str]


def _table(*rows: tuple[str, Group, str, str]) -> dict[str, Reason]:
    return {
        code: Reason(code, group, text, frozenset(used_for.split()))
        for code, group, text, used_for in rows
    }


REASONS: dict[str, Reason] = _table(
    ("likeness", "subject", "Features agree in both pictures", "passed"),
    (
        "distinctive_feature",
        "subject",
        "A scar, mark or other distinctive feature agrees",
        "passed",
    ),
    ("cannot_exclude", "subject", "Cannot be excluded from the pictures", "passed"),
    ("different_features", "subject", "Features differ", "discounted"),
    ("different_age", "subject", "Age differs beyond the reference picture's", "discounted"),
    ("close_kin", "subject", "A relative or look-alike", "discounted"),
    ("already_checked", "subject", "Already spoken to today", "discounted outcome"),
    ("face_covered", "subject", "Face covered or made up", "discounted"),
    ("poor_reference", "system", "The reference picture is not good enough", "discounted"),
    ("poor_probe", "system", "The camera's picture is not good enough", "discounted"),
    ("wrong_entry", "system", "The list entry is wrong or out of date", "discounted outcome"),
    ("not_a_face", "system", "Not a face, or a picture of a face", "discounted"),
    ("duplicate", "system", "The same person is on the list twice", "discounted"),
    ("lighting", "environment", "Lighting", "discounted"),
    ("angle", "environment", "Angle of view", "discounted"),
    ("blur", "environment", "Movement or focus", "discounted"),
    ("obstructed", "environment", "Something or somebody in the way", "discounted outcome"),
    ("document_checked", "subject", "Identity document checked", "outcome"),
    ("biometrics_checked", "subject", "Fingerprints or other means checked", "outcome"),
    ("admitted", "subject", "Said so themselves", "outcome"),
    ("not_found", "environment", "Not found in the crowd", "outcome"),
    ("no_officer_free", "environment", "No officer was free or near enough", "outcome"),
    ("too_late", "system", "The cue came too late", "outcome"),
)


def require_reasons(subject: str, codes: Iterable[str], used_for: str) -> tuple[Reason, ...]:
    """The reasons of ``codes``, all of which must suit ``used_for``.

    Raises:
        InputError: A code is unknown or does not suit; the message lists those that do.
    """
    found = []
    for code in codes:
        reason = REASONS.get(code)
        if reason is None or used_for not in reason.used_for:
            fitting = ", ".join(r.code for r in REASONS.values() if used_for in r.used_for)
            raise InputError(subject, f"{code!r} is no reason for {used_for}", f"use {fitting}")
        found.append(reason)
    return tuple(found)
