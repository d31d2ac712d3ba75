"""``docs/alerts.md`` holds the very tables that the code runs on."""

from __future__ import annotations

from pathlib import Path

from lfr_engine.alerts.lifecycle import ROLES, TRANSITIONS
from lfr_engine.alerts.policy import CHOICES, Standing, When
from lfr_engine.alerts.reasons import REASONS

TEXT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")
LINES = frozenset(TEXT.splitlines())


def test_the_life_cycle_is_documented_as_it_is() -> None:
    for (came_from, step), went_to in TRANSITIONS.items():
        who = ", ".join(sorted(ROLES[step]))
        assert f"| {came_from.value} | {step.value} | {went_to.value} | {who} |" in LINES


def test_the_policy_is_documented_as_it_is() -> None:
    for standing in Standing:
        cases = [CHOICES[standing, when] for when in When]
        words = " | ".join(reason or answer.value for answer, reason in cases)
        assert f"| {standing.value} | {words} |" in LINES


def test_the_reasons_are_documented_as_they_are() -> None:
    for reason in REASONS.values():
        uses = ", ".join(sorted(reason.used_for))
        assert f"| `{reason.code}` | {reason.group} | {reason.text} | {uses} |" in LINES
