"""The blurred preview with what is drawn over it: boxes of faces, the zone and its corners.

Owns: drawing boxes and polygons on the fitted picture, and where a mouse points in it. Never: a
picture that the engine did not blur: there is no other in the API (R11).
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw
from textual.events import MouseDown, MouseMove, MouseUp
from textual.message import Message

from tui.widgets.picture import Picture
from tui.zone import Point

_BOX = (98, 182, 240)
_ZONE = (240, 180, 41)
_HELD = (255, 255, 255)


class PreviewPicture(Picture):
    """See the module."""

    class Pointed(Message):
        """The mouse went down on, or was dragged to, a place of the picture in 0…1."""

        def __init__(self, at: Point, *, down: bool) -> None:
            super().__init__()
            self.at = at
            self.down = down

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._boxes: Sequence[tuple[float, float, float, float]] = ()
        self._zone: tuple[Point, ...] = ()
        self._held: int | None = None
        self._dragging = False

    def overlay(
        self,
        boxes: Sequence[tuple[float, float, float, float]],
        zone: tuple[Point, ...],
        held: int | None,
    ) -> None:
        """What to draw over the picture; ``held`` is the corner to mark while editing."""
        if (boxes, zone, held) != (self._boxes, self._zone, self._held):
            self._boxes, self._zone, self._held = boxes, zone, held
            self.changed()

    def paint(self, image: Image.Image) -> Image.Image:
        """Boxes, then the zone, then its corners."""
        draw = ImageDraw.Draw(image)
        across, down = image.width - 1, image.height - 1
        for left, top, width, height in self._boxes:
            corners = (left * across, top * down, (left + width) * across, (top + height) * down)
            draw.rectangle(corners, outline=_BOX)
        points = [(x * across, y * down) for x, y in self._zone]
        if len(points) >= 3:
            draw.line([*points, points[0]], fill=_ZONE)
        if self._held is not None:
            for number, (x, y) in enumerate(points):
                size = 1.6 if number == self._held else 0.6
                colour = _HELD if number == self._held else _ZONE
                draw.rectangle((x - size, y - size, x + size, y + size), fill=colour)
        return image

    def _at(self, x: int, y: int) -> Point | None:
        left, top, width, height = self.place()
        if width < 2 or height < 2:
            return None
        return (x - left) / (width - 1), (2 * (y - top) + 0.5) / (height - 1)

    def on_mouse_down(self, event: MouseDown) -> None:
        """Point at a place and follow the mouse until it is let go."""
        at = self._at(event.x, event.y)
        if at is not None:
            self._dragging = True
            self.capture_mouse()
            self.post_message(self.Pointed(at, down=True))

    def on_mouse_move(self, event: MouseMove) -> None:
        """Drag."""
        at = self._at(event.x, event.y)
        if self._dragging and at is not None:
            self.post_message(self.Pointed(at, down=False))

    def on_mouse_up(self, _: MouseUp) -> None:
        """Let go."""
        self._dragging = False
        self.release_mouse()
