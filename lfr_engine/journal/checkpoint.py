"""Signed checkpoints: what binds the chain to a key, and the head file that outlives a cut.

Owns: the bytes that are signed, and ``<journal>.head``: a copy of the newest checkpoint's line.
A journal that was cut back no longer holds the record its head names. Strategy: hand the head (a
number and a hash, ``lfr journal verify`` prints it) to somebody else, and not even the owner of the
key can rewrite what was recorded until then.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lfr_engine.errors import EngineError, InputError
from lfr_engine.journal.events.engine import JournalCheckpoint, JournalCreated
from lfr_engine.journal.kinds import typed
from lfr_engine.journal.lines import LONGEST_LINE, JournalDamaged, Record, decode
from lfr_engine.journal.signing import Signer, signature_holds, sync_folder

CHECKPOINT = "journal.checkpoint"


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record somebody vouched for."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


def signed_bytes(journal: str, head: Head) -> bytes:
    """What a checkpoint signs: the journal's id, the record's number and its hash."""
    return f"lfr-journal-checkpoint 1 {journal} {head}".encode()


def sign(signer: Signer, journal: str, head: Head, *, closing: bool) -> JournalCheckpoint:
    """The event that vouches for ``head``."""
    return JournalCheckpoint(
        head_seq=head.seq,
        head_hash=head.hash,
        signature=signer.sign(signed_bytes(journal, head)),
        closing=closing,
    )


def holds(record: Record, created: JournalCreated, public_key: str, before: Head) -> bool:
    """Whether a checkpoint record vouches, with ``public_key``, for the record just before it.

    ``before`` is that record as the chain has it.
    """
    event = typed(record.kind, record.body)
    assert isinstance(event, JournalCheckpoint)
    if (event.head_seq, event.head_hash) != (before.seq, before.hash):
        return False
    return signature_holds(public_key, signed_bytes(created.journal, before), event.signature)


def head_path(journal: Path) -> Path:
    """Where the head file of a journal lies."""
    return journal.with_name(f"{journal.name}.head")


def write_head(journal: Path, line: bytes) -> None:
    """Replace the head file by the line of a checkpoint that is already durable in the journal.

    Raises:
        EngineError: The disk refuses it.
    """
    path = head_path(journal)
    part = path.with_name(f"{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        raise EngineError(path, f"cannot write the journal's head: {exc.strerror}") from exc


def read_head(journal: Path) -> Record | None:
    """The checkpoint in the head file; None where there is no such file.

    Raises:
        InputError: It is not the line of a checkpoint.
    """
    path = head_path(journal)
    try:
        with path.open("rb") as file:
            line = file.read(LONGEST_LINE)
        record = decode(line, path, 1, 0)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise InputError(path, f"the head file cannot be read: {exc.strerror}") from exc
    except JournalDamaged as exc:
        raise InputError(path, "the head file was altered") from exc
    if record.kind != CHECKPOINT:
        raise InputError(path, "the head file is not a checkpoint")
    return record
