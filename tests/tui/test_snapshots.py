"""Every screen looks as it did when somebody last looked at it."""

from __future__ import annotations

import asyncio

import pytest

from tests.tui.snapshots import CASES, FOLDER, Case, picture


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_screen_is_as_it_was(case: Case) -> None:
    kept = (FOLDER / f"{case.name}.svg").read_text(encoding="utf-8")
    assert asyncio.run(picture(case)) == kept, (
        f"{case.name} looks different: run python -m tests.tui.snapshots and look at it"
    )


def test_no_picture_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == {case.name for case in CASES}
