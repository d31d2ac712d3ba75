"""Help: every key of every screen, from the tables that the screens obey.

Owns: their order. Never: a key of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui.keys import EVERYWHERE, MOVES, Key
from tui.screens.alerts import AlertsScreen
from tui.screens.camera import CameraScreen
from tui.screens.listing import ListingScreen
from tui.screens.lists import JournalScreen, LogScreen, WatchlistScreen
from tui.screens.overview import OverviewScreen
from tui.text import EMPTY, Line, ends, fit, line, wrap

CHAPTERS: tuple[tuple[str, tuple[Key, ...]], ...] = (
    ("Everywhere", EVERYWHERE),
    ("Overview", OverviewScreen.KEYS),
    ("Alerts", tuple(key for key in AlertsScreen.KEYS if key not in MOVES)),
    ("Camera", CameraScreen.KEYS),
    ("Camera, while a zone is edited", CameraScreen.ZONE_KEYS),
    ("Watchlist", tuple(key for key in WatchlistScreen.KEYS if key not in MOVES)),
    ("Journal", tuple(key for key in JournalScreen.KEYS if key not in MOVES)),
    ("Log", tuple(key for key in LogScreen.KEYS if key not in MOVES)),
    ("Every list", MOVES),
)
SIGNS = (
    ("● ◌ ▲ ✖ ○", "live or ready, connecting, trouble that goes on, broken, off"),
    ("◆ ◇ ► –", "an alert that is new, was shown, was passed to officers, was discounted"),
    ("LATE", "more than a second passed from the camera to the operator (R13)"),
    ("p50/p95 ms", "from capture until half, and 19 of 20, of the pictures had their faces found"),
    ("▁▂▃▅▇", "the p95 of the last two minutes; a whole bar is a second, or more if it was more"),
    ("held/bound ^peak", "how full a link of the pipeline is, and how full it ever was"),
    ("·─●─│", "false alerts: interval and rate on a scale, and the ceiling of 1 in 1,000 (R6)"),
)


DROPS = (
    ("cadence", "a frame left out on purpose: the detector looks as often as is needed"),
    ("slot, age", "a frame replaced by a newer one, or too old to matter: too much work here"),
    ("decode, device", "a frame the decoder or the detector's device could not give"),
    ("paused", "a frame that came while recognition was paused or nobody was present"),
    ("embedder busy", "a view of a face with a better one in its place"),
    ("crowd", "a face beyond the most that are followed at once"),
    ("outside zone", "a face that is never templated (R21)"),
    ("detector unsure …", "a view too poor to compare: too small, turned away, blurred, dark, cut"),
)
"""Why a frame or a view was not used, as the columns of drops say it."""


def lines(cells: int) -> list[Line]:
    """The whole help, its sentences on as many lines as they need."""
    made: list[Line] = []
    for chapter, keys in CHAPTERS:
        made.append(line((chapter.upper(), "title")))
        for key in keys:
            also = " ".join(_shown(name) for name in key.also)
            pressed = f"{key.shown} {also}".strip()
            made += _explained(line((f"  {pressed}", "key")), key.help, 18, cells)
        made.append(EMPTY)
    made.append(line(("SIGNS", "title")))
    for sign, meaning in SIGNS:
        made += _explained(line((f"  {sign}", "value")), meaning, 22, cells)
    made += [EMPTY, line(("DROPPED, BECAUSE", "title"))]
    for reason, meaning in DROPS:
        made += _explained(line((f"  {reason}", "value")), meaning, 22, cells)
    return made


def _explained(head: Line, text: str, indent: int, cells: int) -> list[Line]:
    first, *rest = wrap(text, max(20, cells - indent))
    return [(*fit(head, indent), *first), *((*fit(EMPTY, indent), *one) for one in rest)]


def _shown(name: str) -> str:
    words = {"down": "↓", "up": "↑", "space": "Space", "delete": "Del"}
    return words.get(name, name.upper() if name.startswith("f") and len(name) > 1 else name)


class HelpScreen(ListingScreen):
    """See the module."""

    PLACE = "help"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._cells = 0

    def head(self, cells: int) -> Sequence[Line]:
        """One line."""
        if cells != self._cells:
            self._lines, self._cells = lines(cells), cells
        said = line(
            ("HELP ", "title"), ("the machine says possible match; a person decides", "dim")
        )
        place = f"line {self._chosen + 1} of {len(self._lines)}  "
        return [ends(said, line((place, "dim"), ("PgDn", "key"), " more"), cells)]

    def rows(self) -> int:
        """Every line."""
        return len(self._lines)

    def row_lines(self, first: int, last: int, cells: int) -> Sequence[Line]:  # noqa: ARG002 - see head
        """Some."""
        return self._lines[first:last]

    def foot(self, row: int, cells: int) -> Sequence[Line]:  # noqa: ARG002 - see head
        """Who we are to the engine."""
        state = self.cockpit.state
        held = ", ".join(f"{role} {one.word}" for role, one in state.roles.items())
        return [EMPTY, line(("roles: ", "dim"), held or "none yet")]
