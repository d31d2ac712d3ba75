"""The video writer: what goes in comes out, or nothing does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from lfr_engine.errors import InputError
from lfr_engine.sources.video_writer import write_video
from lfr_engine.vision.frame import Colour, Matrix, Planes


def _grey(level: int, width: int = 98, height: int = 62) -> Planes:
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    luma = np.full((height, width), level, np.uint8)
    return Planes(luma, chroma, chroma.copy(), Colour(Matrix.BT601))


def test_levels_rate_and_colour_survive(tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    levels = [30, 90, 150, 210]
    assert write_video(path, map(_grey, levels), fps=12.5, size=(98, 62), crf=10) == 4
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == 12.5
        frames = list(container.decode(stream))
    assert [round(float(f.to_ndarray()[:62].mean())) for f in frames] == pytest.approx(
        levels, abs=2
    )
    assert (frames[0].colorspace, frames[0].color_range) == (6, 1)
    assert not list(tmp_path.glob(".*"))


def test_an_interrupted_video_leaves_nothing(tmp_path: Path) -> None:
    def pictures() -> Iterator[Planes]:
        yield _grey(100)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "cut.mp4", pictures(), fps=25, size=(98, 62))
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_video(tmp_path / "none" / "a.mp4", [], fps=25, size=(98, 62))
