"""Clips for the servers: painted walkers, encoded once for a test session."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from tests.support.painted import HEIGHT, WIDTH, Walk, paint

FPS = 25
GRAIN = np.random.default_rng(7)


def pictures(
    seconds: float, size: tuple[int, int], start_s: float = 0.0
) -> Iterator[av.VideoFrame]:
    """Painted walkers with grain, as a real sensor has, so that no two pictures are the same."""
    walks = [Walk("ann", 5.0 * n, 5.0 * n + 4.5) for n in range(40)]
    for number in range(round(seconds * FPS)):
        luma = cv2.resize(paint(walks, start_s + number / FPS).y, size)
        luma = luma + GRAIN.integers(0, 3, luma.shape, np.uint8)
        chroma = np.full((size[1] // 2, size[0]), 128, np.uint8)
        yield av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")


def write_clip(
    path: Path,
    *parts: tuple[float, tuple[int, int]],
    codec: str = "libx264",
    container_format: str | None = None,
) -> Path:
    """Encode parts of (seconds, size) one behind another into one video stream, 1 s a group.

    More than one part changes the resolution in mid-stream, which needs a container that carries
    the headers in band, such as MPEG-TS.
    """
    with av.open(str(path), "w", format=container_format) as container:
        stream = None
        done = 0
        for seconds, size in parts or ((20.0, (WIDTH, HEIGHT)),):
            encoder = _encoder(codec, size)
            if stream is None:
                stream = container.add_stream(codec, rate=FPS)
                assert isinstance(stream, av.VideoStream)
                stream.width, stream.height = size
                stream.pix_fmt = encoder.pix_fmt
                stream.options = {"preset": "ultrafast"}
            for picture in pictures(seconds, size, done / FPS):
                picture.pts, picture.time_base = done, Fraction(1, FPS)
                done += 1
                for packet in encoder.encode(picture):
                    packet.stream = stream
                    container.mux(packet)
            for packet in encoder.encode(None):
                packet.stream = stream
                container.mux(packet)
    return path


def _encoder(codec: str, size: tuple[int, int]) -> av.VideoCodecContext:
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(FPS)
    encoder.time_base = Fraction(1, FPS)
    encoder.gop_size = FPS
    encoder.max_b_frames = 0
    if codec == "libx264":
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "28"}
    return encoder
