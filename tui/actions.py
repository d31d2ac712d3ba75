"""The palette's actions that have no key of their own: none is done by a slip.

Owns: what they ask first, and the command that follows. Never: a command without its reason, where
the record wants one (R16).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lfr_engine.protocol import arguments as a
from tui.keys import Key
from tui.port import Program


def palette_rows(keys: Iterable[Key]) -> Iterator[tuple[str, str, str]]:
    """Title, explanation and action of each row: what is searched for is its name, not its key."""
    for key in keys:
        if key.action == "palette":
            continue
        head, _, rest = key.help.partition(": ")
        title, explained = (head, rest) if rest else (key.help, "")
        if key.short:  # the way to a screen
            title, explained = key.label, key.help
        yield title, f"{explained}  [{key.shown}]".strip() if key.shown else explained, key.action


class NamedActions:
    """``do_<action>`` for every row of ``keys.BY_NAME``.

    Args:
        program: Asks, tells and sends.
    """

    def __init__(self, program: Program) -> None:
        self._program = program

    def do_load(self) -> None:
        """Load a signed authority from a file."""

        def load(text: str) -> None:
            try:
                data = Path(text).expanduser().read_bytes()
            except OSError as error:
                self._program.say(f"{text}: cannot be read: {error.strerror}", "bad")
                return
            self._program.do(a.DeploymentsLoad(authority=data), "authority loaded")

        self._program.ask_text("Load authority", "path of the signed authority", load)

    def do_start(self) -> None:
        """Start the loaded deployment."""

        def start(text: str) -> None:
            if text.casefold() == "yes":
                self._program.do(a.DeploymentsStart(signage_confirmed=True), "deployment started")
            else:
                self._program.say("not started: signage was not confirmed", "warn")

        self._program.ask_text("Start deployment: are the signs up? Write yes", "yes", start)

    def _with_reason(self, title: str, then: Callable[[str], None]) -> None:
        def given(text: str) -> None:
            if text:
                then(text)
            else:
                self._program.say(f"{title.casefold()}: needs a reason", "warn")

        self._program.ask_text(title, "the reason, for the record", given)

    def do_pause(self) -> None:
        """Pause recognition."""
        self._with_reason(
            "Pause", lambda why: self._program.do(a.DeploymentsPause(reason=why), "paused")
        )

    def do_resume(self) -> None:
        """Resume recognition."""
        self._with_reason(
            "Resume", lambda why: self._program.do(a.DeploymentsResume(reason=why), "resumed")
        )

    def do_end(self) -> None:
        """End the deployment."""
        self._with_reason(
            "End deployment",
            lambda why: self._program.do(a.DeploymentsEnd(reason=why), "deployment ended"),
        )

    def do_blue(self) -> None:
        """Register a blue-list pass."""

        def given(text: str) -> None:
            if text:
                said = f"blue-list pass of {text} registered"
                self._program.do(a.BluePass(entry=text, source="button"), said)

        self._program.ask_text("Blue-list pass", "entry of the colleague who walks past", given)

    def do_relay_test(self) -> None:
        """Send a TEST message."""

        def given(text: str) -> None:
            if text:
                self._program.do(a.RelayTest(bearer=text), f"test sent by {text}")

        board = self._program.state.board
        names = [one.bearer for one in board.bearers] if board is not None else []
        self._program.ask_text("Relay test", " or ".join(names) or "none is configured", given)
