"""Senders of the other kinds of live video: MPEG-TS over TCP and UDP, MJPEG over HTTP."""

from __future__ import annotations

import base64
import http.server
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http import HTTPStatus
from pathlib import Path

import av
import av.error
import cv2

from tests.servers.clips import FPS, pictures

BOUNDARY = "picture"


class _Wire:
    """A socket that FFmpeg's muxer can write to. (Its own listener would hold Python's lock.)

    While ``noise`` is set everything is replaced by noise.
    """

    def __init__(
        self, connection: socket.socket, noise: threading.Event, datagram: int | None = None
    ) -> None:
        self._connection = connection
        self._noise = noise
        self._datagram = datagram

    def write(self, data: bytes) -> int:
        if self._noise.is_set():
            data = random.randbytes(len(data))
        size = self._datagram or max(1, len(data))
        for start in range(0, len(data), size):
            self._connection.sendall(data[start : start + size])
        return len(data)


@contextmanager
def mpegts_sender(clip: Path, port: int, transport: str) -> Iterator[threading.Event]:
    """Send an H.264 clip as MPEG-TS at its own rate, from its start again and again.

    Over ``"udp"`` to ``port``, or over ``"tcp"`` to one client after another on ``port``. Yields
    an event: while it is set, noise is sent instead.
    """
    stop, noise = threading.Event(), threading.Event()
    if transport == "udp":
        thread = threading.Thread(target=_send_udp, args=(clip, port, stop, noise))
    else:
        listener = socket.create_server(("127.0.0.1", port))  # listens before anybody may connect
        thread = threading.Thread(target=_send_tcp, args=(clip, listener, stop, noise))
    thread.start()
    try:
        yield noise
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def _send_udp(clip: Path, port: int, stop: threading.Event, noise: threading.Event) -> None:
    while not stop.is_set():
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.connect(("127.0.0.1", port))
            _send_session(clip, _Wire(sender, noise, 7 * 188), stop)


def _send_tcp(
    clip: Path, listener: socket.socket, stop: threading.Event, noise: threading.Event
) -> None:
    with listener:
        listener.settimeout(0.05)
        while not stop.is_set():
            try:
                client, _ = listener.accept()
            except TimeoutError:
                continue
            with client:
                client.settimeout(5)
                _send_session(clip, _Wire(client, noise), stop)


def _send_session(clip: Path, wire: _Wire, stop: threading.Event) -> None:
    began, sent = time.monotonic(), 0
    try:
        with (
            av.open(str(clip)) as source,
            av.open(wire, "w", format="mpegts", options={"flush_packets": "1"}) as target,
        ):
            stream = source.streams.video[0]
            output = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if not packet.size or stop.wait(max(0.0, began + sent / FPS - time.monotonic())):
                    break
                packet.stream = output
                packet.pts = packet.dts = sent * 90_000 // FPS
                packet.time_base = Fraction(1, 90_000)
                target.mux(packet)
                sent += 1
    except (av.error.FFmpegError, OSError):
        stop.wait(0.05)  # nobody listens, or the client went away


class _Mjpeg(http.server.BaseHTTPRequestHandler):
    """An endless multipart stream of JPEG pictures at ``/video``; ``/secret`` wants a password."""

    password = "right-s3cret"

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(f"viewer:{self.password}".encode()).decode()
        if self.path == "/secret" and self.headers.get("Authorization") != expected:
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()
            return
        if self.path not in {"/video", "/secret"}:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        began = time.monotonic()
        for number, picture in enumerate(pictures(60, (320, 240))):
            data = cv2.imencode(".jpg", picture.to_ndarray(format="bgr24"))[1].tobytes()
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            try:
                self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                return
            time.sleep(max(0.0, began + number / FPS - time.monotonic()))

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def mjpeg_server() -> Iterator[str]:
    """Serve MJPEG over HTTP; yields ``host:port``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Mjpeg)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
