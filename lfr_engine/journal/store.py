"""The journal being written: append, read, checkpoint, repair.

Owns: the one open, locked journal of an engine. Never: returns from an append before its records
are durable; never writes what ``kinds`` does not know; never repairs anything but the unfinished
end of the file. Strategy: one ``write`` and one ``fdatasync`` an append on an append-only file
(format in ``lines``), then a row in the index. Synchronous: an actor runs it in a lane of one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lfr_engine import __version__
from lfr_engine.clock import Clock
from lfr_engine.errors import EngineError, InputError
from lfr_engine.journal import checkpoint as checkpoints
from lfr_engine.journal.checkpoint import CHECKPOINT, Head
from lfr_engine.journal.events.engine import JournalCreated, JournalRepaired
from lfr_engine.journal.index import Index, Row
from lfr_engine.journal.kinds import checked, item, typed
from lfr_engine.journal.lines import (
    GENESIS,
    LONGEST_LINE,
    JournalDamaged,
    Placed,
    Record,
    chain,
    decode,
    encode,
)
from lfr_engine.journal.signing import Signer, sync_folder
from lfr_engine.journal.torn import torn_tail

FORMAT = 1
CHECKPOINT_EVERY = 256  # records at most unsigned; a signature and a head file cost two syncs
MOST_AT_ONCE = 1_000  # records an append
MOST_READ = 1_000  # records a read
CORRECTED = "clock.corrected"
KEEP = "keep this file as evidence and begin a new journal"

Item = tuple[str, Mapping[str, Any]]


class JournalInUse(InputError):
    """Another process holds the journal: one writes, any number read."""


class Journal:
    """An open journal. Use ``Journal.open`` in a ``with``; one caller at a time.

    Every method raises ``EngineError`` after a write failed half-way: what is on disk is then
    unknown to this process, and only opening it again may say.
    """

    def __init__(self, path: Path, descriptor: int, signer: Signer, clock: Clock) -> None:
        self.path = path
        self._descriptor = descriptor
        self._signer = signer
        self._clock = clock
        self._index = Index(path.with_name(f"{path.name}.index"))
        self._end = 0
        self._seq = 0
        self._hash = GENESIS
        self._signed = 0
        self._broken = False
        self._created: JournalCreated | None = None

    @classmethod
    def open(cls, path: Path, signer: Signer, clock: Clock) -> Self:
        """Open the journal at ``path``, or create it; lock it against a second writer.

        The end is checked and, if the last append was cut short, repaired and said so by a
        ``journal.repaired`` record.

        Raises:
            InputError: The place cannot be used or belongs to another key; ``JournalInUse`` where
                another process writes it.
            JournalDamaged: Committed records are missing or altered; nothing was changed.
        """
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o600)
        except OSError as exc:
            raise InputError(path, f"cannot open the journal: {exc.strerror}") from exc
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise JournalInUse(
                    path, "another process writes this journal", "stop it, or name another journal"
                ) from exc
            journal = cls(path, descriptor, signer, clock)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            journal._recover()
        except BaseException:
            journal._let_go()
            raise
        return journal

    @property
    def head(self) -> Head:
        """Number and hash of the newest record."""
        return Head(self._seq, self._hash)

    @property
    def created(self) -> JournalCreated:
        """The first record: the journal's id and its public key."""
        assert self._created is not None
        return self._created

    def append(self, kind: str, body: Mapping[str, Any]) -> Record:
        """Commit one event; returns when it is durable.

        Raises:
            EngineError: The event does not fit the table of kinds, or the disk failed.
        """
        return self.append_batch([(kind, body)])[0]

    def append_batch(self, items: Iterable[Item]) -> list[Record]:
        """Commit 1 to 1,000 events together: after a crash either all are there or none.

        Raises:
            EngineError: As ``append``; nothing was committed.
        """
        bodies = [(kind, checked(kind, body)) for kind, body in items]
        if not 1 <= len(bodies) <= MOST_AT_ONCE:
            raise EngineError(self.path, f"{len(bodies)} records in one append, not 1 to 1,000")
        due = self._seq + len(bodies) - self._signed >= CHECKPOINT_EVERY
        written = self._commit(bodies, sign=due, closing=False)
        return written[: len(bodies)]

    def checkpoint(self, *, closing: bool = False) -> Head:
        """Sign everything so far, unless it is signed already; returns the head that is signed.

        Args:
            closing: Say that the journal was closed in order.
        """
        if self._signed == self._seq and not closing:
            return self.head
        self._commit([], sign=True, closing=closing)
        return self.head

    def read(self, after: int = 0, limit: int = 100, kinds: Sequence[str] = ()) -> list[Record]:
        """At most ``limit`` (1 to 1,000) records behind the cursor ``after``, in order.

        Read on with the last record's ``seq`` as the next cursor.

        Raises:
            JournalDamaged: A record was altered since it was written.
        """
        limit = min(max(limit, 1), MOST_READ)
        return [self._fetch(row) for row in self._index.after(after, limit, kinds)]

    def trusted_floor(self) -> dt.datetime | None:
        """The latest time recorded since a person last vouched for the clock; None when empty.

        A clock that reads earlier was set back (R3).
        """
        corrected = self._index.newest(CORRECTED)
        return self._index.latest_utc(corrected.seq if corrected else 1)

    def close(self) -> None:
        """Sign the end and let go; safe to repeat, and after a failure."""
        if self._descriptor < 0:
            return
        try:
            if not self._broken:
                self.checkpoint(closing=True)
        finally:
            self._let_go()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # opening -----------------------------------------------------------------------------------

    def _recover(self) -> None:
        """Bring the index up to the file's end, repair a torn end, and check key and head."""
        resume = self._trusted_row()
        if resume is None:
            self._index.empty()
        else:
            self._seq, self._hash, self._end = resume.seq, resume.hash, resume.end
        repaired: JournalRepaired | None = None
        try:
            self._catch_up()
        except JournalDamaged as damage:
            repaired = self._repair(damage)
        if self._seq == 0:
            self._create()
        first = self._index.first()
        assert first is not None
        record = self._fetch(first)
        created = typed(record.kind, record.body)
        if not isinstance(created, JournalCreated):
            raise JournalDamaged(self.path, 1, 0, "does not begin a journal", KEEP)
        if created.public_key != self._signer.public_key:
            raise InputError(
                self.path,
                "this journal is signed with another key",
                "use that key, or begin a new journal",
            )
        self._created = created
        self._require_head()
        newest = self._index.newest(CHECKPOINT)
        self._signed = newest.seq if newest else 0
        if repaired is not None:
            self.append(*item(repaired))

    def _trusted_row(self) -> Row | None:
        """The index's last row where the index belongs to this file; None where it must be remade.

        The index saw only committed records, so a file that ends before it, or holds something
        else in its place, lost evidence.
        """
        first, last = self._index.first(), self._index.last()
        if first is None or last is None or self._begins_another(first):
            return None
        try:
            self._fetch(last)
        except JournalDamaged as damage:
            raise JournalDamaged(
                self.path, last.seq, last.offset, "was committed and is gone or altered", KEEP
            ) from damage
        return last

    def _begins_another(self, first: Row) -> bool:
        """Whether a whole record 1 stands here that is not the index's."""
        line = os.pread(self._descriptor, LONGEST_LINE, 0).partition(b"\n")[0] + b"\n"
        try:
            return decode(line, self.path, 1, 0).hash != first.hash
        except JournalDamaged:
            return False

    def _catch_up(self) -> None:
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            batch: list[Placed] = []
            for placed in chain(
                file, self.path, offset=self._end, after=self._seq, prev=self._hash
            ):
                batch.append(placed)
                if placed.record.batch[0] == placed.record.batch[1]:
                    self._enter(batch)
                    batch.clear()

    def _repair(self, damage: JournalDamaged) -> JournalRepaired:
        """Cut an append that was never committed off the end; anything else is evidence."""
        size = os.fstat(self._descriptor).st_size
        head = checkpoints.read_head(self.path)
        tail = os.pread(self._descriptor, size - self._end, self._end)
        if (head is not None and head.seq > self._seq) or not torn_tail(tail, self._seq):
            raise JournalDamaged(
                self.path, damage.seq, damage.offset, damage.what, KEEP
            ) from damage
        os.ftruncate(self._descriptor, self._end)
        os.fsync(self._descriptor)
        return JournalRepaired(
            after_seq=self._seq, bytes_removed=len(tail), sha256=hashlib.sha256(tail).hexdigest()
        )

    def _create(self) -> None:
        self._created = JournalCreated(
            format=FORMAT,
            journal=str(uuid.uuid4()),
            public_key=self._signer.public_key,
            software=f"lfr-engine {__version__}",
        )
        self._commit([item(self._created)], sign=True, closing=False)
        sync_folder(self.path.parent)

    def _require_head(self) -> None:
        head = checkpoints.read_head(self.path)
        if head is None:
            return
        row = self._index.at(head.seq)
        if row is None or row.hash != head.hash:
            raise JournalDamaged(
                self.path, self._seq + 1 if row is None else head.seq, self._end,
                f"to {head.seq} were signed and are gone or altered", KEEP,
            )  # fmt: skip

    # writing -----------------------------------------------------------------------------------

    def _commit(
        self, bodies: Sequence[tuple[str, dict[str, Any]]], *, sign: bool, closing: bool
    ) -> list[Record]:
        """Write, sync, enter in the index; the checkpoint, if any, is the batch's last record."""
        if self._broken or self._descriptor < 0:
            raise EngineError(self.path, "the journal is closed after a failed write", "restart")
        size = len(bodies) + sign
        utc = self._clock.utc()
        seq, prev, offset = self._seq, self._hash, self._end
        placed: list[Placed] = []
        lines: list[bytes] = []

        def enter(kind: str, body: Mapping[str, Any]) -> None:
            nonlocal seq, prev, offset
            seq += 1
            place = (len(placed) + 1, size)
            record = Record(seq, utc, kind, body, prev, "", place)
            prev, line = encode(record)
            if len(line) >= LONGEST_LINE:
                raise EngineError(f"journal {kind}", "the event is too long for one record")
            record = Record(seq, utc, kind, body, record.prev_hash, prev, place)
            placed.append(Placed(record, offset, offset + len(line)))
            lines.append(line)
            offset += len(line)

        for kind, body in bodies:
            enter(kind, body)
        if sign:
            event = checkpoints.sign(
                self._signer, self.created.journal, Head(seq, prev), closing=closing
            )
            enter(*item(event))
        self._write(b"".join(lines))
        self._enter(placed)
        if sign:
            self._signed = self._seq
            checkpoints.write_head(self.path, lines[-1])
        return [p.record for p in placed]

    def _write(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.write(self._descriptor, data[written:])
        except OSError as exc:
            # the part that was written is not an append; take it back so that the next one fits
            try:
                os.ftruncate(self._descriptor, self._end)
            except OSError:
                self._broken = True
            raise EngineError(self.path, f"cannot write the journal: {exc.strerror}") from exc
        try:
            os.fdatasync(self._descriptor)
        except OSError as exc:
            # after a failed sync the system may have dropped the pages: a second one proves nothing
            self._broken = True
            raise EngineError(self.path, f"the disk failed: {exc.strerror}") from exc

    def _enter(self, placed: Sequence[Placed]) -> None:
        try:
            self._index.add(placed)
        except EngineError:
            self._broken = True
            raise
        newest = placed[-1]
        self._seq, self._hash, self._end = newest.record.seq, newest.record.hash, newest.end

    def _fetch(self, row: Row) -> Record:
        line = os.pread(self._descriptor, row.end - row.offset, row.offset)
        record = decode(line, self.path, row.seq, row.offset)
        if record.hash != row.hash:
            raise JournalDamaged(self.path, row.seq, row.offset, "was replaced", KEEP)
        return record

    def _let_go(self) -> None:
        self._index.close()
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)  # and with it the lock
            self._descriptor = -1
