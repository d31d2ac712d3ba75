"""The pictures of ``docs/tui.md``: ``python -m tests.tui.portraits`` draws them anew.

The overview is the real program on a real engine that watches recorded video. What shows people is
as in ``snapshots``, with drawn faces instead of grey squares: nobody's photograph is used.
"""

from __future__ import annotations

import asyncio
import dataclasses
import tempfile
from pathlib import Path

from lfr_engine.protocol import shapes as s
from tests.tui import samples, snapshots
from tests.tui.real import Place, deployment_in
from tests.tui.served import linked, until
from tests.tui.support import StillCockpit
from tui.screens.camera import CameraScreen

FOLDER = Path(__file__).parents[2] / "docs" / "img"
WANTED = {
    "alerts": snapshots.Case("alerts", ("2",), (132, 40)),
    "alerts-80x24": snapshots.Case("alerts in 80 × 24", ("2", "d"), (80, 24)),
    "alerts-16": snapshots.Case("alerts in 16 colours", ("2",), (80, 24), "dark-16"),
    "camera": snapshots.Case("camera", ("3",), (100, 30), "light"),
}


def drawn_people(app: StillCockpit) -> None:
    """Faces and a street."""
    for one in samples.alerts():
        app.still.known[one.alert] = samples.pictures(one)
    screen = app.screen
    if isinstance(screen, CameraScreen):
        zone = [(0.1, 0.25), (0.6, 0.2), (0.95, 0.55), (0.8, 0.97), (0.05, 0.9)]
        screen.show_preview(samples.street(), s.Zone(camera="north", corners=list(zone)))


async def overview(place: Place) -> str:
    """The overview of a running deployment after half a minute, without faces."""
    async with linked(place.socket, (132, 40)) as (app, pilot):
        await until(lambda: app.state.board is not None)
        await asyncio.sleep(30)
        app.draw()
        await pilot.pause()
        return app.export_screenshot(title="lfr tui: overview") + "\n"


def main() -> None:
    snapshots.plain_people = drawn_people
    for name, case in WANTED.items():
        svg = asyncio.run(snapshots.picture(dataclasses.replace(case)))
        (FOLDER / f"tui-{name}.svg").write_text(svg, encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        place = deployment_in(Path(folder))
        with place.running():
            svg = asyncio.run(overview(place))
        (FOLDER / "tui-overview.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
