"""Findings, people and times for tests of the alert machines."""

from __future__ import annotations

import datetime as dt

from lfr_engine.alerts.adjudication import AdjudicationSettings, Person
from lfr_engine.alerts.evidence import Finding, Track, Verdict
from lfr_engine.alerts.policy import EntryFacts, PolicySettings
from lfr_engine.alerts.table import AlertTable
from lfr_engine.clock import Stamp
from lfr_engine.journal.events.fields import Event

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
OLGA = Person("Olga", "operator")
OTTO = Person("Otto", "operator")
FINN = Person("Finn", "officer")
ANNA = EntryFacts("anna", "wanted", priority=2)
BERT = EntryFacts("bert", "missing", priority=2)


def at(seconds: float) -> Stamp:
    microseconds = round(seconds * 1e6)  # what a written time resolves
    return Stamp(microseconds * 1000, START + dt.timedelta(microseconds=microseconds))


def finding(
    entry: str = "anna",
    camera: str = "north",
    number: int = 1,
    *,
    seconds: float = 0.0,
    score: float = 0.5,
) -> Finding:
    captured = round(seconds * 1e9)
    walker = Track(camera, number)
    return Finding(walker, Verdict.MATCH, entry, score, "other", 0.2, 2, 2, 0.8, captured, captured)


def table(*, two_person: bool = False, policy: PolicySettings | None = None) -> AlertTable:
    settings = AdjudicationSettings("dep-1", two_person=two_person)
    return AlertTable(settings, policy or PolicySettings())


def offer(
    alerts: AlertTable,
    seconds: float,
    facts: EntryFacts = ANNA,
    *,
    camera: str = "north",
    number: int = 1,
    score: float = 0.5,
    site: str = "square",
) -> tuple[Event, ...]:
    found = finding(facts.entry, camera, number, seconds=seconds, score=score)
    return alerts.offer(found, facts, site, at(seconds + 0.1), threshold=0.4)


def names(events: tuple[Event, ...]) -> list[str]:
    return [type(event).__name__ for event in events]
