"""Aim help: what to turn, move or light so that faces can be recognised.

Owns: the bands of face size, brightness and focus, and the sentence for each. Never: a promise; the
rate at which people are really found is measured with the blue list (R9). Strategy: the bands are
those of the engine's own measures: targets of ``sources.health`` are the limit between poor and
fair, the ends of the ramps of ``vision.quality`` the one between fair and good.
"""

from __future__ import annotations

from dataclasses import dataclass

from lfr_engine.protocol import shapes as s
from tui.text import Meaning

FACE_PIXELS = (30.0, 48.0)
"""Side of a face: fewer are poor, more are good; 48 are 20 between the eyes."""
BRIGHTNESS = (12.0, 50.0, 200.0, 235.0)
"""Mean luma, 0–255: good between the inner two, poor beyond the outer two."""
EDGE_PIXELS = (4.0, 7.0)
"""Width of edges: narrower are good, wider are poor."""

_SIGNS: dict[str, tuple[str, Meaning]] = {
    "good": ("●", "good"),
    "fair": ("◐", "accent"),
    "poor": ("▲", "warn"),
    "unknown": ("·", "dim"),
}
_WORST = ("poor", "fair", "unknown", "good")


@dataclass(frozen=True, slots=True)
class Aim:
    """One measure: its name, its value in words, how good it is, what to do about it."""

    name: str
    value: str
    verdict: str
    advice: str = ""

    @property
    def sign(self) -> tuple[str, Meaning]:
        """The verdict as a sign and its meaning."""
        return _SIGNS[self.verdict]


def aims(camera: s.CameraState) -> tuple[Aim, ...]:
    """Face size, brightness and focus of one camera."""
    return (_size(camera.face_pixels), _light(camera.brightness), _focus(camera.blur))


def estimate(camera: s.CameraState) -> Aim:
    """Whether faces can be recognised, as the weakest of the measures."""
    worst = min(aims(camera), key=lambda aim: _WORST.index(aim.verdict))
    said = {
        "good": "good",
        "fair": "some missed",
        "poor": "most missed",
        "unknown": "no face yet",
    }[worst.verdict]
    return Aim("recognition", said, worst.verdict)


def _size(pixels: float | None) -> Aim:
    if pixels is None:
        return Aim("face size", "no face yet", "unknown")
    value = f"{pixels:.0f} px"
    if pixels < FACE_PIXELS[0]:
        return Aim("face size", value, "poor", f"zoom in or move closer: {FACE_PIXELS[0]:.0f} px")
    if pixels < FACE_PIXELS[1]:
        return Aim("face size", value, "fair", f"zoom in a little: {FACE_PIXELS[1]:.0f} px")
    return Aim("face size", value, "good")


def _light(brightness: float | None) -> Aim:
    if brightness is None:
        return Aim("brightness", "–", "unknown")
    value = f"{brightness:.0f} of 255"
    low, fair_low, fair_high, high = BRIGHTNESS
    if fair_low <= brightness <= fair_high:
        return Aim("brightness", value, "good")
    verdict = "fair" if low <= brightness <= high else "poor"
    advice = "open the iris or add light" if brightness < fair_low else "close the iris, less sky"
    return Aim("brightness", value, verdict, advice)


def _focus(edge: float | None) -> Aim:
    if edge is None:
        return Aim("focus", "–", "unknown")
    value = f"edges {edge:.1f} px"
    if edge <= EDGE_PIXELS[0]:
        return Aim("focus", value, "good")
    verdict = "fair" if edge <= EDGE_PIXELS[1] else "poor"
    return Aim("focus", value, verdict, "focus the lens, or a shorter shutter")
