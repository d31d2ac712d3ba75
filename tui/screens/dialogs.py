"""Questions that stand before everything else: a line of text, the big red stop, presence.

Owns: asking. Never: doing what was asked for; the app does. Strategy: every question says its keys;
Escape always leaves without doing anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Click
from textual.events import Key as KeyEvent
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.port import Program
from tui.text import EMPTY, Line, fit, line
from tui.widgets.lines import Lines

MOST_AHEAD = 256
"""Keys typed before a field is there; nobody types more in a moment."""


class AskText(ModalScreen[None]):
    """One line of text. What was typed ahead, before the field was there, is not lost, comes in its
    order, and above all is not taken for keys of the screen below.
    """

    DEFAULT_CSS = """
    AskText { align: center middle; }
    AskText Vertical { width: 72; max-width: 96%; height: 7; border: solid $primary;
        background: $background; padding: 0 1; }
    AskText Lines { height: 1; }
    """

    def __init__(self, title: str, hint: str, then: Callable[[str], None], value: str) -> None:
        super().__init__()
        self._title, self._hint, self._then, self._value = title, hint, then, value
        self._ahead: list[KeyEvent] = []
        self._open = True
        self._ready = False

    def compose(self) -> ComposeResult:
        """Title, field, keys."""
        with Vertical():
            yield Lines(id="ask-title")
            yield Input(self._value, placeholder=self._hint, max_length=2_000)
            yield Lines(id="ask-keys")

    def on_mount(self) -> None:
        """Say what is asked."""
        self.query_one("#ask-title", Lines).show([line((self._title, "title"))])
        keys = line(("Enter", "key"), " to do it   ", ("Esc", "key"), " to leave it")
        self.query_one("#ask-keys", Lines).show([keys])
        self.call_after_refresh(self._catch_up)

    def _catch_up(self) -> None:
        self._ready = True
        ahead, self._ahead = self._ahead, []
        for event in ahead:
            if not self.take(event):  # typed after the answer: a key of the screen below
                self.app.post_message(event)

    def take(self, event: KeyEvent) -> bool:
        """Take a key in the order in which it was pressed; returns whether it is one of ours."""
        if not self._ready:
            if len(self._ahead) < MOST_AHEAD:
                self._ahead.append(event)
            return True
        if not self._open:
            return False
        field = self.query_one(Input)
        edits = {
            "backspace": field.action_delete_left,
            "delete": field.action_delete_right,
            "left": field.action_cursor_left,
            "right": field.action_cursor_right,
            "home": field.action_home,
            "end": field.action_end,
        }
        if event.key == "escape":
            self._leave()
        elif event.key == "enter":
            self._leave()
            self._then(field.value.strip())
        elif event.key in edits:
            edits[event.key]()
        elif event.is_printable and event.character:
            field.insert_text_at_cursor(event.character)
        else:
            return False
        return True

    def _leave(self) -> None:
        self._open = False
        self.dismiss()


class _Notice(ModalScreen[None]):
    """A few large lines and the keys under them."""

    WORDS: ClassVar[tuple[Line, ...]] = ()
    AUTO_FOCUS = None
    DEFAULT_CSS = """
    _Notice { align: center middle; }
    _Notice Lines { width: 64; max-width: 98%; height: 9; }
    """

    def compose(self) -> ComposeResult:
        """One block."""
        yield Lines()

    def on_mount(self) -> None:
        """Show the words."""
        self.query_one(Lines).show(self.WORDS)


def _red(*rows: str) -> tuple[Line, ...]:
    return tuple(fit(line((f"{row:^64}", "stop")), 64) for row in rows)


class StopScreen(_Notice):
    """The big red stop: one key brought this, one more does it (R17)."""

    WORDS = _red(
        "",
        "■   S T O P ?",
        "",
        "Capture ends within a second and stays ended",
        "until a named person resumes. It is on record who stopped it.",
        "",
        "Enter: STOP NOW            Esc: go on",
        "",
    )

    def on_key(self, event: KeyEvent) -> None:
        """Enter stops; Escape goes on; nothing else does anything."""
        event.stop()
        event.prevent_default()
        if event.key == "enter":
            self.dismiss()
            cast("Program", self.app).stop_now()
        elif event.key == "escape":
            self.dismiss()

    def on_click(self, event: Click) -> None:
        """A click on the words is not a confirmation."""
        event.stop()


class PresenceScreen(_Notice):
    """Asks whether the operator is still there, before the interlock pauses capture (R17)."""

    WORDS = (
        EMPTY,
        line(("            IS ANYBODY AT THIS SCREEN?                          ", "alarm")),
        EMPTY,
        line("  No key was pressed for a while. Press any key to say yes."),
        line("  Without an answer this screen stops saying that an operator is"),
        line("  present, and the engine pauses capture."),
    )

    def on_key(self, event: KeyEvent) -> None:
        """Any key is a yes, and does nothing else."""
        event.stop()
        event.prevent_default()
        self.dismiss()
