"""Overload: whole frames are dropped fairly, every drop is counted, and nothing old gets through.

Simulated here on a clock made by hand, minutes in a moment; ``tests/servers/test_overload.py`` does
the same for a real minute with real cameras.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import pytest
import trio

from lfr_engine.actors.cadence import Cadence
from lfr_engine.actors.feeds import Feed, Feeds, Pick
from lfr_engine.clock import ManualClock
from lfr_engine.runtime.telemetry import Telemetry
from lfr_engine.vision.faces import no_faces
from lfr_engine.vision.frame import Frame, Planes

PLANE = np.zeros((2, 2), np.uint8)
STEP_S = 0.001


@dataclass
class Street:
    """Cameras of given rates before one detector of a given capacity, in simulated time."""

    rates: dict[str, float]
    capacity: float
    clock: ManualClock = field(default_factory=ManualClock)
    detected: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    ages: list[float] = field(default_factory=list)
    cadences: dict[str, Cadence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.telemetry = Telemetry(self.clock)
        self.random = np.random.default_rng(5)

    async def run(self, seconds: float) -> None:
        feeds = Feeds(self.telemetry)
        self.cadences = {name: Cadence(adaptive=True) for name in self.rates}
        due = {name: self.random.random() / rate for name, rate in self.rates.items()}
        free_s = now_s = 0.0
        with ExitStack() as stack:
            opened = {n: stack.enter_context(feeds.open(n, wait=False)) for n in self.rates}
            while now_s < seconds:
                self.clock.advance(STEP_S)
                now_s += STEP_S
                for name, rate in self.rates.items():
                    if due[name] <= now_s:
                        due[name] += 1 / rate
                        self._offer(opened[name])
                pick = feeds.pick() if free_s <= now_s else None
                if pick is not None:
                    await self._detect(pick)
                    free_s = now_s + 1 / self.capacity

    def _offer(self, feed: Feed) -> None:
        """What the camera's reader thread does with a frame."""
        name, cadence = feed.camera, self.cadences[feed.camera]
        number = self.sent[name]
        self.sent[name] += 1
        if not cadence.admits():
            self.telemetry.dropped(name, "cadence")
            return
        planes = Planes(PLANE, PLANE, PLANE)
        frame = Frame(name, number, self.clock.now_ns, number / 25, planes)
        if feed.slot.put(frame) is not None:
            self.telemetry.dropped(name, "slot")
            cadence.missed()

    async def _detect(self, pick: Pick) -> None:
        self.ages.append((self.clock.now_ns - pick.frame.captured_ns) / 1e9)
        self.detected[pick.feed.camera] += 1
        pick.deliver(no_faces())
        await pick.feed.receive()

    def assert_every_frame_is_accounted_for(self) -> None:
        for name, sent in self.sent.items():
            waiting = sent - self.detected[name] - self.telemetry.drops.get(name, Counter()).total()
            assert waiting in {0, 1}


@pytest.mark.parametrize(
    ("cameras", "capacity"), [(4, 50.0), (3, 37.0), (4, 80.0), (4, 99.0), (8, 50.0), (4, 20.0)]
)
def test_overload_is_shared_fairly_and_nothing_old_is_detected(
    cameras: int, capacity: float
) -> None:
    street = Street({f"c{n}": 25.0 for n in range(cameras)}, capacity)
    trio.run(street.run, 30.0)
    street.assert_every_frame_is_accounted_for()
    mean = street.detected.total() / cameras
    assert min(street.detected.values()) >= 0.9 * mean
    assert street.detected.total() >= 0.85 * capacity * 30.0
    assert max(street.ages) <= 0.2


def test_a_slow_camera_beside_quick_ones_is_detected_whole() -> None:
    street = Street({"slow": 5.0, "quick": 25.0, "quicker": 30.0}, 30.0)
    trio.run(street.run, 30.0)
    street.assert_every_frame_is_accounted_for()
    assert street.detected["slow"] >= 0.95 * street.sent["slow"]
    assert street.detected["quick"] == pytest.approx(street.detected["quicker"], rel=0.2)


def test_a_machine_that_keeps_up_drops_nothing() -> None:
    street = Street({f"c{n}": 25.0 for n in range(4)}, 150.0)
    trio.run(street.run, 20.0)
    assert street.telemetry.drops == {}
    assert all(cadence.share == 1.0 for cadence in street.cadences.values())


def test_the_cadence_returns_to_every_frame_when_overload_is_over() -> None:
    street = Street({f"c{n}": 25.0 for n in range(2)}, 20.0)
    trio.run(street.run, 20.0)
    assert all(cadence.share < 0.6 for cadence in street.cadences.values())
    for cadence in street.cadences.values():
        for _ in range(25 * 20):
            cadence.admits()
        assert cadence.share == 1.0
