"""The durable outbox as a port, and one in memory for tests and rehearsals.

Owns: the contract. Never: a file (the SQLite outbox stands beside the actors). Strategy: the relay
saves deliveries and their changes together before anything is written to a bearer; changes are
numbered, so that the journal can be fed at least once and in order after any crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from lfr_engine.relay.delivery import Change, Delivery, Key


class OutboxStore(Protocol):
    """Where deliveries outlive the engine. Calls may block on a disk; none is left half done."""

    def save(self, deliveries: Sequence[Delivery], changes: Sequence[Change]) -> None:
        """Store all or nothing, durable on return."""
        ...

    def load(self) -> list[Delivery]:
        """Every delivery stored and not forgotten."""
        ...

    def unjournalled(self, most: int) -> list[tuple[int, Change]]:
        """The oldest changes, with their numbers, that the journal has not yet acknowledged."""
        ...

    def journalled(self, last: int) -> None:
        """The journal holds every change up to number ``last``."""
        ...

    def timeline(self, alert: str) -> list[Change]:
        """Every change of one alert, oldest first."""
        ...

    def forget(self, keys: Iterable[Key]) -> None:
        """Erase deliveries and those of their changes that the journal holds."""
        ...

    def ask(self, verb: str, alert: str) -> None:
        """Leave a command of an operator: one of ``VERBS``, about one alert."""
        ...

    def commands(self) -> list[tuple[int, str, str]]:
        """Commands waiting: number, verb, alert; the oldest 64."""
        ...

    def done(self, last: int) -> None:
        """Commands up to number ``last`` were carried out."""
        ...


VERBS = frozenset({"cancel", "resend"})


class MemoryOutbox:
    """An outbox that dies with the process: for tests and for ``lfr relay test``."""

    def __init__(self) -> None:
        self._deliveries: dict[Key, Delivery] = {}
        self._changes: list[tuple[int, Change]] = []
        self._commands: list[tuple[int, str, str]] = []
        self._journalled = 0
        self._number = 0

    def save(self, deliveries: Sequence[Delivery], changes: Sequence[Change]) -> None:
        """Keep the newest of each delivery and every change."""
        self._deliveries.update({delivery.key: delivery for delivery in deliveries})
        for change in changes:
            self._number += 1
            self._changes.append((self._number, change))

    def load(self) -> list[Delivery]:
        """As stored."""
        return list(self._deliveries.values())

    def unjournalled(self, most: int) -> list[tuple[int, Change]]:
        """In order of their numbers."""
        return [entry for entry in self._changes if entry[0] > self._journalled][:most]

    def journalled(self, last: int) -> None:
        """Move the mark on; it never goes back."""
        self._journalled = max(self._journalled, last)

    def timeline(self, alert: str) -> list[Change]:
        """In order of their numbers."""
        return [change for _, change in self._changes if change.key.alert == alert]

    def forget(self, keys: Iterable[Key]) -> None:
        """Drop what is named."""
        gone = set(keys)
        for key in gone:
            self._deliveries.pop(key, None)
        self._changes = [
            (number, change)
            for number, change in self._changes
            if change.key not in gone or number > self._journalled
        ]

    def ask(self, verb: str, alert: str) -> None:
        """Queue a command."""
        assert verb in VERBS
        self._number += 1
        self._commands.append((self._number, verb, alert))

    def commands(self) -> list[tuple[int, str, str]]:
        """In order of their numbers."""
        return self._commands[:64]

    def done(self, last: int) -> None:
        """Drop what was carried out."""
        self._commands = [command for command in self._commands if command[0] > last]
