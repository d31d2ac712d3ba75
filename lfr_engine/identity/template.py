"""Templates and the contract that binds them to the networks which made them (R5).

Owns: what a template is and when two may be compared. Never: a comparison across contracts, and
never a template in a ``repr``, a log or an exception.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lfr_engine.errors import InputError
from lfr_engine.vision.frame import FloatArray


@dataclass(frozen=True, slots=True)
class TemplateContract:
    """What must be equal for two templates to be comparable.

    pack: manifest name. model_sha256: of the embedder file that is loaded, after conversion.
    preprocessing: digest of alignment points, crop size, channel order, scaling and centre.
    precision: ``"f32"``, ``"bf16"`` or ``"f16"`` as pinned on the device. dimension: floats per
    template.
    """

    pack: str
    model_sha256: str
    preprocessing: str
    precision: str
    dimension: int

    def require(self, other: TemplateContract, subject: object) -> None:
        """Raise ``InputError`` about ``subject`` unless ``other`` is this very contract."""
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise InputError(
                    subject,
                    f"made with {name} {theirs!s:.20}, but {mine!s:.20} is loaded",
                    "encode it again with the loaded pack",
                )


def normalised(vectors: FloatArray) -> FloatArray:
    """Rows of ``vectors`` (n, d) scaled to length 1; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, np.finfo(np.float32).tiny), dtype=np.float32)


def centred(vectors: FloatArray, centre: FloatArray) -> FloatArray:
    """Unit rows (n, d) without what all faces have in common, of length 1 again; in place.

    centre: (d,), the mean of many people's unit vectors (``centre_of``). What everybody shares says
    nothing of who one is, but raises every cosine, and not everyone's alike: strangers near the
    centre resemble everybody. Subtracting it brings them apart (``docs/accuracy.md``).
    """
    vectors -= centre
    vectors /= np.maximum(
        np.linalg.norm(vectors, axis=-1, keepdims=True), np.finfo(np.float32).tiny
    )
    return vectors


def centre_of(vectors: FloatArray, owners: npt.NDArray[np.int64]) -> FloatArray:
    """What all faces have in common: the mean (d,) over people of the mean of each one's rows.

    vectors: (m, d) unit rows as the network gives them. owners: (m,) person index from 0, none
    left out.
    """
    sums = np.zeros((int(owners.max()) + 1, vectors.shape[1]))
    np.add.at(sums, owners, vectors)
    return np.asarray((sums / np.bincount(owners)[:, None]).mean(axis=0), np.float32)


def fused(vectors: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """One unit template (d,) from several unit templates (n, d) of one person: the weighted mean.

    Weights (n,) are non-negative; equal where None. Gains 6–8 points of TPIR at FPIR 0.1 % over a
    single picture (``docs/models.md``).
    """
    share = (
        np.ones(len(vectors), np.float32) if weights is None else np.asarray(weights, np.float32)
    )
    # One array and no other: what is left of a temporary in freed memory is biometric too (R1).
    unit: FloatArray = np.dot(share, np.asarray(vectors, np.float32))
    unit /= max(float(np.sqrt(np.vdot(unit, unit))), float(np.finfo(np.float32).tiny))
    return unit
