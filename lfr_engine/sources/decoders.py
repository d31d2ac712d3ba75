"""Which video decoders this machine really has, and the one a stream is decoded with.

Owns: that question and that choice. Never: a claim taken from how FFmpeg was built, since a build
names hardware that the machine lacks; nor a silent return to software where hardware was asked for.
Strategy: a hardware decoder counts only when its device opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import av
import av.error
from av.codec import Codec, CodecContext
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from lfr_engine.errors import SourceRefused
from lfr_engine.sources.spec import SourceAddress

SOFTWARE, AUTO = "software", "auto"

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


def open_decoder(
    stream: VideoStream, choice: str, threads: int, address: SourceAddress
) -> tuple[VideoCodecContext, str]:
    """The decoder of a stream, and its name for the board: ``"software"`` or the hardware's kind.

    Args:
        stream: As demuxed; its own context decodes in software.
        choice: ``"software"``, ``"auto"`` (hardware where it opens, else software), or a kind of
            hardware, which must open.
        threads: Threads of a software decoder. Slices only: frame threads delay live pictures.
        address: For the error.

    Raises:
        SourceRefused: The hardware asked for cannot be had here.
    """
    codec = stream.codec_context.name
    kinds = () if choice == SOFTWARE else _kinds(codec) if choice == AUTO else (choice,)
    reason = ""
    for kind in kinds:
        for name in _names(codec, kind):
            try:
                accelerated = HWAccel(kind, allow_software_fallback=False)
                context = cast(
                    VideoCodecContext, CodecContext.create(name, "r", hwaccel=accelerated)
                )
            except (av.error.FFmpegError, NotImplementedError, RuntimeError, ValueError) as exc:
                reason = getattr(exc, "strerror", None) or str(exc) or "not in this build"
                continue
            context.extradata = stream.codec_context.extradata
            return context, kind
    if choice not in {SOFTWARE, AUTO}:
        raise SourceRefused(
            address,
            f"hardware decoding of {codec} by {choice!r} cannot be had here: {reason}",
            f'decode = "{AUTO}" or "{SOFTWARE}"; `lfr doctor` says what this machine has',
        )
    stream.codec_context.thread_count = threads
    stream.codec_context.thread_type = "SLICE"
    return stream.codec_context, SOFTWARE


@lru_cache(maxsize=16)
def _kinds(codec: str) -> tuple[str, ...]:
    return _decoders(codec).hardware


def _decoders(codec: str) -> Decoders:
    hardware: list[str] = []
    refused: list[tuple[str, str]] = []
    for kind in hwdevices_available():
        for name in _names(codec, kind):
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


def _names(codec: str, kind: str) -> list[str]:
    """Some kinds accelerate FFmpeg's own decoder, some bring one of their own."""
    return [name for name in (codec, f"{codec}_{kind}") if _exists(name)]


def _exists(name: str) -> bool:
    try:
        Codec(name, "r")
    except ValueError:  # PyAV's UnknownCodecError
        return False
    return True
