"""A table of contents beside the journal: where each record lies, so that reading need not scan.

Owns: ``<journal>.index``, an SQLite file that holds numbers, times, kinds, hashes and offsets and
no bodies. Never: evidence. It is made again from the journal whenever it is absent or unusable, so
it may be deleted; while it is there, it is also a witness of what was committed. Strategy: WAL
with ``synchronous=NORMAL``, because a row that a power loss takes is read again from the journal.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.errors import EngineError
from lfr_engine.journal.lines import Placed, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY, offset INTEGER NOT NULL, end INTEGER NOT NULL,
    utc TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS by_kind ON record (kind, seq);
"""
_ROW = "SELECT seq, offset, end, hash FROM record "


@dataclass(frozen=True, slots=True)
class Row:
    """Where a record lies: bytes ``offset`` to ``end``, and the hash it had."""

    seq: int
    offset: int
    end: int
    hash: str


class Index:
    """The open table of contents. One caller at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            try:
                self._db = self._open()
            except sqlite3.DatabaseError:
                self._discard()
                self._db = self._open()
        except (sqlite3.Error, OSError) as exc:
            raise EngineError(path, f"cannot make the journal's index: {exc}") from exc

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        # the journal's owner may be served by any one thread of its lane at a time
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(_SCHEMA)
            db.execute(_ROW + "ORDER BY seq DESC LIMIT 1").fetchone()
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").unlink()

    def empty(self) -> None:
        """Forget every row, to be filled again from the journal."""
        self._run("DELETE FROM record")

    def add(self, placed: Iterable[Placed]) -> None:
        """Enter records that are durable in the journal, in one transaction."""
        rows = [
            (p.record.seq, p.offset, p.end, utc_text(p.record.utc), p.record.kind, p.record.hash)
            for p in placed
        ]
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise EngineError(
                self._path, f"cannot write the journal's index: {exc}", "restart: it is remade"
            ) from exc

    def first(self) -> Row | None:
        """The row of record 1."""
        return self._row(_ROW + "WHERE seq = 1")

    def last(self) -> Row | None:
        """The row of the newest record."""
        return self._row(_ROW + "ORDER BY seq DESC LIMIT 1")

    def at(self, seq: int) -> Row | None:
        """The row of one record."""
        return self._row(_ROW + "WHERE seq = ?", seq)

    def newest(self, kind: str) -> Row | None:
        """The row of the newest record of a kind."""
        return self._row(_ROW + "WHERE kind = ? ORDER BY seq DESC LIMIT 1", kind)

    def after(self, seq: int, limit: int, kinds: Sequence[str]) -> list[Row]:
        """At most ``limit`` rows behind ``seq``, in order, of the given kinds (of any if none)."""
        of_kind = f"AND kind IN ({', '.join('?' * len(kinds))}) " if kinds else ""
        found = self._run(
            _ROW + "WHERE seq > ? " + of_kind + "ORDER BY seq LIMIT ?",
            seq,
            *kinds,
            limit,
        )
        return [_row(values) for values in found]

    def latest_utc(self, since: int) -> dt.datetime | None:
        """The latest time of any record from ``since`` on; records need not be in order of time."""
        ((text,),) = self._run("SELECT max(utc) FROM record WHERE seq >= ?", since)
        return dt.datetime.fromisoformat(str(text)) if text else None

    def close(self) -> None:
        """Let go of the file; safe to repeat."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    def _row(self, sql: str, *values: object) -> Row | None:
        found = self._run(sql, *values)
        return _row(found[0]) if found else None

    def _run(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as exc:
            raise EngineError(
                self._path,
                f"cannot read the journal's index: {exc}",
                "delete it: it is remade from the journal",
            ) from exc


def _row(values: tuple[object, ...]) -> Row:
    seq, offset, end, digest = values
    assert isinstance(seq, int)
    assert isinstance(offset, int)
    assert isinstance(end, int)
    return Row(seq, offset, end, str(digest))
