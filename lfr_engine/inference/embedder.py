"""Templates from aligned faces.

Owns: the crop an embedder was trained on, and unit vectors from crops. Never: a comparison, a file,
a template in a log. Strategy: micro-batches; the caller keeps and erases crops and templates (R1),
what lies in between is overwritten here and in the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lfr_engine.identity.template import TemplateContract, centred, normalised
from lfr_engine.inference.batches import BatchedNetwork
from lfr_engine.inference.session import DeviceOptions, Input, SessionReport
from lfr_engine.vision import align
from lfr_engine.vision.frame import ByteArray, FloatArray, Picture


@dataclass(frozen=True, slots=True)
class EmbedderFacts:
    """What an embedder was trained on.

    crop_size: side in pixels. reference: (5, 2) landmark positions in the crop. dimension: floats
    a template. centre: (dimension,) what all faces have in common, or None.
    """

    crop_size: int
    reference: FloatArray
    dimension: int
    centre: FloatArray | None = None


class FaceEmbedder:
    """Makes templates; synchronous, from any thread.

    Args:
        model: The verified network file.
        input_: Its preprocessing.
        facts: Crop and dimension.
        options: Device, precision, requests.
        pack: The manifest's name of the pack.
        model_sha256: Digest of the file that is loaded.
        preprocessing: Digest of the alignment and scaling.
        allowed_precisions: What the pack was checked with.
    """

    def __init__(
        self,
        model: Path,
        input_: Input,
        facts: EmbedderFacts,
        options: DeviceOptions,
        *,
        pack: str,
        model_sha256: str,
        preprocessing: str,
        allowed_precisions: tuple[str, ...] = ("f32", "bf16", "f16"),
    ) -> None:
        self._facts = facts
        self._network = BatchedNetwork(
            model, input_, options, allowed_precisions=allowed_precisions, erase=True
        )
        self.contract = TemplateContract(
            pack=pack,
            model_sha256=model_sha256,
            preprocessing=preprocessing,
            precision=self._network.report.precision,
            dimension=facts.dimension,
        )

    @property
    def report(self) -> SessionReport:
        """What is engaged."""
        return self._network.report

    @property
    def dimension(self) -> int:
        """Floats a template."""
        return self._facts.dimension

    @property
    def crop_size(self) -> int:
        """Side of a crop in pixels."""
        return self._facts.crop_size

    def crop(self, picture: Picture, landmarks: FloatArray) -> ByteArray:
        """The aligned face, BGR (crop_size, crop_size, 3) uint8, an array of its own.

        Args:
            picture: Planes or BGR.
            landmarks: (5, 2) in the picture's pixels.

        Raises:
            ValueError: The landmarks coincide or are not finite.
        """
        return align.crop(picture, landmarks, self._facts.reference, self._facts.crop_size)

    def embed(self, crops: ByteArray) -> FloatArray:
        """Templates (n, dimension) float32, rows of length 1.

        Args:
            crops: (n, crop_size, crop_size, 3) uint8 BGR; n may be 0.

        Raises:
            ValueError: The crops have another shape.
            DeviceError: The device failed.
        """
        side = self._facts.crop_size
        if crops.ndim != 4 or crops.shape[1:] != (side, side, 3):
            raise ValueError(f"crops {crops.shape} are not (n, {side}, {side}, 3)")
        if len(crops) == 0:
            return np.zeros((0, self._facts.dimension), np.float32)
        raw = self._network.run(crops)
        templates = normalised(raw.reshape(len(crops), -1))
        raw[...] = 0
        return templates if self._facts.centre is None else centred(templates, self._facts.centre)
