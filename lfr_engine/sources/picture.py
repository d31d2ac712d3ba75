"""From FFmpeg's pictures to planes.

Owns: the one way from decoded or still pictures to 4:2:0 planes. Never: a copy where the decoder's
own buffers will do. Strategy: planes are views of the buffers, which live as long as the views.
"""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame

from lfr_engine.vision.frame import ByteArray, Colour, Matrix, Planes


def planes_of(picture: VideoFrame) -> Planes:
    """The picture's planes, as views where it is 4:2:0 already, else converted by libswscale."""
    colour = _colour(picture)
    if picture.format.name not in {"yuv420p", "yuvj420p"}:
        picture = picture.reformat(format="yuv420p")
    width, height = picture.width, picture.height
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes = ((height, width), half, half)
    y, u, v = (_view(p, *shape) for p, shape in zip(picture.planes, shapes, strict=True))
    return Planes(y, u, v, colour)


def planes_of_still(picture: ByteArray) -> Planes:
    """Planes of a BGR picture (h, w, 3) uint8, by libswscale, BT.601 limited range."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
    planes = planes_of(frame.reformat(format="yuv420p", dst_colorspace="ITU601"))
    return Planes(planes.y, planes.u, planes.v, Colour(Matrix.BT601))


def _view(plane: object, height: int, width: int) -> ByteArray:
    line = plane.line_size  # type: ignore[attr-defined]
    whole = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    view: ByteArray = whole[: line * height].reshape(height, line)[:, :width]
    return view


def _colour(picture: VideoFrame) -> Colour:
    # H.273 codes: 1 is BT.709, 5 and 6 are BT.601; 2 is unsaid, where high definition means BT.709.
    space = int(picture.colorspace)
    unsaid_is_709 = space not in {1, 5, 6} and picture.height >= 720
    matrix = Matrix.BT709 if space == 1 or unsaid_is_709 else Matrix.BT601
    full = int(picture.color_range) == 2 or picture.format.name.startswith("yuvj")
    return Colour(matrix, full)
