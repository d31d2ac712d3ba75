"""The screens under keys: what is shown, what is sent, what is never done."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import Any

import msgspec
import pytest
from textual.events import Key

from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from tests.tui import samples
from tests.tui.support import LARGE, SMALL, StillCockpit, cockpit, run, squeezed, words
from tui import messages as m
from tui.actions import NamedActions
from tui.app import Cockpit
from tui.keys import BY_NAME, EVERYWHERE, bound
from tui.keys import Key as Row
from tui.screens.alerts import AlertsScreen
from tui.screens.base import CockpitScreen
from tui.screens.camera import CameraScreen
from tui.screens.dialogs import StopScreen
from tui.screens.help import CHAPTERS
from tui.screens.help import lines as help_lines
from tui.screens.lists import LogScreen
from tui.state import State, reduce
from tui.text import plain
from tui.theme import PALETTES
from tui.views.overview import overview
from tui.widgets.picture import Picture

SCREENS: tuple[type[CockpitScreen], ...] = tuple(Cockpit.MODES.values())  # type: ignore[arg-type]


def at_desk(app: StillCockpit) -> s.Alert:
    screen = app.screen
    assert isinstance(screen, AlertsScreen)
    alert = screen.alert()
    assert alert is not None
    return alert


# -- the mode and trouble are always on screen --------------------------------------------------


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


# -- alerts -------------------------------------------------------------------------------------


def test_two_keys_adjudicate() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            alert = at_desk(app)
            await pilot.press("s", "a")
            await pilot.pause()
            assert app.sent[0] == a.AlertsDisplayed(alert=alert.alert)
            assert app.sent_of(a.AlertsOpinion) == [
                a.AlertsOpinion(alert=alert.alert, opinion="same")
            ]
            assert app.sent_of(a.AlertsDecide) == [
                a.AlertsDecide(alert=alert.alert, decision="passed", reasons=["likeness"])
            ]
            assert at_desk(app).alert != alert.alert  # the next waiting one lies there now

    run(scenario)


def test_no_opinion_before_the_pictures_are_there() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            app.still.known.clear()
            await pilot.press("2")
            await pilot.press("s", "a", "d", "b")
            await pilot.pause()
            assert app.sent == []
            assert "fetching" in words(app)
            assert app.still.wanted[-1] == at_desk(app).alert

    run(scenario)


def test_pictures_that_cannot_be_had_say_why() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            for name in app.still.known:
                app.still.known[name] = "no pictures: deleted by retention"
            await pilot.press("2", "s", "a")
            await pilot.pause()
            assert "no pictures: deleted by" in squeezed(app)
            assert app.sent == []

    run(scenario)


@pytest.mark.parametrize("palette", list(PALETTES))
@pytest.mark.parametrize("size", [SMALL, LARGE, (81, 25), (133, 40)])
def test_both_pictures_have_the_same_size(palette: str, size: tuple[int, int]) -> None:
    async def scenario() -> None:
        async with cockpit(size, palette) as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            probe = app.screen.query_one("#probe", Picture)
            reference = app.screen.query_one("#reference", Picture)
            assert probe.drawn
            assert reference.drawn
            assert probe.place()[2:] == reference.place()[2:]
            assert min(probe.place()[2:]) >= 26

    run(scenario)


def test_the_score_appears_only_after_the_opinion() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            scored = msgspec.structs.replace(
                app.state.alerts["A7"], score=0.61234, margin=0.14, threshold=0.487
            )
            app.hear(m.AlertCame(app.clock.now_ns, scored))
            await pilot.press("2")
            await pilot.pause()
            assert at_desk(app).alert == "A7"
            assert "0.612" not in words(app)
            assert "score hidden" in squeezed(app)
            await pilot.press("n")
            await pilot.pause()
            assert "0.612" in words(app)

    run(scenario)


def test_no_list_ever_shows_a_score_and_every_alert_is_only_possible() -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            for one in samples.alerts():
                app.hear(
                    m.AlertCame(1, msgspec.structs.replace(one, score=0.98765, state="generated"))
                )
            await pilot.press("2", "f")
            await pilot.pause()
            assert "0.98" not in words(app)
            assert "POSSIBLE MATCH" in words(app)
            assert not re.search(
                r"(?<!POSSIBLE )(?<!possible )\bMATCH\b", words(app), re.IGNORECASE
            )

    run(scenario)


def test_a_new_alert_never_slides_under_a_key() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            before = at_desk(app).alert
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(99, 1.0)))
            app.draw()
            await pilot.pause()
            assert at_desk(app).alert == before
            await pilot.press("up")
            assert at_desk(app).alert == "A99"

    run(scenario)


def test_a_decision_by_somebody_else_appears_with_the_name_and_moves_nothing() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2", "s")
            await pilot.pause()
            alert = at_desk(app)
            step = s.Transition(
                alert=alert.alert,
                came_from="displayed",
                went_to="discounted",
                at=samples.at(1),
                actor="bertram",
                role="operator",
                reasons=["close_kin"],
            )
            app.hear(m.DecisionCame(app.clock.now_ns, step))
            await pilot.press("a")  # too late: the question is gone
            app.draw()
            await pilot.pause()
            assert at_desk(app).alert == alert.alert
            assert "discounted by bertram" in squeezed(app)
            assert app.sent_of(a.AlertsDecide) == []

    run(scenario)


def test_late_is_a_word() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            late = msgspec.structs.replace(samples.alert(50, -1.0), late=True)
            app.hear(m.AlertCame(app.clock.now_ns, late))
            await pilot.press("2")
            app.draw()
            await pilot.pause()
            assert words(app).count("LATE") >= 2  # in the list and over the pictures

    run(scenario)


def test_filter_search_and_zoom() -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            assert "WAITING" in words(app)
            assert "3/8" in words(app)
            await pilot.press("f")
            await pilot.pause()
            assert "8/8" in words(app)
            await pilot.press("f")
            await pilot.pause()
            assert "DECIDED" in words(app)
            await pilot.press("f", "f", "slash", *"vulnerable", "enter")
            await pilot.pause()
            assert "2/8" in words(app)
            await pilot.press("escape", "z")
            await pilot.pause()
            await pilot.pause()
            assert app.screen.query_one("#probe", Picture).size.width >= 99
            await pilot.press("escape")
            await pilot.pause()
            assert app.screen.query_one("#probe", Picture).size.width < 80

    run(scenario)


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_typed_ahead_into_a_question_is_no_key_of_the_screen(wait: bool) -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            # "sadm" would be opinions, were it not a search; "6" is a screen again
            for key in ("slash", *"sadm", "left", "backspace", "end", "enter", "6"):
                name = {"slash": "/", "enter": "\r"}.get(key, key if len(key) == 1 else None)
                app.post_message(Key(key, name))
                if wait:
                    await pilot.pause()
            await pilot.pause()
            await pilot.pause()
            assert app.current_mode == "log"
            await pilot.press("2")
            app.draw()
            await pilot.pause()
            assert "/sam " in words(app)
            assert app.sent_of(a.AlertsOpinion) == []

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


def test_outcomes_are_two_keys_and_an_arrest_is_its_own() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2", "f", "end")
            app.draw()
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, AlertsScreen)
            for _ in range(8):
                if at_desk(app).state != "engaged":
                    await pilot.press("up")
            alert = at_desk(app).alert
            await pilot.press("o", "b")
            await pilot.pause()
            assert app.sent_of(a.AlertsOutcome) == [
                a.AlertsOutcome(alert=alert, outcome="confirmed_true", arrest=True)
            ]

    run(scenario)


def test_ages_tick_without_any_news() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("2")
            await pilot.pause()
            assert "6.0s old" in words(app)
            app.clock.advance(2)
            app._tick()
            await pilot.pause()
            assert "8.0s old" in words(app)

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


def test_a_tick_while_the_screens_are_taken_down_draws_nothing() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, _):
            ticking = app.draw
        app.hear(m.AlertCame(app.clock.now_ns, samples.alert(60, 1.0)))
        ticking()
        app._tick()

    run(scenario)


# -- bell, flash, palette -----------------------------------------------------------------------


def test_bell_and_flash_on_an_alert_can_be_switched_off() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            rung: list[bool] = []
            app.bell = lambda: rung.append(True)  # type: ignore[method-assign]
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(60, 1.0)))
            assert app.flashing
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(61, 1.0)))
            assert rung == [True]  # two alerts at once ring once
            app.clock.advance(3)
            lit = [app.flashing]
            await pilot.press("ctrl+b")
            app.hear(m.AlertCame(app.clock.now_ns, samples.alert(62, 1.0)))
            assert rung == [True]
            assert [*lit, app.flashing] == [False, False]

    run(scenario)


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


# -- camera, lists ------------------------------------------------------------------------------


def test_enter_on_the_overview_opens_that_camera() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("down", "down", "enter")
            await pilot.pause()
            assert isinstance(app.screen, CameraScreen)
            assert "stairs ● live" in words(app)
            await pilot.press("right")
            await pilot.pause()
            assert "gate-a ✖ lost" in words(app)

    run(scenario)


def zoned(app: StillCockpit) -> CameraScreen:
    screen = app.screen
    assert isinstance(screen, CameraScreen)
    screen.show_preview(
        samples.street(0.0, 160),
        s.Zone(
            camera="north", corners=[(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)], smallest_face_pixels=9
        ),
    )
    return screen


def test_a_zone_is_edited_with_keys_and_sent_once() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("3")
            await pilot.pause()
            zoned(app)
            await pilot.press("z", "tab", "left", "shift+down", "i", "enter")
            await pilot.pause()
            assert app.sent == [
                a.ZoneEdit(
                    camera="north",
                    corners=[(0.1, 0.1), (0.89, 0.15), (0.695, 0.525), (0.5, 0.9)],
                    smallest_face_pixels=9,
                )
            ]

    run(scenario)


def test_leaving_the_editor_sends_nothing() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("3")
            await pilot.pause()
            zoned(app)
            await pilot.press("z", "right", "right", "escape")
            await pilot.pause()
            assert app.sent == []
            assert "ZONE 3 corners" in words(app)

    run(scenario)


def test_the_mouse_drags_the_nearest_corner() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("3")
            await pilot.pause()
            screen = zoned(app)
            app.draw()
            await pilot.pause()
            await pilot.press("z")
            picture = screen.query_one("#preview", Picture)
            left, top, width, height = picture.place()
            await pilot.mouse_down(picture, offset=(left + round(0.9 * width), top + height // 20))
            await pilot.hover(picture, offset=(left + width - 1, top))
            await pilot.mouse_up(picture, offset=(left + width - 1, top))
            await pilot.press("enter")
            await pilot.pause()
            (sent,) = app.sent
            assert isinstance(sent, a.ZoneEdit)
            assert sent.corners[1] == pytest.approx((1.0, 0.0), abs=0.03)
            assert sent.corners[0] == (0.1, 0.1)

    run(scenario)


def test_a_draft_never_follows_to_another_camera() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("3")
            await pilot.pause()
            zoned(app)
            await pilot.press("z", "right", "1", "down", "enter")
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            assert app.sent == []

    run(scenario)


def test_disabling_a_camera_is_confirmed_and_adding_needs_an_address() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("3", "e", *"no", "enter")
            await pilot.pause()
            assert app.sent == []
            await pilot.press("e", *"yes", "enter")
            await pilot.pause()
            await pilot.press("a", *"west", "enter")
            await pilot.pause()
            await pilot.press("a", *"west rtsp:", "slash", "slash", *"10.0.0.9", "enter")
            await pilot.pause()
            assert app.sent == [
                a.CamerasDisable(camera="north"),
                a.CamerasAdd(camera="west", address="rtsp://10.0.0.9"),
            ]

    run(scenario)


def test_the_log_is_filtered_searched_and_followed() -> None:
    async def scenario() -> None:
        async with cockpit(LARGE) as (app, pilot):
            app.hear(*(m.LogCame(one) for one in samples.logs()))
            await pilot.press("6")
            await pilot.pause()
            assert "batch of 3" not in words(app)
            assert "32 of 40 lines" in words(app)
            assert "following" in words(app)
            await pilot.press("f")
            await pilot.pause()
            assert "16 of 40 lines" in words(app)
            await pilot.press("slash", *"broker", "enter")
            await pilot.pause()
            assert "8 of 40 lines" in words(app)
            await pilot.press("escape", "home")
            await pilot.pause()
            assert "paused here" in words(app)
            app.hear(m.LogCame(samples.logs()[4]))
            app.draw()
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, LogScreen)
            assert screen._chosen == 0  # what one reads stays
            await pilot.press("end")
            await pilot.pause()
            assert "following" in words(app)

    run(scenario)


def test_a_picture_is_checked_from_a_file_and_nothing_is_kept(tmp_path: object) -> None:
    async def scenario() -> None:
        from pathlib import Path

        file = Path(str(tmp_path)) / "face.jpg"
        file.write_bytes(samples.face(1, 0))
        async with cockpit() as (app, pilot):
            await pilot.press("4")
            await pilot.pause()
            app.sent.clear()
            screen = app.screen
            app.answers[a.WatchlistCheck] = s.ImageCheck(
                usable=False, reasons=["two faces"], measures={"faces": 2.0}
            )
            screen.run("check")  # type: ignore[attr-defined]
            await pilot.pause()
            app.screen.query_one("Input").value = str(file)  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause()
            await pilot.pause()
            app.draw()
            await pilot.pause()
            assert app.sent == [a.WatchlistCheck(picture=file.read_bytes())]
            assert "✖ not usable" in words(app)
            assert "two faces" in words(app)

    run(scenario)


# -- keys, help ---------------------------------------------------------------------------------


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


def test_views_never_import_textual() -> None:
    from tui.views import alerts, banner, camera, lists, overview

    for module in (alerts, banner, camera, lists, overview):
        assert "textual" not in inspect.getsource(module)


def test_on_a_small_screen_what_is_wrong_comes_before_the_stages() -> None:
    board = samples.board(0.0)
    stages = {f"stage {number}": samples.latency(0.1) for number in range(15)}
    board = msgspec.structs.replace(board, latency={**stages, "to operator": samples.latency(1.0)})
    state = reduce(State(), m.BoardCame(1, board))
    page = [plain(line) for line in overview(state, 2, 80, 21)]
    assert len(page) == 21
    assert any("gate-a: no frame" in row for row in page)
    assert any("mqtt: officers are not reached: no route" in row for row in page)
    assert any(row.startswith("to operator") for row in page)
