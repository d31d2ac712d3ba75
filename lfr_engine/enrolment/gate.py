"""The enrolment gate: is this face good enough to be looked for (R14)?

Owns: the limits for reference pictures and the words for each refusal. Never: its own measures –
those of ``vision.quality`` serve cameras and enrolment alike. Strategy: a reference picture works
for hours against everybody who walks past, so its limits are stricter than a camera's; what fails
one is refused with its name and value.
"""

from __future__ import annotations

from dataclasses import dataclass

from lfr_engine.enrolment.rejection import Reason, Refused
from lfr_engine.vision.faces import Faces
from lfr_engine.vision.frame import ByteArray
from lfr_engine.vision.quality import (
    Flaw,
    Quality,
    QualityLimits,
    Texture,
    View,
    quality,
    texture,
    texture_flaw,
    view_flaw,
    views,
)

REFERENCE_LIMITS = QualityLimits(
    min_detector_score=0.6,
    min_eye_px=18.0,
    max_eye_px=10_000.0,
    max_turn=40.0,
    max_roll=45.0,
    min_shown=0.9,
    min_detail=0.14,
    min_brightness=25.0,
    max_brightness=235.0,
    min_contrast=8.0,
)
"""Half the resolution of an embedder's crop: 18 px between the eyes."""
OPEN_LIMITS = QualityLimits()
"""What a camera lets pass."""
EYES_SHARE = 0.34
"""Eye distance as a share of an aligned crop's side: 0.31 and 0.37 in the two shipped packs."""

_REASONS = {
    Flaw.UNSURE: Reason.NO_FACE,
    Flaw.TOO_SMALL: Reason.FACE_SMALL,
    Flaw.TOO_LARGE: Reason.TOO_LARGE,
    Flaw.TURNED: Reason.POSE,
    Flaw.CUT: Reason.FACE_CUT,
    Flaw.BLURRED: Reason.BLUR,
    Flaw.DARK: Reason.LIGHTING,
    Flaw.BRIGHT: Reason.LIGHTING,
    Flaw.FLAT: Reason.LIGHTING,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate with its limits."""

    limits: QualityLimits = REFERENCE_LIMITS

    def look(self, faces: Faces, picture_size: tuple[int, int]) -> View:
        """Measure the one face of ``faces`` before its crop; raises ``Refused``."""
        seen = views(faces, picture_size)[0]
        flaw = view_flaw(seen, self.limits)
        if flaw is not None:
            raise Refused(_REASONS[flaw], self._words(flaw, seen, None))
        return seen

    def assess(self, seen: View, crop: ByteArray) -> Quality:
        """The quality of that face with its aligned crop (s, s, 3); raises ``Refused``."""
        pixels = texture(crop, EYES_SHARE * crop.shape[1])
        flaw = texture_flaw(pixels, self.limits)
        if flaw is not None:
            raise Refused(_REASONS[flaw], self._words(flaw, seen, pixels))
        return quality(seen, pixels)

    def _words(self, flaw: Flaw, seen: View, pixels: Texture | None) -> str:
        limits = self.limits
        match flaw:
            case Flaw.TOO_SMALL:
                return (
                    f"the face is too small: {seen.eye_px:.0f} pixels between the eyes, "
                    f"at least {limits.min_eye_px:.0f} are needed"
                )
            case Flaw.TURNED:
                return (
                    f"the head is turned: {abs(seen.yaw):.0f}° aside, "
                    f"{abs(seen.pitch):.0f}° up or down, {abs(seen.roll):.0f}° tilted"
                )
            case Flaw.CUT:
                return "the face is cut by the edge of the picture"
            case Flaw.BLURRED:
                return "the face is blurred"
            case Flaw.DARK | Flaw.BRIGHT if pixels is not None:
                return f"the face is {flaw.value}: mean brightness {pixels.brightness:.0f} of 255"
            case _:
                return f"the face: {flaw.value}"


def weakest(found: Quality) -> tuple[str, float]:
    """The component that costs most quality, and its value 0–1."""
    parts = {name: float(getattr(found, name)) for name in found.__slots__}
    name = min(parts, key=parts.__getitem__)
    return name, parts[name]
