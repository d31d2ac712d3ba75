"""How walkers move: one constant-velocity filter for all walkers of a camera at once.

Owns: where each walker is, how fast, and how surely; and what a pairing of walker and face costs.
Never: an identity, or a walker's life (``tracker``). Strategy: a Kalman filter over the centre and
the logarithm of the size, with all noise stated in face sizes, so that one model fits faces of 20
and of 400 pixels at any rate. Rows are walkers; the caller keeps what belongs to a row. What every
picture asks for is compiled (``kernels``) where there was a compiler; what is written here is the
definition.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from lfr_engine.kernels.compiled import Absent, kernels
from lfr_engine.vision.frame import FloatArray

DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# Rows of the state: mean and rate of (x px, y px, log size), and the covariance of each such pair
# in units of the face size.
_MEAN, _RATE, _VAR, _COV, _RATE_VAR = range(5)
_SIZE_RATE_LASTS_S = 0.5  # a growing face keeps growing for a while, not for ever
_SIZE_DENSITY = 0.3  # white-noise growth acceleration, 1/s³
_FIRST_GROWTH = 0.5  # standard deviation of a new walker's growth, 1/s
_FAINT_NOISE = 2.0  # a faint detection is placed this much worse
_GATE_SIGMA = 3.0
_SIZE_GATE = math.log(1.8)  # a face does not change size by more between detections


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """How walkers move. Sizes are face sizes: the side of the square of the box's area.

    turn_density: white-noise acceleration, sizes²/s³. first_speed: standard deviation of a new
    walker's speed, sizes/s (1.4 m/s across the picture is about 6 face heights a second; most walk
    towards the camera). place_noise, size_noise: standard deviation of a detected centre (sizes)
    and of the logarithm of its size. reach: the farthest, in sizes, that a detection may lie from
    its prediction.
    """

    turn_density: float = 4.0
    first_speed: float = 3.0
    place_noise: float = 0.08
    size_noise: float = 0.08
    reach: float = 2.0


class Motion:
    """The motion of n walkers, one row each."""

    def __init__(self, settings: MotionSettings) -> None:
        self._reach = settings.reach
        self._state: DoubleArray = np.zeros((5, 0, 3))
        place, size = settings.place_noise**2, settings.size_noise**2
        self._noise = np.array([place, place, size])
        turn, fast = settings.turn_density, settings.first_speed**2
        self._density = np.array([turn, turn, _SIZE_DENSITY])
        self._first_rate_var = np.array([fast, fast, _FIRST_GROWTH**2])
        self._weights = np.array([0.7 / self._reach, 0.3 / _SIZE_GATE])
        self._limits = np.array([_GATE_SIGMA, self._reach, _SIZE_GATE])
        self._step_s = 0.0
        self._step, self._step_noise = _step(0.0, self._density)
        found = kernels()
        self._compiled = None if isinstance(found, Absent) else found

    def __len__(self) -> int:
        return int(self._state.shape[1])

    def advance(self, dt: float) -> None:
        """Move every walker on by ``dt`` ≥ 0 seconds."""
        dt = round(dt, 6)  # the difference of two stamps is never twice the same to the last bit
        fading = math.exp(-dt / _SIZE_RATE_LASTS_S)
        if self._compiled is not None:
            self._compiled.motion_advance(self._state, dt, self._density, fading)
            return
        if dt != self._step_s:  # cameras keep their rhythm: the step rarely changes
            self._step_s = dt
            self._step, self._step_noise = _step(dt, self._density)
        self._state = (self._step @ self._state.reshape(5, -1)).reshape(5, -1, 3)
        self._state += self._step_noise
        self._state[_RATE, :, 2] *= fading

    def ahead(self, dt: float) -> DoubleArray:
        """(n, 3) centre x, centre y, log size ``dt`` ≥ 0 seconds from now; changes nothing."""
        fading = _SIZE_RATE_LASTS_S * (1 - math.exp(-dt / _SIZE_RATE_LASTS_S))
        reach = np.array([dt, dt, fading])  # growth fades, walking does not
        mean: DoubleArray = self._state[_MEAN] + self._state[_RATE] * reach
        return mean

    def correct(self, rows: Sequence[int], measured: DoubleArray, faint: BoolArray) -> None:
        """Take a face (k, 3) for each of ``rows``; faint ones (k,) count for less."""
        if self._compiled is not None:
            more = _FAINT_NOISE**2
            self._compiled.motion_correct(self._state, rows, measured, faint, self._noise, more)
            return
        part = self._state[:, rows]  # a copy
        mean, rate, var, cov, rate_var = part
        noise = self._noise
        if faint.any():
            noise = noise * np.where(faint, _FAINT_NOISE**2, 1.0)[:, None]
        spread = var + noise
        gain, rate_gain = var / spread, cov / spread
        surprise = measured - mean
        mean += gain * surprise
        rate += rate_gain * surprise
        rate_var -= rate_gain * cov
        kept = 1 - gain
        var *= kept
        cov *= kept
        self._state[:, rows] = part

    def begin(self, measured: DoubleArray) -> None:
        """Append a row for each new walker, from its first face (k, 3)."""
        fresh = np.zeros((5, len(measured), 3))
        fresh[_MEAN] = measured
        fresh[_VAR] = self._noise
        fresh[_RATE_VAR] = self._first_rate_var
        self._state = np.ascontiguousarray(np.concatenate((self._state, fresh), axis=1))

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all rows but these; they stay in the order given."""
        self._state = np.ascontiguousarray(self._state[:, rows])

    def costs(self, measured: DoubleArray) -> tuple[DoubleArray, BoolArray]:
        """Cost (n, k) in 0–1 of pairing each walker with each face (k, 3), and which may pair.

        Distance is measured in face sizes and not in standard deviations: a walker unseen for long
        is vague, and must not look near to everybody. Overlap is not asked for: for boxes of one
        shape it follows from distance and growth.
        """
        if self._compiled is not None:
            noise = float(self._noise[0])
            return self._compiled.motion_costs(
                self._state, measured, noise, self._weights, self._limits
            )
        mean = self._state[_MEAN]
        away = measured - mean[:, None]
        squared = away * away
        area = np.exp(mean[:, 2, None] + measured[:, 2])
        distance = np.sqrt((squared[..., 0] + squared[..., 1]) / area)
        growth = np.abs(away[..., 2])
        sigmas, reach, most_growth = self._limits
        gate = sigmas * np.sqrt(self._state[_VAR, :, 0] + self._noise[0])
        possible = (distance <= np.minimum(gate, reach)[:, None]) & (growth <= most_growth)
        return distance * self._weights[0] + growth * self._weights[1], possible


