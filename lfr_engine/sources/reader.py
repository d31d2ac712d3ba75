"""Reading video with PyAV, in one thread that opens, reads and closes it.

Owns: demuxing, decoding and the order of frames. Never: handing a container to another thread, or
letting an FFmpeg error out. Strategy: each packet is stamped as it leaves the demuxer; planes are
views of the decoder's own buffers; a decoder that cannot keep up with a live source skips to a key
picture rather than let the demuxer stand still, for a stalled demuxer loses its session.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lfr_engine.clock import Clock
from lfr_engine.errors import SourceLost, SourceRefused
from lfr_engine.sources.arrival import (
    Arrivals,
    FastArrivals,
    HeldStamps,
    LiveArrivals,
    PacedArrivals,
)
from lfr_engine.sources.decoders import SOFTWARE, open_decoder
from lfr_engine.sources.faults import guarded
from lfr_engine.sources.picture import planes_of
from lfr_engine.sources.spec import SourceAddress, SourceKind, require_file
from lfr_engine.vision.frame import Frame

MAX_PIXELS = 8192 * 8192
"""A larger picture is refused: a header can claim any size."""

BEHIND_S = 1.0
"""A decoder this far behind will not catch up by working: it skips to a key picture."""

RESUMED_S = 0.1
"""It goes on at a key picture that is no older than this."""

_DAMAGED_IN_A_ROW = 50
"""Packets without a picture that end a stream: 2 s of a 25 fps camera."""

Deliver: TypeAlias = Callable[[Frame], object]


class Pace(enum.Enum):
    """How recorded material is read."""

    FAST = "fast"  # as quickly as it is processed
    LIVE = "live"  # each frame when it is due


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How to read. Seconds throughout.

    open_timeout_s and read_timeout_s bound every blocking call inside FFmpeg (network only).
    decoder_threads: 1 leaves the cores to inference when several cameras are read at once.
    rtsp_transport: ``"tcp"`` or ``"udp"``. decode: ``"software"``, ``"auto"`` (hardware where it
    opens) or a kind of hardware such as ``"vaapi"``, which is refused where it cannot be had.
    pace and repeat: of recorded material. images_fps: pictures a second of a folder of images.
    """

    open_timeout_s: float = 5.0
    read_timeout_s: float = 3.0
    decoder_threads: int = 1
    rtsp_transport: str = "tcp"
    decode: str = SOFTWARE
    pace: Pace = Pace.FAST
    repeat: bool = False
    images_fps: float = 25.0


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What was opened: codec name, picture size in pixels, declared rate, and the decoder used."""

    codec: str
    width: int
    height: int
    declared_fps: float
    decoder: str


OnOpen: TypeAlias = Callable[[StreamFacts], None]

Read: TypeAlias = Callable[[Deliver, threading.Event, OnOpen], None]
"""Reads a source in a thread: (deliver, stop, on_open). See ``read_video``."""


def read_video(
    camera: str,
    address: SourceAddress,
    settings: ReaderSettings,
    clock: Clock,
    deliver: Deliver,
    stop: threading.Event,
    on_open: OnOpen | None = None,
) -> None:
    """Read a source to its end (recorded) or until ``stop`` (live), delivering every frame.

    ``deliver`` may block (recorded sources) and is called in this thread. ``on_open`` is told what
    was opened, and again when the size of the picture changes. A gap in the frames' sequence is
    as many pictures that were not decoded: damaged, or skipped because the decoder was behind.

    Raises:
        SourceRefused: It can never work: not found, no access, not a video, no video stream, cut
            short.
        SourceLost: The network or the device failed; trying again may help.
    """
    reading = _Reading(camera, address, settings, clock, stop, on_open or _tell_nobody)
    while True:
        for frame in reading.frames():
            deliver(frame)
            if stop.is_set():
                return
        if address.live or not settings.repeat or stop.is_set():
            return


def _tell_nobody(_: StreamFacts) -> None:
    pass


class _Reading:
    """One source being read, over all its repetitions."""

    def __init__(
        self,
        camera: str,
        address: SourceAddress,
        settings: ReaderSettings,
        clock: Clock,
        stop: threading.Event,
        on_open: OnOpen,
    ) -> None:
        self._camera = camera
        self._address = address
        self._settings = settings
        self._clock = clock
        self._stop = stop
        self._on_open = on_open
        self._facts: StreamFacts | None = None
        self._began_ns = clock.monotonic_ns()
        self._sequence = 0
        self._base_s = 0.0  # media time of the repetitions before
        self._last_s = 0.0
        self._decoded = self._skipped = self._damaged_in_a_row = 0

    def frames(self) -> Iterator[Frame]:
        """Every frame, once through. Raises as ``read_video``."""
        opened_ns = self._clock.monotonic_ns()
        container = _open(self._address, self._settings)
        self._decoded = self._skipped = self._damaged_in_a_row = 0
        try:
            stream = _video_stream(container, self._address)
            decoder, name = open_decoder(
                stream, self._settings.decode, self._settings.decoder_threads, self._address
            )
            self._say(_facts(stream, name))
            yield from self._pictures(container, stream, decoder, self._arrivals(opened_ns))
            if not self._stop.is_set():
                self._require_complete(stream)
            rate = float(stream.average_rate or 25)
            self._base_s = self._last_s + 1 / rate
        finally:
            container.close()

    def _arrivals(self, opened_ns: int) -> Arrivals:
        if self._address.live:
            return LiveArrivals(self._clock, opened_ns)
        if self._settings.pace is Pace.LIVE:
            start_ns = self._began_ns + round(self._base_s * 1e9)
            return PacedArrivals(self._clock, self._stop, start_ns)
        return FastArrivals(self._clock)

    def _pictures(
        self,
        container: InputContainer,
        stream: VideoStream,
        decoder: VideoCodecContext,
        arrivals: Arrivals,
    ) -> Iterator[Frame]:
        stamps = HeldStamps()
        first_pts: int | None = None
        skip = _Skip(self._clock)
        for packet, captured_ns in self._packets(container, stream, arrivals):
            if packet.size and skip.skips(captured_ns, key=packet.is_keyframe):
                self._sequence += 1
                self._skipped += 1
                continue
            if skip.resumed():
                decoder.flush_buffers()
            stamps.enter(packet.pts, captured_ns)
            for picture in self._decode(decoder, packet):
                pts = picture.pts
                captured = stamps.leave(pts, captured_ns)
                if pts is not None and stream.time_base is not None:
                    first_pts = pts if first_pts is None else first_pts
                    self._last_s = self._base_s + float((pts - first_pts) * stream.time_base)
                self._check_size(picture)
                yield Frame(
                    self._camera, self._sequence, captured, self._last_s, planes_of(picture)
                )
                self._sequence += 1
                self._decoded += 1

    def _packets(
        self, container: InputContainer, stream: VideoStream, arrivals: Arrivals
    ) -> Iterator[tuple[Packet[VideoStream], int]]:
        demuxed = container.demux(stream)
        first_dts: int | None = None
        while not self._stop.is_set():
            asked_ns = self._clock.monotonic_ns()
            packet = guarded(self._address, partial(next, demuxed, None))
            if packet is None:
                if self._address.live:
                    raise SourceLost(self._address, "the stream ended")
                return
            waited_s = (self._clock.monotonic_ns() - asked_ns) / 1e9
            if self._address.live and waited_s >= self._settings.read_timeout_s:
                # At its time limit FFmpeg first gives out the picture it was still holding.
                raise SourceLost(self._address, f"no picture for {waited_s:.1f} s")
            media_s: float | None = None
            if packet.dts is not None and packet.time_base is not None:
                first_dts = packet.dts if first_dts is None else first_dts
                media_s = float((packet.dts - first_dts) * packet.time_base)
            yield packet, arrivals.stamp(asked_ns, media_s)

    def _decode(self, decoder: VideoCodecContext, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            pictures = decoder.decode(packet if packet.size else None)
        except av.error.FFmpegError:
            # One damaged packet is not the end of a stream: cameras send them. Nothing but is.
            self._damaged_in_a_row += 1
            self._sequence += 1
            pictures = []
        if pictures:
            self._damaged_in_a_row = 0
        elif self._damaged_in_a_row > _DAMAGED_IN_A_ROW and not self._decoded:
            raise SourceRefused(self._address, "cannot be decoded: every packet is damaged")
        elif self._damaged_in_a_row > _DAMAGED_IN_A_ROW and self._address.live:
            raise SourceLost(self._address, "nothing but damaged packets comes")
        return pictures

    def _check_size(self, picture: VideoFrame) -> None:
        facts = self._facts
        if facts is not None and (facts.width, facts.height) != (picture.width, picture.height):
            _require_size(picture.width, picture.height, self._address)
            self._say(replace(facts, width=picture.width, height=picture.height))

    def _say(self, facts: StreamFacts) -> None:
        if facts != self._facts:
            self._facts = facts
            self._on_open(facts)

    def _require_complete(self, stream: VideoStream) -> None:
        if self._decoded == 0:
            raise SourceRefused(self._address, "holds no picture that can be decoded")
        if stream.frames and self._decoded + self._skipped < 0.95 * stream.frames - 2:
            raise SourceRefused(
                self._address,
                f"cut short: {self._decoded} of {stream.frames} frames could be read, "
                f"up to {self._last_s:.1f} s",
            )


class _Skip:
    """Whether packets are to be skipped because the decoder is behind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limit_s = float("inf")
        self._skipping = self._resumed = False

    def skips(self, captured_ns: int, *, key: bool) -> bool:
        """Whether the packet captured at ``captured_ns`` is to be skipped."""
        behind_s = (self._clock.monotonic_ns() - captured_ns) / 1e9
        if self._skipping:
            self._skipping = not (key and behind_s <= RESUMED_S)
            self._resumed = not self._skipping
        elif behind_s <= RESUMED_S:
            self._limit_s = BEHIND_S
        elif self._limit_s == float("inf"):
            # What FFmpeg read while it opened the stream is decoded, for it holds the key picture.
            self._limit_s = behind_s + BEHIND_S
        else:
            self._skipping = behind_s > self._limit_s
        return self._skipping

    def resumed(self) -> bool:
        """True once after pictures were skipped: the decoder starts anew."""
        resumed, self._resumed = self._resumed, False
        return resumed


