"""The camera screen: blurred preview, aim help, zone editor, switching on and off, adding.

Owns: the preview's task while the screen is before others, the zone's draft. Never: an unblurred
picture. Strategy: pictures come at the rate the terminal takes; while a zone is edited, arrows move
its corner and nothing is sent before Enter.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from lfr_engine.errors import LfrError
from lfr_engine.protocol import arguments as a
from lfr_engine.protocol import shapes as s
from tui import zone as z
from tui.keys import Key
from tui.screens.base import CockpitScreen
from tui.text import line
from tui.views.camera import camera_words, draft_words
from tui.widgets.lines import Lines
from tui.widgets.preview import PreviewPicture

PER_SECOND, THIN_PER_SECOND = 2.0, 0.1
"""Previews asked for: on a good link, and where a picture takes the link for seconds."""
AGAIN_SECONDS = 2.0
ROOMY = 34
"""Rows from which the words may take more room."""


class CameraScreen(CockpitScreen):
    """See the module."""

    PLACE = "camera"
    KEYS: ClassVar[tuple[Key, ...]] = (
        Key("right", "→", "next", "", "The next camera", ("j", "down")),
        Key("left", "←", "previous", "", "The camera before", ("k", "up")),
        Key("z", "z", "zone", "zone", "Edit the zone of recognition"),
        Key("e", "e", "switch", "on/off", "Enable or disable this camera"),
        Key("a", "a", "add", "add", "Add a camera: name, address, site"),
    )
    ZONE_KEYS: ClassVar[tuple[Key, ...]] = (
        Key("right", "→", "corner_right", "", "Zone: move the corner right"),
        Key("left", "←", "corner_left", "", "Zone: move the corner left"),
        Key("up", "↑", "corner_up", "", "Zone: move the corner up"),
        Key("down", "↓", "corner_down", "", "Zone: move the corner down"),
        Key("shift+right", "⇧→", "far_right", "", "Zone: move it far right", ("L",)),
        Key("shift+left", "⇧←", "far_left", "", "Zone: move it far left", ("H",)),
        Key("shift+up", "⇧↑", "far_up", "", "Zone: move it far up", ("K",)),
        Key("shift+down", "⇧↓", "far_down", "", "Zone: move it far down", ("J",)),
        Key("tab", "Tab", "corner_next", "corner", "Zone: hold the next corner", ("n",)),
        Key("shift+tab", "⇧Tab", "corner_before", "", "Zone: hold the corner before", ("b",)),
        Key("i", "i", "insert", "insert", "Zone: a new corner half way to the next"),
        Key("x", "x", "remove", "remove", "Zone: remove the corner", ("delete",)),
        Key("w", "w", "whole", "whole", "Zone: the whole picture again"),
        Key("enter", "Enter", "save", "save", "Zone: save it; the engine checks it"),
        Key("escape", "Esc", "leave", "leave", "Zone: leave it as it was"),
    )
    DEFAULT_CSS = """
    CameraScreen #words { width: 28; margin-left: 1; }
    CameraScreen.-wide #words { width: 52; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._preview: s.Preview | None = None
        self._why = ""
        self._zone: s.Zone | None = None
        self._draft: z.Draft | None = None
        self._watching: asyncio.Task[None] | None = None
        self._watched: tuple[str, int, bool] = ("", 0, False)

    def body(self) -> ComposeResult:
        """Preview, words."""
        with Horizontal():
            yield PreviewPicture(id="preview")
            yield Lines(id="words")

    def keys(self) -> tuple[Key, ...]:
        """The editor's while a zone is edited."""
        return self.ZONE_KEYS if self._draft is not None else self.KEYS

    # -- the camera that is looked at -----------------------------------------------------------

    def camera(self) -> s.CameraState | None:
        """The camera looked at; the first one when nobody chose, or it is gone."""
        board = self.cockpit.state.board
        if board is None or not board.cameras:
            return None
        chosen = self.cockpit.camera
        return next((one for one in board.cameras if one.camera == chosen), board.cameras[0])

    def draw_body(self) -> None:
        """Picture and words."""
        self.set_class(self.size.width >= 120, "-wide")
        camera = self.camera()
        picture, block = self.query_one(PreviewPicture), self.query_one("#words", Lines)
        if camera is None:
            picture.show(None, line(("no camera is configured; a adds one", "dim")))
            block.show([])
            return
        self._watch(camera.camera)
        app = self.cockpit
        shown = self._preview if self._preview and self._preview.camera == camera.camera else None
        why = self._why or ("no picture" if camera.state != "live" else "waiting for a picture …")
        picture.show(None if shown is None else shown.jpeg, line((why, "dim")))
        zone = self._zone if self._zone and self._zone.camera == camera.camera else None
        draft = self._draft
        corners = draft.corners if draft else tuple(zone.corners) if zone else ()
        picture.overlay(shown.boxes if shown else (), corners, draft.held if draft else None)
        cells = block.size.width
        if draft is not None:
            block.show(draft_words(draft, cells))
            return
        block.show(
            camera_words(
                app.state,
                camera,
                app.now_ns(),
                cells,
                shown,
                None if zone is None else len(zone.corners),
                brief=self.size.height < ROOMY,
            )
        )

    # -- previews -------------------------------------------------------------------------------

    def show_preview(self, preview: s.Preview, zone: s.Zone | None = None) -> None:
        """Take a picture, and the zone where it became known."""
        self._preview, self._why = preview, ""
        self._zone = zone or self._zone
        self.cockpit.mark()

    def _watch(self, camera: str) -> None:
        """See that previews of this camera, in this size, at this rate, are coming."""
        if not self.is_current:
            return
        cells = self.query_one(PreviewPicture).size.width
        wanted = (camera, max(160, min(1920, 2 * cells)), self.cockpit.pace.thin)
        if wanted != self._watched:
            self._stop_watching()
            if camera != self._watched[0]:
                # a draft never follows to another camera
                self._preview, self._zone, self._draft, self._why = None, None, None, ""
            self._watched = wanted
            self._watching = self.cockpit.spawn(self._follow(*wanted))

    def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        self._watching, self._watched = None, (self._watched[0], 0, False)

    def on_screen_suspend(self) -> None:
        """Previews are fetched only while somebody looks."""
        self._stop_watching()

    async def _follow(self, camera: str, width: int, thin: bool) -> None:
        app = self.cockpit
        per_second = THIN_PER_SECOND if thin else PER_SECOND
        while True:
            link = app.link
            if link is not None:
                try:
                    if self._zone is None:
                        self._zone = await link.call(a.ZoneGet(camera=camera))
                    wanted = a.PreviewFilter(camera=camera, width=width, per_second=per_second)
                    async for preview in link.previews(wanted):
                        self.show_preview(preview)
                except LfrError as error:
                    self._why = str(error)
                    app.mark()
            await asyncio.sleep(AGAIN_SECONDS)

    # -- keys -----------------------------------------------------------------------------------

    def _look(self, by: int) -> None:
        board, camera = self.cockpit.state.board, self.camera()
        if board is None or camera is None:
            return
        names = [one.camera for one in board.cameras]
        self.cockpit.camera = names[(names.index(camera.camera) + by) % len(names)]

    def do_next(self) -> None:
        """Look at the next camera."""
        self._look(1)

    def do_previous(self) -> None:
        """Look at the camera before."""
        self._look(-1)

    def do_switch(self) -> None:
        """Enable or disable."""
        camera = self.camera()
        if camera is None:
            return
        app, name = self.cockpit, camera.camera
        if camera.state in {"disabled", "refused", "crashed"}:
            app.do(a.CamerasEnable(camera=name), f"{name} enabled")
            return

        def disable(text: str) -> None:
            if text.casefold() == "yes":
                app.do(a.CamerasDisable(camera=name), f"{name} disabled")

        app.ask_text(f"Disable camera {name}? Write yes", "yes", disable)

    def do_add(self) -> None:
        """Ask for name, address and site."""
        app = self.cockpit

        def add(text: str) -> None:
            words = text.split()
            if len(words) not in {2, 3}:
                app.say("a camera needs a name and an address, and may have a site", "warn")
                return
            site = words[2] if len(words) == 3 else None
            app.do(a.CamerasAdd(camera=words[0], address=words[1], site=site), f"{words[0]} added")

        app.ask_text("Add a camera: name address [site]", "south rtsp://10.0.4.21/stream1", add)

    def do_zone(self) -> None:
        """Begin to edit."""
        if self._zone is None:
            self.cockpit.say("the zone is not known yet", "warn")
            return
        self._draft = z.begin(self._zone.corners)

    # -- the zone editor ------------------------------------------------------------------------

    def on_preview_picture_pointed(self, event: PreviewPicture.Pointed) -> None:
        """The mouse takes the nearest corner with it."""
        if self._draft is None:
            return
        if event.down:
            self._draft = z.hold_nearest(self._draft, event.at)
        else:
            self._draft = z.put(self._draft, event.at)
        self.draw()

    def _move(self, dx: float, dy: float) -> None:
        if self._draft is not None:
            self._draft = z.move(self._draft, dx, dy)

    def do_corner_right(self) -> None:
        """A step right."""
        self._move(z.STEP, 0)

    def do_corner_left(self) -> None:
        """A step left."""
        self._move(-z.STEP, 0)

    def do_corner_up(self) -> None:
        """A step up."""
        self._move(0, -z.STEP)

    def do_corner_down(self) -> None:
        """A step down."""
        self._move(0, z.STEP)

    def do_far_right(self) -> None:
        """Far right."""
        self._move(z.FAR_STEP, 0)

    def do_far_left(self) -> None:
        """Far left."""
        self._move(-z.FAR_STEP, 0)

    def do_far_up(self) -> None:
        """Far up."""
        self._move(0, -z.FAR_STEP)

    def do_far_down(self) -> None:
        """Far down."""
        self._move(0, z.FAR_STEP)

    def do_corner_next(self) -> None:
        """Hold the next corner."""
        if self._draft is not None:
            self._draft = z.hold(self._draft, 1)

    def do_corner_before(self) -> None:
        """Hold the corner before."""
        if self._draft is not None:
            self._draft = z.hold(self._draft, -1)

    def do_insert(self) -> None:
        """Insert a corner."""
        if self._draft is not None:
            self._draft = z.insert(self._draft)

    def do_remove(self) -> None:
        """Remove the corner."""
        if self._draft is not None:
            self._draft = z.remove(self._draft)

    def do_whole(self) -> None:
        """The whole picture again."""
        self._draft = z.Draft(z.WHOLE, changed=True)

    def do_leave(self) -> None:
        """Forget the draft."""
        self._draft = None

    def do_save(self) -> None:
        """Send it; the draft stays until the engine took it."""
        camera, draft, zone = self.camera(), self._draft, self._zone
        if camera is None or draft is None or zone is None:
            return
        command = a.ZoneEdit(
            camera=camera.camera,
            corners=z.rounded(draft),
            smallest_face_pixels=zone.smallest_face_pixels,
        )

        def saved(_: s.Done) -> None:
            self._zone = s.Zone(
                camera=command.camera,
                corners=command.corners,
                smallest_face_pixels=command.smallest_face_pixels,
            )
            self._draft = None

        self.cockpit.do(command, f"zone of {camera.camera} saved", saved)
