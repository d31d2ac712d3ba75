"""``lfr config``: check, show and describe a configuration file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lfr_engine import config as configuration


@click.group(name="config")
def command() -> None:
    """Check, show and describe a configuration file."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def validate(file: Path) -> None:
    """Check FILE; says the mode it asks for, or the file, the key and the mend."""
    config = configuration.load(file)
    cameras = "camera" if len(config.cameras) == 1 else "cameras"
    click.echo(f"{file}: sound; {config.mode} with {len(config.cameras)} {cameras}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def show(file: Path) -> None:
    """Every key of FILE with the value in force, defaults included, secrets left out; as JSON."""
    shown = configuration.shown(configuration.load(file))
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))


@command.command()
def schema() -> None:
    """The JSON schema of the file, for editors."""
    click.echo(json.dumps(configuration.schema(), indent=2, ensure_ascii=False))
