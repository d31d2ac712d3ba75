"""How meanings look: truecolour and 16 colours, dark and light.

Owns: the styles of the meanings in ``text``, and Textual's themes for what it draws itself. Never:
a meaning by colour alone; every state is also a word or a sign. Strategy: colours that people with
red-green blindness tell apart (Okabe and Ito, 2008: bluish green, orange, vermilion, sky blue);
with 16 colours, warnings are reversed, because nobody knows what a terminal calls yellow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

from tui.text import Meaning


@dataclass(frozen=True, slots=True)
class Palette:
    """One way to look.

    Args:
        name: ``dark``, ``light``, ``dark-16`` or ``light-16``.
        theme: Textual's part of it.
        background: Of every line; pictures are letterboxed with it too.
        styles: Meaning → style on the background.
        chosen: Added to the selected line of a list.
        few: Only 16 colours: pictures are drawn in greys that a terminal has.
    """

    name: str
    theme: Theme
    background: Style
    styles: dict[Meaning, Style]
    chosen: Style
    few: bool


def _full(name: str, *, dark: bool, colours: dict[str, str]) -> Palette:
    back = colours["back"]
    styles: dict[Meaning, Style] = {
        "": Style.parse(f"{colours['text']} on {back}"),
        "dim": Style.parse(f"{colours['dim']} on {back}"),
        "title": Style.parse(f"bold {colours['title']} on {back}"),
        "good": Style.parse(f"{colours['good']} on {back}"),
        "warn": Style.parse(f"bold {colours['warn']} on {back}"),
        "bad": Style.parse(f"bold {colours['bad']} on {back}"),
        "alarm": Style.parse(f"bold {colours['on_bad']} on {colours['bad_back']}"),
        "key": Style.parse(f"bold {colours['accent']} on {back}"),
        "value": Style.parse(f"bold {colours['strong']} on {back}"),
        "accent": Style.parse(f"{colours['accent']} on {back}"),
        "banner": Style.parse(f"bold {colours['on_banner']} on {colours['banner']}"),
        "stop": Style.parse(f"bold white on {colours['bad_back']}"),
    }
    theme = Theme(
        name=f"lfr-{name}",
        primary=colours["accent"],
        warning=colours["warn"],
        error=colours["bad"],
        success=colours["good"],
        accent=colours["accent"],
        foreground=colours["text"],
        background=back,
        surface=back,
        panel=colours["chosen"],
        dark=dark,
    )
    chosen = Style.parse(f"on {colours['chosen']}")
    return Palette(name, theme, Style.parse(f"on {back}"), styles, chosen, few=False)


def _few(name: str, *, dark: bool) -> Palette:
    strong = "bright_white" if dark else "black"
    styles: dict[Meaning, Style] = {
        "": Style.parse("default on default"),
        "dim": Style.parse("default on default" if not dark else "white on default"),
        "title": Style.parse("bold underline default on default"),
        "good": Style.parse("green on default"),
        "warn": Style.parse("bold black on yellow"),
        "bad": Style.parse("bold bright_white on red"),
        "alarm": Style.parse("bold bright_white on red"),
        "key": Style.parse(f"bold {'bright_cyan' if dark else 'blue'} on default"),
        "value": Style.parse(f"bold {strong} on default"),
        "accent": Style.parse(f"{'cyan' if dark else 'blue'} on default"),
        "banner": Style.parse("bold black on cyan" if dark else "bold bright_white on blue"),
        "stop": Style.parse("bold bright_white on red"),
    }
    theme = replace(BUILTIN_THEMES["ansi-dark" if dark else "ansi-light"], name=f"lfr-{name}")
    return Palette(name, theme, Style.parse("on default"), styles, Style.parse("reverse"), few=True)


PALETTES: dict[str, Palette] = {
    palette.name: palette
    for palette in (
        _full(
            "dark",
            dark=True,
            colours={
                "back": "#0f1419",
                "text": "#d5dbe1",
                "dim": "#8694a1",
                "title": "#9fb3c8",
                "strong": "#ffffff",
                "good": "#3ecf9b",
                "warn": "#f0b429",
                "bad": "#ff8a5c",
                "bad_back": "#b3361b",
                "on_bad": "#ffffff",
                "accent": "#62b6f0",
                "banner": "#1d4e79",
                "on_banner": "#ffffff",
                "chosen": "#24405c",
            },
        ),
        _full(
            "light",
            dark=False,
            colours={
                "back": "#fbfbf8",
                "text": "#1b2430",
                "dim": "#5a6673",
                "title": "#33475b",
                "strong": "#000000",
                "good": "#00694c",
                "warn": "#8a5300",
                "bad": "#a8321a",
                "bad_back": "#b3361b",
                "on_bad": "#ffffff",
                "accent": "#0b5f9e",
                "banner": "#1d4e79",
                "on_banner": "#ffffff",
                "chosen": "#cfe2f3",
            },
        ),
        _few("dark-16", dark=True),
        _few("light-16", dark=False),
    )
}
"""Every palette by name."""


def other(name: str) -> str:
    """The same colours with light and dark exchanged."""
    return name.replace("dark", "light") if "dark" in name else name.replace("light", "dark")
