"""What the cockpit costs: processor, memory, and how long a key takes to the screen.

``python -m tests.tui.load --seconds 600 --alerts-per-second 10`` plays six cameras and so many
alerts to the real program in a pty, presses a key every second, and prints a table. Processor time
is that of the program alone, so other work on the machine hardly moves it; times from key to screen
are wall-clock, and are given beside the time a bare ``read`` was late by.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tests.tui.served import engine
from tests.tui.terminal import cockpit_in

WARM_SECONDS = 15.0


@dataclass(frozen=True)
class Cost:
    """cpu: share of one core. minutes_mb: resident, at the start and each minute after, and at the
    end. keys_ms: key to screen. late_ms: how late a sleep of a second was.
    """

    seconds: float
    cpu: float
    minutes_mb: tuple[float, ...]
    keys_ms: tuple[float, ...]
    late_ms: tuple[float, ...]
    bytes_per_second: float

    def p95(self) -> float:
        return statistics.quantiles(self.keys_ms, n=20)[-1]


def measure(seconds: float, alerts_per_second: float, size: tuple[int, int]) -> Cost:
    """Play, press, count."""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "e"
        with (
            engine(socket, "--cameras", "6", "--alerts-per-second", str(alerts_per_second)),
            cockpit_in(socket, "--no-bell", size=size, shows=False) as terminal,
        ):
            terminal.until_sent(b"RUNNING", time.monotonic(), 60)
            terminal.press("2")
            terminal.until_sent(b"WAITING", time.monotonic(), 60)
            time.sleep(WARM_SECONDS)
            keys, late = [], []
            words = cycle((b"ALL", b"DECIDED", b"WAITING"))
            begun, cpu, taken = time.monotonic(), terminal.cpu_seconds(), terminal.taken
            memory = [terminal.memory() / 1e6]
            while time.monotonic() - begun < seconds:
                asleep = time.monotonic()
                time.sleep(1.0)
                late.append((time.monotonic() - asleep - 1.0) * 1e3)
                terminal.clear_tail()
                pressed = time.monotonic()
                terminal.press("f")
                keys.append(terminal.until_sent(next(words), pressed) * 1e3)
                if time.monotonic() - begun >= 60 * len(memory):
                    memory.append(terminal.memory() / 1e6)
            took = time.monotonic() - begun
            return Cost(
                took,
                (terminal.cpu_seconds() - cpu) / took,
                (*memory, terminal.memory() / 1e6),
                tuple(keys),
                tuple(late),
                (terminal.taken - taken) / took,
            )


@dataclass(frozen=True)
class ThinLine:
    """keys_s: key to screen. behind_s: how old the engine's clock on the screen was."""

    keys_s: tuple[float, ...]
    behind_s: tuple[float, ...]
    bytes_per_second: float


def thin_line(bytes_per_second: float, alerts_per_second: float) -> ThinLine:
    """A line that carries so little, under alerts: is what it shows old, and is a key answered?"""
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "e"
        words = ("--no-bell", "--colours", "16")
        with (
            engine(socket, "--alerts-per-second", str(alerts_per_second)),
            cockpit_in(socket, *words, bytes_per_second=bytes_per_second) as line,
        ):
            line.until("RUNNING", 90)
            line.press("2")
            line.until("POSSIBLE MATCH", 90)
            time.sleep(20)
            begun, taken = time.monotonic(), line.taken
            keys = []
            for word in ("ALL", "DECIDED", "WAITING", "ALL"):
                line.press("f")
                keys.append(line.until(word, 30))
                time.sleep(2)
            behind = []
            for _ in range(8):
                behind.append(_behind(line.text()))
                time.sleep(1)
            rate = (line.taken - taken) / (time.monotonic() - begun)
            return ThinLine(tuple(keys), tuple(behind), rate)


def _behind(text: str) -> float:
    """Seconds between the clock on the screen, the engine's, and this machine's: they are one."""
    shown = re.search(r"(\d\d):(\d\d):(\d\d)Z", text)
    assert shown is not None, text
    hours, minutes, seconds = (int(one) for one in shown.groups())
    return (time.time() - (hours * 3_600 + minutes * 60 + seconds)) % 86_400


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--alerts-per-second", type=float, default=10)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--bits-per-second", type=float, help="of the line; 9600 is a modem")
    given = parser.parse_args()
    if given.bits_per_second:
        line = thin_line(given.bits_per_second / 10, given.alerts_per_second)
        print(f"80x24, 16 colours, {given.bits_per_second:g} bit/s, 8N1")
        print(f"key to screen    {' '.join(f'{one:.1f}' for one in line.keys_s)} s")
        print(f"clock is behind  {' '.join(f'{one:.1f}' for one in line.behind_s)} s")
        print(f"to the terminal  {line.bytes_per_second:.0f} B/s")
        return
    columns, rows = map(int, given.size.split("x"))
    cost = measure(given.seconds, given.alerts_per_second, (columns, rows))
    print(f"{given.size}, {cost.seconds:.0f} s, {given.alerts_per_second:g} alerts/s, 6 cameras")
    print(f"processor        {cost.cpu * 100:.1f} % of one core")
    print(f"memory           {' '.join(f'{one:.1f}' for one in cost.minutes_mb)} MB")
    print(f"key to screen    p50 {statistics.median(cost.keys_ms):.0f} ms, p95 {cost.p95():.0f} ms")
    print(f"machine late by  p95 {statistics.quantiles(cost.late_ms, n=20)[-1]:.0f} ms")
    print(f"to the terminal  {cost.bytes_per_second / 1e3:.1f} kB/s")


if __name__ == "__main__":
    main()
