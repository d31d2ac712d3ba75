"""Proof, offline and on a copy, that a journal is whole: chain, signatures, head.

Owns: ``verify``. Never: writes, or needs the engine, its index or its private key. Strategy: one
pass over the file. The chain finds any altered, missing, moved or added byte; signatures find a
chain that somebody computed anew; the head file, or a head that was handed out earlier, finds a
journal that was cut back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lfr_engine.errors import InputError, LfrError
from lfr_engine.journal.checkpoint import CHECKPOINT, Head, holds, read_head
from lfr_engine.journal.events.engine import JournalCreated
from lfr_engine.journal.kinds import typed
from lfr_engine.journal.lines import GENESIS, JournalDamaged, Record, chain
from lfr_engine.journal.signing import fingerprint


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What the proof found.

    first_bad: number of the first record that does not hold; None when all do or when ``cause``
    is about the head. records: how many hold before it. checkpoints: good signatures among them;
    signed: the last record they cover. closed: the journal ends with an orderly close. unfinished:
    all that is wrong is a last append that is not complete, by a writer at work or a crash.
    notices: what could not be proved, in words.
    """

    ok: bool
    records: int
    checkpoints: int
    signed: int
    closed: bool
    head: Head
    public_key: str
    first_bad: int | None = None
    cause: str = ""
    unfinished: bool = False
    notices: tuple[str, ...] = ()


@dataclass(slots=True)
class _Walk:
    """What one pass has seen so far."""

    created: JournalCreated | None = None
    public_key: str = ""
    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    signed: int = 0
    checkpoints: int = 0
    closed: bool = False
    clock_steps: int = 0
    bad: int | None = None
    cause: str = ""
    unfinished: bool = False
    awaited: dict[int, str] = field(default_factory=dict)
    last: Record | None = None

    def fail(self, seq: int | None, cause: str) -> None:
        if not self.cause:
            self.bad, self.cause = seq, cause


def verify(path: Path, public_key: str | None = None, expect: Head | None = None) -> VerifyResult:
    """Prove a journal, or name its first bad record.

    Args:
        path: The journal or a copy; its head file is used where it lies beside it.
        public_key: The key it must be signed with, from a source you trust. None uses the one the
            journal states, which proves that it is whole but not who wrote it.
        expect: A head handed out earlier: that record must still be there.

    Raises:
        InputError: The file cannot be read at all, or ``public_key`` is not a key.
    """
    if public_key is not None:
        fingerprint(public_key)  # a key that is none must not look like a bad journal
    notices: list[str] = []
    walk = _Walk(public_key=public_key or "")
    if expect is not None:
        walk.awaited[expect.seq] = expect.hash
    try:
        beside = read_head(path)
    except InputError as exc:
        beside = None
        walk.fail(None, exc.cause)
    else:
        if beside is None:
            notices.append("no head file beside it: a cut behind a checkpoint would not be seen")
        else:
            walk.awaited.setdefault(beside.seq, beside.hash)
            if walk.awaited[beside.seq] != beside.hash:
                walk.fail(None, "the head file contradicts the expected head")
    try:
        with path.open("rb") as file:
            for placed in chain(file, path):
                if not _step(walk, placed.record):
                    break
    except JournalDamaged as damage:
        # a cut before a record that was vouched for is never a writer at work
        walk.unfinished = damage.unfinished and not walk.cause and not walk.awaited
        walk.fail(damage.seq, damage.cause)
    except OSError as exc:
        raise InputError(path, f"cannot read the journal: {exc.strerror}") from exc
    _end(walk, notices, trusted=public_key is not None)
    return VerifyResult(
        ok=not walk.cause,
        records=walk.head.seq,
        checkpoints=walk.checkpoints,
        signed=walk.signed,
        closed=walk.closed,
        head=walk.head,
        public_key=walk.public_key,
        first_bad=walk.bad,
        cause=walk.cause,
        unfinished=walk.unfinished,
        notices=tuple(notices),
    )


def _step(walk: _Walk, record: Record) -> bool:
    """Check what the chain cannot: the first record, signatures and awaited heads."""
    seq = record.seq
    if seq == 1:
        try:
            created = typed(record.kind, record.body)
        except LfrError:
            created = None
        if not isinstance(created, JournalCreated):
            walk.fail(1, "record 1 does not begin a journal")
            return False
        walk.created = created
        walk.public_key = walk.public_key or created.public_key
        if walk.public_key != created.public_key:
            walk.fail(1, "record 1 names another key than the one you trust")
            return False
    if record.kind == CHECKPOINT:
        assert walk.created is not None
        try:
            good = holds(record, walk.created, walk.public_key, walk.head)
        except LfrError:
            good = False
        if not good:
            walk.fail(
                seq, f"record {seq} is a checkpoint whose signature does not hold: "
                f"records {walk.signed + 1} to {seq} are not proved",
            )  # fmt: skip
            return False
        walk.signed = seq
        walk.checkpoints += 1
    awaited = walk.awaited.pop(seq, None)
    if awaited is not None and awaited != record.hash:
        walk.fail(seq, f"record {seq} is not the one that was signed for")
        return False
    if walk.last is not None and record.utc < walk.last.utc:
        walk.clock_steps += 1
    walk.head = Head(seq, record.hash)
    walk.closed = record.kind == CHECKPOINT and bool(record.body.get("closing"))
    walk.last = record
    return True


def _end(walk: _Walk, notices: list[str], *, trusted: bool) -> None:
    seq = walk.head.seq
    if walk.created is None and not walk.cause:
        walk.fail(1, "record 1 is missing: the file is empty")
    beyond = [awaited for awaited in walk.awaited if awaited > seq]
    if beyond and not walk.cause:
        walk.fail(
            seq + 1, f"record {seq + 1} is missing: the journal once reached {max(beyond)} and "
            "was cut back",
        )  # fmt: skip
    if not trusted:
        notices.append("proved with the key the journal itself states: name the key you trust")
    if seq > walk.signed:
        notices.append(f"records {walk.signed + 1} to {seq} are chained but not yet signed")
    if not walk.closed:
        notices.append("not closed in order: copied while it was written, or after a crash")
    if walk.clock_steps:
        notices.append(f"the clock went back {walk.clock_steps} times between records")
