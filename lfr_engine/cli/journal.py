"""``lfr journal``: verify, show and export the tamper-evident record.

Owns: options, filters and wording. Never: changes a journal, but for the record of
``clock-corrected`` and of every look by ``show`` and ``export`` at this machine's own one (R16).
Strategy: reads the file itself, so that it works on a copy, without the engine and while it writes.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import json
import os
import pwd
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from lfr_engine.cli.moments import MOMENT
from lfr_engine.clock import SystemClock
from lfr_engine.errors import InputError
from lfr_engine.journal.checkpoint import Head
from lfr_engine.journal.events.engine import ClockCorrected, JournalViewed
from lfr_engine.journal.kinds import KINDS, item
from lfr_engine.journal.lines import Placed, Record, committed, utc_text
from lfr_engine.journal.place import journal_path, key_path
from lfr_engine.journal.signing import fingerprint, load_key
from lfr_engine.journal.store import Journal
from lfr_engine.journal.verification import verify
from lfr_engine.journal.viewing import record_view

_POLL_S = 0.3  # how late a followed record may appear
_MOST_LAST = 100_000

Command = Callable[..., None]


@click.group(name="journal")
def command() -> None:
    """Verify, show and export the tamper-evident record.

    The journal is one text file, a JSON object a line, each chained to the one before by SHA-256.
    PATH is the file, or a copy with its .head file beside it; this machine's own where none is
    given ($LFR_DATA/journal.jsonl).
    """


@command.command(name="verify")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--key", help="The public key you trust it to be signed with.")
@click.option(
    "--expect", metavar="SEQ:HASH", help="A head handed out earlier: must still be there."
)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_context
def verify_journal(
    ctx: click.Context, path: Path | None, key: str | None, expect: str | None, as_json: bool
) -> None:
    """Prove that nothing was altered, removed, moved or added; name the first bad record.

    Works offline on a copy. Exit status 0: it holds; 1: it does not.
    """
    path = path or journal_path()
    result = verify(path, key, _head(expect) if expect else None)
    if as_json:
        click.echo(json.dumps({**asdict(result), "head": str(result.head)}, indent=2))
    else:
        click.echo(f"{path}: {'holds' if result.ok else 'DOES NOT HOLD'}")
        if result.cause:
            click.echo(f"  {result.cause}")
        if result.unfinished:
            click.echo("  a writer is at work, or one was cut short: the next start repairs that")
        click.echo(f"  records that hold  {result.records}, signed to {result.signed}")
        click.echo(f"  head               {result.head}")
        if result.public_key:
            click.echo(
                f"  key                {result.public_key} ({fingerprint(result.public_key)})"
            )
        for notice in result.notices:
            click.echo(f"  note               {notice}")
    if not result.ok:
        ctx.exit(1)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted."""

    kinds: frozenset[str]
    deployment: str | None
    since: dt.datetime | None
    until: dt.datetime | None
    after: int

    def wants(self, record: Record) -> bool:
        """Whether every condition that was given holds."""
        return (
            record.seq > self.after
            and (not self.kinds or record.kind in self.kinds)
            and (self.deployment is None or record.body.get("deployment") == self.deployment)
            and (self.since is None or record.utc >= self.since)
            and (self.until is None or record.utc < self.until)
        )


def _filters(function: Command) -> Command:
    """The options by which ``show`` and ``export`` choose records."""
    for option in reversed(
        (
            click.option(
                "--kind", "kinds", multiple=True, help="Kinds or patterns, such as alert.*"
            ),
            click.option("--deployment", help="Only this deployment's."),
            click.option("--since", type=MOMENT, help="From this time on (UTC)."),
            click.option("--until", type=MOMENT, help="Before this time (UTC)."),
            click.option("--after", type=int, default=0, help="Behind this record number."),
            click.option("--by", "viewer", help="Who looks; your login name if left out (R16)."),
            click.option("--purpose", help="Why; recorded with it."),
        )
    ):
        function = option(function)
    return function


def _chosen(
    kinds: tuple[str, ...],
    deployment: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    after: int,
) -> Filter:
    names: set[str] = set()
    for pattern in kinds:
        found = fnmatch.filter(KINDS, pattern)
        if not found:
            raise InputError(
                f"--kind {pattern}", "no kind of record is called so", "see docs/journal.md"
            )
        names.update(found)
    return Filter(frozenset(names), deployment, since, until, after)


@command.command(name="show")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@_filters
@click.option(
    "--last", type=click.IntRange(1, _MOST_LAST), default=50, help="How many; 50 unless told."
)
@click.option("--follow", "-f", is_flag=True, help="Go on as records are written.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(
    path: Path | None,
    last: int,
    follow: bool,
    as_json: bool,
    viewer: str | None,
    purpose: str | None,
    **filters: Any,
) -> None:
    """Show the newest records that fit, oldest first.

    That somebody looked at this machine's own journal is recorded in it first (R16).
    """
    path = path or journal_path()
    wanted = _chosen(**filters)
    _record_look(path, viewer, purpose, exported=False)
    say = _as_json if as_json else _as_text
    with _reading(path) as file:
        newest: deque[Record] = deque(maxlen=last)
        placed: Placed | None = None
        for placed in committed(file, path):
            if wanted.wants(placed.record):
                newest.append(placed.record)
        for record in newest:
            click.echo(say(record))
        if follow:
            for record in _followed(file, path, placed):
                if wanted.wants(record):
                    click.echo(say(record))


