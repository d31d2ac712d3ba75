"""What a score means: the calibration that states "FPIR ≤ x at list size N" for one pack (R5).

Owns: the document, the arithmetic between threshold, FPIR and N, and the refusal of a calibration
made with other networks, preprocessing or precision. Never: a threshold without its calibration, a
picture or a template of the cohort. Strategy: the tail of stranger comparisons (``tail``) gives the
chance of one comparison; a list of N strangers gives N chances. Uncertainty comes from refitting
on people drawn anew, stored with the fit, so that every statement carries its interval.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

import lfr_engine
from lfr_engine.errors import ConfigError, InputError, RuleError
from lfr_engine.identity.matcher import IndexArray
from lfr_engine.identity.tail import (
    Tail,
    TooAlike,
    collect,
    fit,
    fit_without_the_too_alike,
)
from lfr_engine.identity.template import TemplateContract
from lfr_engine.vision.frame import FloatArray

FORMAT = 1
LOOKS = 16
"""Comparisons of one pass with the list, each of which may alert: the eight templates of a usual
walk-by (7.5 on average in simulated ones), twice, because the tail is that of single pictures and a
probe fused from several comes near strangers about twice as often (``docs/calibration.md``)."""
FEWEST_CHANCES = 20
"""Fewer comparisons are treated as so many. The threshold for a list of one would lie where the
cohort's portraits and a street camera's faces no longer agree, and save little work."""
DEFAULT_FPIR = 0.001
"""R6's ceiling: one false alert in 1,000 passes."""
REFITS = 200
"""Bootstrap refits; the 2.5 and 97.5 percentiles of 200 stand on five fits each."""
_SEED = 20_260_101


