"""The alerts screen: the list, two pictures of equal size, and the adjudicator's desk.

Owns: the filter, the search, what lies on the desk. Never: a decision for somebody (R2), an opinion
of pictures that were not drawn. Strategy: the choice follows an alert, not a row, so new alerts
never slide under a key that was meant for another; after our own decision the next waiting alert
is laid on the desk, after somebody else's nothing moves.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import Click
from textual.events import Key as KeyEvent

from lfr_engine.protocol import shapes as s
from tui import desk as d
from tui.keys import MOVES, Key
from tui.screens.base import CockpitScreen
from tui.text import line
from tui.views import alerts as view
from tui.widgets.graphics import GraphicPicture, picture_widget
from tui.widgets.lines import Lines, window
from tui.widgets.picture import Picture

MIDDLE, ROOMY = 100, (150, 45)
"""Columns from which the list is wider; columns and rows from which it has room for its words, and
the questions have room beside it. Pictures come first.
"""


class AlertsScreen(CockpitScreen):
    """See the module."""

    PLACE = "alerts"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("s", "s", "same", "same", "Opinion: the same person; then a reason passes it"),
        Key("d", "d", "different", "different", "Opinion: another; then a reason discounts it"),
        Key("n", "n", "not_sure", "not sure", "Opinion: not sure; decides nothing"),
        Key("o", "o", "outcome", "", "Record what officers found"),
        Key("f", "f", "filter", "", "Waiting, all, or decided alerts"),
        Key("slash", "/", "search", "", "Search reference, entry, category and camera"),
        Key("z", "z", "zoom", "", "Pictures over the whole width, without the list"),
        Key("p", "p", "pictures", "", "Draw the pictures although the link is thin"),
        *MOVES,
        Key("escape", "Esc", "back", "", "Close the question, the search or the zoom"),
    )
    DEFAULT_CSS = """
    AlertsScreen #list { width: 22; }
    AlertsScreen #rule { width: 1; }
    AlertsScreen.-middle #list { width: 34; }
    AlertsScreen.-wide #list { width: 64; }
    AlertsScreen.-zoom #list, AlertsScreen.-zoom #rule { display: none; }
    AlertsScreen #title, AlertsScreen #captions { height: 1; }
    AlertsScreen #details { height: 4; }
    AlertsScreen.-middle #details { height: 6; }
    AlertsScreen.-wide #details { height: 13; }
    AlertsScreen #reference { margin-left: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.desk = d.Desk()
        self._filter = view.FILTERS[0]
        self._search = ""
        self._shown: list[s.Alert] = []
        self._hurry = ""
        self._zoomed = False

    def body(self) -> ComposeResult:
        """List, then pictures with their words."""
        with Horizontal():
            yield Lines(id="list")
            yield Lines(id="rule")
            with Vertical():
                yield Lines(id="title")
                with Horizontal(id="pair"):
                    yield picture_widget(self.cockpit.picture_kind, "probe")
                    yield picture_widget(self.cockpit.picture_kind, "reference")
                yield Lines(id="captions")
                yield Lines(id="details")

    # -- drawing --------------------------------------------------------------------------------

    def alert(self) -> s.Alert | None:
        """The alert on the desk as it is now."""
        return self.cockpit.state.alerts.get(self.desk.alert or "")

    def draw_body(self) -> None:
        """Everything but the banner and the keys."""
        app = self.cockpit
        width, height = self.size
        self.set_class(width >= ROOMY[0] and height >= ROOMY[1], "-wide")
        self.set_class(width >= MIDDLE, "-middle")
        self._choose()
        alert = self.alert()
        wide = self.has_class("-wide")
        asking = alert is not None and not wide and bool(d.choices(self.desk, alert))
        self.set_class(self._zoomed and not asking, "-zoom")
        if asking and alert is not None:
            self._draw_question(alert)
        else:
            self._draw_list()
        self.query_one("#rule", Lines).show([line(("│", "dim"))] * self.size.height)
        title, captions = self.query_one("#title", Lines), self.query_one("#captions", Lines)
        words = self.query_one("#details", Lines)
        if alert is None:
            title.show([])
            captions.show([])
            self._draw_pictures(None, None)
            words.show(view.empty(self._filter, len(app.state.alerts)))
            return
        cells = title.size.width
        title.show([view.title(app.state, alert, app.now_ns(), cells)])
        captions.show([view.captions(alert, cells)])
        self._draw_pictures(alert, app.pictures.of(alert.alert))
        size = words.size.width
        words.show(
            view.details(app.state, self.desk, alert, app.now_ns(), size, answers=not asking)
        )

    def _choose(self) -> None:
        state = self.cockpit.state
        shown = view.chosen_of(state.newest_first(), self._filter, self._search)
        held = self.alert()
        if held is not None and held not in shown:
            # decided just now, here or elsewhere: it stays until a key moves on
            shown = sorted([*shown, held], key=lambda one: (one.raised, one.alert), reverse=True)
        self._shown = shown
        if held is None:
            self._lay(shown[0].alert if shown else None)

    def _lay(self, alert: str | None) -> None:
        self.desk = d.put(self.desk, alert)

    def _row(self) -> int | None:
        for row, alert in enumerate(self._shown):
            if alert.alert == self.desk.alert:
                return row
        return None

    def _draw_list(self) -> None:
        block = self.query_one("#list", Lines)
        app = self.cockpit
        cells, height = block.size.width, block.size.height
        rows, chosen = window(self._shown, self._row(), max(0, height - 2))
        lines = view.alert_rows(app.state, rows, app.now_ns(), cells)
        kept = len(app.state.alerts)
        head = view.list_head(self._filter, self._search, len(self._shown), kept, cells)
        block.show([head, *lines], None if chosen is None else chosen + 2)

    def _draw_question(self, alert: s.Alert) -> None:
        """The answers take the list's place: the pictures stay as they are while one decides."""
        block = self.query_one("#list", Lines)
        block.show(view.question(self.desk, alert, block.size.width))

    def _draw_pictures(self, alert: s.Alert | None, held: s.AlertPictures | str | None) -> None:
        probe, reference = self._picture("probe"), self._picture("reference")
        # an odd column goes to neither: both pictures get the same box (R10)
        probe.most = reference.most = min(probe.size.width, reference.size.width)
        app = self.cockpit
        if alert is None or held is None or isinstance(held, str):
            text = held if isinstance(held, str) else "" if alert is None else "fetching …"
            probe.show(None, line((text, "dim")))
            reference.show(None, ())
            if alert is not None and held is None:
                app.pictures.want(alert.alert)
            return
        if app.pace.thin and self._hurry != alert.alert and not self.desk.looked:
            seconds = app.seconds_for(probe.size.area * 2)
            probe.show(None, line((f"thin link: p draws this, about {seconds:.0f} s", "warn")))
            reference.show(None, ())
            return
        probe.show(held.probe, line(("not a picture", "bad")))
        reference.show(held.reference, line(("not a picture", "bad")))
        if probe.drawn and reference.drawn and not self.desk.looked:
            self.call_after_refresh(app.when_seen, self._seen, alert.alert)

    def _picture(self, name: str) -> Picture | GraphicPicture:
        return cast("Picture | GraphicPicture", self.query_one(f"#{name}"))

    def _seen(self, alert_id: str) -> None:
        """The pictures of this alert reached the terminal."""
        alert = self.alert()
        if alert is None or alert.alert != alert_id or not self.is_current:
            return
        self.desk, command = d.looked(self.desk, alert)
        if command is not None:
            self.cockpit.adjudicate(command)
        self.draw()

    # -- keys -----------------------------------------------------------------------------------

    def answer(self, event: KeyEvent) -> bool:
        """An open question takes letters; everything else is in the table."""
        alert = self.alert()
        if alert is None or not event.character or not d.choices(self.desk, alert):
            return False
        question = self.desk.question
        self.desk, command = d.choose(self.desk, alert, event.character)
        if command is None:
            return False
        self.cockpit.adjudicate(command)
        if question != "outcome":
            self._next_waiting(alert.alert)
        return True

    def on_click(self, event: Click) -> None:
        """Choose the row that was clicked."""
        if event.widget is not self.query_one("#list", Lines):
            return
        block = self.query_one("#list", Lines)
        rows, _ = window(self._shown, self._row(), max(0, block.size.height - 2))
        place = event.y - 2
        if 0 <= place < len(rows):
            self._lay(rows[place].alert)
            self.draw()

    def _next_waiting(self, done: str) -> None:
        waiting = view.chosen_of(self.cockpit.state.newest_first(), "waiting", self._search)
        following = next((one.alert for one in waiting if one.alert != done), None)
        if following is not None:
            self._lay(following)

    def _say(self, opinion: d.Opinion) -> None:
        alert = self.alert()
        if alert is None:
            return
        self.desk, command = d.say(self.desk, alert, opinion)
        if command is not None:
            self.cockpit.adjudicate(command)

    def do_same(self) -> None:
        """Opinion: same."""
        self._say("same")

    def do_different(self) -> None:
        """Opinion: different."""
        self._say("different")

    def do_not_sure(self) -> None:
        """Opinion: not sure."""
        self._say("not_sure")

    def do_outcome(self) -> None:
        """Open the list of outcomes."""
        alert = self.alert()
        if alert is not None:
            self.desk = d.ask_outcome(self.desk, alert)

    def do_filter(self) -> None:
        """The next filter; the alert on the desk stays."""
        place = view.FILTERS.index(self._filter) + 1
        self._filter = view.FILTERS[place % len(view.FILTERS)]

    def do_search(self) -> None:
        """Ask for words."""

        def found(text: str) -> None:
            self._search = text
            self._lay(None)

        self.cockpit.ask_text("Search alerts", "reference, entry, category …", found, self._search)

    def do_zoom(self) -> None:
        """Without the list, or with it."""
        self._zoomed = not self._zoomed
        self.call_after_refresh(self.draw)

    def do_pictures(self) -> None:
        """Draw them on a thin link too."""
        self._hurry = self.desk.alert or ""

    def do_back(self) -> None:
        """Close what is open, innermost first."""
        if self.desk.question:
            self.desk = d.close(self.desk)
        elif self._search:
            self._search = ""
        else:
            self._zoomed = False
            self.call_after_refresh(self.draw)

    def _move(self, by: int) -> None:
        if self._shown:
            row = max(0, min((self._row() or 0) + by, len(self._shown) - 1))
            self._lay(self._shown[row].alert)

    def do_down(self) -> None:
        """The next older alert."""
        self._move(1)

    def do_up(self) -> None:
        """The next newer alert."""
        self._move(-1)

    def do_page_down(self) -> None:
        """Ten older."""
        self._move(10)

    def do_page_up(self) -> None:
        """Ten newer."""
        self._move(-10)

    def do_first(self) -> None:
        """The newest."""
        self._move(-len(self._shown))

    def do_last(self) -> None:
        """The oldest kept."""
        self._move(len(self._shown))
