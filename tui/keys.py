"""The keys: one table that screens obey, and that the key bar, the help and the palette show.

Owns: what a key is called and does. Never: doing it. Strategy: a key names an action; the app or
the screen has a method ``do_<action>``; a test checks that every action exists, so the help cannot
lie.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Args:
        key: As Textual names it.
        shown: As people write it.
        action: The method ``do_<action>``.
        label: One or two words for the key bar; empty to leave it out there.
        help: A sentence for the help and the palette.
        also: Other keys that do the same.
        short: The label where the bar has little room.
    """

    key: str
    shown: str
    action: str
    label: str
    help: str
    also: tuple[str, ...] = ()
    short: str = ""


EVERYWHERE: tuple[Key, ...] = (
    Key("1", "1", "overview", "Overview", "Cameras, pipeline, ceiling and relay", short="Over"),
    Key("2", "2", "alerts", "Alerts", "Possible matches and their decisions", short="Alert"),
    Key("3", "3", "camera", "Camera", "One camera: blurred preview, aim, zone", short="Cam"),
    Key(
        "4",
        "4",
        "watchlist",
        "Watchlist",
        "The loaded list, and the check of a picture",
        short="List",
    ),
    Key(
        "5",
        "5",
        "journal",
        "Journal",
        "What was recorded, and whether the chain holds",
        short="Jrnl",
    ),
    Key("6", "6", "log", "Log", "The engine's log, with levels and search", short="Log"),
    Key("question_mark", "?", "help", "Help", "Every key", ("f1",), short="Help"),
    Key(
        "exclamation_mark",
        "!",
        "stop",
        "STOP",
        "Big red stop: asks once, then capture ends within a second",
        ("f12",),
    ),
    Key("ctrl+p", "^P", "palette", "", "Every action by name, such as start, pause and resume"),
    Key("ctrl+t", "^T", "theme", "", "Dark or light"),
    Key("ctrl+b", "^B", "bell", "", "Bell and flash: on or off, when an alert is raised"),
    Key("ctrl+l", "^L", "redraw", "", "Draw the whole screen again"),
    Key("ctrl+q", "^Q", "quit", "", "Leave; the engine goes on without this screen"),
)
"""Keys of every screen."""

BY_NAME: tuple[Key, ...] = (
    Key("", "", "load", "", "Load authority: a file that the officer signed"),
    Key("", "", "start", "", "Start deployment: signage is confirmed"),
    Key("", "", "pause", "", "Pause recognition, with a reason"),
    Key("", "", "resume", "", "Resume recognition, with a reason"),
    Key("", "", "end", "", "End deployment in good order, with a reason"),
    Key("", "", "blue", "", "Blue list: a consenting colleague walks past now"),
    Key("", "", "relay_test", "", "Relay: send a message marked TEST"),
)
"""Actions of the palette that have no key of their own: none is done by a slip."""

MOVES: tuple[Key, ...] = (
    Key("down", "↓", "down", "", "One line down", ("j",)),
    Key("up", "↑", "up", "", "One line up", ("k",)),
    Key("pagedown", "PgDn", "page_down", "", "One page down", ("space",)),
    Key("pageup", "PgUp", "page_up", "", "One page up"),
    Key("home", "Home", "first", "", "The first line"),
    Key("end", "End", "last", "", "The last line"),
)
"""Keys of every list."""


def bound(keys: tuple[Key, ...]) -> dict[str, Key]:
    """Every key's name, the others too, to its row."""
    return {name: key for key in keys for name in (key.key, *key.also)}
