"""``lfr ctl``: every command of the socket API for scripts and terminals.

Owns: turning the table of commands into options, and results into lines. Never: a command of its
own beyond ``watch`` and ``token``. Strategy: options come from the argument records of
``protocol.arguments``, so a new command appears here with its help and its checks. Standard output
carries results only; notices and errors go to standard error.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import inspect

from lfr_engine.api.tokens import TokenStore
from lfr_engine.client.blocking import Client, open_client
from lfr_engine.client.feed import Delivery, Gap, Missed, Reconnected
from lfr_engine.client.tls import client_context
from lfr_engine.clock import SystemClock
from lfr_engine.errors import InputError
from lfr_engine.protocol.address import TlsAddress, UnixAddress, default_socket, parse_address
from lfr_engine.protocol.codec import BadArgument, to_plain, to_record
from lfr_engine.protocol.commands import COMMANDS, TOPICS, CallerRole, CommandSpec, TopicSpec
from lfr_engine.protocol.proof import Token


class Corner(click.ParamType[tuple[float, float]]):
    """A point as ``x,y``."""

    name = "x,y"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Read ``0.25,0.5``."""
        try:
            x, y = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not x,y", param, ctx)
        return x, y


_PLAIN: dict[type[inspect.Type], type[Any]] = {
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.BoolType: bool,
    inspect.StrType: str,
}


def _kind(kind: inspect.Type) -> dict[str, Any]:
    """Click's words for one type of the argument records."""
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        else:
            kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    if isinstance(kind, inspect.ListType):
        pair = isinstance(kind.item_type, inspect.TupleType)
        return {"multiple": True, "type": Corner() if pair else str}
    if isinstance(kind, inspect.LiteralType):
        if all(isinstance(value, int) for value in kind.values):
            return {"type": int}
        return {"type": click.Choice([str(value) for value in kind.values])}
    if isinstance(kind, inspect.BytesType):
        path = click.Path(exists=True, dir_okay=False, path_type=Path)
        return {"type": path, "help": "a file"}
    return {"type": _PLAIN[type(kind)]}


def _options(record: type[Any]) -> list[click.Parameter]:
    described = inspect.type_info(record)
    assert isinstance(described, inspect.StructType)
    made: list[click.Parameter] = []
    for field in described.fields:
        words = _kind(field.type)
        flag = f"--{field.name.replace('_', '-')}"
        if words["type"] is bool:
            flag = f"{flag}/--no-{field.name.replace('_', '-')}"
            words = {"is_flag": True, "default": None}
        made.append(click.Option([flag, field.name], required=field.required, **words))
    return made


def _arguments(record: type[Any], given: dict[str, Any]) -> Any:
    """The argument record from options; what was not given keeps its default."""
    plain: dict[str, Any] = {}
    for name, value in given.items():
        if value is None or value == ():
            continue
        plain[name] = value.read_bytes() if isinstance(value, Path) else value
        if isinstance(value, tuple):
            plain[name] = [list(one) if isinstance(one, tuple) else one for one in value]
    try:
        return to_record(plain, record)
    except BadArgument as error:
        raise InputError(f"--{error.field.replace('_', '-')}", error.text) from error


@contextmanager
def _connected(settings: dict[str, Any]) -> Iterator[Client]:
    where = settings["connect"]
    address: UnixAddress | TlsAddress
    if where is None:
        address = UnixAddress(default_socket(os.environ, os.geteuid()))
    else:
        address = parse_address(where)
    tls = None
    if isinstance(address, TlsAddress):
        tls = client_context(
            authority=settings["ca"], certificate=settings["certificate"], key=settings["key"]
        )
    text = settings["token"]
    if settings["token_file"] is not None:
        text = settings["token_file"].read_text(encoding="utf-8")
    token = Token.parse(text) if text else None
    with open_client(
        address, name="lfr-ctl", token=token, role=settings["role"], tls=tls
    ) as client:
        yield client


