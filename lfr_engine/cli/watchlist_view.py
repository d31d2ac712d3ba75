"""How watchlists and their checks look, in words and as JSON.

Owns: tables, wording and JSON shapes. Never: a template, a picture, an act.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lfr_engine.enrolment.register import Registered
from lfr_engine.enrolment.rejection import Rejected
from lfr_engine.errors import LfrError
from lfr_engine.identity.keys import VaultFacts
from lfr_engine.identity.likeness import Likeness
from lfr_engine.identity.vault import read_certificate, read_wrapped
from lfr_engine.identity.watchlist import Watchlist

MOST_SHOWN = 20
"""Pairs on a terminal; --json gives all."""


def emit(value: Any) -> None:
    """Print JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def rejects(refused: Sequence[Rejected]) -> None:
    """One line a rejected row or picture, with the rule that asks, on standard error."""
    for one in refused:
        rule = "" if "(R" in one.text else " (R14)"
        click.echo(f"refused: {one}{rule}", err=True)


def registered_as_json(done: Registered) -> dict[str, Any]:
    """What an import took and what it did not."""
    return {
        "added": [
            {
                "id": one.id,
                "images": len(one.references),
                "quality": round(max(ref.quality for ref in one.references), 3),
            }
            for one in done.added
        ],
        "refused": [
            {"subject": one.subject, "reason": one.reason.value, "text": one.text}
            for one in done.rejects
        ],
    }


def is_worrying(found: Likeness) -> bool:
    """Whether a person should look at the list before it is used."""
    return bool(found.one_person or found.outliers or found.too_alike)


def likeness(found: Likeness) -> None:
    """The self-check in words."""
    say = click.echo
    for one in found.one_person:
        say(f"perhaps one person: {one.first} and {one.second} ({one.score:.2f})")
    for picture in found.outliers:
        say(
            f"perhaps somebody else: picture {picture.picture + 1} of {picture.entry} does not "
            f"resemble the others ({picture.score:.2f}, {found.outlier_limit:.2f} expected)"
        )
    for one in found.look_alikes[:MOST_SHOWN]:
        say(f"look-alikes: {one.first} and {one.second} ({one.score:.2f})")
    if len(found.look_alikes) > MOST_SHOWN:
        say(f"… and {len(found.look_alikes) - MOST_SHOWN} more look-alike pairs")
    say(
        f"{found.found} pairs reach the alert threshold {found.threshold:.3f}; "
        f"{found.expected:.2g} expected among strangers; {found.leave_one_out:.1%} of the entries "
        "would raise another entry's alert"
    )
    if found.too_alike:
        say(
            "WARNING: these people resemble one another more than strangers do: expect more false "
            "alerts than the calibration states (R5, R22)"
        )


def likeness_as_json(found: Likeness) -> dict[str, Any]:
    """The self-check with every pair."""
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built | {"worrying": is_worrying(found)}


def watchlist(listed: Watchlist, facts: VaultFacts) -> None:
    """The people on a list."""
    table = Table(
        title=f"{listed.id}: {listed.state.value}, built {listed.built:%Y-%m-%d %H:%M} UTC, "
        f"erased {facts.expires:%Y-%m-%d %H:%M} UTC at the latest",
        title_justify="left",
    )
    for heading in ("id", "label", "category", "priority", "pictures", "quality", "state"):
        table.add_column(heading, overflow="fold")
    for one in listed.entries:
        table.add_row(
            *map(
                escape,
                (
                    one.id,
                    one.label,
                    one.category.value,
                    one.priority.value,
                    str(len(one.references)),
                    f"{max(ref.quality for ref in one.references):.2f}",
                    f"{one.state.value} {one.withdrawn}".strip(),
                ),
            )
        )
    Console().print(table)


def watchlist_as_json(listed: Watchlist, facts: VaultFacts) -> dict[str, Any]:
    """The document with its expiry and digest."""
    built: dict[str, Any] = msgspec.to_builtins(listed)
    return built | {"digest": listed.digest(), "expires": facts.expires.isoformat()}


def lists(folders: Path, *, as_json: bool) -> None:
    """Every list in the data folder, as far as it can be told without a key."""
    rows = (
        [_told(one) for one in sorted(folders.iterdir()) if one.is_dir()]
        if (folders.is_dir())
        else []
    )
    if as_json:
        emit(rows)
        return
    for row in rows:
        click.echo("  ".join(f"{name} {value}" for name, value in row.items()))
    if not rows:
        click.echo(f"no watchlists in {folders}")


def _told(folder: Path) -> dict[str, str]:
    if (folder / "erased.json").exists():
        certificate = read_certificate(folder)
        return {
            "id": certificate.vault,
            "erased": f"{certificate.erased:%Y-%m-%d %H:%MZ}",
            "certificate": certificate.certificate,
            "reason": certificate.reason,
        }
    try:
        facts = read_wrapped(folder).facts
    except LfrError as error:
        return {"id": folder.name, "damaged": error.cause}
    return {
        "id": facts.vault,
        "built": f"{facts.built:%Y-%m-%d %H:%MZ}",
        "expires": f"{facts.expires:%Y-%m-%d %H:%MZ}",
    }
