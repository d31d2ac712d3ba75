"""Watchlist, journal and log: three long lists.

Owns: their filters and what they ask the engine for. Never: a journal read again and again: every
look at it is itself journalled (R16), so it is read when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, cast

from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from tui import messages as m
from tui.keys import MOVES, Key
from tui.screens.listing import ListingScreen
from tui.text import Line, line
from tui.views import lists as view

JOURNAL_PAGE = 200
ENTRY_PAGE = 200
PICTURE_BYTES = 7 * 1024 * 1024
"""What the engine takes."""
_EVENT_KINDS = "such as alert.decided; empty for every kind"


class WatchlistScreen(ListingScreen):
    """The loaded list, and the check of one picture."""

    PLACE = "watchlist"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("r", "r", "read", "read", "Read the list's sizes and first entries again"),
        Key("m", "m", "more", "more", "Read more entries"),
        Key("c", "c", "check", "check", "Check a picture for enrolment; nothing is kept"),
        Key("x", "x", "withdraw", "withdraw", "Withdraw the chosen entry: no more alerts"),
        *MOVES,
    )

    def __init__(self) -> None:
        super().__init__()
        self._check: s.ImageCheck | None = None
        self._checked = ""
        self._asked = False

    def head(self, cells: int) -> Sequence[Line]:
        """Sizes, warnings, the last check."""
        return view.watchlist_head(self.cockpit.state, self._check, self._checked, cells)

    def rows(self) -> int:
        """Entries read so far."""
        return len(self.cockpit.state.entries)

    def row_lines(self, first: int, last: int, cells: int) -> Sequence[Line]:
        """Entries."""
        return view.entry_rows(self.cockpit.state.entries[first:last], cells)

    def foot(self, row: int, cells: int) -> Sequence[Line]:
        """The chosen entry."""
        return view.entry_foot(self.cockpit.state.entries[row], cells)

    def on_screen_resume(self) -> None:
        """Read it once by itself."""
        if not self._asked:
            self._asked = True
            self.do_read()
        super().on_screen_resume()

    def do_read(self) -> None:
        """Sizes and the first entries."""
        app = self.cockpit
        app.do(a.WatchlistStatus(), then=lambda status: app.emit(m.WatchlistCame(status)))
        app.do(
            a.WatchlistList(limit=ENTRY_PAGE),
            then=lambda page: app.emit(m.EntriesCame(page, first=True)),
        )

    def do_more(self) -> None:
        """The next entries."""
        app = self.cockpit
        if app.state.entries_after is None:
            app.say("that is the whole list", "warn")
            return
        app.do(
            a.WatchlistList(after=app.state.entries_after, limit=ENTRY_PAGE),
            then=lambda page: app.emit(m.EntriesCame(page, first=False)),
        )

    def do_check(self) -> None:
        """Ask for a file and send its bytes."""
        app = self.cockpit

        def check(text: str) -> None:
            path = Path(text).expanduser()
            try:
                with path.open("rb") as file:
                    picture = file.read(PICTURE_BYTES + 1)
            except OSError as error:
                app.say(f"{text}: cannot be read: {error.strerror}", "bad")
                return
            if not picture or len(picture) > PICTURE_BYTES:
                app.say(f"{text}: is empty or larger than 7 MiB", "bad")
                return

            def checked(result: s.ImageCheck) -> None:
                self._check, self._checked = result, path.name

            app.do(a.WatchlistCheck(picture=picture), then=checked)

        app.ask_text("Check a picture", "path of a JPEG or PNG file", check)

    def do_withdraw(self) -> None:
        """Ask for the reason, then withdraw."""
        app = self.cockpit
        if not app.state.entries:
            return
        entry = app.state.entries[self._chosen].entry

        def withdraw(reason: str) -> None:
            if reason:
                app.do(a.WatchlistWithdraw(entry=entry, reason=reason), f"{entry} withdrawn")
            else:
                app.say("not withdrawn: a reason is needed", "warn")

        app.ask_text(f"Withdraw {entry}", "the reason, for the record", withdraw)


class JournalScreen(ListingScreen):
    """The journal's newest lines, and the check of its chain."""

    PLACE = "journal"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("r", "r", "read", "read", "Check the chain and read the newest lines"),
        Key("m", "m", "more", "more", "Read what was written since"),
        Key("f", "f", "kind", "kind", "Show only one kind of line"),
        *MOVES,
    )

    def __init__(self) -> None:
        super().__init__()
        self._kind = ""
        self._why = ""
        self._asked = False

    def _shown(self) -> Sequence[s.JournalEvent]:
        events = self.cockpit.state.journal
        return [one for one in events if self._kind in one.kind] if self._kind else events

    def head(self, cells: int) -> Sequence[Line]:
        """The chain, the filter."""
        return view.journal_head(self.cockpit.state, self._kind, self._why, cells)

    def rows(self) -> int:
        """Lines that the filter leaves."""
        return len(self._shown())

    def row_lines(self, first: int, last: int, cells: int) -> Sequence[Line]:
        """Lines."""
        return view.journal_rows(self._shown()[first:last], cells)

    def foot(self, row: int, cells: int) -> Sequence[Line]:
        """The chosen line."""
        return view.journal_foot(self._shown()[row], cells)

    def on_screen_resume(self) -> None:
        """Read it once by itself."""
        if not self._asked:
            self._asked = True
            self.do_read()
        super().on_screen_resume()

    def do_read(self) -> None:
        """Check, then read the end."""
        self.cockpit.spawn(self._read())

    async def _read(self) -> None:
        app = self.cockpit
        if app.link is None:
            return
        try:
            check = await app.link.call(a.JournalVerify(), timeout=60)
            after = max(0, check.events - JOURNAL_PAGE)
            page = await app.link.call(a.JournalQuery(after=after, limit=JOURNAL_PAGE))
        except LfrError as error:
            self._why = str(error)
            app.mark()
            return
        self._why = ""
        app.emit(m.JournalCame(page, check, first=True))
        self._chosen = max(0, len(page.events) - 1)

    def do_more(self) -> None:
        """What came after the last line read."""
        app = self.cockpit
        events = app.state.journal
        after = events[-1].sequence if events else 0
        app.do(
            a.JournalQuery(after=after, limit=JOURNAL_PAGE),
            then=lambda page: app.emit(m.JournalCame(page, None, first=False)),
        )

    def do_kind(self) -> None:
        """Ask for a kind."""

        def chosen(text: str) -> None:
            self._kind = text
            self.draw()

        self.cockpit.ask_text("Kind of line", _EVENT_KINDS, chosen, self._kind)


