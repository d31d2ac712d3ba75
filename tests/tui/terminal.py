"""A terminal for the real program: a pty that answers as terminals do, as fast as one wishes.

It reads ``bytes_per_second`` at most, as a modem would, answers the cursor question in its place
among the bytes, and keeps what a screen would show (pyte).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pyte

from tests.tui.served import ROOT

QUESTION = b"\x1b[6n"
PROGRAM = (sys.executable, "-c", "from lfr_engine.cli import main; main()", "tui")


class Terminal:
    """See the module; use ``with``."""

    def __init__(
        self,
        words: tuple[str, ...],
        size: tuple[int, int] = (80, 24),
        *,
        bytes_per_second: float | None = None,
        shows: bool = True,
        **environment: str,
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._rate = bytes_per_second
        self._shows = shows
        self.taken = 0
        self._reaped = False
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            os.chdir(ROOT)
            everything = {
                name: value
                for name, value in os.environ.items()
                if name not in {"TMUX", "COLORFGBG", "NO_COLOR", "TEXTUAL_DRIVER"}
            }
            everything |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", **environment}
            os.execvpe(PROGRAM[0], [*PROGRAM, *words], everything)
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.tail = b""
        self._heard = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Terminal:
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.alive_now():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self._reader.join(10)
        os.close(self._end)

    def _read(self) -> None:
        chunk = 65_536 if self._rate is None else max(16, int(self._rate / 20))
        while True:
            select.select([self._end], [], [])
            try:
                data = os.read(self._end, chunk)
            except OSError:  # Linux says so when the program has ended
                return
            if not data:
                return
            if self._rate is not None:
                time.sleep(len(data) / self._rate)
            self._take(data)

    def _take(self, data: bytes) -> None:
        questions = (self.tail[-len(QUESTION) + 1 :] + data).count(QUESTION)
        with self._heard:
            self.taken += len(data)
            self.tail = (self.tail + data)[-200_000:]
            if self._shows:
                self._stream.feed(data)
            self._heard.notify_all()
        for _ in range(questions):
            self.press("\x1b[1;1R")

    def press(self, text: str) -> None:
        """Send what a key sends."""
        with contextlib.suppress(OSError):
            os.write(self._end, text.encode())

    def text(self) -> str:
        """What the screen shows."""
        with self._heard:
            return "\n".join(self.screen.display)

    def until(self, word: str, seconds: float = 60.0) -> float:
        """Wait until the screen shows ``word``; returns the seconds it took."""
        begun = time.monotonic()
        while word not in self.text():
            left = seconds - (time.monotonic() - begun)
            assert left > 0, f"{word!r} never came:\n{self.text()}"
            with self._heard:
                self._heard.wait(min(left, 0.5))
        return time.monotonic() - begun

    def until_sent(self, word: bytes, begun: float, seconds: float = 20.0) -> float:
        """Wait until ``word`` was written since ``tail`` was cleared; seconds since ``begun``."""
        with self._heard:
            while word not in self.tail:
                left = seconds - (time.monotonic() - begun)
                assert left > 0, f"{word!r} was never written"
                self._heard.wait(left)
        return time.monotonic() - begun

    def clear_tail(self) -> None:
        """Forget what was written so far."""
        with self._heard:
            self.tail = b""

    def cpu_seconds(self) -> float:
        """Processor time the program has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1]
        user, system = fields.split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Resident bytes of the program."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(one for one in status.splitlines() if one.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def alive_now(self) -> bool:
        """Whether the program runs; reaps it when it has ended."""
        if not self._reaped:
            self._reaped = os.waitpid(self.pid, os.WNOHANG) != (0, 0)
        return not self._reaped


@contextlib.contextmanager
def cockpit_in(
    socket: Path, *words: str, size: tuple[int, int] = (80, 24), **how: object
) -> Iterator[Terminal]:
    """The real program in a terminal, connected to ``socket``."""
    with Terminal(("--connect", str(socket), *words), size, **how) as terminal:  # type: ignore[arg-type]
        yield terminal