class Estimate(msgspec.Struct, frozen=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Cohort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the calibration was made on: words and counts only.

    set_aside: pairs of people left out because they are most likely one person.
    """

    description: str
    people: int
    pictures: int
    set_aside: int


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One pack's stranger tail, the refits that give its uncertainty, and what it is bound to."""

    format: int
    contract: TemplateContract
    cohort: Cohort
    made: dt.date
    engine: str
    tail: Tail
    refits: tuple[tuple[float, float, float], ...]
    """(share, scale, shape) of each refit; all begin at ``tail.start``."""

    def threshold_for(self, fpir: float, n: int, looks: int = LOOKS) -> Estimate:
        """The lowest score at which strangers alert at rate ``fpir`` at most.

        Args:
            fpir: Wanted false-positive identification rate of one pass, 0–1 exclusive.
            n: People (templates, where entries have several) on the list; n · looks is taken to
                be at least ``FEWEST_CHANCES``.
            looks: How many times one pass is compared where any single one may alert; 1 for a
                picture that is searched once.

        Raises:
            ConfigError: ``fpir`` or a count is out of range.
        """
        chances = _chances(n, looks)
        if not 0 < fpir < 1:
            raise ConfigError("FPIR", f"{fpir} is not between 0 and 1")
        exceedance = -np.expm1(np.log1p(-fpir) / chances)
        return self._estimate([tail.score(exceedance) for tail in self._tails()])

    def fpir_at(self, threshold: float, n: int, looks: int = LOOKS) -> Estimate:
        """The stated FPIR of a list of ``n`` at ``threshold``.

        Below ``tail.start`` only the rate at ``tail.start`` is known, and the estimate is that.
        """
        chances = _chances(n, looks)
        score = max(threshold, self.tail.start)
        return self._estimate(
            [
                float(-np.expm1(chances * np.log1p(-float(tail.exceedance(score)))))
                for tail in self._tails()
            ]
        )

    def require_stricter(self, threshold: float, fpir: float, n: int) -> None:
        """Raise ``RuleError`` (R5) where ``threshold`` is more lenient than the calibrated one."""
        calibrated = self.threshold_for(fpir, n).value
        if threshold < calibrated:
            raise RuleError(
                "R5",
                f"threshold {threshold:.3f}",
                f"is below the {calibrated:.3f} that keeps FPIR ≤ {fpir:.3%} at N = {n:,}",
                "a list or category may only be stricter",
            )

    def require(self, loaded: TemplateContract) -> None:
        """Raise ``RuleError`` (R5) unless made with exactly what is loaded."""
        for name in TemplateContract.__slots__:
            mine, theirs = getattr(self.contract, name), getattr(loaded, name)
            if mine != theirs:
                raise RuleError(
                    "R5",
                    f"calibration of {self.contract.pack}",
                    f"was made with {name} {mine!s:.20}, but {theirs!s:.20} is loaded",
                    "use the calibration of that pack and precision, or run: lfr calibrate",
                )

    def _tails(self) -> list[Tail]:
        start = self.tail.start
        return [self.tail, *(Tail(start, *parameters) for parameters in self.refits)]

    def _estimate(self, values: Sequence[float]) -> Estimate:
        low, high = np.percentile(values[1:], [2.5, 97.5])
        return Estimate(values[0], min(float(low), values[0]), max(float(high), values[0]))


def calibrate(
    templates: FloatArray,
    owners: IndexArray,
    contract: TemplateContract,
    description: str,
    made: dt.date,
    *,
    refits: int = REFITS,
) -> tuple[Calibration, list[TooAlike]]:
    """Fit a cohort: templates (m, d) float32 unit rows, owners (m,) person index from 0, ascending.

    Returns the calibration and the pairs of people set aside, for a person to look at. Raises
    ``InputError`` where the cohort is too small.
    """
    exceedances = collect(templates, owners)
    tail, kept, apart = fit_without_the_too_alike(exceedances)
    rng = np.random.default_rng(_SEED)
    refitted = []
    for _ in range(refits):
        drawn = rng.integers(0, kept.people, kept.people)
        again = fit(kept.people_resampled(np.bincount(drawn, minlength=kept.people)))
        refitted.append((again.share, again.scale, again.shape))
    cohort = Cohort(description, kept.people, len(templates), len(apart))
    return (
        Calibration(FORMAT, contract, cohort, made, lfr_engine.__version__, tail, tuple(refitted)),
        apart,
    )


def encode(calibration: Calibration) -> bytes:
    """The document as indented JSON."""
    rounded = msgspec.structs.replace(
        calibration,
        refits=tuple(
            (float(f"{a:.5g}"), float(f"{b:.5g}"), float(f"{c:.5g}"))
            for a, b, c in calibration.refits
        ),
    )
    return msgspec.json.format(msgspec.json.encode(rounded), indent=1) + b"\n"


def load(path: Path) -> Calibration:
    """Read a calibration file; raises ``InputError`` naming the file and what is wrong."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except FileNotFoundError as error:
        raise InputError(path, "there is no such calibration") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(path, f"is not a calibration: {error}") from error
    if found.format != FORMAT:
        raise InputError(path, f"has format {found.format}; this engine reads {FORMAT}")
    if len(found.refits) < 20:
        raise InputError(path, "holds too few refits to state an interval", "run: lfr calibrate")
    return found


def shipped_folder() -> Path:
    """Where the shipped calibrations lie: inside an installed wheel, or at a checkout's root."""
    package = Path(lfr_engine.__file__).parent
    installed = package / "_models"
    return (installed if installed.is_dir() else package.parent / "models") / "calibrations"


def shipped_name(contract: TemplateContract) -> str:
    """The file name of a pack's calibration."""
    return f"{contract.pack}-{contract.precision}.json"


def shipped(contract: TemplateContract) -> Calibration:
    """The shipped calibration of a pack, checked against what is loaded (R5).

    Raises ``RuleError`` where none is shipped for it, or where it was made with something else.
    """
    path = shipped_folder() / shipped_name(contract)
    if not path.is_file():
        raise RuleError(
            "R5",
            f"pack {contract.pack}",
            f"has no calibration for precision {contract.precision}",
            "make one with: lfr calibrate",
        )
    found = load(path)
    found.require(contract)
    return found


def _chances(n: int, looks: int) -> int:
    if n < 1 or looks < 1:
        raise ConfigError("list size", f"{n} people, {looks} looks: both are at least 1")
    return max(n * looks, FEWEST_CHANCES)
