"""Reading video with PyAV, in one thread that opens, reads and closes it.

Owns: demuxing, decoding and the capture stamp. Never: handing a container to another thread, or
letting an FFmpeg error out (mapped here to SourceLost and SourceRefused). Strategy: each packet is
stamped as it leaves the demuxer; planes are views of the decoder's own buffers, never copied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lfr_engine.clock import Clock
from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.sources.spec import SourceAddress, SourceKind
from lfr_engine.vision.frame import ByteArray, Colour, Frame, Matrix, Planes

MAX_PIXELS = 8192 * 8192
"""A larger picture is refused: a header can claim any size."""

_STAMPS = 64
"""Packets whose capture stamp is remembered while their pictures are still in the decoder."""

Deliver = Callable[[Frame], object]


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How to read. Seconds throughout.

    open_timeout_s and read_timeout_s bound every blocking call inside FFmpeg (network only).
    decoder_threads: 1 leaves the cores to inference when several cameras are read at once.
    rtsp_transport: ``"tcp"`` or ``"udp"``.
    """

    open_timeout_s: float = 5.0
    read_timeout_s: float = 3.0
    decoder_threads: int = 1
    rtsp_transport: str = "tcp"


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What was opened: codec name, picture size in pixels, declared rate, and the decoder used."""

    codec: str
    width: int
    height: int
    declared_fps: float
    decoder: str


def read_video(
    camera: str,
    address: SourceAddress,
    settings: ReaderSettings,
    clock: Clock,
    deliver: Deliver,
    stop: threading.Event,
    on_open: Callable[[StreamFacts], None] | None = None,
) -> None:
    """Read a source to its end (recorded) or until ``stop`` (live), delivering every frame.

    ``deliver`` may block (recorded sources) and is called in this thread.

    Raises:
        SourceRefused: It can never work: not found, no access, not a video, no video stream, cut
            short.
        SourceLost: The network or the device failed; trying again may help.
    """
    container = _open(address, settings)
    try:
        stream = _video_stream(container, address)
        stream.codec_context.thread_count = settings.decoder_threads
        stream.codec_context.thread_type = "SLICE"
        if on_open is not None:
            on_open(_facts(stream))
        progress = _Progress()
        for frame in _frames(camera, container, stream, address, clock, stop, progress):
            deliver(frame)
            if stop.is_set():
                return
        if not stop.is_set():
            _require_complete(stream, progress, address)
    finally:
        container.close()


@dataclass(slots=True)
class _Progress:
    frames: int = 0
    first_pts: int | None = None
    last_s: float = 0.0
    damaged: int = 0


def _open(address: SourceAddress, settings: ReaderSettings) -> InputContainer:
    options: dict[str, str] = {}
    timeout: tuple[float, float] | None = None
    where = address.address
    if address.kind is SourceKind.FILE:
        _require_file(address)
    else:
        timeout = (settings.open_timeout_s, settings.read_timeout_s)
    if address.kind is SourceKind.RTSP:
        options = {
            "rtsp_transport": settings.rtsp_transport,
            "timeout": str(round(settings.read_timeout_s * 1e6)),
        }
    kind = "v4l2" if address.kind is SourceKind.DEVICE else None
    try:
        container = av.open(where, format=kind, options=options, timeout=timeout)
    except (av.error.FFmpegError, OSError, ValueError) as exc:
        raise _mapped(exc, address) from exc
    return container


def _require_file(address: SourceAddress) -> None:
    path = Path(address.address)
    if not path.exists():
        raise SourceRefused(address, "no such file")
    if not path.is_file():
        raise SourceRefused(address, "not a file")
    try:
        empty = path.stat().st_size == 0
    except OSError as exc:
        raise SourceRefused(address, f"cannot be read: {exc.strerror}") from exc
    if empty:
        raise SourceRefused(address, "the file is empty (0 bytes)")


def _video_stream(container: InputContainer, address: SourceAddress) -> VideoStream:
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        held = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise SourceRefused(address, f"holds no video stream, only {held}")
    stream = streams[0]
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise SourceRefused(address, f"claims {context.width}×{context.height} pixels: too large")
    return stream


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _facts(stream: VideoStream) -> StreamFacts:
    context: VideoCodecContext = stream.codec_context
    return StreamFacts(
        codec=context.codec.name,
        width=context.width,
        height=context.height,
        declared_fps=float(stream.average_rate or 0),
        decoder="software",
    )


def _frames(
    camera: str,
    container: InputContainer,
    stream: VideoStream,
    address: SourceAddress,
    clock: Clock,
    stop: threading.Event,
    progress: _Progress,
) -> Iterator[Frame]:
    stamps: dict[int, int] = {}
    for packet, captured_ns in _packets(container, stream, address, clock, stop):
        if packet.pts is not None:
            stamps[packet.pts] = captured_ns
            while len(stamps) > _STAMPS:
                del stamps[next(iter(stamps))]
        for picture in _decode(packet, address, progress):
            pts = picture.pts
            captured = stamps.pop(pts, captured_ns) if pts is not None else captured_ns
            if pts is not None and progress.first_pts is None:
                progress.first_pts = pts
            if pts is not None and picture.time_base is not None:
                first = progress.first_pts or 0
                progress.last_s = float((pts - first) * picture.time_base)
            yield Frame(camera, progress.frames, captured, progress.last_s, planes_of(picture))
            progress.frames += 1


def _packets(
    container: InputContainer,
    stream: VideoStream,
    address: SourceAddress,
    clock: Clock,
    stop: threading.Event,
) -> Iterator[tuple[Packet[VideoStream], int]]:
    demuxed = container.demux(stream)
    while not stop.is_set():
        try:
            packet = next(demuxed, None)
        except (av.error.FFmpegError, OSError) as exc:
            raise _mapped(exc, address) from exc
        if packet is None:
            if address.live:
                raise SourceLost(address, "the stream ended")
            return
        yield packet, clock.monotonic_ns()


def _decode(
    packet: Packet[VideoStream], address: SourceAddress, progress: _Progress
) -> list[VideoFrame]:
    try:
        return list(packet.decode())
    except av.error.FFmpegError as exc:
        # One damaged packet is not the end of a stream: cameras send them. Nothing but damage is.
        progress.damaged += 1
        if progress.damaged > 50 and progress.damaged > progress.frames:
            raise SourceRefused(address, "cannot be decoded: every packet is damaged") from exc
        return []


def _require_complete(stream: VideoStream, progress: _Progress, address: SourceAddress) -> None:
    if address.live:
        return
    if progress.frames == 0:
        raise SourceRefused(address, "holds no picture that can be decoded")
    if stream.frames and progress.frames < 0.95 * stream.frames - 2:
        raise SourceRefused(
            address,
            f"cut short: {progress.frames} of {stream.frames} frames could be read, "
            f"up to {progress.last_s:.1f} s",
        )


def planes_of(picture: VideoFrame) -> Planes:
    """The picture's planes, as views where it is 4:2:0 already, else converted by libswscale."""
    colour = _colour(picture)
    if picture.format.name not in {"yuv420p", "yuvj420p"}:
        picture = picture.reformat(format="yuv420p")
    width, height = picture.width, picture.height
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes = ((height, width), half, half)
    y, u, v = (_view(p, *shape) for p, shape in zip(picture.planes, shapes, strict=True))
    return Planes(y, u, v, colour)


