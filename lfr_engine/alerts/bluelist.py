"""The blue list: consenting staff walk past, and so the hit rate is measured live (R9).

Owns: which registered pass was recognised. Never: an officer, an outcome, an arrest; blue-list
alerts have none. Strategy: a pass and a recognition belong together when entry and camera are the
same and they are close in time; each serves once; either may come first. Restored by ``apply`` over
the journal.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass
from typing import Literal

from lfr_engine.alerts.adjudication import Person
from lfr_engine.errors import RuleError
from lfr_engine.journal.events.alerts import AlertGenerated, AlertUpdated, BlueHit, BluePass
from lfr_engine.journal.events.fields import Event, Role

Source = Literal["button", "api", "csv"]
REGISTRARS: frozenset[Role] = frozenset({"engineer", "operator", "integrator"})
MOST_WAITING = 256
"""Recognitions and passes held for a partner; the oldest goes, and counts as it stands."""


@dataclass(frozen=True, slots=True)
class BlueSettings:
    """window_s: how far apart a press of the button and the recognition may be."""

    deployment: str
    window_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Walked:
    """One pass of consenting staff: who, where, when (UTC), and their self-declared group."""

    entry: str
    camera: str
    at: dt.datetime
    group: str | None = None


@dataclass(frozen=True, slots=True)
class _Recognition:
    alert: str
    entry: str
    camera: str
    at: dt.datetime


class BlueList:
    """The register of blue-list passes and what was recognised of them."""

    def __init__(self, settings: BlueSettings) -> None:
        self.settings = settings
        self._passes: dict[str, tuple[int, int]] = {}  # camera: hits, passes
        self._waiting: deque[BluePass] = deque(maxlen=MOST_WAITING)
        self._recognitions: deque[_Recognition] = deque(maxlen=MOST_WAITING)
        self._entries: dict[str, str] = {}  # blue alert: entry
        self._served: deque[tuple[str, str]] = deque(maxlen=MOST_WAITING)  # alert, camera
        self._registered = 0

    @property
    def rates(self) -> dict[str, tuple[int, int]]:
        """Hits and passes by camera. Show them only with their exact interval (R8)."""
        return dict(self._passes)

    @property
    def total(self) -> tuple[int, int]:
        """Hits and passes of all cameras."""
        hits, passes = zip(*self._passes.values(), strict=True) if self._passes else ((), ())
        return sum(hits), sum(passes)

    def register(
        self,
        person: Person,
        entry: str,
        camera: str,
        at: dt.datetime,
        source: Source,
        group: str | None = None,
    ) -> tuple[Event, ...]:
        """A consenting member of staff walked past ``camera`` at ``at`` (UTC).

        group: self-declared, of participants only (R20). Returns the events to journal: the pass,
        and its hit where it had been recognised already.

        Raises:
            RuleError: R9, the role may not register passes.
        """
        if person.role not in REGISTRARS or not person.name.strip():
            raise RuleError(
                "R9", f"blue-list pass of {entry}", f"{person.role} may not register it"
            )
        registered = BluePass(
            actor=person.name,
            role=person.role,
            deployment=self.settings.deployment,
            blue_pass=f"blue-{self._registered + 1}",
            entry=entry,
            camera=camera,
            at=at,
            source=source,
            group=group,
        )
        self.apply(registered)
        return registered, *self._pair()

    def recognised(self, event: Event) -> tuple[BlueHit, ...]:
        """Take an alert event; the hits to journal where it answers a registered pass."""
        self.apply(event)
        blue = isinstance(event, AlertGenerated | AlertUpdated) and event.alert in self._entries
        return self._pair() if blue else ()

    def apply(self, event: Event) -> None:
        """Take one journalled event; others than blue-list ones are ignored."""
        match event:
            case BluePass():
                hits, passes = self._passes.get(event.camera, (0, 0))
                self._passes[event.camera] = hits, passes + 1
                self._registered += 1
                self._waiting.append(event)
            case BlueHit():
                self._apply_hit(event)
            case AlertGenerated() if event.blue:
                if len(self._entries) >= MOST_WAITING:
                    del self._entries[next(iter(self._entries))]
                self._entries[event.alert] = event.entry
                self._note(event.alert, event.entry, event.camera, event.captured)
            case AlertUpdated() if event.alert in self._entries:
                self._note(event.alert, self._entries[event.alert], event.camera, event.captured)

    def _note(self, alert: str, entry: str, camera: str, at: dt.datetime) -> None:
        if (alert, camera) not in self._served:  # one walk is one hit
            self._recognitions.append(_Recognition(alert, entry, camera, at))

    def _apply_hit(self, event: BlueHit) -> None:
        done = next((p for p in self._waiting if p.blue_pass == event.blue_pass), None)
        if done is None:
            return
        self._waiting.remove(done)
        hits, passes = self._passes[done.camera]
        self._passes[done.camera] = hits + 1, passes
        self._served.append((event.alert, done.camera))
        for seen in list(self._recognitions):
            if (seen.alert, seen.camera) == (event.alert, done.camera):
                self._recognitions.remove(seen)

    def _pair(self) -> tuple[BlueHit, ...]:
        """Hits for every waiting pass that has a recognition, the closest in time first."""
        hits: list[BlueHit] = []
        while True:
            pairs = [
                (apart, waiting.blue_pass, seen.alert)
                for waiting in self._waiting
                for seen in self._recognitions
                if (apart := self._apart_s(waiting, seen)) is not None
            ]
            if not pairs:
                return tuple(hits)
            _, blue_pass, alert = min(pairs)
            hit = BlueHit(deployment=self.settings.deployment, blue_pass=blue_pass, alert=alert)
            self.apply(hit)
            hits.append(hit)

    def _apart_s(self, waiting: BluePass, seen: _Recognition) -> float | None:
        """Seconds between a pass and a recognition; None where they do not belong together."""
        if (waiting.entry, waiting.camera) != (seen.entry, seen.camera):
            return None
        apart = abs((waiting.at - seen.at).total_seconds())
        return apart if apart <= self.settings.window_s else None
