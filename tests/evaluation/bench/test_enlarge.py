"""The bench's real video is the same for everybody who makes it."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from tests.support.enlarge import enlarge


def _clip(path: Path, frames: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            picture = np.full((48, 64, 3), 40 * number, np.uint8)
            container.mux(stream.encode(VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return path


def test_a_clip_is_enlarged_and_repeated_the_same_way_each_time(tmp_path: Path) -> None:
    clip = _clip(tmp_path / "clip.mp4", frames=5)
    made = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for out in made:
        enlarge(clip, out, width=128, height=96, frames=12)
    assert made[0].read_bytes() == made[1].read_bytes()
    with av.open(str(made[0])) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(128, 96)] * 12
    grey = [int(frame.to_ndarray(format="gray").mean()) for frame in frames]
    assert grey[:5] == sorted(set(grey[:5])), "each frame is brighter than the one before"
    assert np.allclose(grey[5:10], grey[:5], atol=3), "then it begins anew"