@command.command(name="export")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@_filters
@click.option(
    "--to", type=click.Path(path_type=Path), help="Into this new file; else to the terminal."
)
def export(
    path: Path | None, to: Path | None, viewer: str | None, purpose: str | None, **filters: Any
) -> None:
    """Write every record that fits as JSON lines, with number, time and hashes.

    A filtered export is for reading; evidence is a copy of the journal and its .head file. That
    this machine's own journal was exported is recorded in it first (R16).
    """
    path = path or journal_path()
    wanted = _chosen(**filters)
    if to is not None and to.exists():
        raise InputError(to, "this file exists already", "choose another name")
    _record_look(path, viewer, purpose, exported=True)
    with _reading(path) as file:
        lines = (
            _as_json(placed.record)
            for placed in committed(file, path)
            if wanted.wants(placed.record)
        )
        if to is None:
            for line in lines:
                click.echo(line)
            return
        try:
            with to.open("x", encoding="utf-8") as out:
                count = 0
                for line in lines:
                    out.write(line + "\n")
                    count += 1
                out.flush()
                os.fsync(out.fileno())
        except FileExistsError as exc:
            raise InputError(to, "this file exists already", "choose another name") from exc
        except OSError as exc:
            raise InputError(to, f"cannot write the export: {exc.strerror}") from exc
    click.echo(f"{to}: {count} records")


@command.command(name="clock-corrected")
@click.option("--by", "actor", required=True, help="Who vouches for the clock.")
@click.option("--reason", required=True, help="Why the journal holds later times.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clock_corrected(actor: str, reason: str, yes: bool) -> None:
    """Vouch that the clock is right now although the journal holds later times (R3).

    Needed once after a machine ran with a clock that was ahead; the record says who and why.
    """
    path, clock = journal_path(), SystemClock()
    if not yes:
        click.confirm(
            f"The clock reads {clock.utc():%Y-%m-%d %H:%M:%S} UTC. Is that right?", abort=True
        )
    with Journal.open(path, load_key(key_path(path)), clock) as journal:
        event = ClockCorrected(actor=actor, role="engineer", reason=reason)
        record = journal.append(*item(event))
    click.echo(f"{path}: recorded as {record.seq}")


def _record_look(path: Path, viewer: str | None, purpose: str | None, *, exported: bool) -> None:
    """Copies are read freely, and so is a journal whose key is gone: nobody can write it."""
    own = journal_path()
    written = own.exists() and key_path(own).exists()
    if not (written and path.exists() and path.samefile(own)):
        return
    try:
        actor = viewer or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        actor = f"uid {os.getuid()}"
    reason = purpose or ("lfr journal export" if exported else "lfr journal show")
    try:
        view = msgspec.convert(
            {"actor": actor, "role": "auditor", "purpose": reason, "exported": exported},
            JournalViewed,
        )
    except msgspec.ValidationError as exc:
        raise InputError("--by or --purpose", f"cannot be recorded: {exc}") from exc
    record_view(own, view, SystemClock(), threading.Event().wait)


def _head(text: str) -> Head:
    seq, _, digest = text.partition(":")
    if not seq.isdecimal() or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InputError(f"--expect {text:.80}", "not of the form SEQ:HASH, as verify prints it")
    return Head(int(seq), digest)


def _reading(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as exc:
        raise InputError(path, "there is no journal here", "name one, or run the engine") from exc
    except OSError as exc:
        raise InputError(path, f"cannot read the journal: {exc.strerror}") from exc


def _followed(file: BinaryIO, path: Path, last: Placed | None) -> Iterator[Record]:
    never = threading.Event()
    while True:
        for placed in committed(file, path, resume=last):
            yield placed.record
            last = placed
        never.wait(_POLL_S)


def _as_json(record: Record) -> str:
    return msgspec.json.encode(
        {
            "seq": record.seq,
            "utc": utc_text(record.utc),
            "kind": record.kind,
            "body": record.body,
            "prev": record.prev_hash,
            "hash": record.hash,
        }
    ).decode()


def _as_text(record: Record) -> str:
    words = " ".join(f"{name}={_value(value)}" for name, value in record.body.items())
    return f"{record.seq:>7} {utc_text(record.utc)[:-4]}Z {record.kind:<22} {words}"


def _value(value: object) -> str:
    # texts come from people and networks: nothing in them may steer the terminal
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return json.dumps(value, separators=(",", ":"))
