"""Writes H.264 video. Owns: the only encoder of the project. Never: decides what is in the
pictures. Strategy: planes go to libx264 as they are; the file appears under its name only when
complete.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from lfr_engine.errors import EngineError, InputError
from lfr_engine.vision.frame import Matrix, Planes

_COLOURSPACES = {Matrix.BT709: 1, Matrix.BT601: 6}  # ITU-T H.273 matrix coefficients


def write_video(
    path: Path,
    pictures: Iterable[Planes],
    *,
    fps: float,
    size: tuple[int, int],
    crf: int = 23,
    preset: str = "ultrafast",
) -> int:
    """Encode ``pictures`` and return how many there were.

    Args:
        path: The file to make; its suffix names the container (``.mp4``, ``.mkv``).
        pictures: All of ``size`` and of one colour; taken one at a time.
        fps: Frames a second.
        size: (width, height) in pixels, both even.
        crf: Quality of libx264, 0 (lossless) to 51.
        preset: Speed of libx264; the default encodes 1080p at some 85 frames a second a core.

    Raises:
        InputError: the file cannot be written there.
        EngineError: this build of PyAV has no libx264, or it refused the pictures.
    """
    if "libx264" not in av.codecs_available:
        raise EngineError("libx264", "is missing from PyAV", "install PyAV's own wheel")
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        partial.touch()
    except OSError as error:
        raise InputError(path, "cannot be written", "choose a folder you may write to") from error
    try:
        count = _encode(partial, pictures, fps, size, crf, preset)
        _settle(partial, path)
    except av.error.FFmpegError as error:
        raise EngineError(path, "could not be encoded") from error
    finally:
        partial.unlink(missing_ok=True)
    return count


def _encode(
    path: Path,
    pictures: Iterable[Planes],
    fps: float,
    size: tuple[int, int],
    crf: int,
    preset: str,
) -> int:
    rate = Fraction(fps).limit_denominator(1001)
    count = 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": preset}
        stream.codec_context.gop_size = round(2 * fps)
        stream.codec_context.max_b_frames = 0  # street cameras send none: they cost latency
        for picture in pictures:
            if count == 0:
                stream.codec_context.colorspace = _COLOURSPACES[picture.colour.matrix]
                stream.codec_context.color_range = 2 if picture.colour.full_range else 1
            frame = _to_frame(picture)
            frame.pts, frame.time_base = count, 1 / rate
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return count


def _to_frame(picture: Planes) -> av.VideoFrame:
    frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
    for plane, source in zip(frame.planes, (picture.y, picture.u, picture.v), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        rows[: source.shape[0], : source.shape[1]] = source
    return frame


def _settle(partial: Path, path: Path) -> None:
    with partial.open("rb+") as written:
        os.fsync(written.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
