"""The watchlist as the matcher sees it: an immutable snapshot and the exact 1:N comparison.

Owns: the template matrix, which rows belong to which entry, and the search. Never: a change in
place (a withdrawal makes a new snapshot that shares the matrix), a score across contracts, a
template in a ``repr``. Strategy: cosine of unit vectors is a dot product, so one matrix product
scores every reference; an entry scores as its best reference. In large galleries an int8 copy
(``coarse``) ranks the rows first and the few that can matter are scored again in full precision;
the error bound of that copy is known, so the answer is the exact one, always.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lfr_engine.errors import WatchlistError
from lfr_engine.identity.template import TemplateContract
from lfr_engine.vision.frame import FloatArray

FEW = 4
"""Probes up to which rows are multiplied one by one: a matrix product would wake a thread on every
core, and beside busy inference threads waits 50 times longer for them than it computes. And probes
in one pass over the int8 copy: a second costs a quarter of the first."""

LOWEST = -1.0
"""The lowest cosine; stands where there is no entry to score."""

IndexArray = npt.NDArray[np.int64]


class Coarse(Protocol):
    """A cheap, approximate scorer of all rows with a known error bound."""

    @property
    def bound(self) -> float:
        """No score is further than this from the exact cosine."""
        ...

    def scores(self, probes: FloatArray) -> FloatArray:
        """Approximate cosines (k, m) of unit probes (k, d) with every row; good until the next
        call.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What n probes resemble most, one row a probe.

    entry, second_entry: (n,) int64 index into ``Gallery.entries``, -1 where there is none.
    score, second_score: (n,) float32 cosine, ``LOWEST`` where there is none. The second is the best
    of any *other* entry, so ``margin`` says how alone the best stands (R22).
    """

    entry: IndexArray
    score: FloatArray
    second_entry: IndexArray
    second_score: FloatArray

    def __len__(self) -> int:
        return len(self.entry)

    @property
    def margin(self) -> FloatArray:
        """Score minus second score (n,), 0–2."""
        return np.asarray(self.score - self.second_score, np.float32)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gallery:
    """One snapshot of a watchlist's templates; build it with ``Gallery.build``.

    entries: entry ids. labels: what an operator may be shown, one an entry. templates: (m, d)
    float32 unit rows, C-contiguous, sorted by owner. owners: (m,) index into ``entries``. active:
    (len(entries),) bool, False once withdrawn. generation grows with every snapshot.
    """

    entries: tuple[str, ...]
    labels: tuple[str, ...]
    templates: FloatArray
    owners: IndexArray
    contract: TemplateContract
    generation: int
    active: npt.NDArray[np.bool_]
    _first_row: IndexArray = field(repr=False)
    _coarse: Coarse | None = field(default=None, repr=False)

    @classmethod
    def build(
        cls,
        entries: Sequence[str],
        labels: Sequence[str],
        templates: FloatArray,
        owners: npt.ArrayLike,
        contract: TemplateContract,
        *,
        generation: int = 1,
        coarse: Coarse | None = None,
    ) -> Gallery:
        """Snapshot ``templates`` (m, d) of unit length, row i belonging to entry ``owners[i]``.

        Raises ``WatchlistError`` where shapes do not fit, an id repeats, an entry has no row, or a
        row is not of unit length. ``coarse`` ranks the rows as sorted by owner; None searches in
        full precision.
        """
        matrix = np.ascontiguousarray(templates, np.float32).reshape(-1, contract.dimension)
        owner = np.asarray(owners, np.int64).reshape(-1)
        _require_sound(entries, labels, matrix, owner)
        if np.any(np.diff(owner) < 0):
            order = np.argsort(owner, kind="stable")
            matrix, owner = matrix[order], owner[order]
        elif np.may_share_memory(matrix, templates):
            matrix = matrix.copy()
        matrix.setflags(write=False)
        return cls(
            tuple(entries),
            tuple(labels),
            matrix,
            owner,
            contract,
            generation,
            np.ones(len(entries), bool),
            np.searchsorted(owner, np.arange(len(entries))),
            coarse,
        )

    def __repr__(self) -> str:
        return f"<Gallery {len(self)} entries, {len(self.owners)} templates, #{self.generation}>"

    def __len__(self) -> int:
        """Entries that can still match."""
        return int(np.count_nonzero(self.active))

    def without(self, withdrawn: Iterable[str]) -> Gallery:
        """A new snapshot on which the entries ``withdrawn`` never match (R15).

        Costs a copy of one bool an entry; the matrix is shared. Raises ``WatchlistError`` for an id
        that is not on the list.
        """
        active = self.active.copy()
        for entry in withdrawn:
            if entry not in self.entries:
                raise WatchlistError(entry, "is not on the watchlist")
            active[self.entries.index(entry)] = False
        return replace(self, active=active, generation=self.generation + 1)

    def erase(self) -> None:
        """Overwrite the templates, which every snapshot of this list shares; the end of its use."""
        self.templates.setflags(write=True)
        self.templates.fill(0)

    def match(self, probes: FloatArray) -> Matches:
        """The best and the second-best entry of each probe; probes (n, d) float32 unit rows."""
        rows = np.ascontiguousarray(probes, np.float32).reshape(-1, self.contract.dimension)
        out = Matches(
            np.full(len(rows), -1, np.int64),
            np.full(len(rows), LOWEST, np.float32),
            np.full(len(rows), -1, np.int64),
            np.full(len(rows), LOWEST, np.float32),
        )
        if len(self) == 0 or len(rows) == 0:
            return out
        if self._coarse is None:
            _write_best_two(out, slice(None), self.entry_scores(rows))
            return out
        for start in range(0, len(rows), FEW):
            few = rows[start : start + FEW]
            for i, approximate in enumerate(self._coarse.scores(few), start):
                if not self._match_coarsely(approximate, self._coarse.bound, rows[i], out, i):
                    _write_best_two(out, slice(i, i + 1), self.entry_scores(rows[i : i + 1]))
        return out

    def entry_scores(self, probes: FloatArray) -> FloatArray:
        """Exact cosine of each probe (n, d) with each entry's best reference: (n, entries).

        Withdrawn entries score minus infinity.
        """
        if len(probes) <= FEW:
            cosines = np.vecdot(self.templates, probes[:, None])
        else:
            cosines = probes @ self.templates.T
        if len(self.owners) != len(self.entries):
            cosines = np.maximum.reduceat(cosines, self._first_row, axis=1)
        if not self.active.all():
            cosines[:, ~self.active] = -np.inf
        return np.asarray(cosines, np.float32)

    def references(self, entry: int) -> FloatArray:
        """The templates (k, d) of one entry, read-only."""
        last = self._first_row[entry + 1] if entry + 1 < len(self.entries) else len(self.owners)
        return self.templates[self._first_row[entry] : last]

    def _match_coarsely(
        self, approximate: FloatArray, bound: float, probe: FloatArray, out: Matches, i: int
    ) -> bool:
        """Write row i of ``out`` from scores (m,) that err by no more than ``bound``; False where
        the short list cannot prove the second entry.
        """
        cut = _eighth_of_bucket_maxima(approximate) - 2 * bound
        short = np.flatnonzero(approximate >= cut)
        owner = self.owners[short]
        usable = self.active[owner]
        short, owner = short[usable], owner[usable]
        exact = self.templates[short] @ probe
        # Owners are sorted, so each run of equal owners is one entry.
        starts = np.concatenate(([0], np.flatnonzero(owner[1:] != owner[:-1]) + 1))[: len(owner)]
        if len(starts) < min(2, len(self)):
            return False
        best = np.maximum.reduceat(exact, starts)
        order = np.argsort(best)[::-1][:2]
        # A row left out scores below cut + bound; whoever reaches that is proven.
        if best[order[-1]] < cut + bound:
            return False
        out.entry[i], out.score[i] = owner[starts[order[0]]], best[order[0]]
        if len(order) > 1:
            out.second_entry[i], out.second_score[i] = owner[starts[order[1]]], best[order[1]]
        return True


def _eighth_of_bucket_maxima(scores: FloatArray) -> float:
    """A value that at least eight rows reach, found without sorting them all."""
    width = max(8, len(scores) // 64)
    buckets = scores[: len(scores) // width * width].reshape(-1, width).max(axis=0)
    return float(np.partition(buckets, -8)[-8])


def _write_best_two(out: Matches, rows: slice, scores: FloatArray) -> None:
    """Fill ``out[rows]`` from (n, entries) scores, which are overwritten."""
    each = np.arange(len(scores))
    first = scores.argmax(axis=1)
    out.entry[rows], out.score[rows] = first, scores[each, first]
    scores[each, first] = -np.inf
    second = scores.argmax(axis=1)
    value = scores[each, second]
    there = np.isfinite(value)
    out.second_entry[rows] = np.where(there, second, -1)
    out.second_score[rows] = np.where(there, value, LOWEST)


def _require_sound(
    entries: Sequence[str], labels: Sequence[str], matrix: FloatArray, owner: IndexArray
) -> None:
    if len(labels) != len(entries) or len(set(entries)) != len(entries):
        raise WatchlistError("watchlist", "entry ids must be unique, each with one label")
    if len(owner) != len(matrix):
        raise WatchlistError("watchlist", f"{len(matrix)} templates but {len(owner)} owners")
    if not np.array_equal(np.unique(owner), np.arange(len(entries))):
        raise WatchlistError("watchlist", "every entry needs at least one template")
    lengths = np.linalg.norm(matrix, axis=1)
    if not np.all(np.abs(lengths - 1) < 1e-3):
        raise WatchlistError("watchlist", "a template is not of unit length", "encode it again")