class LogScreen(ListingScreen):
    """The engine's log as it is written."""

    PLACE = "log"
    FOLLOWS = True
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("f", "f", "level", "level", "Show debug, info, warning or error and above"),
        Key("slash", "/", "search", "search", "Show only lines that hold some words"),
        Key("g", "g", "engine_level", "", "Let the engine write debug lines for 15 minutes"),
        *MOVES,
        Key("escape", "Esc", "everything", "", "Show every line again"),
    )

    def __init__(self) -> None:
        super().__init__()
        self._level = "info"
        self._search = ""

    def _shown(self) -> list[s.LogLine]:
        return view.log_kept(self.cockpit.state.logs, self._level, self._search)

    def head(self, cells: int) -> Sequence[Line]:
        """Level, search, whether it follows."""
        many = len(self._shown())
        paused = bool(many) and self._chosen < self._many - 1
        state = self.cockpit.state
        return view.log_head(self._level, self._search, many, state, cells, paused=paused)

    def rows(self) -> int:
        """Lines that level and search leave."""
        return len(self._shown())

    def row_lines(self, first: int, last: int, cells: int) -> Sequence[Line]:
        """Lines."""
        return view.log_rows(self._shown()[first:last], cells)

    def foot(self, row: int, cells: int) -> Sequence[Line]:
        """The chosen line."""
        shown = self._shown()
        return view.log_foot(shown[row], cells) if row < len(shown) else [line("")]

    def do_level(self) -> None:
        """The next level."""
        place = view.LEVELS.index(self._level) + 1
        self._level = view.LEVELS[place % len(view.LEVELS)]
        app = self.cockpit
        if app.link is not None:
            app.link.follow_logs(cast("Literal['debug', 'info', 'warning', 'error']", self._level))
        self._follow()

    def do_search(self) -> None:
        """Ask for words."""

        def found(text: str) -> None:
            self._search = text
            self._follow()

        self.cockpit.ask_text("Search the log", "words", found, self._search)

    def do_everything(self) -> None:
        """No search."""
        self._search = ""
        self._follow()

    def _follow(self) -> None:
        self._many = self.rows()
        self._chosen = max(0, self._many - 1)

    def do_engine_level(self) -> None:
        """Debug for a quarter of an hour."""
        self.cockpit.do(a.LogsLevel(level="debug"), "the engine writes debug lines for 15 minutes")