def _view(plane: object, height: int, width: int) -> ByteArray:
    line = plane.line_size  # type: ignore[attr-defined]
    whole = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    view: ByteArray = whole[: line * height].reshape(height, line)[:, :width]
    return view


def _colour(picture: VideoFrame) -> Colour:
    # H.273 codes: 1 is BT.709, 5 and 6 are BT.601; 2 is unsaid, where high definition means BT.709.
    space = int(picture.colorspace)
    unsaid_is_709 = space not in {1, 5, 6} and picture.height >= 720
    matrix = Matrix.BT709 if space == 1 or unsaid_is_709 else Matrix.BT601
    full = int(picture.color_range) == 2 or picture.format.name.startswith("yuvj")
    return Colour(matrix, full)


_REFUSED = (
    av.error.InvalidDataError,
    av.error.FileNotFoundError,
    av.error.PermissionError,
    av.error.IsADirectoryError,
    av.error.HTTPUnauthorizedError,
    av.error.HTTPForbiddenError,
    av.error.HTTPNotFoundError,
    av.error.HTTPBadRequestError,
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.DecoderNotFoundError,
)


def _mapped(exc: Exception, address: SourceAddress) -> SourceLost | SourceRefused:
    """Whose fault an FFmpeg error is. RTSP says InvalidData for a server that is merely down."""
    text = _reason(exc)
    network = address.live and address.kind is not SourceKind.DEVICE
    hopeless = isinstance(exc, _REFUSED)
    if network and isinstance(exc, av.error.InvalidDataError):
        hopeless = False
    if not network:
        if isinstance(exc, av.error.InvalidDataError):
            text = "not a video, damaged, or cut short"
        return SourceRefused(address, text)
    return SourceRefused(address, text) if hopeless else SourceLost(address, text)


def _reason(exc: Exception) -> str:
    if isinstance(exc, av.error.HTTPUnauthorizedError):
        return "the camera refused the user name or password"
    text = getattr(exc, "strerror", None) or type(exc).__name__
    return str(text).split(":")[0].strip()[:120] or type(exc).__name__
