"""``lfr authority``: make, sign, show and verify authorities, and the keys that sign them.

Owns: options, questions and wording. Never: a decision (``deployment.permission`` makes them), a
private key or passphrase on the screen or in an argument.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import click
import msgspec
import platformdirs

from lfr_engine.cli.asked import Asked
from lfr_engine.cli.moments import MOMENT
from lfr_engine.clock import SystemClock
from lfr_engine.deployment import authority as papers
from lfr_engine.deployment.authority import Authority, Document, Officer, TrustedKey
from lfr_engine.deployment.clockguard import synchronised
from lfr_engine.deployment.permission import AuthoritySettings, Requirements, problems
from lfr_engine.errors import RuleError
from lfr_engine.journal.signing import create_key, fingerprint, load_key

_FILE = click.argument("file", type=click.Path(path_type=Path))
_PASSPHRASE = "LFR_KEY_PASSPHRASE"  # noqa: S105 - the variable's name, not a passphrase


def trusted_keys_path() -> Path:
    """``$LFR_TRUSTED_KEYS``, or ``trusted-keys.toml`` in the platform's configuration folder."""
    chosen = os.environ.get("LFR_TRUSTED_KEYS")
    folder = Path(platformdirs.user_config_dir("lfr-engine"))
    return Path(chosen) if chosen else folder / "trusted-keys.toml"


@click.group(name="authority")
def command() -> None:
    """Make, sign, show and verify authorities: no processing without one (R3).

    An authority is a text file that an authorising officer reads and signs: who, why, where,
    when, with which watchlist. The engine runs inside it and closes the cameras at its end.
    """


@command.group(name="key")
def key() -> None:
    """Keys of authorising officers."""


@key.command(name="new")
@_FILE
@click.option("--officer", cls=Asked, rule="R3", help="The id of the officer who will own it.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase that protects the file.")
def new_key(file: Path, officer: str, passphrase: bool) -> None:
    """Make a private key FILE, readable by you only, and print its public half."""
    secret = _asked(confirm=True) if passphrase else None
    signer = create_key(file, secret)
    click.echo(f"{file}: private key, keep it to yourself\n")
    _print_trusted(officer, signer.public_key)


@key.command(name="show")
@_FILE
@click.option("--officer", cls=Asked, rule="R3", help="The id of the officer who owns it.")
@click.option("--passphrase", is_flag=True, help="Ask for the passphrase.")
def show_key(file: Path, officer: str, passphrase: bool) -> None:
    """Print the public half of a private key FILE."""
    signer = load_key(file, _asked() if passphrase else os.environ.get(_PASSPHRASE))
    _print_trusted(officer, signer.public_key)


@command.command(name="new")
@_FILE
@click.option("--id", "reference", help="Reference; made from the start time where not given.")
@click.option("--exercise", is_flag=True, help="For recorded material only; marks everything.")
@click.option("--use-case", cls=Asked, rule="R3")
@click.option("--purpose", cls=Asked, rule="R3")
@click.option("--place", cls=Asked, rule="R3")
@click.option(
    "--zone", "zones", multiple=True, cls=Asked, rule="R3", help="Zone id; may be repeated."
)
@click.option(
    "--camera", "cameras", multiple=True, cls=Asked, rule="R3", help="Camera id; may be repeated."
)
@click.option("--start", type=MOMENT, cls=Asked, rule="R3", help="UTC, such as 2026-07-01T10:00Z.")
@click.option("--end", type=MOMENT, help="UTC; or give --hours.")
@click.option("--hours", type=click.FloatRange(0, 24, min_open=True), help="How long, from start.")
@click.option("--watchlist", cls=Asked, rule="R3", help="Id of the one list it permits.")
@click.option("--watchlist-digest", help="Bind it to one sealed content of that list.")
@click.option(
    "--retention",
    type=click.Choice(["met", "swp", "strict"]),
    default="strict",
    show_default=True,
    help="What is kept for how long (lfr retention show).",
)
@click.option(
    "--ceiling", type=float, default=0.001, show_default=True, help="False alerts per pass."
)
@click.option("--officer-name", cls=Asked, rule="R3")
@click.option("--officer-rank", cls=Asked, rule="R3")
@click.option("--officer-id", cls=Asked, rule="R3")
def new(
    file: Path,
    reference: str | None,
    exercise: bool,
    start: dt.datetime,
    end: dt.datetime | None,
    hours: float | None,
    ceiling: float,
    officer_name: str,
    officer_rank: str,
    officer_id: str,
    **fields: Any,
) -> None:
    """Write an unsigned authority to FILE, to be read and then signed by the officer."""
    if (end is None) == (hours is None):
        raise RuleError("R3", "--end", "it has no one end", "give either --end or --hours")
    body = {
        "id": reference or f"A-{start:%Y%m%d-%H%M}",
        "mode": "exercise" if exercise else "deployment",
        "start": start,
        "end": end if end is not None else start + dt.timedelta(hours=hours or 0),
        "false_alert_ceiling": ceiling,
        "officer": Officer(officer_name, officer_rank, officer_id),
        **fields,
    }
    try:
        made = msgspec.convert(body, Authority)
    except msgspec.ValidationError as exc:
        rule = "R6" if "false_alert_ceiling" in str(exc) else "R3"
        raise RuleError(rule, file, f"not an authority: {exc}") from exc
    if made.end <= made.start:
        raise RuleError("R3", "--end", "it must be after the start")
    papers.save(file, papers.render(made), replace=False)
    click.echo(f"{file}: not signed yet – read it, then: lfr authority sign {file} --key KEY")


