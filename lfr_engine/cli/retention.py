"""``lfr retention``: what is kept for how long, what is due, and its erasure.

Owns: options, questions and wording. Never: decides what is due (``deployment.retention``), or
erases without having said what. Strategy: ``run`` says what it would do unless told ``--erase``.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from lfr_engine.cli.moments import MOMENT
from lfr_engine.clock import SystemClock
from lfr_engine.deployment.erasure import StoredItems, carry_out, of_vault
from lfr_engine.deployment.retention import (
    PROFILES,
    Item,
    due,
    in_words,
    inventory,
    plan,
)
from lfr_engine.errors import InputError
from lfr_engine.identity.vault import Certificate
from lfr_engine.journal.events.fields import Role
from lfr_engine.journal.events.watchlist import DeletionFailed, EvidenceHeld, EvidenceReleased
from lfr_engine.journal.kinds import item as journal_item
from lfr_engine.journal.lines import Record, committed
from lfr_engine.journal.place import journal_path, key_path
from lfr_engine.journal.signing import load_key
from lfr_engine.journal.store import Journal

_ROLES = ["engineer", "operator", "officer", "ao", "auditor"]


@click.group(name="retention")
def command() -> None:
    """What is kept for how long, what is due, and its erasure with certificates (R19).

    Evidence lies in $LFR_DATA/evidence, watchlists in $LFR_DATA/watchlists. A running engine
    erases by itself; these commands are for when it does not run.
    """


@command.command(name="show")
@click.option("--at", type=MOMENT, help="As if at this time; now where not given.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show(at: dt.datetime | None, as_json: bool) -> None:
    """Show the profiles, and everything kept with the time it is due."""
    now = at or SystemClock().utc()
    items = _kept() if journal_path().exists() else []
    overdue = {deletion.item.id for deletion in plan(items, now)}
    if as_json:
        table = {
            name: {what.value: in_words(name, what) for what in terms}
            for name, terms in PROFILES.items()
        }
        kept = [{**_described(item), "erase_now": item.id in overdue} for item in items]
        click.echo(json.dumps({"profiles": table, "kept": kept}, indent=2))
        return
    for name, terms in PROFILES.items():
        click.echo(f"{name}:")
        for what in terms:
            click.echo(f"  {what.value.replace('_', ' '):<20} {in_words(name, what)}")
    click.echo(f"\n{len(items)} kept, {len(overdue)} due")
    for item in items:
        click.echo(f"  {_line(item)}{'  DUE' if item.id in overdue else ''}")


@command.command(name="run")
@click.option("--erase", is_flag=True, help="Erase; without it, only say what would be erased.")
@click.option("--by", "actor", help="Who has it erased; needed with --erase.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def run(ctx: click.Context, erase: bool, actor: str | None, yes: bool) -> None:
    """Erase everything that is due and write certificates into the journal.

    Exit status 0: nothing due is left; 1: something could not be erased and is tried next time.
    """
    clock = SystemClock()
    deletions = plan(_kept(), clock.utc())
    for deletion in deletions:
        click.echo(f"due {deletion.due:%Y-%m-%d %H:%M} UTC  {_line(deletion.item)}")
    if not deletions:
        click.echo("nothing is due")
        return
    if not erase:
        click.echo(f"{len(deletions)} would be erased: lfr retention run --erase --by NAME")
        return
    if actor is None:
        raise InputError("--by", "erasing needs a name", "it goes into the certificate")
    if not yes:
        click.confirm(f"Erase {len(deletions)} for good?", abort=True)
    path = journal_path()
    with Journal.open(path, load_key(key_path(path)), clock) as journal:

        def certified(certificate: Certificate) -> None:
            journal.append(*journal_item(of_vault(certificate)))

        root = path.parent
        stored = StoredItems(root / "evidence", root / "watchlists", clock, certified, actor)
        # what is due is asked again: a hold may have been placed while the question stood
        events = carry_out(plan(inventory(_records(path)), clock.utc()), stored, actor)
        for event in events:
            journal.append(*journal_item(event))
    failed = [event for event in events if isinstance(event, DeletionFailed)]
    for event in failed:
        click.echo(f"{event.item}: not erased: {event.cause}", err=True)
    click.echo(f"{len(deletions) - len(failed)} erased, certificates are in {path}")
    if failed:
        ctx.exit(1)


@command.command(name="hold")
@click.argument("item_id", metavar="ITEM")
@click.option("--by", "actor", required=True, help="Who keeps it.")
@click.option("--role", type=click.Choice(_ROLES), required=True)
@click.option("--reason", required=True)
def hold(item_id: str, actor: str, role: Role, reason: str) -> None:
    """Keep evidence ITEM beyond its time, for a reason."""
    kept = _named(item_id)
    event = EvidenceHeld(
        actor=actor, role=role, item=item_id, reason=reason, deployment=kept.deployment
    )
    _write(event)
    click.echo(f"{item_id}: held")


@command.command(name="release")
@click.argument("item_id", metavar="ITEM")
@click.option("--by", "actor", required=True, help="Who lets it go.")
@click.option("--role", type=click.Choice(_ROLES), required=True)
@click.option("--reason", required=True)
def release(item_id: str, actor: str, role: Role, reason: str) -> None:
    """End the hold on ITEM: its profile applies again."""
    kept = _named(item_id)
    if kept.hold is None:
        raise InputError(f"item {item_id:.80}", "it is not held")
    event = EvidenceReleased(
        actor=actor, role=role, item=item_id, reason=reason, deployment=kept.deployment
    )
    _write(event)
    click.echo(f"{item_id}: released, due {due(kept):%Y-%m-%d %H:%M} UTC")


def _records(path: Path) -> Iterator[Record]:
    try:
        with path.open("rb") as file:
            for placed in committed(file, path):
                yield placed.record
    except FileNotFoundError as exc:
        raise InputError(
            path, "there is no journal here", "nothing was kept, or set LFR_DATA"
        ) from exc


def _kept() -> list[Item]:
    return inventory(_records(journal_path()))


def _named(item_id: str) -> Item:
    for item in _kept():
        if item.id == item_id:
            return item
    raise InputError(f"item {item_id:.80}", "nothing is kept under this name", "lfr retention show")


def _write(event: EvidenceHeld | EvidenceReleased) -> None:
    path = journal_path()
    kind, body = journal_item(event)
    with Journal.open(path, load_key(key_path(path)), SystemClock()) as journal:
        journal.append(kind, body)


def _described(item: Item) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(item)
    return {**built, "due": due(item).isoformat()}


def _line(item: Item) -> str:
    held = f"  held by {item.hold.actor}: {item.hold.reason}" if item.hold else ""
    return (
        f"{item.what.value.replace('_', ' '):<20} {item.id:<24} {item.profile:<7}"
        f"due {due(item):%Y-%m-%d %H:%M}{held}"
    )
