"""``lfr report``: the deployment record, from the journal alone.

Owns: options, and that the journal is proved before it is counted. Never: a figure. Strategy: a
record from a journal that does not hold is refused, not decorated.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

import click

from lfr_engine.deployment.measures import interval_in_words, rate_in_words
from lfr_engine.deployment.page import full_page, public_page
from lfr_engine.deployment.record import DeploymentRecord, as_json
from lfr_engine.deployment.tally import deployments
from lfr_engine.deployment.totals import build
from lfr_engine.errors import InputError, RuleError
from lfr_engine.journal.lines import committed
from lfr_engine.journal.place import journal_path
from lfr_engine.journal.signing import sync_folder
from lfr_engine.journal.verification import verify


@click.command(name="report")
@click.argument("deployment", required=False)
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="The journal or a copy; this machine's own where not given.",
)
@click.option("--key", help="The public key you trust the journal to be signed with.")
@click.option("--json", "as_data", is_flag=True, help="The full record, machine-readable.")
@click.option(
    "--html",
    type=click.Choice(["public", "full"]),
    help="A self-contained page: one sheet for the public, or everything for oversight.",
)
@click.option("--to", type=click.Path(path_type=Path), help="Into this file; else to the terminal.")
def command(
    deployment: str | None,
    journal: Path | None,
    key: str | None,
    as_data: bool,
    html: str | None,
    to: Path | None,
) -> None:
    """Write the record of DEPLOYMENT, counted from the journal alone (R7, R8).

    Without DEPLOYMENT, lists those in the journal. Without --json or --html, prints the four
    measures.
    """
    if as_data and html:
        raise InputError("--json", "give either --json or --html")
    path = journal or journal_path()
    if not path.exists():
        raise InputError(path, "there is no journal here", "name one, or run the engine")
    _require_whole(path, key)
    if deployment is None:
        for name in _with_records(path):
            click.echo(name)
        return
    with path.open("rb") as file:
        record = build((placed.record for placed in committed(file, path)), deployment)
    if as_data:
        data = as_json(record)
    elif html:
        data = (public_page(record) if html == "public" else full_page(record)).encode()
    else:
        data = _summary(record).encode()
    if to is None:
        click.echo(data, nl=False)
        return
    _write(to, data)
    click.echo(f"{to}: SHA-256 {hashlib.sha256(data).hexdigest()}")


def _require_whole(path: Path, key: str | None) -> None:
    result = verify(path, key)
    # the last append of a running engine may be half written; everything before it counts
    if not result.ok and not result.unfinished:
        raise RuleError(
            "R16", path, f"the journal does not hold: {result.cause}", "lfr journal verify"
        )


def _with_records(path: Path) -> list[str]:
    with path.open("rb") as file:
        return deployments(placed.record for placed in committed(file, path))


def _summary(record: DeploymentRecord) -> str:
    counts = (
        f"  passes {record.passes:,}  alerts {record.alerts.raised:,}  "
        f"engaged {record.alerts.engaged:,}  confirmed true {record.alerts.confirmed_true:,}"
    )
    lines = [
        f"deployment {record.deployment}{'  EXERCISE' if record.mode == 'exercise' else ''}",
        f"  {record.place}, {record.started:%Y-%m-%d %H:%M} UTC, authority {record.authority}",
        counts,
    ]
    for shown in record.measures:
        share = rate_in_words(shown.share) if shown.share is not None else "–"
        lines.append(
            f"  {shown.name:<36}{shown.numerator:>8,} of {shown.denominator:<10,} {share:>12}"
            f"   95 %: {interval_in_words(shown)}"
        )
    lines.extend(f"  note: {finding}" for finding in record.findings)
    return "\n".join(lines) + "\n"


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as exc:
        part.unlink(missing_ok=True)
        raise InputError(path, f"cannot write the report: {exc.strerror}") from exc
