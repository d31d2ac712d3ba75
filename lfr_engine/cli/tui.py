"""``lfr tui``: the cockpit in this terminal, or in a browser.

Owns: options, and where the engine is. Never: Trio, an engine part; a cockpit starts as quickly as
Textual does. Strategy: everything is imported when the command runs, so ``lfr --help`` stays light;
in the browser each page gets a cockpit process of its own with the same options.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from lfr_engine.errors import ConfigError, InputError
from lfr_engine.protocol.address import TlsAddress, UnixAddress, default_socket, parse_address
from lfr_engine.protocol.commands import CallerRole

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@click.command(short_help="Watch and adjudicate in a terminal.")
@click.option("--connect", metavar="ADDRESS", help="unix:/path/api.sock or tls://host:port.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in CallerRole]),
    help="Act as; may be given again.  [default: operator, engineer and auditor]",
)
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ca", type=click.Path(exists=True, path_type=Path), help="PEM to trust (TLS).")
@click.option("--certificate", type=click.Path(exists=True, path_type=Path), help="Own PEM (TLS).")
@click.option("--key", type=click.Path(exists=True, path_type=Path), help="Its key (TLS).")
@click.option("--theme", type=click.Choice(["auto", "dark", "light"]), default="auto")
@click.option(
    "--colours",
    type=click.Choice(["auto", "16", "full"]),
    default="auto",
    help="What the terminal can show.",
)
@click.option(
    "--pictures",
    type=click.Choice(["auto", "blocks", "kitty", "sixel"]),
    default="auto",
    help="How pictures are drawn.",
)
@click.option("--bell/--no-bell", default=True, help="Ring on an alert.", show_default=True)
@click.option("--flash/--no-flash", default=True, help="Light up on an alert.", show_default=True)
@click.option("--mouse/--no-mouse", default=True, show_default=True)
@click.option(
    "--presence-minutes",
    type=click.FloatRange(0, 240),
    default=15,
    show_default=True,
    help="Ask for a key after so long without one, as R17 wants; 0 never asks.",
)
@click.option("--web", is_flag=True, help="Serve to browsers on this machine instead.")
@click.option("--host", default="127.0.0.1", show_default=True, help="With --web: where to listen.")
@click.option("--port", type=click.IntRange(0, 65_535), default=7478, show_default=True)
def command(**given: Any) -> None:
    """The cockpit: cameras, alerts with both pictures, zones, journal and log, by keyboard.

    It reconnects by itself; Ctrl-Q leaves it and the engine goes on.
    """
    try:
        import textual  # noqa: F401, PLC0415 - only to say what is missing
    except ImportError as error:
        raise ConfigError(
            "lfr tui", "Textual is not installed", "pip install 'lfr-engine[tui]'"
        ) from error
    if given["web"]:
        _serve(given)
    else:
        _run(given)


def _run(given: dict[str, Any]) -> None:
    from lfr_engine.client.tls import client_context  # noqa: PLC0415 - see the module
    from lfr_engine.protocol.proof import Token  # noqa: PLC0415
    from tui.app import Cockpit, CockpitSettings  # noqa: PLC0415
    from tui.link import LinkSettings, roles_of  # noqa: PLC0415
    from tui.terminal import palette_for, pictures_for  # noqa: PLC0415

    address = _address(given["connect"])
    tls = None
    if isinstance(address, TlsAddress):
        tls = client_context(
            authority=given["ca"], certificate=given["certificate"], key=given["key"]
        )
    text = os.environ.get("LFR_TOKEN", "")
    if given["token_file"] is not None:
        text = given["token_file"].read_text(encoding="utf-8")
    if not (sys.stdin.isatty() and sys.stdout.isatty()) and "TEXTUAL_DRIVER" not in os.environ:
        raise InputError("lfr tui", "this is not a terminal", "use lfr ctl in scripts, or --web")
    settings = CockpitSettings(
        link=LinkSettings(
            address,
            roles_of(given["roles"]),
            Token.parse(text.strip()) if text.strip() else None,
            tls,
        ),
        palette=palette_for(given["theme"], given["colours"], os.environ),
        pictures=pictures_for(given["pictures"]),
        bell=given["bell"],
        flash=given["flash"],
        presence_minutes=given["presence_minutes"],
    )
    app = Cockpit(settings)
    app.run(mouse=given["mouse"])
    if app.return_code:
        sys.exit(app.return_code)


def _address(text: str | None) -> UnixAddress | TlsAddress:
    if text is None:
        return UnixAddress(default_socket(os.environ, os.geteuid()))
    return parse_address(text)


def _serve(given: dict[str, Any]) -> None:
    from tui.web import serve  # noqa: PLC0415 - see the module

    if given["host"] not in _LOOPBACK:
        click.echo(
            f"lfr: {given['host']} is not this machine alone: everybody who learns the address "
            "acts as you, in clear text; an SSH tunnel is safer",
            err=True,
        )
    address = _address(given["connect"])
    words = [sys.executable, "-c", "from lfr_engine.cli import main; main()", "tui"]
    words += ["--connect", str(address), "--colours", "full", "--pictures", "blocks"]
    for role in given["roles"]:
        words += ["--role", role]
    for name in ("token_file", "ca", "certificate", "key"):
        if given[name] is not None:
            words += [f"--{name.replace('_', '-')}", str(given[name])]
    if given["theme"] != "auto":
        words += ["--theme", given["theme"]]
    words += ["--presence-minutes", str(given["presence_minutes"])]
    words += [f"--{'' if given[name] else 'no-'}{name}" for name in ("bell", "flash")]
    serve(shlex.join(words), given["host"], given["port"], click.echo)
