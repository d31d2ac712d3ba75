"""One way to read any source.

Owns: the choice of reader by the kind of address. Never: opening anything itself. Strategy: every
reader has the one shape ``Read``, so cameras do not know what they watch.
"""

from __future__ import annotations

import threading

from lfr_engine.clock import Clock
from lfr_engine.sources.images import read_images
from lfr_engine.sources.reader import Deliver, OnOpen, Read, ReaderSettings, read_video
from lfr_engine.sources.spec import SourceAddress, SourceKind


def reader_for(camera: str, address: SourceAddress, settings: ReaderSettings, clock: Clock) -> Read:
    """The call that reads ``address`` as ``camera``, in the thread that calls it.

    It raises ``SourceRefused`` and ``SourceLost`` as ``read_video`` does, and may be called again.
    """
    reader = read_images if address.kind is SourceKind.IMAGES else read_video

    def read(deliver: Deliver, stop: threading.Event, on_open: OnOpen) -> None:
        reader(camera, address, settings, clock, deliver, stop, on_open)

    return read
