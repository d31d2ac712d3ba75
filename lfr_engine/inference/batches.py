"""One network compiled for a few fixed batch sizes, behind a call that takes any number.

Owns: how n pictures are cut into runs. Never: a network compiled for a variable batch: with
OpenVINO 2026.4 on AMX, landmarks-regression-retail-0009 in bf16 compiled so answers a batch of one
wrongly by a fifth of the picture, silently (fixed sizes agree with each other to the bit;
``tests/inference/test_batches.py`` holds every network of ours to that). Strategy: whole batches
first, the rest filled up where that is cheaper than running it one by one.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from lfr_engine.errors import ModelError
from lfr_engine.inference.session import DeviceOptions, Input, Session, SessionReport
from lfr_engine.vision.frame import ByteArray, FloatArray

BATCH = 4
"""Pictures in a whole batch: a face then costs a quarter less than alone, on AMX with either
embedder, and no less in batches of 8; four faces at once are a crowded moment for one camera."""


def runs(count: int, batch: int = BATCH) -> list[tuple[int, int]]:
    """How ``count`` pictures are run: (pictures, size of the compiled batch) in order.

    The last run may hold fewer pictures than its batch: it is filled up when it is more than half
    full, else its pictures go one by one.
    """
    plan = [(batch, batch)] * (count // batch)
    rest = count % batch
    if 2 * rest > batch:
        return [*plan, (rest, batch)]
    return plan + [(1, 1)] * rest


class BatchedNetwork:
    """A network with one input and one output, run on any number of pictures.

    Args, errors and threads: as ``Session``; ``input_.batch`` is ignored. ``options.requests``
    holds for each batch size.
    """

    def __init__(
        self,
        model: Path,
        input_: Input,
        options: DeviceOptions,
        *,
        allowed_precisions: tuple[str, ...],
        erase: bool = False,
    ) -> None:
        self._sessions = {
            size: Session(
                model,
                dataclasses.replace(input_, batch=size),
                options,
                allowed_precisions=allowed_precisions,
                erase=erase,
            )
            for size in (1, BATCH)
        }
        first = self._sessions[1]
        if len(first.output_names) != 1:
            raise ModelError(model, f"has {len(first.output_names)} outputs where one is expected")
        self.report: SessionReport = first.report
        _, self.height, self.width, _ = first.input_shape

    def run(self, pictures: ByteArray) -> FloatArray:
        """The output (n, …) for pictures (n, height, width, 3) uint8; n at least 1."""
        outputs: list[FloatArray] = []
        start = 0
        for count, size in runs(len(pictures)):
            outputs.append(self._run_one(pictures[start : start + count], size))
            start += count
        return np.concatenate(outputs)

    def _run_one(self, pictures: ByteArray, size: int) -> FloatArray:
        session = self._sessions[size]
        if len(pictures) == size:
            return session.run(pictures)[session.output_names[0]]
        filled = np.zeros((size, *pictures.shape[1:]), np.uint8)
        filled[: len(pictures)] = pictures
        try:
            return session.run(filled)[session.output_names[0]][: len(pictures)]
        finally:
            filled[...] = 0  # faces do not stay in memory that nobody owns (R1)
