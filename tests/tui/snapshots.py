"""Pictures of every screen as SVG, the same on every machine.

``python -m tests.tui.snapshots`` writes them anew; look at the difference before it is committed.
Pictures of people are two greys here: what is compared is the screen, not a resampling filter.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lfr_engine.protocol import shapes as s
from tests.tui import samples
from tests.tui.support import LARGE, SMALL, StillCockpit, cockpit
from tui import messages as m
from tui.screens.camera import CameraScreen

FOLDER = Path(__file__).with_name("pictures")


def plain_picture(width: int, height: int, back: int, front: int) -> bytes:
    """A grey rectangle on a grey ground."""
    made = Image.new("L", (width, height), back)
    made.paste(front, (width // 4, height // 8, width * 3 // 4, height * 7 // 8))
    out = io.BytesIO()
    made.save(out, "JPEG", quality=95)
    return out.getvalue()


def hear_lists(app: StillCockpit) -> None:
    """Watchlist, journal and log."""
    page, check = samples.journal()
    app.hear(
        m.WatchlistCame(samples.watchlist()),
        m.EntriesCame(samples.entries(), first=True),
        m.JournalCame(page, check, first=True),
        *(m.LogCame(one) for one in samples.logs()),
    )


def plain_people(app: StillCockpit) -> None:
    """Two greys instead of faces and streets."""
    probe, reference = plain_picture(96, 96, 58, 122), plain_picture(96, 96, 154, 90)
    for name in app.still.known:
        app.still.known[name] = s.AlertPictures(alert=name, probe=probe, reference=reference)
    screen = app.screen
    if isinstance(screen, CameraScreen):
        screen.show_preview(
            s.Preview(
                camera="north",
                captured=samples.at(0),
                jpeg=plain_picture(320, 180, 122, 90),
                boxes=[(0.3, 0.3, 0.1, 0.2)],
            ),
            s.Zone(camera="north", corners=[(0.1, 0.25), (0.6, 0.2), (0.95, 0.55), (0.05, 0.9)]),
        )


def lost(app: StillCockpit) -> None:
    app.clock.advance(7)
    app.hear(m.LinkChanged(app.clock.now_ns - 2 * 10**9, "lost"))


def commissioning(app: StillCockpit) -> None:
    app.hear(m.BoardCame(app.clock.now_ns, samples.board(0.0, mode="commissioning")))


@dataclass(frozen=True)
class Case:
    """One picture: which keys lead there, and what else happens first."""

    name: str
    keys: tuple[str, ...]
    size: tuple[int, int]
    palette: str = "dark"
    before: Callable[[StillCockpit], None] = lambda _: None


PLACES = {
    "overview": ("1",),
    "alerts": ("2",),
    "camera": ("3",),
    "watchlist": ("4",),
    "journal": ("5",),
    "log": ("6",),
    "help": ("question_mark",),
}
CASES = (
    *(Case(f"{name}-80x24", keys, SMALL) for name, keys in PLACES.items()),
    *(Case(f"{name}-200x60", keys, LARGE) for name, keys in PLACES.items()),
    Case("reasons-80x24", ("2", "d"), SMALL),
    Case("reasons-200x60", ("2", "d"), LARGE),
    Case("zone-80x24", ("3", "z"), SMALL),
    Case("stop-80x24", ("1", "exclamation_mark"), SMALL),
    Case("lost-80x24", ("1",), SMALL, before=lost),
    Case("commissioning-80x24", ("1",), SMALL, before=commissioning),
    Case("overview-light-80x24", ("1",), SMALL, "light"),
    Case("overview-dark-16-80x24", ("1",), SMALL, "dark-16"),
    Case("alerts-light-16-80x24", ("2",), SMALL, "light-16"),
)


async def picture(case: Case) -> str:
    """The screen of ``case`` as SVG."""
    async with cockpit(case.size, case.palette) as (app, pilot):
        hear_lists(app)
        case.before(app)
        await pilot.press(case.keys[0])
        await pilot.pause()
        plain_people(app)
        app.draw()
        await pilot.pause()
        for key in case.keys[1:]:
            await pilot.press(key)
            await pilot.pause()
        app.draw()
        await pilot.pause()
        return app.export_screenshot(title=f"lfr tui: {case.name}") + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for case in CASES:
        (FOLDER / f"{case.name}.svg").write_text(asyncio.run(picture(case)), encoding="utf-8")


if __name__ == "__main__":
    main()
