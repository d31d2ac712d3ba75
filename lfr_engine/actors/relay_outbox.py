"""The durable outbox in SQLite: what must still be sent, and what became of everything.

Owns: one database file, mode 0600, and its two tables. Never: the text of a cue (a digest is kept),
a thread of its own. Strategy: WAL with ``synchronous=FULL``, one transaction per ``save``: when it
returns, a kill -9 or a power cut loses nothing. Meant to be called in a lane of width 1.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lfr_engine.errors import InputError
from lfr_engine.relay.delivery import Change, Delivery, Key
from lfr_engine.relay.outbox import VERBS

_SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    alert TEXT NOT NULL, recipient TEXT NOT NULL, bearer TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (alert, recipient, bearer)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    alert TEXT NOT NULL, recipient TEXT NOT NULL, bearer TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS change_alert ON change (alert, number);
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command (
    number INTEGER PRIMARY KEY AUTOINCREMENT, verb TEXT NOT NULL, alert TEXT NOT NULL
);
"""


class SqliteOutbox:
    """An ``OutboxStore`` in a file.

    Args:
        path: The database; its folder must exist.
        writable: False opens an existing file for reading only, beside a running engine.

    Raises:
        InputError: The file cannot be opened, or is not an outbox.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self.path = path
        self._encoder = msgspec.msgpack.Encoder()
        self._deliveries = msgspec.msgpack.Decoder(Delivery)
        self._changes = msgspec.msgpack.Decoder(Change)
        try:
            if writable:
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            mode = "rw" if writable else "ro"
            self._database = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,  # the lane has one thread at a time, not always the same
            )
            self._database.execute("PRAGMA busy_timeout=2000")
            if writable:
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=FULL")
                self._database.executescript(_SCHEMA)
            self._database.execute("SELECT number FROM mark LIMIT 1")
        except (OSError, sqlite3.Error) as exc:
            raise InputError(path, f"is not a usable outbox: {exc}") from exc

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as exc:
            raise InputError(self.path, f"the outbox cannot be written: {exc}") from exc

    def save(self, deliveries: Sequence[Delivery], changes: Sequence[Change]) -> None:
        """Store all or nothing, durable on return.

        Raises:
            InputError: The disk is full or the file is gone.
        """
        if not deliveries and not changes:
            return
        with self._transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?)",
                [(*_key(d.key), self._encoder.encode(d)) for d in deliveries],
            )
            database.executemany(
                "INSERT INTO change (alert, recipient, bearer, body) VALUES (?, ?, ?, ?)",
                [(*_key(c.key), self._encoder.encode(c)) for c in changes],
            )

    def load(self) -> list[Delivery]:
        """Every delivery stored and not forgotten.

        Raises:
            InputError: A row was altered so that it is no delivery.
        """
        rows = self._database.execute("SELECT body FROM delivery ORDER BY alert").fetchall()
        try:
            return [self._deliveries.decode(body) for (body,) in rows]
        except msgspec.DecodeError as exc:
            raise InputError(self.path, "holds a delivery that cannot be read") from exc

    def unjournalled(self, most: int) -> list[tuple[int, Change]]:
        """The oldest changes, with their numbers, that the journal has not yet acknowledged."""
        rows = self._database.execute(
            "SELECT number, body FROM change WHERE number > ? ORDER BY number LIMIT ?",
            (self._mark(), most),
        ).fetchall()
        return [(number, self._changes.decode(body)) for number, body in rows]

    def journalled(self, last: int) -> None:
        """The journal holds every change up to number ``last``.

        Not synced: a power cut may lose the mark, and the journal is then told once more; but the
        next cue need not wait for this one's disk.
        """
        self._database.execute("PRAGMA synchronous=NORMAL")
        try:
            with self._transaction() as database:
                mark = max(last, self._mark())
                database.execute("INSERT OR REPLACE INTO mark VALUES ('journalled', ?)", (mark,))
        finally:
            self._database.execute("PRAGMA synchronous=FULL")

    def timeline(self, alert: str) -> list[Change]:
        """Every change of one alert, oldest first."""
        rows = self._database.execute(
            "SELECT body FROM change WHERE alert = ? ORDER BY number", (alert,)
        ).fetchall()
        return [self._changes.decode(body) for (body,) in rows]

    def forget(self, keys: Iterable[Key]) -> None:
        """Erase deliveries and those of their changes that the journal holds."""
        names = [_key(key) for key in keys]
        if not names:
            return
        journalled = self._mark()
        where = "alert = ? AND recipient = ? AND bearer = ?"
        with self._transaction() as database:
            database.executemany(f"DELETE FROM delivery WHERE {where}", names)  # noqa: S608 - a constant
            database.executemany(
                f"DELETE FROM change WHERE {where} AND number <= ?",  # noqa: S608 - a constant
                [(*name, journalled) for name in names],
            )

    def ask(self, verb: str, alert: str) -> None:
        """Leave a command for the engine that owns this outbox: ``cancel`` or ``resend``."""
        assert verb in VERBS
        with self._transaction() as database:
            database.execute("INSERT INTO command (verb, alert) VALUES (?, ?)", (verb, alert))

    def commands(self) -> list[tuple[int, str, str]]:
        """Commands waiting: number, verb, alert."""
        rows: list[tuple[int, str, str]] = self._database.execute(
            "SELECT number, verb, alert FROM command ORDER BY number LIMIT 64"
        ).fetchall()
        return rows

    def done(self, last: int) -> None:
        """Commands up to ``last`` were carried out."""
        with self._transaction() as database:
            database.execute("DELETE FROM command WHERE number <= ?", (last,))

    def _mark(self) -> int:
        row = self._database.execute("SELECT number FROM mark WHERE name = 'journalled'").fetchone()
        return 0 if row is None else int(row[0])


def _key(key: Key) -> tuple[str, str, str]:
    return key.alert, key.recipient, key.bearer
