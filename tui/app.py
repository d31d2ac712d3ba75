"""The cockpit: a Textual application over the socket API.

Owns: the state, the screens, their keys, and when to draw. Never: Trio, numpy, OpenVINO, an engine
module, a blocking call. Strategy: everything heard becomes a message, the pure
reducer makes the next state, and one timer draws it when the terminal can take it (``pace``); a key
is answered at once. The engine may hang or die: this loop only ever waits for futures.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from rich.segment import Segments
from rich.traceback import Traceback
from textual.app import App, SystemCommand
from textual.binding import BindingType
from textual.driver import Driver
from textual.events import CursorPosition, MouseDown
from textual.events import Key as KeyEvent
from textual.screen import Screen

from lfr_engine.clock import Clock, SystemClock
from lfr_engine.protocol.arguments import Command
from tui import messages as m
from tui.actions import NamedActions, palette_rows
from tui.attention import Attention
from tui.evidence import Evidence
from tui.figures import NS
from tui.keys import BY_NAME, EVERYWHERE, bound
from tui.link import EngineLink, LinkSettings, open_link
from tui.orders import Orders
from tui.pace import QUESTION, Pace
from tui.presence import Presence
from tui.screens.alerts import AlertsScreen
from tui.screens.base import CockpitScreen
from tui.screens.camera import CameraScreen
from tui.screens.dialogs import AskText, PresenceScreen, StopScreen
from tui.screens.help import HelpScreen
from tui.screens.lists import JournalScreen, LogScreen, WatchlistScreen
from tui.screens.overview import OverviewScreen
from tui.state import State, reduce
from tui.theme import PALETTES, Palette, other
from tui.widgets.graphics import in_order

TICK_SECONDS = 0.1
REDRAW_NS = NS
"""Ages and the clock tick at least so often, even when nothing is heard."""
BLIND_NS = NS
"""A terminal that answers nothing is taken to have drawn after this long."""
CELL_BYTES = 38
"""One cell of a picture in full colour, with its two colours; a sixth of it in 16 colours."""


@dataclass(frozen=True, slots=True)
class CockpitSettings:
    """How the screen behaves.

    Args:
        link: Whom to talk to; ``None`` shows nothing but itself (tests of the screen alone).
        palette: A name in ``theme.PALETTES``.
        pictures: ``blocks``, ``kitty`` or ``sixel``.
        bell: Ring the terminal's bell on an alert.
        flash: Light the first line up on an alert.
        presence_minutes: Ask for a key after so long without one; 0 never asks.
    """

    link: LinkSettings | None
    palette: str = "dark"
    pictures: str = "blocks"
    bell: bool = True
    flash: bool = True
    presence_minutes: float = 15.0


class Cockpit(App[None]):
    """See the module."""

    TITLE = "lfr"
    ENABLE_COMMAND_PALETTE = True
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = []
    MODES: ClassVar[dict[str, str | Callable[[], Screen[Any]]]] = {
        screen.PLACE: screen
        for screen in (
            OverviewScreen,
            AlertsScreen,
            CameraScreen,
            WatchlistScreen,
            JournalScreen,
            LogScreen,
            HelpScreen,
        )
    }
    DEFAULT_MODE = "overview"
    CSS = "CockpitScreen { background: $background; }"

    def __init__(self, settings: CockpitSettings, clock: Clock | None = None) -> None:
        self.pace = Pace()
        super().__init__()
        self.animation_level = "none"
        self._settings = settings
        self._clock = clock or SystemClock()
        self.palette: Palette = PALETTES[settings.palette]
        for palette in PALETTES.values():
            self.register_theme(palette.theme)
        self.theme = self.palette.theme.name
        self.state = State(link_ns=self.now_ns())
        self.link: EngineLink | None = None
        self.pictures = Evidence(lambda: self.link, self.mark)
        self.picture_kind = settings.pictures
        self._stack = contextlib.ExitStack()
        self._attention = Attention(rings=settings.bell, flashes=settings.flash)
        self._lit = False
        self._dirty = True
        self._drawn_ns = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._when_seen: dict[str, tuple[int, Callable[[str], None]]] = {}
        self.stop_asked = False
        self.camera = ""
        self.orders = Orders(self)
        self.presence = Presence(self, settings.presence_minutes, self._ask_presence)
        self._named = NamedActions(self)

    # -- life -----------------------------------------------------------------------------------

    def get_driver_class(self) -> type[Driver]:
        """The platform's driver, counting what is written: the pace needs it."""
        base = super().get_driver_class()
        pace = self.pace

        class Counted(base):  # type: ignore[misc, valid-type]
            """See above."""

            def write(self, data: str) -> None:
                """Count and write; our own question is not a drawing."""
                if data != QUESTION:
                    pace.wrote(len(data))
                super().write(data)

        return Counted

    def on_mount(self) -> None:
        """Start what runs beside the screen."""
        self.pace.asks = not self.is_headless
        if self.picture_kind == "kitty" and self._driver is not None:
            self._stack.enter_context(in_order(self._driver.write))
        self.set_interval(TICK_SECONDS, self._tick)
        if self._settings.link is not None:
            self.spawn(self._hold_link(self._settings.link))
        self.spawn(self.pictures.run())
        self.spawn(self.orders.run())

    async def on_unmount(self) -> None:
        """End what runs beside the screen."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stack.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside the screen; a defect in it ends the program, as any other does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            assert isinstance(error, Exception)
            self._handle_exception(error)

    def _fatal_error(self) -> None:
        """A defect is shown without local variables: pictures of people are among them."""
        self.bell()
        traceback = Traceback(show_locals=False)
        self._exit_renderables.append(
            Segments(self.console.render(traceback, self.console.options))
        )
        self._close_messages_no_wait()

    async def _hold_link(self, settings: LinkSettings) -> None:
        async with open_link(settings, self.emit, self._clock) as link:
            self.link = link
            await self.presence.run(link)

    # -- state ----------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Local monotonic time."""
        return self._clock.monotonic_ns()

    def emit(self, message: m.Message) -> None:
        """Change the state by a message; it is drawn when the terminal can take it."""
        before = self.state
        self.state = reduce(before, message)
        self._dirty = True
        if isinstance(message, m.OtherJournal):
            self.pictures.forget()
        raised = self.state.raised_ns != before.raised_ns
        if raised and self._attention.raised(self.now_ns(), thin=self.pace.thin):
            self.bell()

    def mark(self) -> None:
        """Something outside the state changed what is to be seen."""
        self._dirty = True

    def say(self, text: str, level: str = "good") -> None:
        """Tell the person at the keys a sentence."""
        self.emit(m.Noticed(self.now_ns(), text, level))

    @property
    def flashing(self) -> bool:
        """Whether the banner is lit up."""
        return self._attention.flashing(self.now_ns())

    # -- drawing --------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self.now_ns()
        for name, (until, then) in tuple(self._when_seen.items()):
            if now >= until:
                del self._when_seen[name]
                then(name)
        due = self._dirty or now - self._drawn_ns >= REDRAW_NS
        if due and self.pace.may_draw(now):
            self.draw()

    def draw(self) -> None:
        """Draw every visible screen from the state; nothing while they are being taken down."""
        if not self.is_running:
            return
        self._drawn_ns = self.now_ns()
        lit, self._lit = self._lit, self.flashing
        self._dirty = lit or self._lit  # once more when it is over
        for screen in self.screen_stack:
            if isinstance(screen, CockpitScreen):
                screen.draw()
        self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        if self.pace.drew(self.now_ns()) and self._driver is not None:
            self._driver.write(QUESTION)

    def on_cursor_position(self, _: CursorPosition) -> None:
        """The terminal took everything up to a question of ours."""
        self.pace.answered(self.now_ns())
        if self.pace.settled:
            waiting, self._when_seen = self._when_seen, {}
            for name, (_until, then) in waiting.items():
                then(name)

    def when_seen(self, then: Callable[[str], None], name: str) -> None:
        """Call ``then(name)`` once what is drawn now has reached the terminal."""
        if not self.pace.asks:
            then(name)
            return
        if name not in self._when_seen:
            patience = 60 * NS if self.pace.answers else BLIND_NS
            self._when_seen[name] = (self.now_ns() + patience, then)
            self._drawn()

    def seconds_for(self, cells: int) -> float:
        """How long a picture of so many cells takes over the link to the terminal."""
        size = cells * (CELL_BYTES / 6 if self.palette.few else CELL_BYTES)
        return size / self.pace.rate if self.pace.rate else 0.0

    # -- what a person asks for -----------------------------------------------------------------

    def do(
        self, command: Command[Any], done: str = "", then: Callable[[Any], None] | None = None
    ) -> None:
        """Send a command; say ``done`` or why not, and give the result to ``then``."""
        self.spawn(self.orders.send(command, done, then))

    def adjudicate(self, command: Command[Any]) -> None:
        """Send what was said of an alert, after everything that was said before it."""
        self.orders.adjudicate(command)

    def stop_now(self) -> None:
        """The confirmed red stop: sent until the engine answers."""
        if not self.state.stop_pending:
            self.spawn(self.orders.stop())

    def _ask_presence(self) -> None:
        self.push_screen(PresenceScreen())

    def ask_text(self, title: str, hint: str, then: Callable[[str], None], value: str = "") -> None:
        """Ask for a line of text, and call ``then`` with it unless it is left."""
        self.push_screen(AskText(title, hint, then, value))

    # -- keys -----------------------------------------------------------------------------------

    async def on_event(self, event: Any) -> None:
        """Keys of screens and of lines of text are taken here, in the one order in which they were
        pressed: a queue of each screen's own would let a quick finger's keys overtake each other.
        """
        if isinstance(event, KeyEvent | MouseDown):
            self.presence.touched()
        if isinstance(event, KeyEvent) and await self._take(event):
            return
        await super().on_event(event)

    async def _take(self, event: KeyEvent) -> bool:
        screen = self.screen
        if isinstance(screen, AskText):
            return screen.take(event)
        if not isinstance(screen, CockpitScreen):
            return False
        if self.stop_asked:
            self._confirm_stop(event)
            return True
        key = bound(EVERYWHERE).get(event.key)
        if key is None:
            return screen.take(event)
        if key.action in self.MODES:
            await self._go(key.action)
        else:
            self.run_action_named(key.action)
        return True

    def run_action_named(self, action: str) -> None:
        """Do an action of the screen that is before the others, or of the app."""
        if action in self.MODES:
            self.go(action)
        else:
            for who in (self.screen, self, self._named):
                if (act := getattr(who, f"do_{action}", None)) is not None:
                    act()
                    self.draw()
                    return

    def go(self, place: str) -> None:
        """Show a screen, soon."""
        self.call_later(self._go, place)

    async def _go(self, place: str) -> None:
        if self.current_mode != place and isinstance(self.screen, CockpitScreen):
            await self.switch_mode(place)

    def look_at(self, camera: str) -> None:
        """Show the camera screen on one camera."""
        self.camera = camera
        self.go("camera")

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: our actions; not Textual's screenshot, which would write pictures of people
        to a file.
        """
        own = screen.keys() if isinstance(screen, CockpitScreen) else ()
        for title, explained, action in palette_rows((*BY_NAME, *own, *EVERYWHERE)):
            run = partial(self.call_later, self.run_action_named, action)
            yield SystemCommand(title, explained, run)

    def do_stop(self) -> None:
        """Ask for the confirmation of the red stop; on a thin link in the banner, because a large
        red box would take the line for half a minute.
        """
        if self.pace.thin:
            self.stop_asked = True
            self.draw()
        else:
            self.push_screen(StopScreen())

    def _confirm_stop(self, event: KeyEvent) -> None:
        if event.key == "enter":
            self.stop_now()
        if event.key in {"enter", "escape"}:
            self.stop_asked = False
            self.draw()

    def action_command_palette(self) -> None:
        """Open the palette, unless a question stands before everything else."""
        if isinstance(self.screen, CockpitScreen):
            super().action_command_palette()

    def do_palette(self) -> None:
        """Open the palette."""
        self.action_command_palette()

    def do_theme(self) -> None:
        """Exchange dark and light."""
        self.palette = PALETTES[other(self.palette.name)]
        self.theme = self.palette.theme.name
        self.draw()

    def do_bell(self) -> None:
        """Bell and flash on or off."""
        on = self._attention.switch()
        self.say("bell and flash are on" if on else "bell and flash are off")
        self.draw()

    def do_redraw(self) -> None:
        """Draw everything again."""
        self.refresh(layout=True)
        self.draw()

    def do_quit(self) -> None:
        """Leave."""
        self.exit()