def measured_boxes(boxes: FloatArray) -> tuple[DoubleArray, DoubleArray]:
    """Of boxes (n, 4): (n, 3) centre x, centre y, log size; and (n,) log of width over height."""
    wide = np.asarray(boxes, np.float64)
    logs = np.log(np.maximum(wide[:, 2:] - wide[:, :2], 1.0))
    measured = np.empty((len(wide), 3))
    measured[:, :2] = (wide[:, :2] + wide[:, 2:]) * 0.5
    measured[:, 2] = logs.sum(axis=1) * 0.5
    return measured, logs[:, 0] - logs[:, 1]


def boxes_of(mean: DoubleArray, log_aspects: DoubleArray) -> FloatArray:
    """The inverse of ``measured_boxes``: boxes (n, 4) float32."""
    half = np.empty((len(mean), 2))
    half[:, 0] = np.exp(mean[:, 2] + log_aspects * 0.5)
    half[:, 1] = np.exp(mean[:, 2] - log_aspects * 0.5)
    half *= 0.5
    return np.hstack((mean[:, :2] - half, mean[:, :2] + half)).astype(np.float32)


def assigned(costs: DoubleArray, possible: BoolArray) -> list[tuple[int, int]]:
    """The cheapest one-to-one pairing of rows and columns that leaves free what cannot pair.

    An impossible pairing costs as much as the dearest possible one, so that a pairing is never
    made worse only to make another one possible.
    """
    rows, columns = np.nonzero(possible)
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    if len(set(rows.tolist())) == len(pairs) == len(set(columns.tolist())):
        return pairs  # nobody competes, the usual case
    chosen = linear_sum_assignment(np.where(possible, costs, 1.0))
    return [
        (row, column)
        for row, column in zip(*(side.tolist() for side in chosen), strict=True)
        if possible[row, column]
    ]


def _step(dt: float, density: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """The state ``dt`` seconds later is the first (5, 5) times it plus the second (5, 1, 3).

    The constant-velocity model driven by white-noise acceleration (Bar-Shalom, Li, Kirubarajan:
    Estimation with Applications to Tracking and Navigation, 2001, section 6.2.2).
    """
    step = np.eye(5)
    step[_MEAN, _RATE] = dt
    step[_VAR, [_COV, _RATE_VAR]] = 2 * dt, dt * dt
    step[_COV, _RATE_VAR] = dt
    noise = np.zeros((5, 1, 3))
    noise[_VAR] = density * (dt**3 / 3)
    noise[_COV] = density * (dt**2 / 2)
    noise[_RATE_VAR] = density * dt
    return step, noise
