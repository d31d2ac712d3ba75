"""``lfr watchlist``: build, check, seal, change and destroy watchlists.

Owns: options, questions and the order of steps: judge, ask, commit, journal. Never: a rule (they
are in ``identity`` and ``enrolment``), how a report looks (``watchlist_view``), what is journalled
of a list (``watchlist_records``). Strategy: every command opens the journal first, because what
cannot be recorded is not done.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from lfr_engine.app.enrolling import enrol
from lfr_engine.cli import watchlist_records as records
from lfr_engine.cli import watchlist_view as view
from lfr_engine.cli.asked import Asked
from lfr_engine.cli.moments import MOMENT
from lfr_engine.clock import SystemClock
from lfr_engine.enrolment.image import Pack
from lfr_engine.enrolment.register import Registered, Row, re_encode, read_csv
from lfr_engine.errors import InputError, RuleError
from lfr_engine.evaluation.progress import progress_bars
from lfr_engine.identity import keys as key_sources
from lfr_engine.identity.keys import KeySource
from lfr_engine.identity.store import StoredWatchlist
from lfr_engine.identity.vault import (
    create_vault,
    erase_expired,
    erase_vault,
    open_vault,
)
from lfr_engine.identity.watchlist import REQUIRED, Category, Priority
from lfr_engine.inference.pack import open_pack
from lfr_engine.inference.session import DeviceOptions
from lfr_engine.inference.store import ModelStore, data_folder
from lfr_engine.journal.events import watchlist as events

KEY_VARIABLE = "LFR_WATCHLIST_KEY"
PASSPHRASE_VARIABLE = "LFR_WATCHLIST_PASSPHRASE"  # noqa: S105 - the variable's name

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Access:
    """How the vault is opened, and by whom."""

    key_file: Path | None
    credential: str | None
    passphrase: bool
    by: str

    def source(self, *, confirm: bool = False) -> KeySource:
        """The key source named by the options or the environment; raises ``RuleError`` (R4)."""
        if self.passphrase:
            text = os.environ.get(PASSPHRASE_VARIABLE) or click.prompt(
                "passphrase", hide_input=True, confirmation_prompt=confirm, err=True
            )
            return key_sources.passphrase(text)
        if self.credential:
            return key_sources.credential(self.credential)
        if self.key_file:
            return key_sources.key_file(self.key_file)
        raise RuleError(
            "R4",
            "watchlist key",
            "none was named",
            "make one with: lfr watchlist key FILE, then give --key-file FILE or --passphrase",
        )


def with_access(function: F) -> F:
    """The options every command that opens a vault has, as one ``access`` argument."""

    def wrapped(
        key_file: Path | None, credential: str | None, passphrase: bool, by: str, **rest: Any
    ) -> Any:
        return function(access=Access(key_file, credential, passphrase, by), **rest)

    wrapped.__doc__ = function.__doc__
    wrapped.__name__ = function.__name__
    decorated: Any = wrapped
    for option in (
        click.option("--by", cls=Asked, rule="R16", help="Who does this; recorded (R16)."),
        click.option("--passphrase", is_flag=True, help=f"Ask; or ${PASSPHRASE_VARIABLE}."),
        click.option("--credential", help="Name of a systemd credential that holds the key."),
        click.option(
            "--key-file",
            envvar=KEY_VARIABLE,
            type=click.Path(path_type=Path),
            help=f"File that holds the key; or ${KEY_VARIABLE}.",
        ),
    ):
        decorated = option(decorated)
    result: F = decorated
    return result


list_argument = click.argument("watchlist", metavar="ID")
pack_option = click.option("--pack", help="Model pack; the default pack if left out.")
precision_option = click.option("--precision", help="As pinned in the engine; the device's own.")
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable.")


@click.group(name="watchlist")
def command() -> None:
    """Build, check, seal, change and destroy watchlists (R4, R14, R15).

    A list lies encrypted in $LFR_DATA/watchlists/ID until it expires or is destroyed. Every change
    goes into the journal with the name given by --by.
    """


@command.command(name="key")
@click.argument("file", type=click.Path(path_type=Path))
def new_key(file: Path) -> None:
    """Make a key file. Keep it apart from the data, best on removable media or in systemd."""
    key_sources.new_key_file(file)
    click.echo(f"{file}: made; name it with --key-file or ${KEY_VARIABLE}")


@command.command(name="new")
@list_argument
@click.option("--reason", cls=Asked, rule="R15", help="What the list is for.")
@click.option("--expires", type=MOMENT, help="Erased then at the latest; 48 h from now if unsaid.")
@with_access
def new(access: Access, watchlist: str, reason: str, expires: dt.datetime | None) -> None:
    """Begin an empty list."""
    clock = SystemClock()
    source = access.source(confirm=True)
    with records.journal() as record:
        ends = expires or clock.utc() + dt.timedelta(hours=48)
        vault = create_vault(records.folder(watchlist), watchlist, source, clock, ends)
        StoredWatchlist.create(vault)
        record(
            events.WatchlistCreated(
                actor=access.by, role=records.ROLE, watchlist=watchlist, reason=reason
            )
        )
    click.echo(f"{watchlist}: begun; it is erased {ends:%Y-%m-%d %H:%M} UTC at the latest")


@command.command(name="add")
@list_argument
@click.option(
    "--image", "images", multiple=True, cls=Asked, rule="R15", type=click.Path(path_type=Path)
)
@click.option("--id", cls=Asked, rule="R15", help="The force's reference for the person.")
@click.option("--label", cls=Asked, rule="R15", help="What operators are shown.")
@click.option("--category", cls=Asked, rule="R15", help=", ".join(one.value for one in Category))
@click.option("--source", cls=Asked, rule="R15", help="Where picture and request come from.")
@click.option("--lawful-basis", cls=Asked, rule="R15")
@click.option("--reason", cls=Asked, rule="R15")
@click.option("--priority", cls=Asked, rule="R15", help=", ".join(one.value for one in Priority))
@click.option("--expected-action", cls=Asked, rule="R15", help="What officers are to do.")
@click.option("--last-checked", cls=Asked, rule="R15", help="YYYY-MM-DD")
@click.option("--under-18", cls=Asked, rule="R15", help="yes or no")
@click.option("--under-18-rationale", default="")
@click.option("--taken", default="", help="When the pictures were taken, YYYY-MM-DD.")
@pack_option
@precision_option
@with_access
def add(
    access: Access,
    watchlist: str,
    images: tuple[Path, ...],
    pack: str | None,
    precision: str | None,
    **fields: str,
) -> None:
    """Add one person. Every field of R15 is needed."""
    row = Row(fields["id"], fields, images)
    done = _register(access, watchlist, [row], pack, precision, source="command line")
    view.rejects(done.rejects)
    if not done.added:
        raise InputError(fields["id"], "was not added", "no usable picture, or a field is wrong")
    click.echo(f"{fields['id']}: added with {len(done.added[0].references)} pictures")


@command.command(name="import")
@list_argument
@click.argument("table", metavar="CSV", type=click.Path(path_type=Path))
@click.option(
    "--images",
    cls=Asked,
    rule="R15",
    type=click.Path(path_type=Path),
    help="Folder of the pictures: as the images column says, else ID.* or ID/*.",
)
@pack_option
@precision_option
@json_option
@with_access
@click.pass_context
def import_rows(
    ctx: click.Context,
    access: Access,
    watchlist: str,
    table: Path,
    images: Path,
    pack: str | None,
    precision: str | None,
    as_json: bool,
) -> None:
    """Add the people of a CSV file; the rest is reported row by row.

    Exit status 0 when all were taken, 1 when some were refused, 2 when nobody was taken.
    """
    rows = read_csv(table, images)
    done = _register(access, watchlist, rows, pack, precision, source=table.name)
    if as_json:
        view.emit(view.registered_as_json(done))
    else:
        view.rejects(done.rejects)
        click.echo(f"{len(done.added)} people added, {len(done.rejects)} rows or pictures refused")
    ctx.exit(0 if not done.rejects else 1 if done.added else 2)


import_rows.help = (import_rows.help or "") + f"\n\nColumns: {', '.join(REQUIRED)}."


@command.command(name="check")
@list_argument
@json_option
@with_access
@click.pass_context
def check(ctx: click.Context, access: Access, watchlist: str, as_json: bool) -> None:
    """Compare the list with itself: people listed twice, look-alikes, pictures of somebody else.

    Exit status 1 where a person should look at something.
    """
    with records.journal() as record:
        stored = _opened(access, watchlist, record, "check")
        found = records.likeness_of(stored)
    if as_json:
        view.emit(view.likeness_as_json(found))
    else:
        view.likeness(found)
    ctx.exit(1 if view.is_worrying(found) else 0)


@command.command(name="list")
@click.argument("watchlist", metavar="[ID]", required=False)
@click.option("--key-file", envvar=KEY_VARIABLE, type=click.Path(path_type=Path))
@click.option("--credential")
@click.option("--passphrase", is_flag=True)
@click.option("--by", help="Needed with an ID: who looks at it.")
@json_option
def list_entries(
    watchlist: str | None,
    key_file: Path | None,
    credential: str | None,
    passphrase: bool,
    by: str | None,
    as_json: bool,
) -> None:
    """Without ID every list there is, erasing the expired ones; with ID the people on it."""
    if watchlist is None:
        with records.journal() as record:
            erase_expired(records.folders(), SystemClock(), records.certifier(record))
        view.lists(records.folders(), as_json=as_json)
        return
    if by is None:
        raise RuleError("R16", "--by", "is missing", "say who looks at the list")
    with records.journal() as record:
        access = Access(key_file, credential, passphrase, by)
        stored = _opened(access, watchlist, record, "list")
    if as_json:
        view.emit(view.watchlist_as_json(stored.watchlist, stored.vault.facts))
    else:
        view.watchlist(stored.watchlist, stored.vault.facts)


@command.command(name="withdraw")
@list_argument
@click.argument("entry")
@click.option("--reason", cls=Asked, rule="R15")
@with_access
def withdraw(access: Access, watchlist: str, entry: str, reason: str) -> None:
    """Stop alerts for one person, on a sealed list too. While the engine runs, tell the engine."""
    with records.journal() as record:
        stored = _opened(access, watchlist, record, "withdraw")
        with stored.vault.writing():
            stored.commit(stored.watchlist.withdrawn(entry, reason).by(access.by))
        record(
            events.EntryWithdrawn(
                actor=access.by, role=records.ROLE, watchlist=watchlist, entry=entry, reason=reason
            )
        )
    click.echo(f"{entry}: withdrawn from {watchlist}")


@command.command(name="seal")
@list_argument
@click.option("--ends", type=MOMENT, help="When the deployment ends: the list is erased then.")
@click.option("--yes", is_flag=True, help="Do not ask, whatever the check finds.")
@with_access
def seal(access: Access, watchlist: str, ends: dt.datetime | None, yes: bool) -> None:
    """Close the list for use and print the digest an authority is signed for."""
    with records.journal() as record:
        stored = _opened(access, watchlist, record, "seal")
        sealed = stored.watchlist.sealed().by(access.by)
        found = records.likeness_of(stored)
        if view.is_worrying(found) and not yes:
            view.likeness(found)
            click.confirm("seal it all the same?", abort=True, err=True)
        with stored.vault.writing():
            stored.commit(sealed)
            if ends is not None:
                stored.vault.expire_at(ends)
        records.sealed(record, stored, access.by)
    click.echo(f"{watchlist}: sealed, {len(sealed.entries)} people, digest {sealed.digest()}")


@command.command(name="re-encode")
@list_argument
@pack_option
@precision_option
@with_access
def encode_again(access: Access, watchlist: str, pack: str | None, precision: str | None) -> None:
    """Make the templates anew after a change of pack or precision; sealed lists stay sealed."""
    with records.journal() as record:
        stored = _opened(access, watchlist, record, "re-encode")
        opened = open_models(pack, precision)
        with stored.vault.writing(), progress_bars() as tell:
            re_encode(stored, opened, lambda done, of: tell("encoding", done, of))
        record(records.loaded(stored, opened.contract))
    click.echo(f"{watchlist}: encoded with {opened.contract.pack} {opened.contract.precision}")


@command.command(name="destroy")
@list_argument
@click.option("--reason", cls=Asked, rule="R15")
@click.option("--by", cls=Asked, rule="R16", help="Who does this; recorded (R16).")
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(watchlist: str, reason: str, by: str, yes: bool) -> None:
    """Destroy the key of a list, and so the list. Needs no key; there is no way back."""
    folder = records.folder(watchlist)
    if not yes:
        typed = click.prompt(f"type {watchlist} to destroy it for good", err=True)
        if typed != watchlist:
            raise InputError(watchlist, "was not destroyed", "what was typed is not its id")
    with records.journal() as record:
        certificate = erase_vault(
            folder, SystemClock(), records.certifier(record), reason=reason, actor=by
        )
    click.echo(f"{watchlist}: destroyed, certificate {certificate.certificate}")


def open_models(pack: str | None, precision: str | None) -> Pack:
    """The model pack enrolment runs with."""
    store = ModelStore(data_folder())
    installed = store.open(pack or store.packs.default)
    return open_pack(installed, DeviceOptions(precision=precision))


def _opened(
    access: Access, watchlist: str, record: records.Record, purpose: str
) -> StoredWatchlist:
    vault = open_vault(
        records.folder(watchlist), access.source(), SystemClock(), records.certifier(record)
    )
    record(events.VaultOpened(vault=watchlist, purpose=purpose, actor=access.by))
    return StoredWatchlist.load(vault)


def _register(
    access: Access,
    watchlist: str,
    rows: list[Row],
    pack: str | None,
    precision: str | None,
    source: str,
) -> Registered:
    with records.journal() as record:
        stored = _opened(access, watchlist, record, "add")
        with progress_bars() as tell:
            return enrol(
                stored,
                rows,
                lambda: open_models(pack, precision),
                SystemClock().utc().date(),
                access.by,
                records.ROLE,
                source,
                record,
                lambda at, of: tell("enrolling", at, of),
            )
