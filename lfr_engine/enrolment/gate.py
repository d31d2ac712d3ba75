"""The enrolment gate: is this face good enough to be looked for (R14)?

Owns: the limits and the words for each component. Never: a second chance for a poor picture (it
would raise false alerts for everybody who resembles a blur). Strategy: every component becomes a
score 0–1 that is 0 at its limit and 1 where more no longer helps; the weakest one is the quality,
and one at 0 refuses the picture with its name.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lfr_engine.enrolment.rejection import Reason, Refused
from lfr_engine.vision.frame import ByteArray, FloatArray


@dataclass(frozen=True, slots=True)
class Component:
    """One named part of the quality: the measured value and its score 0–1."""

    name: str
    value: float
    score: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What the gate found. ``score`` 0–1 is that of the weakest component."""

    components: tuple[Component, ...]

    @property
    def score(self) -> float:
        """0–1, the weakest component."""
        return min(one.score for one in self.components)

    @property
    def weakest(self) -> str:
        """The name of the component that decides the score."""
        return min(self.components, key=lambda one: one.score).name


@dataclass(frozen=True, slots=True)
class Gate:
    """The limits; a picture at or beyond one is refused.

    eye_distance: pixels between the eyes. yaw, roll: degrees from facing the camera, upright.
    sharpness: variance of the Laplacian of the aligned crop's luma. contrast: its standard
    deviation. brightness: its mean, darkest and lightest that is accepted (0–255).
    """

    eye_distance: float = 18.0
    yaw: float = 40.0
    roll: float = 45.0
    sharpness: float = 15.0
    contrast: float = 12.0
    brightness: tuple[float, float] = (30.0, 235.0)

    def assess(self, landmarks: FloatArray, crop: ByteArray) -> Quality:
        """Measure one face: landmarks (5, 2) in pixels, aligned BGR crop (s, s, 3).

        Raises ``Refused`` with the first component beyond its limit.
        """
        eyes = float(np.linalg.norm(landmarks[1] - landmarks[0]))
        yaw, roll = abs(yaw_of(landmarks)), abs(roll_of(landmarks))
        luma = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
        sharpness = float(cv2.Laplacian(luma, cv2.CV_32F).var())
        mean, spread = float(luma.mean()), float(luma.std())
        dark, light = self.brightness
        middle = (dark + light) / 2
        checks = (
            (
                Component("eye distance", eyes, _rise(eyes, self.eye_distance, 60)),
                Reason.FACE_SMALL,
                f"the face is too small: {eyes:.0f} of {self.eye_distance:.0f} pixels eye to eye",
            ),
            (
                Component("yaw", yaw, _rise(self.yaw - yaw, 0, self.yaw)),
                Reason.POSE,
                f"the face looks aside by about {yaw:.0f}°",
            ),
            (
                Component("roll", roll, _rise(self.roll - roll, 0, self.roll)),
                Reason.POSE,
                f"the head is tilted by {roll:.0f}°; turn the picture upright",
            ),
            (
                Component("sharpness", sharpness, _rise(sharpness, self.sharpness, 300)),
                Reason.BLUR,
                "the face is blurred",
            ),
            (
                Component("contrast", spread, _rise(spread, self.contrast, 45)),
                Reason.LIGHTING,
                "the face has almost no contrast",
            ),
            (
                Component("brightness", mean, _rise(middle - dark - abs(mean - middle), 0, 60)),
                Reason.LIGHTING,
                f"the face is too {'dark' if mean < middle else 'bright'}",
            ),
        )
        for component, reason, text in checks:
            if component.score <= 0:
                raise Refused(reason, text)
        return Quality(tuple(component for component, _, _ in checks))


def yaw_of(landmarks: FloatArray) -> float:
    """Degrees the head is turned, by how far the nose leaves the middle of eyes and mouth.

    The nose tip stands about 0.6 eye distances before the plane of the eyes, so its offset across
    is about 0.6·sin(yaw) of the frontal eye distance, which itself shrinks by cos(yaw).
    """
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3:].mean(axis=0)
    across = landmarks[1] - landmarks[0]
    length = max(float(np.hypot(*across)), 1e-6)
    offset = float((landmarks[2] - (eyes + mouth) / 2) @ across) / length**2
    return float(np.degrees(np.arctan(offset / 0.6)))


def roll_of(landmarks: FloatArray) -> float:
    """Degrees the line of the eyes leaves the horizontal."""
    across = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def _rise(value: float, zero: float, one: float) -> float:
    return float(np.clip((value - zero) / (one - zero), 0.0, 1.0))
