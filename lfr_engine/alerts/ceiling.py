"""The live false-alert ceiling (R6): how many of those who walked past set off a wrong alert.

Owns: the colour of the banner and whether to pause. Never: a bare rate; the interval is always
beside it. Strategy: amber as soon as the share itself is above the ceiling, red when its exact
interval lies wholly above, so that one early false alert warns and does not stop; a pure function
of two counts. The interval comes from outside (``deployment.intervals``), as one for all records.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lfr_engine.journal.events.deployment import CeilingCrossed


class Bounds(Protocol):
    """A closed range of a probability."""

    @property
    def low(self) -> float:
        """The least share that the counts allow."""
        ...

    @property
    def high(self) -> float:
        """The greatest share that the counts allow."""
        ...


class Level(enum.Enum):
    """The colour of the banner."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class CeilingSettings:
    """share: false alerts per pass that must not be exceeded. least_for_red: false alerts below
    which nothing turns red; a single one early in a deployment would. pause_on_red: let capture
    pause by itself.
    """

    share: float = 1 / 1000
    least_for_red: int = 2
    pause_on_red: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the deployment stands. shown_below: the whole interval is below the ceiling; without a
    false alert that takes 3,688 passes at 1 in 1,000 and a two-sided 95 % interval.
    """

    level: Level
    false_alerts: int
    passes: int
    low: float
    high: float
    shown_below: bool


def read_ceiling(
    false_alerts: int,
    passes: int,
    settings: CeilingSettings,
    interval: Callable[[int, int], Bounds],
) -> Reading:
    """Judge the counts.

    Args:
        false_alerts: Alerts discounted, or shown to be wrong by engagement; blue list left out.
        passes: People who walked through. More alerts than passes (a pass still under way) counts
            as so many passes.
        settings: The ceiling.
        interval: Exact interval of successes in trials, such as ``clopper_pearson``.
    """
    trials = max(passes, false_alerts)
    bounds = interval(false_alerts, trials)
    if bounds.low > settings.share and false_alerts >= settings.least_for_red:
        level = Level.RED
    elif false_alerts > settings.share * trials:
        level = Level.AMBER
    else:
        level = Level.GREEN
    return Reading(
        level, false_alerts, trials, bounds.low, bounds.high, bounds.high <= settings.share
    )


class Ceiling:
    """Watches the counts and says when the colour changed, once each time."""

    def __init__(
        self,
        deployment: str,
        settings: CeilingSettings,
        interval: Callable[[int, int], Bounds],
    ) -> None:
        self._deployment = deployment
        self.settings = settings
        self._interval = interval
        self.reading = read_ceiling(0, 0, settings, interval)

    def update(self, false_alerts: int, passes: int) -> CeilingCrossed | None:
        """Take the present counts; the event to journal where the colour changed.

        ``paused`` in the event asks the owner of the stop machine to pause capture.
        """
        before = self.reading.level
        counts = (self.reading.false_alerts, self.reading.passes)
        if (false_alerts, max(passes, false_alerts)) == counts:
            return None
        self.reading = read_ceiling(false_alerts, passes, self.settings, self._interval)
        if self.reading.level is before:
            return None
        return CeilingCrossed(
            deployment=self._deployment,
            level=self.reading.level.value,
            false_alerts=self.reading.false_alerts,
            passes=self.reading.passes,
            low=self.reading.low,
            high=self.reading.high,
            paused=self.reading.level is Level.RED and self.settings.pause_on_red,
        )
