"""Equitability: refusals first, verdicts only where there is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.evaluation.equitability import Attempt, Verdict, compare_groups, holm


def _group(name: str, people: int, each: int, found: float) -> list[Attempt]:
    total = people * each
    return [
        Attempt(f"{name}-{n % people}", name, True, n < round(found * total), 0.5 + n / 1000, 2.0)
        for n in range(total)
    ]


def test_a_plain_difference_is_said() -> None:
    result = compare_groups([*_group("a", 30, 10, 0.95), *_group("b", 30, 10, 0.70)])
    a, b = result.groups
    assert (a.verdict, b.verdict) == (Verdict.HIGHER, Verdict.LOWER)
    assert a.tpir is not None
    assert (a.tpir.events, a.tpir.trials) == (285, 300)
    assert a.others_tpir == b.tpir
    assert a.scores is not None
    assert list(a.scores) == sorted(a.scores)


def test_alike_groups_are_not_told_apart() -> None:
    result = compare_groups([*_group("a", 30, 10, 0.9), *_group("b", 30, 10, 0.88)])
    assert {g.verdict for g in result.groups} == {Verdict.NO_DIFFERENCE}


def test_too_few_passes_get_no_verdict_but_the_number_needed() -> None:
    result = compare_groups([*_group("a", 12, 1, 0.9), *_group("b", 30, 10, 0.5)])
    assert result.groups[0].verdict is Verdict.REFUSED
    assert result.groups[0].passes_needed > 12
    assert result.groups[0].p is None


def test_a_small_group_is_hidden_and_cannot_be_had_by_subtraction() -> None:
    result = compare_groups(
        [*_group("few", 3, 5, 0.2), *_group("b", 20, 10, 0.9), *_group("c", 40, 10, 0.9)]
    )
    verdicts = {g.group: g.verdict for g in result.groups}
    assert verdicts["few"] is verdicts["b"] is Verdict.SUPPRESSED  # two hidden: no subtraction
    assert verdicts["c"] is not Verdict.SUPPRESSED
    for group in result.groups:
        if group.verdict is Verdict.SUPPRESSED:
            assert (group.tpir, group.people, group.scores) == (None, None, None)


def test_one_group_has_nobody_to_be_compared_with() -> None:
    result = compare_groups(_group("a", 30, 10, 0.9))
    assert result.groups[0].verdict is Verdict.REFUSED


def test_failure_to_acquire_is_by_group() -> None:
    blind = [replace(a, acquired=False, alerted=False) for a in _group("a", 20, 5, 0.9)]
    result = compare_groups([*blind, *_group("b", 20, 5, 0.9)])
    a, b = result.groups
    assert a.failure_to_acquire is not None
    assert b.failure_to_acquire is not None
    assert (a.failure_to_acquire.value, b.failure_to_acquire.value) == (1.0, 0.0)


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_and_keeps_their_order(values: dict[str, float]) -> None:
    out = holm(values)
    for name, p in values.items():
        assert p <= out[name] <= 1
    ordered = sorted(values, key=lambda name: values[name])
    assert [out[name] for name in ordered] == sorted(out.values())
