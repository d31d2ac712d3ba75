"""Putting people on a stored watchlist: rows with provenance and pictures in, a report out.

Owns: the reading of an import, the order of the checks on a row, what is committed. Never: a row
that lacks a field, a picture the gate refused, a silent loss – whatever is not taken is in the
report with its reason. Strategy: judge everything first, then commit once, so that an import cut
short changes nothing.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lfr_engine.enrolment.folder import Progress
from lfr_engine.enrolment.gate import OPEN_LIMITS, Gate
from lfr_engine.enrolment.image import Enrolled, Pack, enrol_image
from lfr_engine.enrolment.rejection import Reason, Rejected
from lfr_engine.errors import RuleError, WatchlistError
from lfr_engine.identity.store import StoredWatchlist, Templates, new_object
from lfr_engine.identity.watchlist import (
    REQUIRED,
    Act,
    Entry,
    Reference,
    Watchlist,
    entry_from_fields,
)
from lfr_engine.vision.frame import FloatArray
from lfr_engine.vision.quality import Quality

OPTIONAL = ("under_18_rationale", "images", "taken")
"""Columns beyond the required: picture files in the folder, by ``;``; the day they were taken."""
MAX_PICTURE_AGE = dt.timedelta(days=3653)
"""Ten years, the life of an adult's passport picture: older ones no longer show the person."""
MAX_ROWS = 100_000
"""Five times the largest lists in use; more is a wrong file."""
MAX_PICTURES = 10
"""Of one person: more win more borderline matches and cost every comparison."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person to be listed. subject names them in reports. pictures: files, or their bytes."""

    subject: str
    fields: Mapping[str, str]
    pictures: tuple[Path | bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of an import: the entries taken, and everything that was not.

    quality: of the pictures that were taken, by their object's name.
    """

    added: tuple[Entry, ...]
    rejects: tuple[Rejected, ...]
    quality: Mapping[str, Quality]


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    entry: Entry
    pictures: Mapping[str, bytes] = field(repr=False)
    rows: FloatArray = field(repr=False)
    quality: Mapping[str, Quality]


def read_csv(table: Path, images: Path) -> list[Row]:
    """The rows of an import and each one's picture files under ``images``.

    Where ``images`` of a row is empty, its files are ``ID.*`` or everything in the folder ``ID``.
    Raises ``WatchlistError`` where the table cannot be read or lacks a column (all are named).
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            missing = [name for name in REQUIRED if name not in names]
            if missing:
                raise WatchlistError(
                    table, f"has no column {', '.join(missing)} (R15)", "add it to the first line"
                )
            unknown = [name for name in names if name not in {*REQUIRED, *OPTIONAL}]
            if unknown:
                raise WatchlistError(
                    table,
                    f"has unknown columns: {', '.join(unknown)}",
                    f"the optional ones are {', '.join(OPTIONAL)}",
                )
            reader.fieldnames = names
            rows = list(_rows(reader, table, images))
    except OSError as error:
        raise WatchlistError(table, f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise WatchlistError(table, f"is not a CSV file in UTF-8: {error}") from error
    if not rows:
        raise WatchlistError(table, "holds no rows")
    return rows


def register(
    stored: StoredWatchlist,
    rows: Sequence[Row],
    pack: Pack,
    today: dt.date,
    progress: Progress | None = None,
    gate: Gate | None = None,
) -> Registered:
    """Judge every row, then add all that passed in one commit.

    Raises ``RuleError`` where the list is sealed, ``InputError`` (R5) where its templates are of
    another pack; a poor row or picture is a ``Rejected``, not an error.
    """
    before = stored.watchlist
    before.require_allowed(Act.ADD)
    existing = stored.templates()
    if existing is not None:
        pack.contract.require(existing.contract, f"watchlist {before.id}")
    seen = {ref.sha256: one.id for one in before.entries for ref in one.references}
    watchlist: Watchlist = before
    accepted: list[_Judged] = []
    rejects: list[Rejected] = []
    for done, row in enumerate(rows, 1):
        judged, refused = _judge(row, pack, today, gate or Gate(), seen)
        rejects += refused
        if judged is not None:
            try:
                watchlist = watchlist.with_entry(judged.entry)
            except WatchlistError as error:  # listed already; a sealed list is a RuleError
                rejects.append(Rejected(row.subject, Reason.DUPLICATE_PERSON, error.cause))
            else:
                accepted.append(judged)
                seen |= {ref.sha256: judged.entry.id for ref in judged.entry.references}
        if progress is not None:
            progress(done, len(rows))
    if accepted:
        stored.commit(watchlist, _joined(existing, accepted, pack), _pictures(accepted))
    measured = {name: found for one in accepted for name, found in one.quality.items()}
    return Registered(tuple(one.entry for one in accepted), tuple(rejects), measured)


def re_encode(stored: StoredWatchlist, pack: Pack, progress: Progress | None = None) -> None:
    """Make all templates anew with ``pack`` from the pictures in the vault (change of pack).

    Quality was judged when the pictures came; here only a picture in which this pack finds no face
    is an error: ``WatchlistError`` naming the entry, and nothing is changed.
    """
    references = [(one, ref) for one in stored.watchlist.entries for ref in one.references]
    rows: list[FloatArray] = []
    for done, (entry, reference) in enumerate(references, 1):
        result = enrol_image(stored.picture(reference.object), pack, Gate(OPEN_LIMITS))
        if isinstance(result, Rejected):
            raise WatchlistError(
                entry.id,
                f"a reference picture does not work with pack {pack.contract.pack}: {result.text}",
                "keep the pack, or build the list anew with another picture",
            )
        rows.append(result.template)
        if progress is not None:
            progress(done, len(references))
    names = tuple(ref.object for _, ref in references)
    watchlist = stored.watchlist.re_encoded()
    stored.commit(watchlist, Templates(pack.contract, names, np.stack(rows)))


def _rows(reader: csv.DictReader[str], table: Path, images: Path) -> Iterator[Row]:
    for number, line in enumerate(reader, 2):
        if number > MAX_ROWS + 1:
            raise WatchlistError(table, f"holds more than {MAX_ROWS:,} rows")
        fields = {name: (line.get(name) or "").strip() for name in (*REQUIRED, *OPTIONAL)}
        subject = f"{table.name} line {number}" + (f" ({fields['id']})" if fields["id"] else "")
        yield Row(subject, fields, _pictures_of(fields, images))


def _pictures_of(fields: Mapping[str, str], images: Path) -> tuple[Path, ...]:
    if fields["images"]:
        named = [one.strip() for one in fields["images"].split(";")]
        return tuple(images / one for one in named if one)
    person = fields["id"]
    if not person or "/" in person or person.startswith("."):
        return ()
    folder = images / person
    if folder.is_dir():
        return tuple(sorted(one for one in folder.iterdir() if not one.name.startswith(".")))
    return tuple(sorted(one for one in images.glob("*") if one.stem == person))


def _judge(
    row: Row, pack: Pack, today: dt.date, gate: Gate, seen: Mapping[str, str]
) -> tuple[_Judged | None, list[Rejected]]:
    """One row: what is kept of it, and what is refused."""
    try:
        entry = entry_from_fields(row.fields, today)
        taken = _taken(row, today)
    except RuleError as error:
        return None, [Rejected(row.subject, Reason.MISSING_FIELD, f"{error.cause} {error.mend}")]
    if taken is not None and today - taken > MAX_PICTURE_AGE:
        text = f"its picture of {taken} is more than ten years old"
        return None, [Rejected(row.subject, Reason.TOO_OLD, text)]
    if not 1 <= len(row.pictures) <= MAX_PICTURES:
        text = f"has {len(row.pictures) or 'no'} pictures; 1 to {MAX_PICTURES} are needed"
        return None, [Rejected(row.subject, Reason.UNREADABLE, text)]
    rejects: list[Rejected] = []
    references: list[Reference] = []
    pictures: dict[str, bytes] = {}
    rows: list[FloatArray] = []
    measured: dict[str, Quality] = {}
    for picture in row.pictures:
        subject = f"{row.subject}: {picture.name}" if isinstance(picture, Path) else row.subject
        result = enrol_image(picture, pack, gate, subject=subject)
        if isinstance(result, Enrolled) and seen.get(result.sha256, entry.id) != entry.id:
            text = f"is also the picture of {seen[result.sha256]}"
            result = Rejected(result.subject, Reason.DUPLICATE_PERSON, text)
        if isinstance(result, Rejected):
            rejects.append(result)
            continue
        name = new_object("p")
        references.append(Reference(name, result.sha256, result.quality.overall, taken))
        pictures[name] = result.data
        rows.append(result.template)
        measured[name] = result.quality
    if not references:
        return None, rejects
    listed = replace(entry, references=tuple(references))
    return _Judged(listed, pictures, np.stack(rows), measured), rejects


def _taken(row: Row, today: dt.date) -> dt.date | None:
    text = row.fields.get("taken", "")
    if not text:
        return None
    try:
        taken = dt.date.fromisoformat(text)
    except ValueError as error:
        raise RuleError("R14", row.subject, f"taken {text:.20} is not a date") from error
    if taken > today:
        raise RuleError("R14", row.subject, f"taken {taken} lies in the future")
    return taken


def _joined(existing: Templates | None, accepted: Sequence[_Judged], pack: Pack) -> Templates:
    new = Templates(
        pack.contract,
        tuple(ref.object for one in accepted for ref in one.entry.references),
        np.concatenate([one.rows for one in accepted]),
    )
    return new if existing is None else existing.with_more(new)


def _pictures(accepted: Sequence[_Judged]) -> dict[str, bytes]:
    return {name: data for one in accepted for name, data in one.pictures.items()}
