"""The templates of walkers in view, in memory only, and their erasure (R1).

Owns: every probe template after it was made. Never: a file, a log, a ``repr`` of one. Strategy: a
fixed block of floats per pass, fused into one template for matching (several views of one person
beat one, ``docs/models.md``), overwritten with zeros the moment the pass ends.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from lfr_engine.identity.template import fused
from lfr_engine.vision.frame import FloatArray

Key = TypeVar("Key", bound=Hashable)

VIEWS = 8
"""Templates kept per pass; the weakest makes room. More adds little (``docs/models.md``)."""


@dataclass(slots=True, eq=False)
class _Pass:
    templates: FloatArray = field(repr=False)
    weights: FloatArray = field(repr=False)
    used: int = 0


class PassMemory(Generic[Key]):
    """Templates by pass.

    Args:
        dimension: Floats per template.
        most_passes: Passes held at once; the oldest is erased to make room.
    """

    def __init__(self, dimension: int, *, most_passes: int = 512) -> None:
        self._dimension = dimension
        self._most = most_passes
        self._passes: dict[Key, _Pass] = {}
        self.erased = 0

    def __len__(self) -> int:
        return len(self._passes)

    def __repr__(self) -> str:
        return f"<PassMemory of {len(self)} passes>"

    def add(self, key: Key, template: FloatArray, weight: float) -> FloatArray:
        """Copy a unit template (d,) into its pass; returns the pass's fused unit template (d,).

        ``weight`` is how much the view tells, above 0. A full pass gives up its weakest view.
        """
        held = self._passes.get(key)
        if held is None:
            if len(self._passes) >= self._most:
                self.erase(next(iter(self._passes)))
            held = self._passes[key] = _Pass(
                np.zeros((VIEWS, self._dimension), np.float32), np.zeros(VIEWS, np.float32)
            )
        row = held.used if held.used < VIEWS else int(np.argmin(held.weights))
        if held.used < VIEWS or weight > held.weights[row]:
            held.templates[row] = template
            held.weights[row] = max(weight, 1e-3)
            held.used = max(held.used, row + 1)
        return fused(held.templates[: held.used], held.weights[: held.used])

    def erase(self, key: Key) -> int:
        """Overwrite and forget a pass; returns how many templates that was, 0 if unknown."""
        held = self._passes.pop(key, None)
        if held is None:
            return 0
        held.templates.fill(0)
        self.erased += held.used
        return held.used

    def erase_all(self) -> int:
        """Overwrite everything; returns how many templates that was."""
        return sum(self.erase(key) for key in list(self._passes))
