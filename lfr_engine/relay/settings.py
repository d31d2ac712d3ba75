"""What the operator configures about the relay: bearers, recipients, duty, routes, policy.

Owns: the ``[relay]`` table's shape and its checks. Never: a file, a secret in its text form (those
are named by path). Strategy: frozen structs that refuse unknown fields; ``check`` finds what the
shapes cannot say and names the entry at fault.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Literal

import msgspec

from lfr_engine.errors import ConfigError
from lfr_engine.relay.bearer_settings import BearerSettings, TetraSettings, TlsFiles
from lfr_engine.relay.cue import CATEGORY_CODE, PLACE_CODE, Caution

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", re.ASCII)
"""Of bearers and recipients: they stand in the journal and in commands."""

_FILES = ("secret_file", "password_file", "pictures_secret_file", "authority")
"""Fields of bearers that name a file."""

CATEGORIES = {
    "wanted": "C1",
    "court_order": "C2",
    "risk_of_harm": "C3",
    "missing": "C4",
    "vulnerable": "C5",
    "blue": "BLUE",
}
"""What a category of the watchlist is called on the air, where the configuration says nothing."""

CAUTIONS = {"risk_of_harm": Caution.CARE, "vulnerable": Caution.VULNERABLE}


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An officer or a group, by identifier; never a name.

    Args:
        addresses: Bearer name → address there.
        group: Its addresses are groups: no receipts.
    """

    id: str
    addresses: dict[str, str]
    group: bool = False


class Duty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is on duty in a team, from ``start`` until ``end`` (aware)."""

    team: str
    recipients: tuple[str, ...]
    start: dt.datetime
    end: dt.datetime


class Route(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cues go to whom, and by which bearers in which order.

    Args:
        categories, places: Codes; empty means any.
        lowest_priority: Cues of this priority or a more urgent one (1 first … 9 last).
        teams: Whoever is on duty there.
        recipients: These, always.
        bearers: First choice first; the next is used when no receipt comes in time.
    """

    bearers: tuple[str, ...]
    categories: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    lowest_priority: int = 9
    teams: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


class PictureSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the engine serves the pictures that links point to (HTTPS).

    Args:
        listen: ``address:port``; handsets must reach it, so it is named and never assumed.
        certificate, key: PEM files.
        secret_file: Key of the links' tokens; the bearers that make links name the same file.
    """

    listen: str
    certificate: str
    key: str
    secret_file: str


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ``[relay]`` table.

    Args:
        cameras: Camera → code of the place it watches; others go by their own name in capitals.
        categories: Category of the watchlist → code on the air, over ``CATEGORIES``.
        cautions: Category → what an approaching officer must know first, over ``CAUTIONS``.
        pictures: Where links lead; None: the engine serves no picture.
        deadline_s: A cue is not sent later than this after its capture.
        escalate_s: Without a receipt for so long, the next bearer is used too.
        review: Whether cues leave before a named person looked at the alert, or only after.
        show_score: Whether texts carry the score.
        keep_s: How long the outbox remembers what is over (R19 profiles shorten it).
    """

    bearers: tuple[BearerSettings, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    duty: tuple[Duty, ...] = ()
    routes: tuple[Route, ...] = ()
    deadline_s: float = 90.0
    escalate_s: float = 15.0
    review: Literal["before", "after"] = "after"
    show_score: bool = False
    keep_s: float = 86400.0
    cameras: dict[str, str] = {}
    categories: dict[str, str] = {}
    cautions: dict[str, Caution] = {}
    pictures: PictureSettings | None = None

    def __post_init__(self) -> None:
        check(self)

    def place_code(self, camera: str) -> str:
        """What a camera's place is called on the air; at most 12 of A–Z, 0–9 and "-"."""
        own = re.sub(r"[^A-Z0-9-]", "-", camera.upper())[:12].lstrip("-")
        return self.cameras.get(camera) or own or "CAMERA"

    def category_code(self, category: str) -> str:
        """What a category is called on the air; one that nobody named is ``C0``."""
        return self.categories.get(category) or CATEGORIES.get(category, "C0")

    def caution(self, category: str) -> Caution:
        """What an approaching officer must know first."""
        return self.cautions.get(category) or CAUTIONS.get(category, Caution.NONE)

    def files(self) -> list[str]:
        """Every file the table names."""
        named: list[str | None] = []
        for bearer in self.bearers:
            named += [getattr(bearer, field, None) for field in _FILES]
            tls: TlsFiles | None = getattr(bearer, "tls", None)
            if tls is not None:
                named += [tls.authority, tls.certificate, tls.key]
        if self.pictures is not None:
            named += [self.pictures.certificate, self.pictures.key, self.pictures.secret_file]
        return [path for path in named if path]


def check(settings: RelaySettings) -> None:
    """Refuse what cannot work.

    Raises:
        ConfigError: Names the entry at fault.
    """
    bearers = {bearer.name for bearer in settings.bearers}
    known = {recipient.id for recipient in settings.recipients}
    if len(bearers) != len(settings.bearers):
        raise ConfigError("relay.bearers", "two bearers have the same name")
    if len(known) != len(settings.recipients):
        raise ConfigError("relay.recipients", "two recipients have the same id")
    for what, names in (("bearer", bearers), ("recipient", known)):
        for name in names:
            if _NAME.fullmatch(name) is None:
                raise ConfigError(
                    f"relay {what} {name!r:.50}",
                    "is no identifier",
                    "letters, digits, '.', '_' and '-', at most 40, and never a person's name",
                )
    _check_times(settings)
    _check_codes(settings)
    for bearer in settings.bearers:
        if bearer.repeat_s < 0.1:
            raise ConfigError(
                f"relay bearer {bearer.name}", "repeat_s is below a tenth of a second"
            )
        if isinstance(bearer, TetraSettings):
            _check_tetra(bearer)
    for recipient in settings.recipients:
        at = f"relay recipient {recipient.id}"
        _need(at, "bearer", recipient.addresses.keys(), bearers)
    _check_duty(settings, known)
    _check_routes(settings, bearers, known)


def _check_times(settings: RelaySettings) -> None:
    if not 10 <= settings.deadline_s <= 600:
        raise ConfigError("relay.deadline_s", "is not between 10 and 600 seconds")
    for key, seconds in (("escalate_s", settings.escalate_s), ("keep_s", settings.keep_s)):
        if not 1 <= seconds <= 31 * 86400:
            raise ConfigError(f"relay.{key}", "is not between 1 second and 31 days")


def _check_duty(settings: RelaySettings, known: set[str]) -> None:
    for duty in settings.duty:
        at = f"relay duty of {duty.team}"
        _need(at, "recipient", duty.recipients, known)
        if duty.start.tzinfo is None or duty.end.tzinfo is None:
            raise ConfigError(at, "its times need a timezone")
        if duty.end <= duty.start:
            raise ConfigError(at, "ends before it starts")


def _check_routes(settings: RelaySettings, bearers: set[str], known: set[str]) -> None:
    teams = {duty.team for duty in settings.duty}
    codes = {settings.category_code(name) for name in (*CATEGORIES, *settings.categories)}
    for number, route in enumerate(settings.routes, start=1):
        at = f"relay route {number}"
        if not route.bearers:
            raise ConfigError(at, "names no bearer")
        _need(at, "bearer", route.bearers, bearers)
        _need(at, "recipient", route.recipients, known)
        _need(at, "team on the duty roster", route.teams, teams)
        _need(at, "category code", route.categories, codes)
        if not 1 <= route.lowest_priority <= 9:
            raise ConfigError(at, "lowest_priority is not between 1 and 9")
        if not route.teams and not route.recipients:
            raise ConfigError(at, "names nobody", "give it teams or recipients")


def _check_codes(settings: RelaySettings) -> None:
    for key, codes, shape in (
        ("cameras", settings.cameras, PLACE_CODE),
        ("categories", settings.categories, CATEGORY_CODE),
    ):
        for name, code in codes.items():
            if shape.fullmatch(code) is None:
                raise ConfigError(f"relay.{key}.{name}", f"{code!r:.40} is not {shape.pattern}")
    for name in (*settings.categories, *settings.cautions):
        if name not in CATEGORIES:
            raise ConfigError(
                f"relay category {name:.40}", "there is no such category", ", ".join(CATEGORIES)
            )


def _check_tetra(bearer: TetraSettings) -> None:
    at = f"relay bearer {bearer.name}"
    if not bearer.speeds or any(speed <= 0 for speed in bearer.speeds):
        raise ConfigError(at, "speeds names no speed", "such as [38400, 115200]")
    if bearer.every_s < 0 or bearer.burst < 1:
        raise ConfigError(at, "every_s is negative or burst below 1")
    statuses = [*bearer.answers, *filter(None, [bearer.fallback_status])]
    for status in statuses:
        if re.fullmatch(r"[0-9A-Fa-f]{4}", status) is None:
            raise ConfigError(at, f"status {status!r:.20} is not four hexadecimal digits")


def _need(at: str, what: str, named: Iterable[str], known: set[str]) -> None:
    for name in named:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise ConfigError(at, f"there is no {what} {name}", f"there are: {there}")


def read_settings(table: object) -> RelaySettings:
    """The settings from plain data, such as the ``[relay]`` table of a TOML file.

    Raises:
        ConfigError: Not of the shape, or ``check`` found a fault.
    """
    try:
        return msgspec.convert(table, RelaySettings)
    except msgspec.ValidationError as exc:
        raise ConfigError("relay", str(exc)) from exc
