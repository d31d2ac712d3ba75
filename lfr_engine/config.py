"""The configuration: one TOML file, read strictly, composed of the parts' own settings.

Owns: names of keys, units in values, and the errors that name file, key and nearest valid key.
Never: a default that differs from the part's own, or a secret in what is shown. Strategy: msgspec
checks types; this module walks the keys first, so that a misspelt one is met with the right one.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from lfr_engine.errors import ConfigError
from lfr_engine.protocol.commands import CallerRole
from lfr_engine.relay.settings import RelaySettings
from lfr_engine.sources.spec import parse_address
from lfr_engine.vision.zone import Zone

_QUANTITY = re.compile(r"^\s*([0-9]*\.?[0-9]+)\s*([a-zµ%]*)\s*$")
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


class Seconds(float):
    """A duration; written ``"1.5 s"``, ``"250 ms"``, ``"2 min"``, ``"6 h"``."""


class Share(float):
    """A share of one; written ``"0.1 %"`` or ``0.001``."""


class PixelSize(tuple[int, int]):
    """Width and height in pixels; written ``"640x384"``."""

    __slots__ = ()


def _default(kind: Callable[[Any], Any], value: object) -> Any:
    """A default by factory: msgspec's schema cannot hold one of a type of ours."""
    return msgspec.field(default_factory=lambda: kind(value))


class CameraConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One camera. zone: corners as shares of the picture. pace: how recorded material is read."""

    name: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)"),
    ]
    source: str
    enabled: bool = True
    zone: list[tuple[float, float]] | None = None
    pace: Literal["live", "fast"] = "live"
    repeat: bool = False
    transport: Literal["tcp", "udp"] = "tcp"
    decode: str = "software"
    stall: Seconds = _default(Seconds, 1.5)
    lost: Seconds = _default(Seconds, 5.0)
    debounce: Seconds = _default(Seconds, 2.0)


REQUESTS = 3
"""Frames in the detector at once: with one more than a small machine has processors, the next is
ready when a processor comes free, and none waits for the interpreter (``docs/performance.md``)."""


class EngineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What runs the networks. requests: frames in the detector at once."""

    pack: str = ""
    device: str = "CPU"
    precision: Literal["", "f32", "bf16", "f16"] = ""
    requests: Annotated[int, msgspec.Meta(ge=1, le=64)] = REQUESTS
    detector_size: PixelSize = _default(PixelSize, (640, 384))
    age_budget: Seconds = _default(Seconds, 0.5)
    site: str = "site"


class MatchingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What makes an alert. fpir: the stated rate the threshold is chosen for (R5)."""

    fpir: Share = _default(Share, 0.001)
    agree: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2
    margin: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.04


class ExerciseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Full matching on recorded material, marked EXERCISE (R27)."""

    watchlist: Path


class DeploymentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A deployment under a signed authority (R3), which names the watchlist.

    authority: the signed file; without one the engine is commissioning until one is loaded over the
    socket. trusted_keys: files of authorising officers' keys. watchlist_key, watchlist_credential:
    the file or the systemd credential that opens the list; one of them. zones: ids that the
    authority must cover. draft: id of an unsealed list that watchlist.enrol adds to while the
    engine is commissioning; empty for none. data: folder of journal and vaults; empty for the
    platform's. presence: without an operator's heartbeat for so long, capture pauses (R17); 0 s
    switches it off, for exercises only. pause_on_red: pause when the false-alert ceiling is broken
    (R6).
    """

    authority: Path | None = None
    trusted_keys: list[Path] = []
    watchlist_key: Path | None = None
    watchlist_credential: str = ""
    zones: list[str] = []
    draft: str = ""
    data: Path | None = None
    longest: Seconds = _default(Seconds, 8 * 3600)
    presence: Seconds = _default(Seconds, 15)
    require_synchronised_clock: bool = True
    blind: bool = True
    two_person: bool = False
    pause_on_red: bool = False
    signage_confirmed: bool = False


class ApiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The socket API. enabled: without it nothing listens. socket: empty for the default path. tcp:
    ``"127.0.0.1:7477"``, needs TLS. users: Unix accounts and their roles, beside the engine's own.
    certificates: common names of client certificates and their roles.
    """

    enabled: bool = True
    socket: str = ""
    tcp: str = ""
    certificate: Path | None = None
    key: Path | None = None
    client_authority: Path | None = None
    tokens: Path | None = None
    users: dict[str, list[CallerRole]] = {}
    certificates: dict[str, list[CallerRole]] = {}


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Log lines. Never a name, a face or a template in them."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"
    file: Path | None = None


class MetricsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Prometheus text on loopback; off unless given."""

    listen: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. With neither ``exercise`` nor an authority the engine is commissioning."""

    cameras: list[CameraConfig]
    engine: EngineConfig = msgspec.field(default_factory=EngineConfig)
    matching: MatchingConfig = msgspec.field(default_factory=MatchingConfig)
    exercise: ExerciseConfig | None = None
    deployment: DeploymentConfig | None = None
    relay: RelaySettings | None = None
    api: ApiConfig = msgspec.field(default_factory=ApiConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)
    metrics: MetricsConfig = msgspec.field(default_factory=MetricsConfig)

    @property
    def mode(self) -> Literal["commissioning", "exercise", "deployment"]:
        """Which of the three modes the file asks for (R27)."""
        if self.deployment is not None and self.deployment.authority is not None:
            return "deployment"
        return "exercise" if self.exercise is not None else "commissioning"


def load(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: It cannot be read, or a key or value is wrong; names file and key.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(path, "there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, f"cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, f"is not TOML: {error}") from error
    _check_keys(path, table, Config, "")
    try:
        config = msgspec.convert(table, Config, strict=True, dec_hook=_value)
    except msgspec.ValidationError as error:
        where, cause = _where(str(error))
        raise ConfigError(f"{path}: {where}" if where else path, cause) from error
    except ConfigError as error:  # the part's own check
        raise ConfigError(f"{path}: {error.subject}", error.cause, error.mend) from error
    _check_together(path, config)
    return config


def schema() -> dict[str, Any]:
    """JSON schema of the file (as TOML maps to JSON)."""
    return msgspec.json.schema(Config, schema_hook=_schema_of)


def shown(config: Config) -> dict[str, Any]:
    """Every key with the value in force, secrets left out of addresses."""
    table: dict[str, Any] = msgspec.to_builtins(config, enc_hook=_plain)
    for camera in table["cameras"]:
        camera["source"] = parse_address(camera["source"]).shown
    return table


def _check_together(path: Path, config: Config) -> None:
    """What one value alone cannot tell."""
    if config.exercise is not None and config.deployment is not None:
        raise ConfigError(path, "holds both exercise and deployment", "leave one of them out")
    deployment = config.deployment
    if deployment is not None and bool(deployment.watchlist_key) == bool(
        deployment.watchlist_credential
    ):
        raise ConfigError(
            f"{path}: deployment",
            "names no key, or two, for its watchlist",
            "give watchlist_key or watchlist_credential",
        )
    if not config.cameras:
        raise ConfigError(path, "names no camera", "add a [[cameras]] table")
    names = [camera.name for camera in config.cameras]
    if config.relay is not None:
        _check_relay(path, config.relay, names)
    for camera in config.cameras:
        key = f"{path}: camera {camera.name}"
        if names.count(camera.name) > 1:
            raise ConfigError(key, "stands there twice", "give every camera its own name")
        try:
            parse_address(camera.source)
            if camera.zone is not None:
                Zone(tuple(camera.zone))
        except ConfigError as error:
            raise ConfigError(f"{key}: {error.subject}", error.cause, error.mend) from error
        if camera.lost <= camera.stall:
            raise ConfigError(key, "lost must be longer than stall")


def _check_relay(path: Path, relay: RelaySettings, cameras: list[str]) -> None:
    """Places are the cameras'; a code that names none would keep an alert from everybody."""
    for name in relay.cameras:
        if name not in cameras:
            raise ConfigError(
                f"{path}: relay.cameras.{name}", "there is no such camera", ", ".join(cameras)
            )
    codes = {relay.place_code(name) for name in cameras}
    for number, route in enumerate(relay.routes, start=1):
        for place in route.places:
            if place not in codes:
                raise ConfigError(
                    f"{path}: relay route {number}",
                    f"no camera watches place {place}",
                    f"there are: {', '.join(sorted(codes))}; codes are given in [relay.cameras]",
                )


def _check_keys(path: Path, table: dict[str, Any], kind: type[msgspec.Struct], prefix: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            mend = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(fields)}"
            raise ConfigError(f"{path}: {name}", "unknown key", mend)
        kinds = _structs_in(fields[key])
        rows = value if isinstance(value, list) else [value]
        for row in rows:
            if isinstance(row, dict) and kinds:
                _check_row(path, row, kinds, name)


def _check_row(
    path: Path, row: dict[str, Any], kinds: list[type[msgspec.Struct]], name: str
) -> None:
    """One table; where several kinds fit, its tag (``kind = "tetra"``) says which."""
    tag = kinds[0].__struct_config__.tag_field
    if tag is None:
        _check_keys(path, row, kinds[0], f"{name}.")
        return
    known = {str(kind.__struct_config__.tag): kind for kind in kinds}
    wanted = row.get(tag)
    if wanted not in known:
        cause = f"{wanted!r:.40} is none" if tag in row else "is missing"
        raise ConfigError(f"{path}: {name}.{tag}", cause, f"known: {', '.join(known)}")
    named = row.get("name")
    here = f"{name} {named}" if isinstance(named, str) else name
    rest = {key: value for key, value in row.items() if key != tag}
    _check_keys(path, rest, known[wanted], f"{here}.")


def _structs_in(kind: Any) -> list[type[msgspec.Struct]]:
    """The tables a key may hold, through ``list[…]``, ``dict[…]`` and ``… | None``."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    origin = typing.get_origin(kind)
    if origin is dict:
        return []  # its keys are names of the user's own; the type check looks at its values
    return [found for argument in typing.get_args(kind) for found in _structs_in(argument)]


def _value(kind: type, value: Any) -> Any:
    """Values with units; ``ValueError`` and ``TypeError`` become msgspec's own error."""
    if kind is Seconds:
        number, unit = _quantity(value)
        if unit not in _SECONDS:
            raise ValueError(
                f'a duration needs a unit, as in "1.5 s"; known: {", ".join(_SECONDS)}'
            )
        return Seconds(number * _SECONDS[unit])
    if kind is Share:
        number, unit = _quantity(value)
        if unit not in {"", "%"}:
            raise ValueError('a share is written "0.1 %" or 0.001')
        share = number / 100 if unit == "%" else number
        if not 0 < share < 1:
            raise ValueError("a share lies between 0 and 1")
        return Share(share)
    if kind is PixelSize:
        match = re.match(r"^(\d{1,5})x(\d{1,5})$", value) if isinstance(value, str) else None
        if match is None:
            raise ValueError('a size is written "640x384"')
        return PixelSize((int(match[1]), int(match[2])))
    if kind is Path or issubclass(kind, Path):
        return Path(value)
    raise TypeError(f"{kind.__name__} cannot be configured")


def _quantity(value: Any) -> tuple[float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value), ""
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a number with a unit")
    return float(match[1]), match[2]


def _where(text: str) -> tuple[str, str]:
    """The sentence of msgspec as (key, cause)."""
    match = re.match(r"^(.*) - at `\$\.?(.*)`$", text, re.DOTALL)
    return (match[2].replace("...", ""), match[1]) if match else ("", text)


def _plain(value: Any) -> Any:
    if isinstance(value, Seconds):
        return f"{float(value):g} s"
    if isinstance(value, Share):
        return f"{float(value) * 100:g} %"
    if isinstance(value, PixelSize):
        return f"{value[0]}x{value[1]}"
    return str(value)


def _schema_of(kind: type) -> dict[str, Any]:
    known: dict[type, dict[str, Any]] = {
        Seconds: {"type": "string", "examples": ["1.5 s", "250 ms", "6 h"]},
        Share: {"type": ["string", "number"], "examples": ["0.1 %", 0.001]},
        PixelSize: {"type": "string", "pattern": r"^\d{1,5}x\d{1,5}$"},
    }
    found: dict[str, Any] = known.get(kind, {"type": "string"})
    return found
