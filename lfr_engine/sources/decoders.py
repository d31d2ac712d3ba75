"""Which video decoders this machine really has, found by opening them.

Owns: that question. Never: a claim taken from how FFmpeg was built, since a build names hardware
that the machine lacks. Strategy: a hardware decoder counts only when its device opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import av.error
from av.codec import Codec
from av.codec.hwaccel import HWAccel, hwdevices_available

CODECS = ("h264", "hevc", "mjpeg")
"""What network cameras send, most usual first."""


@dataclass(frozen=True, slots=True)
class Decoders:
    """The decoders of one codec.

    software: FFmpeg's own decoder is there. hardware: device kinds that opened, such as
    ``"vaapi"``. refused: kinds FFmpeg was built for that did not open here, with the reason.
    """

    codec: str
    software: bool
    hardware: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def available_decoders() -> list[Decoders]:
    """The decoders of every codec in ``CODECS``; opens and closes each hardware device once."""
    return [_decoders(codec) for codec in CODECS]


def ffmpeg_version() -> str:
    """PyAV's version and that of the libavcodec inside it."""
    return f"{av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def _decoders(codec: str) -> Decoders:
    hardware: list[str] = []
    refused: list[tuple[str, str]] = []
    for kind in hwdevices_available():
        # some kinds accelerate FFmpeg's own decoder, some bring one of their own
        for name in (codec, f"{codec}_{kind}"):
            if not _exists(name):
                continue
            try:
                HWAccel(kind, allow_software_fallback=False).create(Codec(name, "r"))
            except av.error.FFmpegError as exc:
                refused.append((kind, exc.strerror or str(exc)))
            except NotImplementedError:
                continue  # FFmpeg has no such pair: not worth telling
            except (RuntimeError, ValueError) as exc:
                refused.append((kind, str(exc)))
            else:
                hardware.append(kind)
            break
    return Decoders(codec, _exists(codec), tuple(hardware), tuple(refused))


def _exists(name: str) -> bool:
    try:
        Codec(name, "r")
    except ValueError:  # PyAV's UnknownCodecError
        return False
    return True
