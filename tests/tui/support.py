"""A cockpit on a clock that stands still, without an engine, driven by messages and keys."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from lfr_engine.clock import ManualClock
from lfr_engine.protocol import shapes as s
from tests.tui import samples
from tui import messages as m
from tui.app import Cockpit, CockpitSettings
from tui.orders import Orders
from tui.port import Program

SMALL, LARGE = (80, 24), (200, 60)


class StillEvidence:
    """Evidence that is there at once."""

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.known: dict[str, s.AlertPictures | str] = {}

    def of(self, alert: str) -> s.AlertPictures | str | None:
        return self.known.get(alert)

    def want(self, alert: str) -> None:
        self.wanted.append(alert)

    def forget(self) -> None:
        self.known.clear()

    async def run(self) -> None:
        return


class StillOrders(Orders):
    """Sends nothing: commands are kept for the test to read."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.sent: list[Any] = []
        self.answers: dict[type[Any], Any] = {}

    async def answer(self, command: Any) -> Any:
        self.sent.append(command)
        return self.answers.get(type(command))


class StillCockpit(Cockpit):
    """A cockpit whose commands go nowhere."""

    @property
    def sent(self) -> list[Any]:
        return self.still_orders.sent

    @property
    def answers(self) -> dict[type[Any], Any]:
        return self.still_orders.answers

    def __init__(self, palette: str = "dark", clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock(now_ns=10**12)
        super().__init__(CockpitSettings(link=None, palette=palette), self.clock)
        self.still = StillEvidence()
        self.pictures = self.still  # type: ignore[assignment]
        self.orders = self.still_orders = StillOrders(self)

    def sent_of(self, record: type[Any]) -> list[Any]:
        """Commands of one kind that would have been sent."""
        return [command for command in self.still_orders.sent if isinstance(command, record)]

    def hear(self, *messages: m.Message) -> None:
        for message in messages:
            self.emit(message)

    def hear_everything(self, mode: str = "exercise") -> None:
        """The sample deployment, linked and fresh."""
        now = self.clock.now_ns
        self.hear(
            m.RoleChanged("operator", "open", "anna"),
            m.RoleChanged("engineer", "open", "anna"),
            m.LinkChanged(now, "open"),
        )
        for second in range(-130, 1):
            past = now + second * 10**9
            self.hear(m.BoardCame(past, samples.board(float(second), mode=mode)))
        self.hear(m.AlertsListed(now, tuple(samples.alerts())))
        for one in samples.alerts():
            self.still.known[one.alert] = samples.pictures(one)


@asynccontextmanager
async def cockpit(
    size: tuple[int, int] = SMALL, palette: str = "dark"
) -> AsyncIterator[tuple[StillCockpit, Pilot[None]]]:
    """A cockpit of ``size`` that has heard the sample deployment."""
    app = StillCockpit(palette)
    async with app.run_test(size=size) as pilot:
        app.hear_everything()
        app.draw()
        await pilot.pause()
        yield app, pilot


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Textual needs asyncio; the tests are plain functions."""
    asyncio.run(scenario())


def words(app: Cockpit) -> str:
    """What the screen shows, as plain text, one line a row."""
    width, height = app.size
    rows = [[" "] * width for _ in range(height)]
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        text = "".join(segment.text for segment in strip)
        rows[y] = list(text[:width])
    return "\n".join("".join(row).rstrip() for row in rows)


def squeezed(app: Cockpit) -> str:
    return re.sub(r"\s+", " ", words(app))
