"""What holds on every screen: mode and trouble shown, the stop at hand, one meaning to a key."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import msgspec
import pytest
from textual.events import Key

from lfr_engine.protocol import arguments as a
from tests.tui import samples
from tests.tui.support import LARGE, SMALL, cockpit, run, squeezed, words
from tui import messages as m
from tui.actions import NamedActions
from tui.app import Cockpit
from tui.keys import BY_NAME, EVERYWHERE, bound
from tui.keys import Key as Row
from tui.screens.base import CockpitScreen
from tui.screens.camera import CameraScreen
from tui.screens.dialogs import StopScreen
from tui.screens.help import CHAPTERS
from tui.screens.help import lines as help_lines
from tui.text import plain
from tui.theme import PALETTES

SCREENS: tuple[type[CockpitScreen], ...] = tuple(Cockpit.MODES.values())  # type: ignore[arg-type]


# -- mode and trouble are always on screen ------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_mode_is_on_every_screen(size: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with cockpit(size) as (app, pilot):
            for mode in ("exercise", "commissioning", "deployment"):
                app.hear(m.BoardCame(app.clock.now_ns, samples.board(0.0, mode=mode)))
                for key in EVERYWHERE[:7]:
                    await pilot.press(key.key)
                    app.draw()
                    await pilot.pause()
                    first, _, rest = words(app).partition("\n")
                    assert mode.upper() in first, (mode, key)
                    assert "! STOP" in rest.splitlines()[-1]

    run(scenario)


def test_the_place_authority_and_remaining_time_are_named() -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, _):
            first = words(app).splitlines()[0]
            for word in ("Market Arcade north", "A-2026-014", "R. Okafor", "03:12:45 left"):
                assert word in first

    run(scenario)


def test_old_data_is_called_old_and_a_lost_link_lost() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            app.clock.advance(12)
            app.draw()
            await pilot.pause()
            assert "STALE" in squeezed(app)
            assert "nothing heard for 12s" in squeezed(app)
            app.hear(m.LinkChanged(app.clock.now_ns, "lost"))
            app.draw()
            await pilot.pause()
            assert "NO LINK" in squeezed(app)
            assert "12:00:12Z" in words(app)  # the engine's clock goes on by ours

    run(scenario)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"engine": {"safe_stop": True}}, "STOPPED"),
        ({"engine": {"operator_present": False}}, "NO OPERATOR"),
        ({"ceiling": "red"}, "CEILING"),
    ],
)
def test_trouble_is_the_big_word(change: dict[str, Any], word: str) -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            board = samples.board()
            engine = msgspec.structs.replace(board.engine, **change.get("engine", {}))
            board = msgspec.structs.replace(board, **{**change, "engine": engine})
            app.hear(m.BoardCame(app.clock.now_ns, board))
            app.draw()
            await pilot.pause()
            assert word in words(app).splitlines()[1]

    run(scenario)


def test_a_notice_never_hides_that_the_engine_is_gone() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            app.say("1A2B3C passed: likeness")
            app.clock.advance(1)
            app.hear(m.LinkChanged(app.clock.now_ns, "lost"))
            app.clock.advance(2)
            app.hear(m.LinkChanged(app.clock.now_ns, "connecting"))
            app.draw()
            await pilot.pause()
            status = words(app).splitlines()[1]
            assert "NO LINK" in status
            assert "3.0s old" in status
            assert status.endswith("link lost 2.0s")
            app.say("not connected to the engine", "bad")  # said after the cut: both are shown
            app.draw()
            await pilot.pause()
            status = words(app).splitlines()[1]
            assert "NO LINK" in status
            assert "not connected to the engine" in status

    run(scenario)


# -- the red stop -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["exclamation_mark", "f12"])
def test_stop_is_one_key_and_one_more_on_every_screen(key: str) -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            stopped: list[str] = []
            app.stop_now = lambda: stopped.append(app.current_mode)  # type: ignore[method-assign]
            for place in EVERYWHERE[:7]:
                await pilot.press(place.key, key)
                assert isinstance(app.screen, StopScreen)
                await pilot.press("s", key)  # nothing else confirms, nor the same key again
                assert place.action not in stopped
                await pilot.press("enter")
                assert stopped[-1] == place.action
                await pilot.press(key, "escape")
                await pilot.pause()
                assert stopped.count(place.action) == 1

    run(scenario)


def test_on_a_thin_link_the_stop_is_asked_for_in_the_banner() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            stopped: list[bool] = []
            app.stop_now = lambda: stopped.append(True)  # type: ignore[method-assign]
            app.pace.rate = 900.0
            await pilot.press("exclamation_mark")
            await pilot.pause()
            assert "S T O P" in words(app).splitlines()[0]
            await pilot.press("2", "s")
            assert app.current_mode == "overview"  # nothing but the answer is taken
            await pilot.press("enter")
            await pilot.pause()
            assert stopped == [True]
            assert "S T O P" not in words(app)

    run(scenario)


def test_nothing_comes_between_the_stop_and_its_confirmation() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            stopped: list[bool] = []
            app.stop_now = lambda: stopped.append(True)  # type: ignore[method-assign]
            await pilot.press("exclamation_mark")
            await pilot.pause()
            await pilot.press("ctrl+p", "2", "ctrl+t")
            await pilot.pause()
            assert isinstance(app.screen, StopScreen)
            await pilot.press("enter")
            await pilot.pause()
            assert stopped == [True]

    run(scenario)


def test_a_stop_that_was_not_heard_is_the_big_word() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("exclamation_mark", "enter")
            await pilot.pause()
            app.draw()
            await pilot.pause()
            assert "STOP NOT YET HEARD" in words(app).splitlines()[1]

    run(scenario)


# -- palette, keys, help ------------------------------------------------------------------------


def test_the_palette_has_every_action_and_no_screenshot() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, _):
            titles = [one.title for one in app.get_system_commands(app.screen)]
            for title in ("Load authority", "Start deployment", "Big red stop", "Help"):
                assert title in titles
            assert not any("screenshot" in title.casefold() for title in titles)

    run(scenario)


def test_pausing_needs_a_reason() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            app.run_action_named("pause")
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            assert app.sent == []
            assert "needs a reason" in squeezed(app) or app.state.notices[-1].level == "warn"
            app.run_action_named("pause")
            await pilot.pause()
            await pilot.press(*"rain", "enter")
            await pilot.pause()
            assert app.sent == [a.DeploymentsPause(reason="rain")]

    run(scenario)


def test_dark_and_light() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("ctrl+t")
            assert app.palette.name == "light"
            await pilot.press("ctrl+t")
            assert app.palette.name == "dark"

    run(scenario)


def test_a_screen_and_its_key_may_be_typed_ahead() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            for key in ("3", "6", "f"):
                app.post_message(Key(key, key))
            await pilot.pause()
            await pilot.pause()
            assert app.current_mode == "log"
            assert "warning and above" in words(app)

    run(scenario)


def test_every_key_does_something_and_the_help_names_it() -> None:
    shown = "\n".join(plain(line) for line in help_lines(200))
    for screen in SCREENS:
        tables = [screen.KEYS, *([screen.ZONE_KEYS] if screen is CameraScreen else [])]
        for key in (key for table in tables for key in table):
            assert callable(getattr(screen, f"do_{key.action}", None)), (screen, key)
            assert key.help in shown
    for key in EVERYWHERE:
        assert key.action in Cockpit.MODES or callable(getattr(Cockpit, f"do_{key.action}", None))
    for key in BY_NAME:
        assert callable(getattr(NamedActions, f"do_{key.action}", None))
    assert all(key.help in shown for key in EVERYWHERE)


@pytest.mark.parametrize(
    "table", [keys for _, keys in CHAPTERS], ids=[name for name, _ in CHAPTERS]
)
def test_no_key_means_two_things(table: tuple[Row, ...]) -> None:
    names = [name for key in table for name in (key.key, *key.also)]
    assert len(names) == len(set(names))
    assert set(bound(table)) == set(names)


def test_no_screen_takes_a_key_of_everywhere() -> None:
    everywhere = set(bound(EVERYWHERE))
    for screen in SCREENS:
        assert not everywhere & set(bound(screen.KEYS))


# -- drawing ------------------------------------------------------------------------------------


def test_every_meaning_has_a_style_in_every_palette() -> None:
    meanings = {key for palette in PALETTES.values() for key in palette.styles}
    for palette in PALETTES.values():
        assert set(palette.styles) == meanings


@pytest.mark.parametrize("size", [(40, 10), (20, 5), (300, 90)])
def test_odd_sizes_draw_without_failing(size: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with cockpit(size) as (app, pilot):
            for key in ("1", "2", "3", "4", "5", "6", "question_mark"):
                await pilot.press(key)
                await pilot.pause()
                app.draw()
                await pilot.pause()

    run(scenario)


def test_nothing_is_drawn_for_data_that_does_not_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            drawn: list[object] = []
            app.draw()
            await pilot.pause()
            await asyncio.sleep(0.1)
            for widget in app.screen.walk_children():
                monkeypatch.setattr(widget, "refresh", lambda *a, **_: drawn.append(a))
            app.draw()
            assert drawn == []

    run(scenario)


def test_a_tick_while_the_screens_are_taken_down_draws_nothing() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, _):
            ticking = app.draw
        app.hear(m.AlertCame(app.clock.now_ns, samples.alert(60, 1.0)))
        ticking()
        app._tick()

    run(scenario)


def test_views_never_import_textual() -> None:
    from tui.views import alerts, banner, camera, lists, overview

    for module in (alerts, banner, camera, lists, overview):
        assert "textual" not in inspect.getsource(module)
