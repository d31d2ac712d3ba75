"""How fast the matcher is, and that it is right: for ``lfr bench``, never for a test's verdict.

Owns: the synthetic gallery and the figures. Never: a real template. Strategy: unit vectors spread
like strangers, probes of which half resemble somebody; every answer is compared with the exact
float32 product over all rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lfr_engine.clock import Clock
from lfr_engine.identity.coarse import coarse_for
from lfr_engine.identity.matcher import Gallery
from lfr_engine.identity.template import TemplateContract, normalised
from lfr_engine.vision.frame import FloatArray

_NOISE = 0.09
"""Noise a component that leaves a mated cosine of about 0.7 in 128 dimensions."""
_WARM_UP = 5


@dataclass(frozen=True, slots=True)
class MatcherFigures:
    """Milliseconds a probe, one probe at a time, and how many answers equal the exact ones.

    build_s: seconds to make the snapshot. withdraw_ms: to make the next one without an entry.
    """

    rows: int
    entries: int
    dimension: int
    probes: int
    p50_ms: float
    p95_ms: float
    build_s: float
    withdraw_ms: float
    right_entries: int
    largest_score_error: float


def bench_matcher(
    clock: Clock, rows: int, *, dimension: int = 128, references: int = 1, probes: int = 200
) -> MatcherFigures:
    """Time ``Gallery.match`` on ``rows`` templates, ``references`` an entry."""
    rng = np.random.default_rng(20)
    entries = rows // references
    rows = entries * references
    templates = normalised(rng.standard_normal((rows, dimension), np.float32))
    names = [f"e{i}" for i in range(entries)]
    contract = TemplateContract("bench", "", "", "f32", dimension)
    owners = np.repeat(np.arange(entries), references)
    started = clock.monotonic_ns()
    gallery = Gallery.build(names, names, templates, owners, contract, coarse=coarse_for(templates))
    built = clock.monotonic_ns()
    asked = _probes(rng, templates, probes)
    for probe in asked[:_WARM_UP]:
        gallery.match(probe[None])
    times, right, error = [], 0, 0.0
    for probe in asked:
        before = clock.monotonic_ns()
        found = gallery.match(probe[None])
        times.append(clock.monotonic_ns() - before)
        exact = gallery.entry_scores(probe[None])[0]
        best = int(exact.argmax())
        right += int(found.entry[0]) == best
        error = max(error, abs(float(found.score[0]) - float(exact[best])))
    before = clock.monotonic_ns()
    gallery.without(names[:1])
    withdrawn = clock.monotonic_ns()
    p50, p95 = np.percentile(np.array(times) / 1e6, [50, 95])
    return MatcherFigures(
        rows,
        entries,
        dimension,
        probes,
        float(p50),
        float(p95),
        (built - started) / 1e9,
        (withdrawn - before) / 1e6,
        right,
        error,
    )


def _probes(rng: np.random.Generator, templates: FloatArray, count: int) -> FloatArray:
    """Half strangers, half noisy views of somebody listed: (count, d) unit rows."""
    asked = rng.standard_normal((count, templates.shape[1]), np.float32)
    mated = rng.integers(0, len(templates), count // 2)
    asked[: count // 2] = templates[mated] + asked[: count // 2] * np.float32(_NOISE)
    return normalised(asked)
