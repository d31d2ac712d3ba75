"""Pass memory: fuses what it is given, forgets it for good, stays bounded."""

from __future__ import annotations

import numpy as np
import pytest

from lfr_engine.identity.passes import VIEWS, PassMemory
from lfr_engine.identity.template import normalised
from lfr_engine.vision.frame import FloatArray


def units(count: int, seed: int = 0) -> FloatArray:
    return normalised(np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32))


def test_one_view_fuses_to_itself_and_two_to_their_weighted_mean() -> None:
    memory: PassMemory[str] = PassMemory(16)
    a, b = units(2)
    assert memory.add("p", a, 1.0) == pytest.approx(a, abs=1e-6)
    mixed = memory.add("p", b, 3.0)
    assert mixed == pytest.approx(normalised((a + 3 * b)[None])[0], abs=1e-6)


def test_erasing_overwrites_the_block_itself() -> None:
    memory: PassMemory[str] = PassMemory(16)
    memory.add("p", units(1)[0], 1.0)
    block = memory._passes["p"].templates
    assert block.any()
    assert memory.erase("p") == 1
    assert not block.any()
    assert memory.erase("p") == 0
    assert memory.erased == 1


def test_a_full_pass_keeps_its_best_views() -> None:
    memory: PassMemory[str] = PassMemory(16)
    views = units(VIEWS + 2)
    for number, view in enumerate(views[:VIEWS]):
        memory.add("p", view, 0.2 + 0.01 * number)
    memory.add("p", views[VIEWS], 0.9)
    held = memory._passes["p"]
    assert held.templates[0] == pytest.approx(views[VIEWS])
    memory.add("p", views[VIEWS + 1], 0.01)
    assert not any(np.allclose(row, views[VIEWS + 1]) for row in held.templates)


def test_the_oldest_pass_makes_room() -> None:
    memory: PassMemory[int] = PassMemory(16, most_passes=3)
    blocks = []
    for number, view in enumerate(units(5)):
        memory.add(number, view, 1.0)
        blocks.append(memory._passes[number].templates)
    assert len(memory) == 3
    assert not blocks[0].any()
    assert not blocks[1].any()
    assert memory.erase_all() == 3
    assert len(memory) == 0


def test_nothing_of_a_template_is_printed() -> None:
    memory: PassMemory[str] = PassMemory(16)
    memory.add("p", units(1)[0], 1.0)
    assert repr(memory) == "<PassMemory of 1 passes>"
    assert "0." not in repr(memory._passes["p"])
