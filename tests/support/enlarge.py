"""The bench's real video: a clip enlarged and repeated, so that everybody measures the same one.

``python -m tests.support.enlarge CLIP OUT`` makes 600 frames of 1920×1080, 25 a second: H.264 High,
6 Mbit/s, one slice a picture. One thread encodes, so that the file is the same on every machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FPS = 25
BIT_RATE = 6_000_000


def enlarge(
    clip: Path, out: Path, *, width: int = 1920, height: int = 1080, frames: int = 600
) -> None:
    """Write ``out``: the clip over and over until it has so many frames."""
    with av.open(str(out), "w") as container:
        stream: VideoStream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.codec_context.thread_count = 1
        stream.options = {"profile": "high"}
        for number, frame in zip(range(frames), _over_and_over(clip), strict=False):
            large = frame.reformat(width, height, "yuv420p", interpolation="BICUBIC")
            large.pts, large.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(large))
        container.mux(stream.encode(None))


def _over_and_over(clip: Path) -> Iterator[VideoFrame]:
    while True:
        with av.open(str(clip)) as container:
            yield from container.decode(video=0)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=600)
    given = parser.parse_args()
    enlarge(given.clip, given.out, frames=given.frames)


if __name__ == "__main__":
    main()
