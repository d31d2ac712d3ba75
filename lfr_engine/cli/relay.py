"""``lfr relay``: a quiet test of one bearer, the state of the outbox, resend and cancel.

Owns: the options and the tables that are printed. Never: a decision about a cue. Strategy: ``test``
runs a relay of its own with an outbox in memory; the others work on the engine's outbox file, where
a running engine finds what they ask within half a second.
"""

from __future__ import annotations

import datetime as dt
import secrets
import tomllib
from collections.abc import Sequence
from pathlib import Path

import click
import trio
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from lfr_engine.actors.relay import run_relay
from lfr_engine.actors.relay_outbox import SqliteOutbox
from lfr_engine.clock import SystemClock
from lfr_engine.errors import ConfigError, InputError
from lfr_engine.relay.asked import OfficerReply, Request
from lfr_engine.relay.cue import Cue, Marking
from lfr_engine.relay.delivery import Change, State
from lfr_engine.relay.outbox import MemoryOutbox
from lfr_engine.relay.port import Moments
from lfr_engine.relay.settings import RelaySettings, Route, read_settings

_ENOUGH = {State.DELIVERED, State.READ, State.ANSWERED, State.FAILED, State.EXPIRED}

_OUTBOX = click.option(
    "--outbox",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The engine's outbox file.",
)


@click.group()
def command() -> None:
    """Alerts on radios and handsets."""


@command.command()
@click.argument("bearer")
@click.option(
    "--config",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The engine's configuration file.",
)
@click.option("--to", "recipient", required=True, help="Recipient's id in the configuration.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for a receipt.")
def test(bearer: str, config: Path, recipient: str, wait: float) -> None:
    """Send one message marked TEST to one recipient by BEARER, and say what became of it.

    The engine must not be running: a radio's port is used by one program at a time.
    """
    settings = _test_settings(load_relay(config), bearer, recipient, wait)
    state = trio.run(_test, settings, wait)
    if state in {None, State.QUEUED, State.FAILED, State.EXPIRED}:
        raise InputError(f"bearer {bearer}", "the test did not leave", "see the lines above")


@command.command()
@_OUTBOX
@click.option("--alert", help="Show every step of one alert.")
def status(outbox: Path, alert: str | None) -> None:
    """Show what is in the outbox, or the timeline of one alert."""
    store = SqliteOutbox(outbox, writable=False)
    try:
        if alert is None:
            _print(_deliveries_table(store))
            return
        changes = store.timeline(alert)
        if not changes:
            raise InputError(f"alert {alert}", "is not in this outbox")
        _print(_timeline_table(changes))
    finally:
        store.close()


@command.command()
@click.argument("alert")
@_OUTBOX
def cancel(alert: str, outbox: Path) -> None:
    """Take ALERT back: stop what waits, tell everyone whom it may have reached."""
    _ask(outbox, "cancel", alert)


@command.command()
@click.argument("alert")
@_OUTBOX
def resend(alert: str, outbox: Path) -> None:
    """Send ALERT again where it was not delivered, while its deadline lasts."""
    _ask(outbox, "resend", alert)


def load_relay(path: Path) -> RelaySettings:
    """The ``[relay]`` table of a configuration file.

    Raises:
        ConfigError: The file cannot be read, is no TOML, or its table has a fault.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(path, "cannot be read") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(path, f"is not TOML: {exc}") from exc
    return read_settings(table.get("relay", {}))


def _ask(outbox: Path, verb: str, alert: str) -> None:
    if not outbox.is_file():
        raise InputError(outbox, "there is no outbox here")
    store = SqliteOutbox(outbox)
    try:
        if not any(delivery.key.alert == alert for delivery in store.load()):
            raise InputError(f"alert {alert}", "is not in this outbox")
        store.ask(verb, alert)
    finally:
        store.close()
    click.echo(f"{verb} of {alert} is left for the engine")


def _test_settings(
    settings: RelaySettings, bearer: str, recipient: str, wait: float
) -> RelaySettings:
    """The same relay with one bearer, one recipient, one route."""
    bearers = tuple(known for known in settings.bearers if known.name == bearer)
    recipients = tuple(known for known in settings.recipients if known.id == recipient)
    if not bearers:
        names = ", ".join(known.name for known in settings.bearers) or "none"
        raise ConfigError(f"bearer {bearer}", "is not configured", f"there are: {names}")
    if not recipients or bearer not in recipients[0].addresses:
        raise ConfigError(f"recipient {recipient}", f"has no address on {bearer}")
    address = recipients[0].addresses[bearer]
    return RelaySettings(
        bearers=bearers,
        recipients=(replace(recipients[0], addresses={bearer: address}),),
        routes=(Route(bearers=(bearer,), recipients=(recipient,)),),
        deadline_s=min(max(wait, 10.0), 600.0),
        review="before",
    )


async def _test(settings: RelaySettings, wait: float) -> State | None:
    """Run a relay until the test was reported, or the wait is over; the last state."""
    moments = Moments(SystemClock())
    store = MemoryOutbox()
    last: list[State] = []
    enough = trio.Event()

    async def record(changes: Sequence[Change]) -> None:
        for change in changes:
            last.append(change.after)
            click.echo(f"{_clock(change.at)}  {change.after.value:9}  {change.reason}")
            if change.after in _ENOUGH:
                enough.set()

    async def decide(reply: OfficerReply) -> None:
        click.echo(f"{_clock(reply.at)}  answered   {reply.reply.value}")

    async def refuse(request: Request, reason: str) -> None:
        click.echo(f"{request.alert}: {reason}", err=True)
        enough.set()

    def on_bearer(name: str, up: bool, detail: str) -> None:
        click.echo(f"{name} is {'up' if up else 'down'}: {detail}")

    async with trio.open_nursery() as nursery:
        relay = await nursery.start(
            lambda *, task_status: run_relay(
                settings,
                store,
                moments,
                record=record,
                decide=decide,
                refuse=refuse,
                on_bearer=on_bearer,
                task_status=task_status,
            )
        )
        cue = Cue(
            reference=secrets.token_hex(3).upper(),
            place="TEST",
            category="T0",
            captured=moments.utc(),
            reviewed=True,
            marking=Marking.TEST,
        )
        await relay.requests.post(Request(alert=f"test-{cue.reference}", cue=cue, priority=1))
        with trio.move_on_after(wait):
            await enough.wait()
        nursery.cancel_scope.cancel()
    return last[-1] if last else None


def _deliveries_table(store: SqliteOutbox) -> Table:
    table = Table("alert", "recipient", "bearer", "state", "attempts", "deadline", "reason")
    for delivery in sorted(store.load(), key=lambda d: d.created):
        table.add_row(
            delivery.key.alert,
            delivery.key.recipient,
            delivery.key.bearer,
            delivery.state.value,
            str(delivery.attempts),
            _clock(delivery.deadline),
            delivery.reason,
        )
    return table


def _timeline_table(changes: list[Change]) -> Table:
    table = Table("time", "recipient", "bearer", "what", "state", "reference", "reason")
    for change in changes:
        table.add_row(
            _clock(change.at),
            change.key.recipient,
            change.key.bearer,
            change.happening,
            change.after.value,
            str(change.reference or ""),
            change.reason,
        )
    return table


def _clock(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%H:%M:%S")


def _print(table: Table) -> None:
    Console().print(table)
