"""What the cockpit costs: processor, memory, and how long a key takes to the screen.

``python -m tests.tui.load --seconds 600 --alerts-per-second 10`` plays six cameras and so many
alerts to the real program in a pty, presses a key every second, and prints a table. Processor time
is that of the program alone, so other work on the machine hardly moves it; times from key to screen
are wall-clock, and are given beside the time a bare ``read`` was late by.
"""

from __future__ import annotations

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--alerts-per-second", type=float, default=10)
    parser.add_argument("--size", default="80x24")
    given = parser.parse_args()
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
