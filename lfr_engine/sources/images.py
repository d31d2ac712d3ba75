"""A folder of images as a camera: each image one frame, at a stated rate.

Owns: the order of the images and their times. Never: a subfolder, or a file that is no image by
name. Strategy: sorted as people number files (``2.png`` before ``10.png``); an image that cannot be
decoded leaves a gap in the sequence, which is counted as a drop.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import cv2
import numpy as np

from lfr_engine.clock import Clock
from lfr_engine.errors import SourceRefused
from lfr_engine.sources.arrival import Arrivals, FastArrivals, PacedArrivals
from lfr_engine.sources.picture import planes_of_still
from lfr_engine.sources.reader import (
    MAX_PIXELS,
    Deliver,
    OnOpen,
    Pace,
    ReaderSettings,
    StreamFacts,
)
from lfr_engine.sources.spec import SourceAddress
from lfr_engine.vision.frame import ByteArray, Frame

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


def read_images(
    camera: str,
    address: SourceAddress,
    settings: ReaderSettings,
    clock: Clock,
    deliver: Deliver,
    stop: threading.Event,
    on_open: OnOpen,
) -> None:
    """Read every image of a folder; like ``read_video``, at ``settings.images_fps``.

    Raises:
        SourceRefused: There is no such folder, or no image in it that can be decoded.
    """
    paths = image_files(address)
    arrivals: Arrivals = FastArrivals(clock)
    if settings.pace is Pace.LIVE:
        arrivals = PacedArrivals(clock, stop, clock.monotonic_ns())
    size, number = (0, 0), 0
    while True:
        before = size
        for path in paths:
            if stop.is_set():
                return
            time_s = number / settings.images_fps
            captured_ns = arrivals.stamp(clock.monotonic_ns(), time_s)
            picture = _decode(path)
            if picture is not None:
                if picture.shape[1::-1] != size:
                    size = (picture.shape[1], picture.shape[0])
                    on_open(StreamFacts("images", *size, settings.images_fps, "software"))
                deliver(Frame(camera, number, captured_ns, time_s, planes_of_still(picture)))
            number += 1
        if size == before == (0, 0):
            raise SourceRefused(address, "holds no image that can be decoded")
        if not settings.repeat:
            return


def image_files(address: SourceAddress) -> list[Path]:
    """The images of a folder in order.

    Raises:
        SourceRefused: No such folder, no access, or no image in it.
    """
    try:
        paths = [p for p in Path(address.address).iterdir() if p.suffix.lower() in SUFFIXES]
    except OSError as exc:
        raise SourceRefused(address, f"cannot be read: {exc.strerror}") from exc
    if not paths:
        raise SourceRefused(address, "holds no image", f"known are {', '.join(sorted(SUFFIXES))}")
    return sorted(paths, key=_as_people_count)


def _as_people_count(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(p), "") if p.isdigit() else (0, p) for p in parts]


def _decode(path: Path) -> ByteArray | None:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    try:
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    # OpenCV's stubs promise an array; it gives None where a decoder gives up.
    if picture is None or picture.shape[0] * picture.shape[1] > MAX_PIXELS:
        return None
    return picture.astype(np.uint8, copy=False)
