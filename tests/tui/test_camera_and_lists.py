"""The screens around the alerts under keys: overview, camera and zone, watchlist, log."""

from __future__ import annotations

import msgspec
import pytest

from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from tests.tui import samples
from tests.tui.support import LARGE, StillCockpit, cockpit, run, words
from tui import messages as m
from tui.screens.camera import CameraScreen
from tui.screens.lists import LogScreen
from tui.state import State, reduce
from tui.text import plain
from tui.views.overview import overview
from tui.widgets.picture import Picture


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
