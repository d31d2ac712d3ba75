"""A link is never given more than it took: simulated terminals of every speed."""

from __future__ import annotations

import itertools
from collections import deque

import pytest

from tui.figures import NS
from tui.pace import CAREFUL_NS, LEAST_NS, Pace

TICK = NS // 10


class Terminal:
    """Takes ``rate`` bytes a second and answers each question when it has read up to it."""

    def __init__(self, rate: float, delay_ns: int) -> None:
        self.rate, self.delay = rate, delay_ns
        self.free_ns = 0
        self.answers: deque[int] = deque()
        self.waiting: deque[tuple[int, int]] = deque()

    def take(self, size: int, now: int) -> None:
        self.free_ns = max(now, self.free_ns) + round(size / self.rate * NS)
        self.answers.append(self.free_ns + 2 * self.delay)

    def backlog_s(self, now: int) -> float:
        return max(0, self.free_ns - now) / NS


def play(pace: Pace, terminal: Terminal, seconds: int, sizes: list[int]) -> tuple[int, float]:
    """Draw whenever it may; returns drawings, and the worst backlog after the first drawing."""
    drawn, worst = 0, 0.0
    for now in range(0, seconds * NS, TICK):
        while terminal.answers and terminal.answers[0] <= now:
            terminal.answers.popleft()
            pace.answered(now)
        if pace.may_draw(now):
            size = sizes[min(drawn, len(sizes) - 1)]
            pace.wrote(size)
            if pace.drew(now):
                terminal.take(size, now)
            drawn += 1
        if drawn > 1:
            worst = max(worst, terminal.backlog_s(now))
    return drawn, worst


def test_a_good_link_gets_four_drawings_a_second() -> None:
    drawn, _ = play(Pace(), Terminal(1e6, 5_000_000), 20, [8_000, 600])
    assert 50 <= drawn <= 81


def test_at_9600_bits_a_second_drawings_get_rare_and_nothing_queues() -> None:
    pace = Pace()
    drawn, worst = play(pace, Terminal(960, 100_000_000), 120, [6_000, 700])
    assert 40 <= drawn <= 140
    assert worst < 10  # the first screen and what was risked before the first answer
    assert pace.thin
    _, worst = play(pace, Terminal(960, 100_000_000), 60, [700])
    assert worst < 1.0


def test_a_satellite_is_slow_to_answer_but_not_thin() -> None:
    pace = Pace()
    drawn, _ = play(pace, Terminal(500_000, 300_000_000), 30, [60_000, 2_000])
    assert drawn > 30
    assert not pace.thin


def test_a_terminal_that_never_answers_is_drawn_carefully() -> None:
    pace = Pace()
    now, drawn = 0, []
    while now < 20 * NS:
        if pace.may_draw(now):
            pace.wrote(500)
            pace.drew(now)
            drawn.append(now)
        now += TICK
    gaps = {after - before for before, after in itertools.pairwise(drawn)}
    assert min(gaps) >= CAREFUL_NS


def test_a_lost_answer_does_not_stop_the_screen() -> None:
    pace = Pace()
    pace.wrote(2_000)
    assert pace.drew(0)
    pace.answered(NS)
    pace.wrote(100)
    assert pace.drew(2 * NS)
    assert not pace.may_draw(20 * NS)
    assert pace.may_draw(40 * NS)


def test_nothing_written_asks_nothing() -> None:
    pace = Pace()
    assert not pace.drew(0)
    assert pace.settled


@pytest.mark.parametrize("asks", [True, False])
def test_two_drawings_are_never_closer_than_a_quarter_second(asks: bool) -> None:
    pace = Pace(asks=asks)
    pace.drew(0)
    assert not pace.may_draw(LEAST_NS - 1)
    assert pace.may_draw(LEAST_NS)
