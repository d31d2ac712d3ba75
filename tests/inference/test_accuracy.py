"""Labeled Faces in the Wild through the whole path: the figures of ``docs/accuracy.md`` hold."""

from __future__ import annotations

import pytest

from lfr_engine.evaluation.verification import run_verification
from lfr_engine.inference.pack import open_pack
from lfr_engine.inference.session import DeviceOptions
from tests.inference.real_packs import installed, shared


@pytest.mark.soak
@pytest.mark.shared
@pytest.mark.parametrize(("pack", "least"), [("opencv-zoo", 0.992), ("omz", 0.993)])
def test_verification_on_lfw(pack: str, least: float) -> None:
    folder, pairs = shared("data/lfw-dev"), shared("data/lfw-dev-pairs.txt")
    opened = open_pack(installed(pack), DeviceOptions(requests=1))
    result = run_verification(folder, pairs, opened, lambda *_: None)
    assert result.pairs == 1710
    assert len(result.fold_accuracies) == 10
    assert result.failures == ()
    assert result.accuracy >= least, result
