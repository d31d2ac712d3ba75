"""The journal's file format: one JSON object a line, chained by SHA-256.

    {"hash":"<64 hex>","prev":"<64 hex>","seq":7,"utc":"…Z","kind":"…","batch":[1,1],"body":{…}}

``hash`` is the SHA-256 of the same line without its ``hash`` member and line feed; ``prev`` is the
hash of the line before (64 zeros in the first). The hash covers the literal bytes, so every byte
of the file counts: there is no header, padding or free space in which a byte could be altered
unseen, and no canonical form to argue about. ``batch`` is (place, size) of the record within
one append: an append is complete or absent.

Owns: encoding a record, reading the chain. Never: a decision about damage (``store`` and
``verification`` decide), a file handle of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from lfr_engine.errors import InputError

GENESIS = "0" * 64
LONGEST_LINE = 64 * 1024  # 500 entry ids of 80 characters are 42 KB
START = b'{"hash":"'
"""How every line begins."""
_AFTER = b'",'
_PAYLOAD = len(START) + 64 + len(_AFTER)


@dataclass(frozen=True, slots=True)
class Record:
    """One committed event. ``seq`` counts from 1 and is the cursor for reading on."""

    seq: int
    utc: dt.datetime
    kind: str
    body: Mapping[str, Any]
    prev_hash: str
    hash: str
    batch: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True)
class Placed:
    """A record and the bytes of the file it takes: ``offset`` to ``end``, line feed included."""

    record: Record
    offset: int
    end: int


class JournalDamaged(InputError):
    """A journal does not hold together.

    ``seq`` is the first bad record, ``offset`` the byte at which it begins, ``what`` says what is
    wrong with it. ``unfinished``: the file simply ends too early, by a writer at work or by a
    write that was cut short.
    """

    def __init__(
        self,
        subject: object,
        seq: int,
        offset: int,
        cause: str,
        mend: str = "",
        *,
        unfinished: bool = False,
    ) -> None:
        super().__init__(subject, f"record {seq} {cause}", mend)
        self.seq = seq
        self.offset = offset
        self.what = cause
        self.unfinished = unfinished


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    hash: str
    prev: str
    seq: int
    utc: dt.datetime
    kind: str
    batch: tuple[int, int]
    body: dict[str, Any]


_decoder = msgspec.json.Decoder(_Line)


def encode(record: Record) -> tuple[str, bytes]:
    """Hash and line of a record whose own ``hash`` is not known yet."""
    payload = msgspec.json.encode(
        {
            "prev": record.prev_hash,
            "seq": record.seq,
            "utc": utc_text(record.utc),
            "kind": record.kind,
            "batch": record.batch,
            "body": record.body,
        }
    )
    digest = hashlib.sha256(payload).hexdigest()
    return digest, START + digest.encode() + _AFTER + payload[1:] + b"\n"


def utc_text(utc: dt.datetime) -> str:
    """ISO 8601 with microseconds and ``Z``: of fixed width, so texts order as times do."""
    return utc.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def decode(line: bytes, subject: object, seq: int, offset: int) -> Record:
    """Read one line (with its line feed) and check it against its own hash.

    Args:
        line: The bytes.
        subject: The file, for messages.
        seq: Which record this is by its place.
        offset: Where the line begins.

    Raises:
        JournalDamaged: It is cut short, was altered, or is not a record.
    """
    if not line.endswith(b"\n"):
        short = len(line) < LONGEST_LINE
        cause = "is cut short" if short else "is longer than any record"
        raise JournalDamaged(subject, seq, offset, cause, unfinished=short)
    payload = b"{" + line[_PAYLOAD:-1]
    stated = line[len(START) : len(START) + 64]
    framed = line.startswith(START) and line[_PAYLOAD - len(_AFTER) : _PAYLOAD] == _AFTER
    if not framed or hashlib.sha256(payload).hexdigest().encode() != stated:
        raise JournalDamaged(subject, seq, offset, "was altered: its hash does not fit")
    try:
        parsed = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise JournalDamaged(subject, seq, offset, f"is not a record: {exc}") from exc
    return Record(
        parsed.seq, parsed.utc, parsed.kind, parsed.body, parsed.prev, parsed.hash, parsed.batch
    )


def chain(
    file: BinaryIO, subject: object, *, offset: int = 0, after: int = 0, prev: str = GENESIS
) -> Iterator[Placed]:
    """Walk the records from ``offset`` to the end of the file, checking each against the last.

    Args:
        file: Read from, in order; its position is moved.
        subject: The file's name, for messages.
        offset: First byte of record ``after + 1``.
        after: The record before.
        prev: That record's hash.

    Raises:
        JournalDamaged: At the first record that is not what the chain asks for. Everything
            yielded before it holds.
    """
    file.seek(offset)
    place, size = 1, 1
    while line := file.readline(LONGEST_LINE):
        seq = after + 1
        record = decode(line, subject, seq, offset)
        if record.seq != seq:
            raise JournalDamaged(
                subject, seq, offset, f"is missing or moved: record {record.seq} is in its place"
            )
        if record.prev_hash != prev:
            raise JournalDamaged(subject, seq, offset, "does not follow the record before it")
        expected = (1, record.batch[1]) if place == size else (place + 1, size)
        if record.batch != expected or not 1 <= record.batch[0] <= record.batch[1]:
            raise JournalDamaged(subject, seq, offset, "is not the next of its batch")
        place, size = record.batch
        end = offset + len(line)
        yield Placed(record, offset, end)
        after, prev, offset = seq, record.hash, end
    if place != size:
        cause = f"is missing: {size - place} more belong to its batch"
        raise JournalDamaged(subject, after + 1, offset, cause, unfinished=True)


def committed(file: BinaryIO, subject: object, *, resume: Placed | None = None) -> Iterator[Placed]:
    """As ``chain`` for a journal that may be growing: stops before an append that is not complete.

    Args:
        file: Read from.
        subject: The file's name.
        resume: The last record that was read, to read on behind it; from the beginning if None.

    Raises:
        JournalDamaged: A record is bad and it is not the unfinished end of the file.
    """
    batch: list[Placed] = []
    try:
        for placed in chain(
            file,
            subject,
            offset=resume.end if resume else 0,
            after=resume.record.seq if resume else 0,
            prev=resume.record.hash if resume else GENESIS,
        ):
            batch.append(placed)
            if placed.record.batch[0] == placed.record.batch[1]:
                yield from batch
                batch.clear()
    except JournalDamaged as damage:
        if not damage.unfinished:
            raise
