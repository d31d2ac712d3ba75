"""The cockpit on a real socket: roles, resuming, an engine that dies, hangs or is another one."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from lfr_engine.protocol.commands import CallerRole
from tests.tui.served import engine, linked, until
from tests.tui.support import run, squeezed, words
from tui.screens.alerts import AlertsScreen
from tui.screens.camera import CameraScreen

pytestmark = pytest.mark.server


def test_alerts_come_and_a_decision_goes_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        with engine(tmp_path / "e", "--alerts-per-second", "5"):
            async with linked(tmp_path / "e") as (app, pilot):
                await until(lambda: len(app.state.alerts) >= 3)
                await pilot.press("2")
                screen = app.screen
                assert isinstance(screen, AlertsScreen)
                await until(lambda: screen.desk.looked)
                alert = screen.desk.alert
                assert alert is not None
                await pilot.press("d", "a")
                await until(lambda: app.state.alerts[alert].state == "discounted")
                decided = app.state.alerts[alert]
                assert decided.score is not None
                step = decided.history[-1]
                assert (step.role, step.reasons) == ("operator", ["different_features"])
                await pilot.press("5")
                await until(lambda: len(app.state.journal) > 3)
                kinds = [event.kind for event in app.state.journal]
                assert "alert.discounted" in kinds

    run(scenario)


def test_an_engine_that_is_killed_is_noticed_and_found_again_without_a_key(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with linked(tmp_path / "e") as (app, _):
            with engine(tmp_path / "e", "--alerts-per-second", "4") as first:
                await until(lambda: app.state.board is not None)
                await until(lambda: "linked" in words(app))
                os.kill(first.pid, signal.SIGKILL)
                took = await until(lambda: "NO LINK" in words(app))
                assert took < 2.0
            (tmp_path / "e").unlink(missing_ok=True)
            with engine(tmp_path / "e", "--alerts-per-second", "4"):
                await until(lambda: app.state.link == "open", 15)
                # another journal: the alerts of the first engine are gone, the new ones come
                await until(lambda: len(app.state.alerts) > 0, 15)
                await until(lambda: "RUNNING" in words(app))
                assert all(role.word == "open" for role in app.state.roles.values())

    run(scenario)


def test_an_engine_that_hangs_leaves_the_screen_alive(tmp_path: Path) -> None:
    async def scenario() -> None:
        with engine(tmp_path / "e") as process:
            async with linked(tmp_path / "e") as (app, pilot):
                await until(lambda: app.state.board is not None)
                os.kill(process.pid, signal.SIGSTOP)
                try:
                    await until(lambda: "STALE" in words(app) or "NO LINK" in words(app), 10)
                    for key in ("2", "3", "4", "6", "question_mark", "1"):
                        async with asyncio.timeout(2):
                            await pilot.press(key)
                    assert app.current_mode == "overview"
                finally:
                    os.kill(process.pid, signal.SIGCONT)
                await until(lambda: "RUNNING" in words(app), 15)

    run(scenario)


def test_the_stop_is_sent_until_it_is_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with linked(tmp_path / "e") as (app, pilot):
            await pilot.pause()
            await pilot.press("exclamation_mark", "enter")
            await until(lambda: "STOP NOT YET HEARD" in words(app))
            with engine(tmp_path / "e"):
                await until(lambda: app.state.board and app.state.board.engine.safe_stop, 15)
                await until(lambda: "STOPPED" in words(app))
                assert not app.state.stop_pending

    run(scenario)


def test_a_role_that_is_not_given_costs_only_what_needs_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        with engine(tmp_path / "e", "--roles", "engineer"):
            async with linked(tmp_path / "e") as (app, pilot):
                await until(lambda: app.state.board is not None)
                await until(lambda: len(app.state.roles) == 3)
                await until(lambda: app.state.roles["auditor"].word == "refused")
                assert app.state.roles["operator"].word == "refused"
                assert app.state.link == "open"
                await pilot.press("5")
                await until(lambda: "it needs the role" in squeezed(app))

    run(scenario)


def test_nobody_here_is_known_to_the_engine(tmp_path: Path) -> None:
    async def scenario() -> None:
        with engine(tmp_path / "e", "--roles", "officer"):
            async with linked(tmp_path / "e", roles=(CallerRole.AO,)) as (app, _):
                await until(lambda: app.state.link == "refused")
                await until(lambda: "REFUSED" in words(app))

    run(scenario)


def test_previews_come_while_somebody_looks(tmp_path: Path) -> None:
    async def scenario() -> None:
        with engine(tmp_path / "e"):
            async with linked(tmp_path / "e") as (app, pilot):
                await until(lambda: app.state.board is not None)
                await pilot.press("3")
                screen = app.screen
                assert isinstance(screen, CameraScreen)
                await until(lambda: screen._preview is not None)
                await until(lambda: "ZONE 4 corners" in words(app))
                await pilot.press("right")
                await until(lambda: "south" in words(app))

    run(scenario)


def test_presence_is_said_only_by_an_operator_who_is_there(tmp_path: Path) -> None:
    from lfr_engine.protocol import arguments as a
    from tui.screens.dialogs import PresenceScreen

    async def scenario() -> None:
        with engine(tmp_path / "e"):
            async with linked(tmp_path / "e") as (app, pilot):
                await until(lambda: app.link is not None and app.link.may(a.PresenceHeartbeat))
                assert app.presence.somebody()
                app.presence.touched_ns -= 16 * 60 * 10**9
                assert app.presence.somebody()  # asked now, and there is a minute to answer
                await until(lambda: isinstance(app.screen, PresenceScreen))
                app.presence.asked_ns = app.now_ns() - 61 * 10**9
                assert not app.presence.somebody()
                await pilot.press("s")
                await pilot.pause()
                assert not isinstance(app.screen, PresenceScreen)
                assert app.presence.somebody()

    run(scenario)
