"""What this terminal can show, asked before Textual owns it.

Owns: the guess of palette and of graphics. Never: anything after the application started: its input
is Textual's then. Strategy: what a person says wins; what is unknown is dark, and half blocks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from rich.console import Console

_LIGHT_BACKGROUNDS = frozenset({"7", "15"})


def palette_for(theme: str, colours: str, environment: Mapping[str, str]) -> str:
    """The name of a palette from ``--theme``, ``--colours`` and the environment."""
    if theme == "auto":
        # rxvt's convention, kept by many: "foreground;background" as colour numbers
        background = environment.get("COLORFGBG", "").rpartition(";")[2]
        theme = "light" if background in _LIGHT_BACKGROUNDS else "dark"
    if colours == "auto":
        depth = Console(_environ=environment, force_terminal=True).color_system
        colours = "16" if depth in {None, "standard", "windows"} else "full"
    return theme if colours == "full" else f"{theme}-16"


def pictures_for(asked: str) -> str:
    """``blocks``, ``kitty`` or ``sixel``; the terminal is asked only for ``auto``."""
    if asked != "auto":
        return asked
    if not sys.stdout.isatty() or "TMUX" in os.environ or "TEXTUAL_DRIVER" in os.environ:
        return "blocks"
    from textual_image.renderable import Image, SixelImage, TGPImage  # noqa: PLC0415 - it asks

    if Image is TGPImage:
        return "kitty"
    return "sixel" if Image is SixelImage else "blocks"