@command.command(name="sign")
@_FILE
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    cls=Asked,
    rule="R3",
    help="Private key file.",
)
@click.option("--passphrase", is_flag=True, help="Ask for the key's passphrase.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sign(file: Path, key_file: Path, passphrase: bool, yes: bool) -> None:
    """Sign FILE as it stands. Later changes, even of a space, make it invalid."""
    document = papers.load(file)
    signer = load_key(key_file, _asked() if passphrase else os.environ.get(_PASSPHRASE))
    signed = papers.sign(document, signer)
    if not yes:
        click.echo(document.body.decode())
        click.confirm("Do you authorise this?", abort=True)
    papers.save(file, signed, replace=True)
    click.echo(f"{file}: signed with {fingerprint(signer.public_key)}")


@command.command(name="show")
@_FILE
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def show(file: Path, as_json: bool) -> None:
    """Show what FILE permits, and whether its signature fits; not whether it is valid."""
    document = papers.load(file)
    if as_json:
        click.echo(json.dumps(_described(document), indent=2))
        return
    a = document.authority
    hours = (a.end - a.start) / dt.timedelta(hours=1)
    rows = [
        ("authority", f"{a.id}{'  EXERCISE' if a.mode == 'exercise' else ''}"),
        ("officer", f"{a.officer.rank} {a.officer.name} ({a.officer.id})"),
        ("use case", a.use_case),
        ("purpose", a.purpose),
        ("place", a.place),
        ("zones", ", ".join(a.zones)),
        ("cameras", ", ".join(a.cameras)),
        ("time", f"{a.start:%Y-%m-%d %H:%M} to {a.end:%Y-%m-%d %H:%M} UTC ({hours:.4g} h)"),
        ("watchlist", a.watchlist),
        ("retention", a.retention),
        ("ceiling", f"1 false alert in {1 / a.false_alert_ceiling:,.0f} passes"),
        ("signature", _signature_in_words(document)),
        ("digest", document.digest),
    ]
    for name, value in rows:
        click.echo(f"{name:<10} {value}")


@command.command(name="verify")
@_FILE
@click.option(
    "--trusted",
    type=click.Path(path_type=Path),
    help="File of trusted keys; $LFR_TRUSTED_KEYS or the configuration folder's where not given.",
)
@click.option("--at", type=MOMENT, help="As if at this time; now where not given.")
@click.option("--longest-hours", type=float, default=12, show_default=True)
@click.option("--watchlist", help="The list that would be loaded.")
@click.option("--camera", "cameras", multiple=True, help="Camera that would run; may be repeated.")
@click.option("--built-by", multiple=True, help="Person who built the list; may be repeated.")
@click.option("--recorded", is_flag=True, help="Only recordings would be processed.")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
@click.pass_context
def verify(
    ctx: click.Context,
    file: Path,
    trusted: Path | None,
    at: dt.datetime | None,
    longest_hours: float,
    watchlist: str | None,
    cameras: tuple[str, ...],
    built_by: tuple[str, ...],
    recorded: bool,
    as_json: bool,
) -> None:
    """Say whether the engine would run under FILE, and every reason why not.

    Exit status 0: it would; 2: it would not.
    """
    document = papers.load(file)
    facts = Requirements(
        settings=AuthoritySettings(
            _trusted(trusted, document),
            dt.timedelta(hours=longest_hours),
            require_synchronised_clock=at is None,
        ),
        watchlist=watchlist,
        cameras=frozenset(cameras),
        builders=frozenset(built_by),
        live_sources=not recorded and document.authority.mode == "deployment",
        clock_synchronised=synchronised() is not False,
    )
    found = list(problems(document, at or SystemClock().utc(), facts))
    if as_json:
        refusals = [
            {"rule": p.rule, "cause": p.cause, "mend": p.mend, "message": str(p)} for p in found
        ]
        click.echo(
            json.dumps({**_described(document), "valid": not found, "problems": refusals}, indent=2)
        )
    else:
        for problem in found:
            click.echo(str(problem))
        if not found:
            click.echo(f"{file}: valid until {document.authority.end:%Y-%m-%d %H:%M} UTC")
    if found:
        ctx.exit(2)


def _trusted(chosen: Path | None, document: Document) -> tuple[TrustedKey, ...]:
    path = chosen or trusted_keys_path()
    if chosen is None and not path.exists():
        if document.authority.mode == "exercise":
            return ()  # an exercise needs no trusted key
        raise RuleError(
            "R3",
            path,
            "there is no file of trusted keys",
            "make it from what lfr authority key new says",
        )
    return papers.load_trusted(path)


def _described(document: Document) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(document.authority)
    return {
        "authority": built,
        "digest": document.digest,
        "key": document.key,
        "signed": document.key is not None,
        "intact": document.intact,
    }


def _signature_in_words(document: Document) -> str:
    if document.key is None:
        return "none: not signed yet"
    fits = "fits" if document.intact else "DOES NOT FIT: altered after signing"
    return f"{fits}, key {fingerprint(document.key)}"


def _asked(*, confirm: bool = False) -> str:
    answer: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer


def _print_trusted(officer: str, public_key: str) -> None:
    click.echo(f"# fingerprint {fingerprint(public_key)}; into {trusted_keys_path().name}:")
    click.echo(f'[[trusted]]\nofficer = "{officer}"\nkey = "{public_key}"')
