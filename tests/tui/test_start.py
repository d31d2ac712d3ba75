"""What the command makes of its options and of the terminal."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from lfr_engine.cli.tui import command
from lfr_engine.errors import InputError
from lfr_engine.protocol.commands import CallerRole
from tui.link import DEFAULT_ROLES, roles_of
from tui.terminal import palette_for, pictures_for
from tui.theme import PALETTES, other
from tui.widgets.graphics import fitted_cells
from tui.widgets.picture import decode, fitted


@pytest.mark.parametrize(
    ("theme", "colours", "environment", "name"),
    [
        ("auto", "full", {}, "dark"),
        ("auto", "full", {"COLORFGBG": "0;15"}, "light"),
        ("auto", "full", {"COLORFGBG": "15;default;0"}, "dark"),
        ("light", "16", {}, "light-16"),
        ("auto", "auto", {"TERM": "linux"}, "dark-16"),
        ("auto", "auto", {"TERM": "xterm-256color"}, "dark"),
        ("dark", "auto", {"TERM": "xterm", "COLORTERM": "truecolor"}, "dark"),
    ],
)
def test_the_palette_is_what_was_said_or_what_the_terminal_shows(
    theme: str, colours: str, environment: dict[str, str], name: str
) -> None:
    assert palette_for(theme, colours, environment) == name
    assert name in PALETTES
    assert other(other(name)) == name


def test_without_a_terminal_pictures_are_half_blocks() -> None:
    assert pictures_for("auto") == "blocks"
    assert pictures_for("sixel") == "sixel"


def test_roles() -> None:
    assert roles_of([]) == DEFAULT_ROLES
    assert roles_of(["ao", "operator"]) == (CallerRole.AO, CallerRole.OPERATOR)


def test_the_help_names_what_it_needs() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    for word in ("--connect", "--web", "--role", "--pictures", "--presence-minutes", "--no-bell"):
        assert word in shown


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="not an address"):
        CliRunner().invoke(
            command, ["--connect", "tcp:nowhere"], catch_exceptions=False, standalone_mode=False
        )


@pytest.mark.parametrize("size", [(100, 100), (96, 224), (640, 360), (1, 1), (3, 4000)])
@pytest.mark.parametrize("box", [(28, 15), (68, 34), (1, 1)])
def test_a_picture_fits_whole_and_touches_its_box(
    size: tuple[int, int], box: tuple[int, int]
) -> None:
    width, height = fitted(size, *box)
    assert 1 <= width <= box[0]
    assert 1 <= height <= 2 * box[1]
    assert width == box[0] or height == 2 * box[1]
    cells, rows = fitted_cells(size, *box, (10, 20))
    assert 1 <= cells <= box[0]
    assert 1 <= rows <= box[1]


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a" + bytes(20), b"x" * 1000])
def test_what_is_no_jpeg_is_no_picture(data: bytes) -> None:
    assert decode(data) is None