def _printable(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {key: _printable(inner) for key, inner in value.items()}
    return [_printable(inner) for inner in value] if isinstance(value, list) else value


def _line(value: Any) -> str:
    return msgspec.json.encode(_printable(value)).decode()


def _page(value: Any, indent: str = "") -> Iterator[str]:
    """Nested values for people: one name a line, lists with dashes."""
    pairs = value.items() if isinstance(value, dict) else (("-", inner) for inner in value)
    for name, inner in pairs:
        label = name if name == "-" else f"{name}:"
        if isinstance(inner, dict | list) and inner:
            yield f"{indent}{label}"
            yield from _page(inner, indent + "  ")
        else:
            shown = "–" if inner in (None, {}, []) else inner
            yield f"{indent}{label} {shown}"


def _command(spec: CommandSpec) -> click.Command:
    def run(*, json: bool, timeout: float, output: Path | None, **given: Any) -> None:
        arguments = _arguments(spec.arguments, given)
        with _connected(click.get_current_context().obj) as client:
            result = to_plain(client.call(arguments, timeout=timeout))
        if output is not None:
            _save(spec, result, output)
        elif json:
            click.echo(_line(result))
        else:
            click.echo("\n".join(_page(_printable(result))))

    common = [
        click.Option(["--json"], is_flag=True, help="One line of JSON."),
        click.Option(["--timeout"], type=click.FloatRange(0.1, 600), default=30, help="Seconds."),
        click.Option(
            ["--output"],
            type=click.Path(dir_okay=False, path_type=Path),
            help="Write the picture or page of the result here.",
        ),
    ]
    roles = ", ".join(role.value for role in CallerRole if role in spec.roles)
    text = f"{spec.help}.\n\nFor: {roles}."
    return click.Command(
        spec.name,
        params=[*_options(spec.arguments), *common],
        callback=run,
        help=text,
        short_help=spec.help,
    )


def _save(spec: CommandSpec, result: dict[str, Any], output: Path) -> None:
    for value in result.values():
        data = value.encode() if isinstance(value, str) and value.startswith("<!") else value
        if isinstance(data, bytes):
            try:
                output.write_bytes(data)
            except OSError as error:
                raise InputError(output, f"cannot be written: {error.strerror}") from error
            return
    raise InputError("--output", f"{spec.name} gave no picture and no page")


def _topic(topic: TopicSpec[Any]) -> click.Command:
    def run(*, cursor: int | None, count: int | None, **given: Any) -> None:
        arguments = _arguments(topic.arguments, given)
        left = count
        with (
            _connected(click.get_current_context().obj) as client,
            client.subscribe(topic, arguments, cursor=cursor) as feed,
        ):
            for item in feed:
                if isinstance(item, Delivery):
                    event = {"cursor": item.cursor, "body": to_plain(item.body)}
                    click.echo(_line(event))
                    if left is not None:
                        left -= 1
                        if left <= 0:
                            break
                else:
                    click.echo(_notice(item), err=True)

    params: list[click.Parameter] = [*_options(topic.arguments)]
    params.append(
        click.Option(
            ["--cursor"],
            type=int,
            help="Resume after this event; 0 for all that is kept (alerts, decisions).",
        )
    )
    params.append(click.Option(["--count"], type=int, help="Stop after this many."))
    return click.Command(
        topic.name, params=params, callback=run, help=f"{topic.help}.", short_help=topic.help
    )


def _notice(item: Missed | Gap | Reconnected) -> str:
    if isinstance(item, Missed):
        return f"too slow by {item.count} events"
    if isinstance(item, Gap):
        return f"events up to {item.resumed} were deleted by retention"
    return "the connection was lost and is back"


@click.group(
    short_help="Drive a running engine from scripts.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--connect", metavar="ADDRESS", help="unix:/path/api.sock or tls://host:port.")
@click.option("--role", type=click.Choice([role.value for role in CallerRole]), help="Act as.")
@click.option("--token", envvar="LFR_TOKEN", help="Better in LFR_TOKEN or --token-file.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--ca", type=click.Path(exists=True, path_type=Path), help="PEM to trust (TLS).")
@click.option("--certificate", type=click.Path(exists=True, path_type=Path), help="Own PEM (TLS).")
@click.option("--key", type=click.Path(exists=True, path_type=Path), help="Its key (TLS).")
def command(**settings: Any) -> None:
    """Drive a running engine: one command, or watch a topic."""
    click.get_current_context().obj = settings


@command.group()
def watch() -> None:
    """Follow a topic: one line of JSON for each event; reconnects by itself."""


@command.group()
def token() -> None:
    """Make and withdraw tokens in a token file on this machine."""


_FILE = click.option(
    "--file", "path", required=True, type=click.Path(path_type=Path), help="The token file."
)


@token.command("add")
@_FILE
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice([*map(str, CallerRole)])
)
@click.option("--days", type=click.IntRange(1, 3_650), help="Valid for so long.")
@click.option(
    "--person",
    metavar="WHO",
    help="Whose it is, if not NAME's own. The record names WHO, and who has several tokens counts"
    " as one where two people must agree.",
)
@click.argument("name")
def add_token(
    path: Path, roles: tuple[str, ...], days: int | None, person: str | None, name: str
) -> None:
    """Make a token and print it, once: it cannot be shown again."""
    expires = None if days is None else SystemClock().utc() + dt.timedelta(days=days)
    made = TokenStore(path).add(name, [CallerRole(role) for role in roles], expires, person)
    click.echo(made.text())


@token.command("withdraw")
@_FILE
@click.argument("name")
def withdraw_token(path: Path, name: str) -> None:
    """Forget a token: it opens no further connection."""
    TokenStore(path).withdraw(name)


@token.command("list")
@_FILE
def list_tokens(path: Path) -> None:
    """The names in a token file, and whose a token is where it says so."""
    for name, holder in TokenStore(path).holders().items():
        click.echo(name if holder == name else f"{name} (of {holder})")


for _spec in COMMANDS.values():
    command.add_command(_command(_spec))
for _each in TOPICS.values():
    watch.add_command(_topic(_each))
