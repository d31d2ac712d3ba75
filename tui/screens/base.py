"""What every screen of the cockpit shares: banner, keys, and drawing from the state.

Owns: the frame around a screen's own widgets and the road from a key to an action. Never: state of
the engine. Strategy: ``draw`` is called by the app when there is something new and the terminal can
take it, and directly after a key; it gives views to widgets and nothing else.
"""

from __future__ import annotations

from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.events import Key as KeyEvent
from textual.events import Resize
from textual.screen import Screen
from textual.widget import Widget

from tui.keys import EVERYWHERE, Key, bound
from tui.port import Program
from tui.views.banner import banner, stop_question
from tui.widgets.bars import Banner, KeyBar, key_line


class CockpitScreen(Screen[None]):
    """See the module. ``PLACE`` is the action in ``EVERYWHERE`` that leads here."""

    PLACE: ClassVar[str] = ""
    KEYS: ClassVar[tuple[Key, ...]] = ()
    AUTO_FOCUS = None
    DEFAULT_CSS = "CockpitScreen { layout: vertical; }"

    @property
    def cockpit(self) -> Program:
        """The program."""
        return cast("Program", self.app)

    def compose(self) -> ComposeResult:
        """Banner, body, keys."""
        yield Banner()
        yield from self.body()
        yield KeyBar()

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def keys(self) -> tuple[Key, ...]:
        """Keys that mean something on this screen now."""
        return self.KEYS

    def draw(self) -> None:
        """Show the state as it is now."""
        if not self.is_mounted or self.size.width == 0:
            return
        app = self.cockpit
        cells = self.size.width
        head = self.query_one(Banner)
        words = stop_question(cells) if app.stop_asked else banner(app.state, app.now_ns(), cells)
        head.show(words, 0 if app.flashing else None)
        shown = (*self.keys(), *EVERYWHERE)
        self.query_one(KeyBar).show([key_line(shown, self.PLACE, cells)])
        self.draw_body()

    def draw_body(self) -> None:
        """Show the screen's own part."""

    def answer(self, event: KeyEvent) -> bool:  # noqa: ARG002 - screens with open questions use it
        """Take a key as the answer to an open question; returns whether it was one."""
        return False

    def take(self, event: KeyEvent) -> bool:
        """Run the action of a key of this screen; returns whether it has one."""
        if self.answer(event):
            self.draw()
            return True
        key = bound(self.keys()).get(event.key)
        if key is None:
            return False
        self.run(key.action)
        return True

    def run(self, action: str) -> None:
        """Do a key's action and show what became of it at once."""
        getattr(self, f"do_{action}")()
        self.draw()

    def on_mount(self) -> None:
        """Draw once before the first tick."""
        self.draw()

    def on_resize(self, _: Resize) -> None:
        """Draw for the new size."""
        self.call_after_refresh(self.draw)

    def on_screen_resume(self) -> None:
        """Draw what happened while another screen was before this one."""
        self.draw()


def height_of(widget: Widget) -> int:
    """Rows a widget has; 0 before its first layout."""
    return widget.size.height
