"""The matcher against the plain definition: best reference of each entry, by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfr_engine.errors import WatchlistError
from lfr_engine.identity.matcher import LOWEST, Gallery
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.vision.frame import FloatArray

CONTRACT = TemplateContract("test", "0" * 64, "plain", "f32", 16)


def unit(seed: int, rows: int, dimension: int = 16) -> FloatArray:
    return normalised(np.random.default_rng(seed).standard_normal((rows, dimension), np.float32))


class Rounded:
    """A coarse scorer of the contract's letter: exact scores rounded to a known step."""

    def __init__(self, templates: FloatArray, step: float) -> None:
        self.templates, self.bound, self.step = templates, step / 2 + 1e-6, step

    def scores(self, probes: FloatArray) -> FloatArray:
        return np.asarray(np.round(probes @ self.templates.T / self.step) * self.step, np.float32)


def gallery(seed: int, owners: list[int], *, step: float | None = None) -> Gallery:
    names = [f"person-{i}" for i in range(max(owners) + 1)]
    templates = unit(seed, len(owners))
    order = np.argsort(owners, kind="stable")
    coarse = None if step is None else Rounded(templates[order], step)
    return Gallery.build(names, names, templates, owners, CONTRACT, coarse=coarse)


def brute_force(templates: FloatArray, owners: list[int], probe: FloatArray) -> list[float]:
    best = [-2.0] * (max(owners) + 1)
    for row, owner in zip(templates, owners, strict=True):
        best[owner] = max(best[owner], float(row @ probe))
    return best


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 4), st.booleans())
def test_best_two_entries_equal_brute_force(
    seed: int, people: int, most: int, coarsely: bool
) -> None:
    rng = np.random.default_rng(seed)
    owners = [p for p in range(people) for _ in range(rng.integers(1, most + 1))]
    rng.shuffle(owners)
    snapshot = gallery(seed, owners, step=0.05 if coarsely and len(owners) >= 8 else None)
    probes = unit(seed + 1, 5)
    found = snapshot.match(probes)
    for i, probe in enumerate(probes):
        scores = brute_force(unit(seed, len(owners)), owners, probe)
        order = np.argsort(scores)[::-1]
        assert (found.entry[i], found.second_entry[i]) == (order[0], order[1])
        assert found.score[i] == pytest.approx(scores[order[0]], abs=1e-6)
        assert found.margin[i] == pytest.approx(scores[order[0]] - scores[order[1]], abs=1e-6)


@pytest.mark.parametrize("step", [None, 0.02])
def test_a_withdrawn_entry_never_matches_and_the_old_snapshot_still_does(
    step: float | None,
) -> None:
    owners = [i // 2 for i in range(40)]
    before = gallery(3, owners, step=step)
    probe = before.references(7)[:1]
    after = before.without(["person-7"])
    assert before.match(probe).entry[0] == 7
    assert after.match(probe).entry[0] != 7
    assert after.match(probe).entry[0] == before.match(probe).second_entry[0]
    assert len(after) == len(before) - 1
    assert after.generation == before.generation + 1
    assert after.templates is before.templates


def test_withdrawing_someone_who_is_not_listed_is_refused() -> None:
    with pytest.raises(WatchlistError, match="stranger: is not on the watchlist"):
        gallery(1, [0, 1]).without(["stranger"])


def test_a_list_of_one_has_no_second_entry() -> None:
    found = gallery(1, [0, 0]).match(unit(9, 2))
    assert found.second_entry.tolist() == [-1, -1]
    assert found.second_score.tolist() == [LOWEST, LOWEST]


def test_nobody_left_matches_nothing() -> None:
    found = gallery(1, [0]).without(["person-0"]).match(unit(9, 3))
    assert found.entry.tolist() == [-1, -1, -1]
    assert found.score.tolist() == [LOWEST] * 3


def test_no_probes_give_no_matches() -> None:
    assert len(gallery(1, [0, 1]).match(np.zeros((0, 16), np.float32))) == 0


def test_an_empty_gallery_matches_nothing() -> None:
    empty = Gallery.build([], [], np.zeros((0, 16), np.float32), [], CONTRACT)
    assert empty.match(unit(1, 2)).entry.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("entries", "owners", "scale", "words"),
    [
        (["a", "a"], [0, 1], 1.0, "unique"),
        (["a", "b"], [0], 1.0, "2 templates but 1 owners"),
        (["a", "b", "c"], [0, 2], 1.0, "at least one template"),
        (["a", "b"], [0, 1], 1.1, "unit length"),
    ],
)
def test_an_unsound_gallery_is_refused(
    entries: list[str], owners: list[int], scale: float, words: str
) -> None:
    with pytest.raises(WatchlistError, match=words):
        Gallery.build(entries, entries, unit(1, 2) * np.float32(scale), owners, CONTRACT)


def test_the_snapshot_neither_shares_nor_shows_its_templates() -> None:
    mine = unit(1, 2)
    snapshot = Gallery.build(["a", "b"], ["A", "B"], mine, [0, 1], CONTRACT)
    mine[:] = 0
    assert np.linalg.norm(snapshot.templates) > 1
    with pytest.raises(ValueError, match="read-only"):
        snapshot.templates[0] = 0
    assert repr(snapshot) == "<Gallery 2 entries, 2 templates, #1>"