def _open(address: SourceAddress, settings: ReaderSettings) -> InputContainer:
    if address.kind is SourceKind.FILE:
        require_file(address)
        return guarded(address, lambda: av.open(address.address))
    formats = {SourceKind.DEVICE: "v4l2", SourceKind.STREAM: "mpegts"}
    options = {
        SourceKind.RTSP: {
            "rtsp_transport": settings.rtsp_transport,
            "timeout": str(round(settings.read_timeout_s * 1e6)),
            # The session description names the codec: half a second of pictures is plenty.
            "analyzeduration": "500000",
            "max_delay": "100000",
        },
        # A full receive buffer loses its oldest packets and goes on, instead of failing.
        SourceKind.STREAM: {"overrun_nonfatal": "1"} if address.address.startswith("udp") else {},
    }
    return guarded(
        address,
        lambda: av.open(
            address.address,
            format=formats.get(address.kind),
            options=options.get(address.kind, {}),
            timeout=(settings.open_timeout_s, settings.read_timeout_s),
        ),
    )


def _video_stream(container: InputContainer, address: SourceAddress) -> VideoStream:
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        held = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        if address.live:
            raise SourceLost(address, f"sends no video, only {held}")
        raise SourceRefused(address, f"holds no video stream, only {held}")
    context = streams[0].codec_context
    _require_size(context.width, context.height, address)
    return streams[0]


def _require_size(width: int, height: int, address: SourceAddress) -> None:
    if width * height > MAX_PIXELS:
        raise SourceRefused(address, f"claims {width}×{height} pixels: too large")


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _facts(stream: VideoStream, decoder: str) -> StreamFacts:
    context: VideoCodecContext = stream.codec_context
    return StreamFacts(
        codec=context.codec.name,
        width=context.width,
        height=context.height,
        declared_fps=float(stream.average_rate or 0),
        decoder=decoder,
    )
