from __future__ import annotations

import datetime as dt

import pytest

from lfr_engine.alerts.bluelist import BlueList, BlueSettings
from lfr_engine.alerts.policy import EntryFacts
from lfr_engine.alerts.table import AlertTable
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.alerts import BlueHit, BluePass
from lfr_engine.journal.events.fields import Event
from lfr_engine.journal.kinds import checked, item, typed
from tests.alerts.support import ANNA, FINN, OLGA, START, offer, table

SAM = EntryFacts("sam", "blue", blue=True)


def time(seconds: float) -> dt.datetime:
    return START + dt.timedelta(seconds=seconds)


class Site:
    """An alert table and a blue list, joined as the engine joins them, with their journal."""

    def __init__(self) -> None:
        self.alerts: AlertTable = table()
        self.blue = BlueList(BlueSettings("dep-1", window_s=20))
        self.journal: list[Event] = []

    def walk(self, seconds: float, camera: str = "north", entry: str = "sam") -> list[Event]:
        events = list(self.blue.register(OLGA, entry, camera, time(seconds), "button"))
        self.journal += events
        return events

    def see(
        self, seconds: float, camera: str = "north", number: int = 1, facts: EntryFacts = SAM
    ) -> list[BlueHit]:
        hits: list[BlueHit] = []
        for event in offer(self.alerts, seconds, facts, camera=camera, number=number):
            self.journal.append(event)
            found = self.blue.recognised(event)
            self.journal += found
            hits += found
        return hits


def test_a_registered_walk_that_is_recognised_is_a_hit_once() -> None:
    site = Site()
    site.walk(5)
    assert len(site.see(8)) == 1
    assert site.see(9.5) == []
    assert site.blue.rates == {"north": (1, 1)}


def test_the_button_may_be_pressed_after_the_recognition() -> None:
    site = Site()
    assert site.see(5) == []
    registered, hit = site.walk(12)
    assert isinstance(registered, BluePass)
    assert isinstance(hit, BlueHit)
    assert hit.blue_pass == registered.blue_pass
    assert site.blue.total == (1, 1)


def test_each_camera_is_measured_by_itself() -> None:
    site = Site()
    site.walk(5, "north")
    site.walk(9, "south")
    site.see(6, "north", 1)
    assert site.blue.rates == {"north": (1, 1), "south": (0, 1)}
    site.see(10, "south", 2)  # updates the same alert
    assert site.blue.rates == {"north": (1, 1), "south": (1, 1)}


def test_what_was_seen_of_one_walk_does_not_serve_the_next() -> None:
    site = Site()
    site.walk(5)
    for seconds in (6.0, 7.5, 9.0, 10.5):
        site.see(seconds)
    site.walk(25)  # walked again, and was not recognised
    assert site.blue.total == (1, 2)


def test_a_missed_walk_another_entry_and_the_public_count_nothing() -> None:
    site = Site()
    site.walk(5)
    site.see(30)  # too far apart
    site.see(6, number=9, facts=EntryFacts("tom", "blue", blue=True))
    site.see(6, number=3, facts=ANNA)
    assert site.blue.total == (0, 1)


def test_one_recognition_serves_the_nearest_of_two_walks() -> None:
    site = Site()
    site.walk(0)
    second = site.walk(14)[0]
    assert isinstance(second, BluePass)
    (hit,) = site.see(15)
    assert hit.blue_pass == second.blue_pass
    assert site.blue.total == (1, 2)


def test_an_officer_registers_no_passes() -> None:
    with pytest.raises(RuleError, match="R9"):
        BlueList(BlueSettings("dep-1")).register(FINN, "sam", "north", time(1), "api")


def test_the_journal_restores_the_rates_and_the_numbering() -> None:
    site = Site()
    site.walk(5)
    site.see(6)
    site.walk(60, "south")
    again = BlueList(site.blue.settings)
    for event in site.journal:
        kind, body = item(event)
        again.apply(typed(kind, checked(kind, body)))
    assert again.rates == site.blue.rates == {"north": (1, 1), "south": (0, 1)}
    registered = again.register(OLGA, "sam", "north", time(90), "csv")[0]
    assert isinstance(registered, BluePass)
    assert registered.blue_pass == "blue-3"


def test_nobody_has_walked_yet() -> None:
    assert BlueList(BlueSettings("dep-1")).total == (0, 0)
