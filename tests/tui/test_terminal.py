"""The real program in a terminal: under tmux, on a line of 9,600 bit/s, and under load."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.load import measure, thin_line
from tests.tui.served import ROOT, engine, wait_for
from tests.tui.terminal import PROGRAM, cockpit_in

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """One program in a tmux of its own."""

    def __init__(self, folder: Path, size: tuple[int, int], words: list[str]) -> None:
        self._server = ["tmux", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        columns, rows = size
        self.run("new-session", "-d", "-x", str(columns), "-y", str(rows), *words)

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._server, *words],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        )
        return done.stdout

    def text(self) -> str:
        return self.run("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def until(self, word: str, seconds: float = 60) -> None:
        begun = time.monotonic()
        while word not in self.text():
            assert time.monotonic() - begun < seconds, f"{word!r} never came:\n{self.text()}"
            time.sleep(0.1)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    with engine(tmp_path / "e", "--alerts-per-second", "0.5"):
        made = Tmux(tmp_path, (80, 24), [*PROGRAM, "--connect", str(tmp_path / "e"), "--no-bell"])
        try:
            yield made
        finally:
            made.run("kill-server")


@pytest.mark.server
@needs_tmux
def test_in_tmux_an_alert_is_seen_adjudicated_and_journalled(tmux: Tmux) -> None:
    tmux.until("RUNNING")
    tmux.press("2")
    tmux.until("Is it the same person?")
    found = re.search(r"POSSIBLE MATCH +([0-9A-F]{4,6})", tmux.text())
    assert found is not None
    assert "▀▀▀▀" in tmux.text()  # real pictures, two pixels a cell
    tmux.press("d")
    tmux.until("DISCOUNT, because")
    tmux.until("score 0.612")
    tmux.press("b")
    tmux.until(f"{found[1]} discounted: different_age")
    tmux.press("5")
    tmux.until("chain intact")
    tmux.press("r", "End")
    tmux.until("alert.discounted")


@pytest.mark.server
@needs_tmux
def test_in_tmux_the_stop_stops(tmux: Tmux) -> None:
    tmux.until("RUNNING")
    tmux.press("!")
    tmux.until("Enter: STOP NOW")
    tmux.press("Enter")
    tmux.until("■ STOPPED")
    tmux.press("C-q")


@pytest.mark.server
def test_at_9600_bits_a_second_the_screen_draws_less_often_and_never_queues() -> None:
    """Under ten alerts a second: a key is answered in seconds, and what is shown is as old."""
    line = thin_line(960, 10)
    assert statistics.median(line.behind_s) < 8, line
    assert statistics.median(line.keys_s) < 8, line
    assert line.bytes_per_second <= 960


@pytest.mark.server
@pytest.mark.parametrize(("kind", "begin"), [("kitty", b"\x1b_G"), ("sixel", b"\x1bP")])
def test_graphics_protocols_draw_both_pictures(tmp_path: Path, kind: str, begin: bytes) -> None:
    with (
        engine(tmp_path / "e", "--alerts-per-second", "0.1"),
        cockpit_in(tmp_path / "e", "--no-bell", "--pictures", kind, shows=False) as line,
    ):
        line.until_sent(b"RUNNING", time.monotonic(), 60)
        time.sleep(1)
        line.clear_tail()
        line.press("2")
        line.until_sent(b"Is it the same person?", time.monotonic(), 60)
        wait_for(lambda: line.tail.count(begin) >= 2)
        # every picture's sequence is whole: nothing else was written within it
        for part in line.tail.split(begin)[1:]:
            inside = part.partition(b"\x1b\\")[0]
            assert b"\x1b" not in inside
        line.press("d")
        line.until_sent(b"features differ", time.monotonic(), 30)


@pytest.mark.server
def test_who_wants_no_colour_gets_none(tmp_path: Path) -> None:
    """https://no-color.org: greys only, and every state still has its sign and its word."""
    with (
        engine(tmp_path / "e", "--alerts-per-second", "0.5"),
        cockpit_in(tmp_path / "e", "--no-bell", NO_COLOR="1") as line,
    ):
        line.until("● live")
        line.press("2")
        line.until("Is it the same person?")
        rows = (line.screen.buffer[row] for row in range(24))
        looks = {(cell.fg, cell.bg) for row in rows for cell in row.values()}
        named = {"default", "black", "white"}
        colours = {one for look in looks for one in look if one not in named}
        assert len(colours) > 3
        assert all(one[0:2] == one[2:4] == one[4:6] for one in colours), colours


@pytest.mark.server
def test_it_says_what_is_wrong_without_a_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "--connect", str(tmp_path / "e")],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "lfr: lfr tui: this is not a terminal – use lfr ctl in scripts, or --web"
    )


@pytest.mark.server
@pytest.mark.parametrize("colours", ["16", "full"])
def test_it_leaves_the_terminal_as_it_was(tmp_path: Path, colours: str) -> None:
    with cockpit_in(tmp_path / "e", "--colours", colours) as line:
        line.until("CONNECTING")
        line.press("\x11")
        wait_for(lambda: not line.alive_now())
        assert b"\x1b[?1049l" in line.tail
        assert b"\x1b[?25h" in line.tail


@pytest.mark.long
def test_ten_alerts_a_second_cost_little(tmp_path: Path) -> None:
    cost = measure(90, 10, (80, 24))
    assert cost.cpu <= 0.10
    assert cost.minutes_mb[-1] - cost.minutes_mb[0] < 8
    late = statistics.median(cost.late_ms)
    assert cost.p95() - late <= 100, (cost.keys_ms, cost.late_ms)
