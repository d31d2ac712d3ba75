"""Which pictures of people reach the cockpit, and that none leaves it (R1, R11).

The API has two kinds of pictures: an alert's own evidence, and previews that the engine blurred.
These tests fail when a third kind appears, or when the cockpit starts to write files.
"""

from __future__ import annotations

import ast
import asyncio
import typing
from pathlib import Path

import msgspec
import pytest

from lfr_engine.client.errors import CallRefused, LinkLost
from lfr_engine.errors import LfrError
from lfr_engine.protocol import shapes as s
from lfr_engine.protocol.commands import COMMANDS, TOPICS
from lfr_engine.protocol.messages import Error
from tests.tui.support import cockpit, run
from tests.tui.test_imports import MODULES, TUI
from tui import evidence
from tui.screens import camera


def holds_bytes(kind: object) -> bool:
    return kind is bytes or any(holds_bytes(one) for one in typing.get_args(kind))


def pictures(record: type[msgspec.Struct]) -> set[str]:
    hints = typing.get_type_hints(record)
    return {name for name, kind in hints.items() if holds_bytes(kind)}


def test_the_api_has_two_kinds_of_pictures_and_no_more() -> None:
    records = {spec.result for spec in COMMANDS.values()} | {
        topic.body for topic in TOPICS.values()
    }
    found = {record.__name__: pictures(record) for record in records if pictures(record)}
    assert found == {
        "AlertPictures": {"probe", "reference", "context"},
        "Preview": {"jpeg"},
    }


def names_used(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_only_evidence_and_the_camera_screen_ask_for_pictures() -> None:
    asking = {
        str(path.relative_to(TUI))
        for path in MODULES
        if names_used(path) & {"AlertsPictures", "PreviewFilter", "PreviewFrame", "PREVIEW"}
    }
    assert asking == {"evidence.py", "link.py", "screens/camera.py"}
    assert "PreviewFrame" not in names_used(TUI / "screens/camera.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TUI)))
def test_nothing_is_written_to_a_disk(path: Path) -> None:
    writing = {"write_bytes", "write_text", "save", "deliver_screenshot", "save_screenshot"}
    assert not names_used(path) & writing
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name == "open":
                modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                assert all(mode == "rb" for mode in modes), ast.unparse(node)


def test_few_pictures_are_held_and_the_oldest_go_first() -> None:
    held = evidence.Evidence(lambda: None, lambda: None)
    for number in range(50):
        held._keep(f"A{number}", s.AlertPictures(alert=f"A{number}", probe=b"", reference=b""))
    assert held.of("A0") is None
    assert held.of("A49") is not None
    assert len(held._held) == evidence.HELD
    held.forget()
    assert held.of("A49") is None


def test_a_crash_prints_no_local_variables() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, _):
            secret_of_a_frame = "local-value"
            try:
                print(len(secret_of_a_frame) // 0)
            except ZeroDivisionError:
                app._fatal_error()
            with app.console.capture() as captured:
                for renderable in app._exit_renderables:
                    app.console.print(renderable)
            app._exit_renderables.clear()
            assert "ZeroDivisionError" in captured.get()
            assert "locals" not in captured.get()

    run(scenario)


def test_previews_stop_when_nobody_looks() -> None:
    async def scenario() -> None:
        async with cockpit() as (app, pilot):
            await pilot.press("3")
            await pilot.pause()
            screen = app.screen
            assert isinstance(screen, camera.CameraScreen)
            assert screen._watching is not None
            await pilot.press("1")
            await pilot.pause()
            assert screen._watching is None

    run(scenario)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (CallRefused("alerts.pictures", Error(id=1, code="not-found", text="deleted")), True),
        (CallRefused("alerts.pictures", Error(id=1, code="busy", text="later")), False),
        (LinkLost("alerts.pictures", "cut"), False),
    ],
)
def test_a_passing_trouble_is_no_answer(error: LfrError, kept: bool) -> None:
    class Refusing:
        async def call(self, *_: object, **__: object) -> object:
            raise error

    async def scenario() -> None:
        told = asyncio.Event()
        held = evidence.Evidence(Refusing, told.set)  # type: ignore[arg-type]
        fetching = asyncio.create_task(held.run())
        held.want("A1")
        await asyncio.wait_for(told.wait(), 5)
        fetching.cancel()
        assert (held.of("A1") is not None) is kept

    run(scenario)
