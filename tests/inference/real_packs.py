"""The real packs, where this machine has them, and photographs to show them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lfr_engine.errors import ModelError
from lfr_engine.inference.store import InstalledPack, ModelStore, data_folder
from lfr_engine.vision.frame import ByteArray

SHARED = Path(__file__).parents[2].parent / "shared"
PACKS = ("opencv-zoo", "omz")


def installed(name: str) -> InstalledPack:
    """The verified pack, or a skip with the reason."""
    try:
        return ModelStore(data_folder()).open(name)
    except ModelError as exc:
        pytest.skip(str(exc))


def shared(name: str) -> Path:
    """A file or folder of ../shared, or a skip with the reason."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"../shared/{name} is not here")
    return path


def portrait(name: str) -> ByteArray:
    """One photograph of ../shared/data/portraits as BGR."""
    picture = cv2.imread(str(shared(f"data/portraits/{name}")))
    assert picture is not None
    return np.asarray(picture, np.uint8)
