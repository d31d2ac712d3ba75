"""Whoever looks at the journal is in it before anything is shown (R16).

Owns: how a reader's look becomes a record, also while an engine holds the journal. Never: shows
anything, nor lets a look pass unrecorded. Strategy: the journal has one writer, so a reader who
finds it free writes the record himself; one who finds an engine at work leaves a note in the folder
beside the journal, which the engine records and takes away. A note that nobody takes is refused.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from lfr_engine.clock import Clock
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.events.engine import JournalViewed
from lfr_engine.journal.kinds import item
from lfr_engine.journal.place import key_path
from lfr_engine.journal.signing import load_key, sync_folder
from lfr_engine.journal.store import Journal, JournalInUse

PATIENCE_S = 10.0
"""How long a reader waits: an engine takes notes twice a second, and opens its list in a few."""
MOST_NOTES = 50
"""Notes taken at once, all in one append."""
_LONGEST_NOTE = 4096
_POLL_S = 0.1


def notes_folder(journal: Path) -> Path:
    """Where readers leave their notes for the engine."""
    return journal.with_name(f"{journal.name}.views")


def record_view(
    journal: Path, view: JournalViewed, clock: Clock, wait: Callable[[float], object]
) -> None:
    """Returns once the look is a durable record of ``journal``.

    wait: pauses for some seconds.

    Raises:
        RuleError: R16: a program that holds the journal did not record it.
        InputError: The journal or its key cannot be used.
    """
    note: Path | None = None
    give_up_ns = clock.monotonic_ns() + round(PATIENCE_S * 1e9)
    while clock.monotonic_ns() < give_up_ns:
        try:
            with Journal.open(journal, load_key(key_path(journal)), clock) as free:
                if note is None or _taken_back(note):
                    free.append(*item(view))
                return
        except JournalInUse:
            note = note or _leave(journal, view)
        wait(_POLL_S)
        if not note.exists():
            return
    if note is None or _taken_back(note):
        raise RuleError(
            "R16",
            journal,
            "the program that writes it did not record that you look",
            "try again when it runs in good order, or look at a copy of the file",
        )


def waiting_notes(journal: Path) -> list[tuple[Path, JournalViewed]]:
    """What readers left: at most ``MOST_NOTES``; what is no note is taken away.

    Call ``done`` with each once its record is durable.
    """
    try:
        found = sorted(notes_folder(journal).glob("*.json"))[:MOST_NOTES]
    except OSError:
        return []
    notes = []
    for path in found:
        try:
            with path.open("rb") as file:
                view = msgspec.json.decode(file.read(_LONGEST_NOTE), type=JournalViewed)
        except FileNotFoundError:  # its reader gave up
            continue
        except (OSError, msgspec.MsgspecError):
            path.unlink(missing_ok=True)
            continue
        notes.append((path, view))
    return notes


def done(notes: list[tuple[Path, JournalViewed]]) -> None:
    """The looks are records now: their readers may go on."""
    for path, _ in notes:
        path.unlink(missing_ok=True)


def _leave(journal: Path, view: JournalViewed) -> Path:
    folder = notes_folder(journal)
    name = secrets.token_hex(8)
    part, note = folder / f"{name}.part", folder / f"{name}.json"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(view))
        part.replace(note)
        sync_folder(folder)
    except OSError as exc:
        raise InputError(folder, f"cannot leave a note for the engine: {exc.strerror}") from exc
    return note


def _taken_back(note: Path) -> bool:
    """Whether the note still lay there; then nobody will record it any more."""
    try:
        note.unlink()
    except FileNotFoundError:
        return False
    return True
