"""A serial port as a Trio stream.

Owns: the tty's settings and its exclusive lock. Never: what is said on it. Strategy: the file is
opened non-blocking and handed to ``trio.lowlevel.FdStream``, so every read and write can be
cancelled and no thread is needed; every error of a port that goes away becomes ``BearerLost``.
"""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from lfr_engine.errors import ConfigError
from lfr_engine.relay.port import BearerLost

SPEEDS = {
    9600: termios.B9600,
    19200: termios.B19200,
    38400: termios.B38400,
    57600: termios.B57600,
    115200: termios.B115200,
    230400: termios.B230400,
    460800: termios.B460800,
}

WRITE_LIMIT_S = 5.0
"""A modem that holds its flow control longer than this is treated as gone."""


class SerialPort:
    """One open port; ``send`` and ``receive`` raise BearerLost when it goes away."""

    def __init__(self, path: str, stream: trio.lowlevel.FdStream) -> None:
        self._path = path
        self._stream = stream

    async def send(self, data: bytes) -> None:
        """Write all of it; a cancelled write may have written a part."""
        try:
            with trio.fail_after(WRITE_LIMIT_S):
                await self._stream.send_all(data)
        except (OSError, trio.BrokenResourceError) as exc:
            raise BearerLost(self._path, "the port is gone") from exc
        except trio.TooSlowError as exc:
            raise BearerLost(self._path, "takes no bytes: flow control is closed") from exc

    async def receive(self) -> bytes:
        """At least one byte."""
        try:
            data = await self._stream.receive_some(4096)
        except (OSError, trio.BrokenResourceError) as exc:
            raise BearerLost(self._path, "the port is gone") from exc
        if not data:
            raise BearerLost(self._path, "the port hung up")
        return bytes(data)


@asynccontextmanager
async def open_serial(path: str, speed: int, *, flow_control: bool) -> AsyncIterator[SerialPort]:
    """Open a port raw, 8 data bits, no parity, one stop bit; nobody else may open it meanwhile.

    Raises:
        BearerLost: It does not exist (unplugged), or another program has it.
        ConfigError: A speed that serial ports do not have.
    """
    if speed not in SPEEDS:
        raise ConfigError(f"relay port {path}", f"has no speed {speed}", f"one of {[*SPEEDS]}")
    try:
        fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise BearerLost(path, f"cannot be opened: {exc.strerror}") from exc
    try:
        fcntl.ioctl(fd, termios.TIOCEXCL)
        _make_raw(fd, SPEEDS[speed], flow_control=flow_control)
        termios.tcflush(fd, termios.TCIOFLUSH)
    except (OSError, termios.error) as exc:
        os.close(fd)
        raise BearerLost(path, "is not a serial port, or went away") from exc
    async with trio.lowlevel.FdStream(fd) as stream:
        yield SerialPort(path, stream)


def _make_raw(fd: int, speed: int, *, flow_control: bool) -> None:
    settings = termios.tcgetattr(fd)
    control = settings[2] & ~(termios.CSIZE | termios.PARENB | termios.CSTOPB | termios.CRTSCTS)
    control |= termios.CS8 | termios.CREAD | termios.CLOCAL
    if flow_control:
        control |= termios.CRTSCTS
    characters = settings[6]
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    # input, output, control, local: raw, so that 0x1A and 0x1B pass as they are
    termios.tcsetattr(fd, termios.TCSANOW, [0, 0, control, 0, speed, speed, characters])
